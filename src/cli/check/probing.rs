//! Runs the probes of `check`: all at the same time, again until they pass or `--wait` is over; `--invert` exchanges
//! pass and fail.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::probes::CheckProbe;
use crate::blocking;
use crate::cli::args::WaitArgs;
use crate::cli::check::Checked;
use crate::daemon::judging;
use crate::health::{Judgement, Observation, Phase, Reason, Trouble, Verdict};
use crate::secret::shown_url;

/// The most probes that run at the same time: each takes a file descriptor or two.
const MAX_CONCURRENT: usize = 256;

/// The least time for a probe that begins near the end of `--wait`, so that the last one can still pass.
const LAST_PROBE: Duration = Duration::from_secs(1);

/// The options of [`WaitArgs`] in a form that tasks can share.
#[derive(Clone, Copy)]
struct WaitOptions {
    wait: Option<Duration>,
    interval: Duration,
    invert: bool,
}

/// Runs all of `probes`. The results are in the order of `probes`, whichever ended first.
///
/// # Errors
/// The system has no resources for the runtime.
pub fn run_all(probes: Vec<CheckProbe>, wait: &WaitArgs) -> std::io::Result<Vec<Checked>> {
    let options = WaitOptions {
        wait: wait.wait,
        interval: wait.interval,
        invert: wait.invert,
    };
    let runtime = blocking::event_loop()?;
    let results = runtime.block_on(all_at_once(probes, options));
    // a name look-up cannot be cancelled, and dropping the runtime would wait for it
    runtime.shutdown_background();
    Ok(results)
}

async fn all_at_once(probes: Vec<CheckProbe>, options: WaitOptions) -> Vec<Checked> {
    // the result of a probe whose task panics
    let mut results: Vec<Checked> = probes.iter().map(panicked).collect();
    let mut waiting: VecDeque<(usize, CheckProbe)> = probes.into_iter().enumerate().collect();
    let mut running = JoinSet::new();
    loop {
        while running.len() < MAX_CONCURRENT {
            let Some((at, probe)) = waiting.pop_front() else {
                break;
            };
            running.spawn(async move { (at, until_passed(at, probe, options).await) });
        }
        match running.join_next().await {
            None => return results,
            Some(Ok((at, checked))) => results[at] = checked,
            Some(Err(_)) => {}
        }
    }
}

fn panicked(check: &CheckProbe) -> Checked {
    let seen = Observation::of_trouble(Trouble::new(
        Reason::Cancelled,
        Phase::Connect,
        "the probe panicked",
    ));
    Checked {
        name: check.name.clone(),
        url: shown_url(check.probe.url()),
        judgement: check.expectation.judge(&seen),
        seen,
        probes: 1,
    }
}

async fn until_passed(at: usize, check: CheckProbe, options: WaitOptions) -> Checked {
    let start = Instant::now();
    let wait = options.wait.unwrap_or_default();
    let mut probes = 0;
    loop {
        let left = wait.saturating_sub(start.elapsed());
        let is_last = left.is_zero();
        let seen = match options.wait {
            Some(_) => check.probe.run_within(left.max(LAST_PROBE)).await,
            None => check.probe.run().await,
        };
        probes += 1;
        let timeout = check.probe.timeout();
        // the same URL may be given twice
        let name = format!("{at} {}", check.name);
        let judged = judging::judge(&name, check.expectation.clone(), seen, timeout).await;
        let seen = judged.seen;
        let judgement = match options.invert {
            true => inverted(judged.judgement),
            false => judged.judgement,
        };
        let left = wait.saturating_sub(start.elapsed());
        // a probe that ran to the end of the wait was the last one, too
        if judgement.verdict == Verdict::Pass || is_last || left.is_zero() {
            return Checked {
                name: check.name,
                url: shown_url(check.probe.url()),
                seen,
                judgement,
                probes,
            };
        }
        tokio::time::sleep(options.interval.min(left)).await;
    }
}

/// Exchanges pass and fail; other verdicts stay as they are.
fn inverted(judgement: Judgement) -> Judgement {
    match judgement.verdict {
        Verdict::Pass => Judgement {
            verdict: Verdict::Fail,
            reason: Some(Reason::Assertion),
            phase: Some(Phase::Body),
            detail: format!("expected a failure, got {}", judgement.detail),
            ..judgement
        },
        Verdict::Fail => Judgement {
            verdict: Verdict::Pass,
            reason: None,
            phase: None,
            detail: match judgement.reason {
                Some(reason) => format!("failed as expected: {reason}: {}", judgement.detail),
                None => format!("failed as expected: {}", judgement.detail),
            },
            ..judgement
        },
        Verdict::Degraded | Verdict::Starting | Verdict::Draining | Verdict::Unknown => judgement,
    }
}
