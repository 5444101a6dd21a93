//! Looking: everything at the same time, again until `--wait` is over, upside down with `--invert`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::asks::Ask;
use crate::cli::args::WaitArgs;
use crate::cli::check::Checked;
use crate::daemon::judging;
use crate::health::{Judgement, Observation, Phase, Reason, Trouble, Verdict};

/// So many are asked at the same time at most: each takes a file descriptor or two.
const AT_ONCE: usize = 256;

/// A look has at least so much time.
const SHORTEST: Duration = Duration::from_millis(1);

/// How it is tried, in a form that tasks can share.
#[derive(Clone, Copy)]
struct Patience {
    wait: Option<Duration>,
    interval: Duration,
    invert: bool,
}

/// Looks at all of `asks`. Results come in the order of `asks`, whichever was done first.
///
/// # Errors
/// When there is no runtime to be had from the system.
pub fn all(asks: Vec<Ask>, wait: &WaitArgs) -> std::io::Result<Vec<Checked>> {
    let patience = Patience {
        wait: wait.wait,
        interval: wait.interval,
        invert: wait.invert,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let results = runtime.block_on(all_at_once(asks, patience));
    // a name look-up cannot be cancelled, and dropping the runtime would wait for it
    runtime.shutdown_background();
    Ok(results)
}

async fn all_at_once(asks: Vec<Ask>, patience: Patience) -> Vec<Checked> {
    // a look that breaks down leaves this as its result
    let mut results: Vec<Checked> = asks.iter().map(broken_down).collect();
    let mut waiting: VecDeque<(usize, Ask)> = asks.into_iter().enumerate().collect();
    let mut running = JoinSet::new();
    loop {
        while running.len() < AT_ONCE {
            let Some((at, ask)) = waiting.pop_front() else {
                break;
            };
            running.spawn(async move { (at, until_passed(at, ask, patience).await) });
        }
        match running.join_next().await {
            None => return results,
            Some(Ok((at, checked))) => results[at] = checked,
            Some(Err(_)) => {}
        }
    }
}

fn broken_down(ask: &Ask) -> Checked {
    let seen = Observation::of_trouble(Trouble::new(
        Reason::Cancelled,
        Phase::Connect,
        "the look broke down",
    ));
    Checked {
        name: ask.name.clone(),
        url: ask.probe.url().to_owned(),
        judgement: ask.expectation.judge(&seen),
        seen,
        looks: 1,
    }
}

async fn until_passed(at: usize, ask: Ask, patience: Patience) -> Checked {
    let start = Instant::now();
    let wait = patience.wait.unwrap_or_default();
    let mut looks = 0;
    loop {
        // the last look ends when the wait does
        let left = wait.saturating_sub(start.elapsed());
        let seen = match patience.wait {
            Some(_) => ask.probe.run_within(left.max(SHORTEST)).await,
            None => ask.probe.run().await,
        };
        looks += 1;
        let timeout = ask.probe.timeout();
        // the same URL may be asked twice
        let name = format!("{at} {}", ask.name);
        let judged = judging::judge(&name, ask.expectation.clone(), seen, timeout).await;
        let seen = judged.seen;
        let judgement = match patience.invert {
            true => inverted(judged.judgement),
            false => judged.judgement,
        };
        let over = start.elapsed() + patience.interval >= wait;
        let hopeless = judgement.reason == Some(Reason::Config);
        if judgement.verdict == Verdict::Pass || over || hopeless {
            return Checked {
                name: ask.name,
                url: ask.probe.url().to_owned(),
                seen,
                judgement,
                looks,
            };
        }
        tokio::time::sleep(patience.interval).await;
    }
}

/// Pass for fail and fail for pass; what is neither stays as it is.
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
