//! Judging beside the loop and within the check's timeout: an expression may take minutes over a body, and nothing
//! can stop the thread that it runs on. Such a thread is abandoned; its check gets no second one before it has ended,
//! and all of them together have a bound.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::blocking;
use crate::health::{
    CheckResult, Expectation, Judgement, Observation, Phase, Reason, Trouble, Verdict,
};

/// What is read or searched of so few bytes takes well under a millisecond: the loop does that itself.
const LIGHT: usize = 1 << 10;

/// Judging threads at the same time at most.
const THREADS: usize = 16;

/// However late an answer comes, so much time is left to judge it.
const SHORTEST: Duration = Duration::from_millis(250);

/// The checks that a thread judges now, abandoned or not.
static UNDER_WAY: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Whether so little of `seen` is kept that judging it holds up nobody, whatever is expected.
pub fn is_small(seen: &Observation) -> bool {
    let body = seen.body.as_ref().map_or(0, |body| body.kept.len());
    let headers: usize = seen.headers.iter().map(|(_, value)| value.len()).sum();
    body + headers <= LIGHT
}

/// Whether judging `seen` is so little work that it holds up nobody.
pub fn is_light(expectation: &Expectation, seen: &Observation) -> bool {
    !expectation.is_costly() || is_small(seen)
}

/// The judgement of `expectation` on `seen`, which is cut to what is kept as evidence. `total` is the check's timeout,
/// which began with the probe.
pub async fn judge(
    check: &str,
    expectation: Expectation,
    seen: Observation,
    total: Duration,
) -> CheckResult {
    if is_light(&expectation, &seen) {
        let judgement = expectation.judge(&seen);
        let seen = seen.into_evidence();
        return CheckResult { seen, judgement };
    }
    let evidence = seen.evidence();
    let judgement = match begin(check, expectation, seen) {
        Ok(judged) => {
            let left = total.saturating_sub(evidence.duration).max(SHORTEST);
            match timeout(left, judged).await {
                Ok(Ok(judgement)) => judgement,
                Ok(Err(_)) => ours(Reason::Cancelled, "judging broke down"),
                Err(_) => {
                    let total = humantime::format_duration(total);
                    not_judged(format!("not judged within {total}"))
                }
            }
        }
        Err(judgement) => *judgement,
    };
    CheckResult {
        seen: evidence,
        judgement,
    }
}

/// Judges on a thread of its own.
fn begin(
    check: &str,
    expectation: Expectation,
    seen: Observation,
) -> Result<oneshot::Receiver<Judgement>, Box<Judgement>> {
    let place = Arc::new(JudgingSlot::take(check)?);
    let (sender, judged) = oneshot::channel();
    let held = Arc::clone(&place);
    let started = blocking::thread("judge", move || {
        let judgement = expectation.judge(&seen);
        drop((seen, held));
        // nobody waits for it any more: it was abandoned
        let _ = sender.send(judgement);
    });
    match started {
        Ok(()) => Ok(judged),
        Err(fault) => {
            let detail = format!("cannot start a thread to judge: {fault}");
            Err(Box::new(ours(Reason::NoMemory, detail)))
        }
    }
}

/// A check's place among those that are judged now.
struct JudgingSlot(String);

impl JudgingSlot {
    fn take(check: &str) -> Result<Self, Box<Judgement>> {
        let mut under_way = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner);
        if under_way.contains(check) {
            let detail = "not judged: the judgement before is still under way, beyond its timeout";
            return Err(Box::new(not_judged(detail.to_owned())));
        }
        if under_way.len() >= THREADS {
            let detail = format!("not judged: {THREADS} other judgements are under way");
            return Err(Box::new(ours(Reason::Cancelled, detail)));
        }
        under_way.insert(check.to_owned());
        Ok(Self(check.to_owned()))
    }
}

impl Drop for JudgingSlot {
    fn drop(&mut self) {
        let mut under_way = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.remove(&self.0);
    }
}

fn not_judged(detail: String) -> Judgement {
    Judgement {
        verdict: Verdict::Fail,
        reason: Some(Reason::Assertion),
        phase: Some(Phase::Body),
        detail,
        findings: Vec::new(),
    }
}

/// That it could not be judged says nothing about the service.
fn ours(reason: Reason, detail: impl Into<String>) -> Judgement {
    let trouble = Trouble::new(reason, Phase::Body, detail);
    Expectation::default().judge(&Observation::of_trouble(trouble))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{Assertion, Body};

    fn seen(size: usize) -> Observation {
        Observation {
            body: Some(Body {
                kept: vec![b'a'; size],
                size: size as u64,
                ..Body::default()
            }),
            ..Observation::default()
        }
    }

    fn expecting(text: &str) -> Expectation {
        Expectation {
            expect: vec![Assertion::parse(text).expect("an assertion")],
            ..Expectation::default()
        }
    }

    #[tokio::test]
    async fn slow_judging_is_abandoned_and_bounded() {
        // minutes of work
        let slow = || expecting("body matches /\\w{200}\\d/");
        let total = Duration::from_millis(300);
        let size = 4 << 20;
        let result = judge("slow", slow(), seen(size), total).await;
        let judgement = &result.judgement;
        assert_eq!(judgement.verdict, Verdict::Fail);
        assert_eq!(judgement.reason, Some(Reason::Assertion));
        assert_eq!(judgement.detail, "not judged within 300ms");
        let body = result.seen.body.expect("it is evidence");
        assert_eq!((body.kept.len(), body.size), (Body::EVIDENCE, size as u64));
        let again = judge("slow", slow(), seen(size), total).await.judgement;
        assert!(again.detail.contains("still under way"), "{again:?}");
        // another check is judged meanwhile
        let quick = expecting("body matches /aaa/");
        let other = judge("quick", quick, seen(size), Duration::from_secs(60)).await;
        assert_eq!(other.judgement.verdict, Verdict::Pass);
    }

    #[test]
    fn small_bodies_are_judged_on_the_loop() {
        for (text, size, light) in [
            ("body matches /a/", 100, true),
            ("body matches /a/", 100_000, false),
            ("jsonpath \"$.a\" == 1", 100_000, false),
            ("body contains \"a\"", 60_000, true),
            ("status == 200", 60_000, true),
        ] {
            assert_eq!(
                is_light(&expecting(text), &seen(size)),
                light,
                "{text} {size}"
            );
        }
    }
}
