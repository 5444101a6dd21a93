//! Heartbeats of a check that is not probed, but says itself that all is well: what is remembered of them, and what it
//! means that the next one does not come. When one is judged is the monitor's (`monitor/heartbeat.rs`).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::moment::Moment;
use super::reason::Reason;
use super::verdict::{Judgement, Verdict};

/// So many times in a period the newest heartbeat is worth writing to disk: a program that says every second how it is
/// must not keep the disk busy, and its next one comes long before the one on disk is overdue.
const STORED_PER_PERIOD: u32 = 10;

/// What is remembered of a check's heartbeats.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Heartbeats {
    /// The newest one.
    pub last: Option<Heartbeat>,
    /// The next one is due one period after this: the newest heartbeat, or what came after it and gave the check a
    /// period of its own (its definition, a restart of its processes, a watchdog that was away when it was due).
    pub since: Moment,
    /// The first one since the definition of the check, or since its processes were restarted, is still to come.
    pub awaited: bool,
    /// That the next one is overdue was noticed, or a start of the watchdog has given it a period: no other start does.
    pub allowed: bool,
    /// When the newest heartbeat was last worth writing to disk.
    pub stored: Moment,
}

/// One heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Heartbeat {
    /// When it came.
    pub at: Moment,
    /// What is wrong, in its sender's words; `None`: all is well.
    pub failure: Option<String>,
}

impl Heartbeats {
    /// Of a check that is known since `now`.
    pub fn new(now: Moment) -> Self {
        Self {
            last: None,
            since: now,
            awaited: true,
            allowed: false,
            stored: now,
        }
    }

    /// The same with a heartbeat that comes at `now`.
    pub fn with(
        known: Option<Self>,
        now: Moment,
        failure: Option<String>,
        every: Duration,
    ) -> Self {
        let stored = known.and_then(|known| {
            let fresh = now.since(known.stored) < every / STORED_PER_PERIOD;
            let alike = known.last.is_some_and(|last| last.failure == failure);
            let changes = known.awaited || !alike;
            (fresh && !changes).then_some(known.stored)
        });
        Self {
            last: Some(Heartbeat { at: now, failure }),
            since: now,
            awaited: false,
            allowed: false,
            stored: stored.unwrap_or(now),
        }
    }

    /// The watchdog was started. What is due is due as before; but a heartbeat that was due while nobody listened may
    /// have been sent and lost, so that the check has a whole period from now on. That is so once after a heartbeat (a
    /// watchdog that is started again and again would never notice anything), and not when an earlier run noticed it.
    pub fn listened_from(&mut self, now: Moment, every: Duration) {
        if now >= self.due(every) && !std::mem::replace(&mut self.allowed, true) {
            self.since = now;
        }
    }

    /// Takes note that one is overdue, if it is.
    pub fn note_overdue(&mut self, now: Moment, every: Duration) {
        self.allowed |= now >= self.due(every);
    }

    /// The check's processes were restarted: they have a whole period to say that they are well.
    pub fn restarted(&mut self, now: Moment) {
        self.since = now;
        self.awaited = true;
    }

    /// When the next one is due.
    pub fn due(&self, every: Duration) -> Moment {
        self.since + every
    }

    /// What it means at `now` that things are so.
    pub fn judge(&self, now: Moment, every: Duration) -> Judgement {
        let (verdict, reason, detail) = self.opinion(now, every);
        Judgement {
            verdict,
            reason,
            phase: None,
            detail,
            findings: Vec::new(),
        }
    }

    fn opinion(&self, now: Moment, every: Duration) -> (Verdict, Option<Reason>, String) {
        let ago = |at: Moment| span(now.since(at));
        if !self.awaited
            && let Some(Heartbeat {
                at,
                failure: Some(failure),
            }) = &self.last
        {
            let detail = match failure.as_str() {
                "" => format!("reported a failure {} ago", ago(*at)),
                text => format!("reported {} ago: {text}", ago(*at)),
            };
            return (Verdict::Fail, Some(Reason::Reported), detail);
        }
        let due = self.due(every);
        if now >= due {
            let since = match &self.last {
                Some(last) => format!("no heartbeat for {}", ago(last.at)),
                None => format!("no heartbeat ever, waiting for {}", ago(self.since)),
            };
            let detail = format!(
                "{since}; one is due every {}",
                humantime::format_duration(every)
            );
            return (Verdict::Fail, Some(Reason::NoHeartbeat), detail);
        }
        let left = span(due.since(now));
        match &self.last {
            Some(last) if !self.awaited => (
                Verdict::Pass,
                None,
                format!("heartbeat {} ago", ago(last.at)),
            ),
            Some(_) => (
                Verdict::Starting,
                None,
                format!("no heartbeat since the restart; due in {left}"),
            ),
            None => (
                Verdict::Starting,
                None,
                format!("no heartbeat yet; due in {left}"),
            ),
        }
    }
}

/// To the accuracy that a person cares for: `26h 3m`.
fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let exact = match seconds {
        0..3600 => seconds,
        3600..86_400 => seconds / 60 * 60,
        _ => seconds / 3600 * 3600,
    };
    humantime::format_duration(Duration::from_secs(exact)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(100);

    fn at(seconds: u64) -> Moment {
        Moment::from_secs(1_700_000_000 + seconds)
    }

    fn beat(seconds: u64, failure: Option<&str>) -> Heartbeats {
        Heartbeats::with(None, at(seconds), failure.map(str::to_owned), EVERY)
    }

    #[test]
    fn heartbeat_in_time_passes_and_late_one_fails() {
        let mut restarted = beat(0, None);
        restarted.restarted(at(50));
        let mut in_time = beat(0, None);
        in_time.listened_from(at(99), EVERY);
        let mut away = beat(0, None);
        away.listened_from(at(150), EVERY);
        let mut twice = away.clone();
        twice.listened_from(at(250), EVERY);
        let mut noticed = beat(0, None);
        noticed.note_overdue(at(99), EVERY);
        assert!(!noticed.allowed, "it is not overdue yet");
        noticed.note_overdue(at(100), EVERY);
        noticed.listened_from(at(150), EVERY);
        let mut never = Heartbeats::new(at(0));
        never.listened_from(at(60), EVERY);
        for (what, known, seconds, verdict, reason, detail) in [
            (
                "just came",
                beat(0, None),
                0,
                Verdict::Pass,
                None,
                "heartbeat 0s ago",
            ),
            (
                "in time",
                beat(0, None),
                99,
                Verdict::Pass,
                None,
                "heartbeat 1m 39s ago",
            ),
            (
                "too late",
                beat(0, None),
                100,
                Verdict::Fail,
                Some(Reason::NoHeartbeat),
                "no heartbeat for 1m 40s; one is due every 1m 40s",
            ),
            (
                "a failure",
                beat(0, Some("disk full")),
                1,
                Verdict::Fail,
                Some(Reason::Reported),
                "reported 1s ago: disk full",
            ),
            (
                "an old failure is still what is known",
                beat(0, Some("")),
                1000,
                Verdict::Fail,
                Some(Reason::Reported),
                "reported a failure 16m 40s ago",
            ),
            (
                "a new check",
                Heartbeats::new(at(0)),
                60,
                Verdict::Starting,
                None,
                "no heartbeat yet; due in 40s",
            ),
            (
                "a new check that never sends one",
                Heartbeats::new(at(0)),
                100,
                Verdict::Fail,
                Some(Reason::NoHeartbeat),
                "no heartbeat ever, waiting for 1m 40s; one is due every 1m 40s",
            ),
            (
                "restarted",
                restarted.clone(),
                149,
                Verdict::Starting,
                None,
                "no heartbeat since the restart; due in 1s",
            ),
            (
                "restarted in vain",
                restarted,
                150,
                Verdict::Fail,
                Some(Reason::NoHeartbeat),
                "no heartbeat for 2m 30s; one is due every 1m 40s",
            ),
            (
                "the watchdog was started again",
                in_time.clone(),
                99,
                Verdict::Pass,
                None,
                "heartbeat 1m 39s ago",
            ),
            (
                "which changes nothing about when it is due",
                in_time,
                100,
                Verdict::Fail,
                Some(Reason::NoHeartbeat),
                "no heartbeat for 1m 40s; one is due every 1m 40s",
            ),
            (
                "nor when there was none yet",
                never,
                100,
                Verdict::Fail,
                Some(Reason::NoHeartbeat),
                "no heartbeat ever, waiting for 1m 40s; one is due every 1m 40s",
            ),
            (
                "the watchdog was away when it was due",
                away.clone(),
                249,
                Verdict::Pass,
                None,
                "heartbeat 4m 9s ago",
            ),
            (
                "and then it does not come",
                away,
                250,
                Verdict::Fail,
                Some(Reason::NoHeartbeat),
                "no heartbeat for 4m 10s; one is due every 1m 40s",
            ),
            (
                "a second start gives nothing",
                twice,
                250,
                Verdict::Fail,
                Some(Reason::NoHeartbeat),
                "no heartbeat for 4m 10s; one is due every 1m 40s",
            ),
            (
                "nor does one after it was noticed",
                noticed,
                150,
                Verdict::Fail,
                Some(Reason::NoHeartbeat),
                "no heartbeat for 2m 30s; one is due every 1m 40s",
            ),
        ] {
            let found = known.judge(at(seconds), EVERY);
            assert_eq!((found.verdict, found.reason), (verdict, reason), "{what}");
            assert_eq!(found.detail, detail, "{what}");
        }
    }

    #[test]
    fn a_frequent_heartbeat_is_stored_ten_times_a_period() {
        let mut known = None;
        let mut stored = std::collections::BTreeSet::new();
        for second in 0..100 {
            let next = Heartbeats::with(known.take(), at(second), None, EVERY);
            stored.insert(next.stored);
            known = Some(next);
        }
        assert_eq!(stored.len(), 10);
        let failed = Heartbeats::with(known, at(99), Some("x".to_owned()), EVERY);
        assert_eq!(failed.stored, at(99), "a change is stored at once");
    }
}
