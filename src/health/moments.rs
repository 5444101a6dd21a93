//! Moments of a clock that was wrong: what an earlier run remembered is moved to where the clock is now, so that a
//! pause lasts as long as it was meant to, and no attempt waits for the year 2036. The monitor's are in `monitor/moments`.

use std::collections::{BTreeMap, VecDeque};

use super::budget::Spent;
use super::heartbeat::{Heartbeat, Heartbeats};
use super::incident::{Incident, IncidentEntry, IncidentEvent};
use super::memory::{Memory, Pause, Verifying};
use super::moment::Moment;
use super::note::{Decision, Note};
use super::policy::Policy;
use super::report::ReportKind;
use super::step::Outcome;
use super::warmup::Warmed;

/// No clock that is set shows an earlier date: the first day of 2025, in UTC.
const FIRST_DATE: Moment = Moment::from_secs(1_735_689_600);

/// A value with moments in it.
pub(super) trait Moments {
    /// Has `change` change each of them.
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment));
}

impl Memory {
    /// Corrects what an earlier run remembered, now that it is recalled at `now`. A memory from the future, or from
    /// before any clock was set, was made by a clock that was wrong: its newest event counts as of now, and the
    /// others keep their distance to it. What is still to come is never later than `policy` can make it. Returns by
    /// how many milliseconds the memory was moved.
    pub fn correct(&mut self, now: Moment, policy: &Policy) -> i64 {
        let newest = self.newest();
        let by = match newest {
            Some(newest) if newest > now || newest < FIRST_DATE && now >= FIRST_DATE => {
                distance(newest, now)
            }
            Some(_) | None => 0,
        };
        if by != 0 {
            self.each_moment(&mut |moment| *moment = moment.moved(by));
        }
        let latest = |moment: &mut Option<Moment>, most: Moment| {
            if let Some(moment) = moment {
                *moment = (*moment).min(most);
            }
        };
        latest(&mut self.next_attempt, now + policy.backoff.max);
        latest(&mut self.grace_until, now + policy.grace);
        by
    }

    /// The newest thing that has happened.
    fn newest(&self) -> Option<Moment> {
        let incident = self.incident.as_ref();
        [
            self.samples.newest().map(|sample| sample.at),
            self.status_since,
            self.failing_since,
            self.acted,
            self.gave_up,
            self.notified_at,
            self.verifying.map(|verifying| verifying.begun),
            self.heartbeats.as_ref().map(|known| known.since),
            incident.map(|incident| incident.opened),
            incident.and_then(|incident| incident.entries.last().map(|entry| entry.at)),
        ]
        .into_iter()
        .flatten()
        .max()
    }
}

fn distance(from: Moment, to: Moment) -> i64 {
    let millis = |moment: Moment| i64::try_from(moment.as_millis()).unwrap_or(i64::MAX);
    millis(to) - millis(from)
}

impl Moments for Moment {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        change(self);
    }
}

impl<T: Moments> Moments for Option<T> {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        if let Some(value) = self {
            value.each_moment(change);
        }
    }
}

impl<T: Moments> Moments for Box<T> {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        (**self).each_moment(change);
    }
}

impl<T: Moments> Moments for Vec<T> {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        self.iter_mut().for_each(|value| value.each_moment(change));
    }
}

impl<T: Moments> Moments for VecDeque<T> {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        self.iter_mut().for_each(|value| value.each_moment(change));
    }
}

// every field is named, so that a new one with a moment in it is not forgotten

impl Moments for Memory {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        let Self {
            status: _,
            status_since,
            streak: _,
            failing_since,
            pids: _,
            settled: _,
            grace_until,
            attempts: _,
            rungs: _,
            acted,
            next_attempt,
            spent,
            gave_up,
            pause,
            silence,
            verifying,
            tried: _,
            warmed,
            heartbeats,
            incident,
            notified_at,
            degraded,
            unknown: _,
            samples,
        } = self;
        for moment in [
            status_since,
            failing_since,
            grace_until,
            acted,
            next_attempt,
            gave_up,
            notified_at,
        ] {
            moment.each_moment(change);
        }
        spent.each_moment(change);
        pause.each_moment(change);
        silence.each_moment(change);
        verifying.each_moment(change);
        warmed.each_moment(change);
        heartbeats.each_moment(change);
        incident.each_moment(change);
        if let Some(report) = &mut degraded.report {
            report.at.each_moment(change);
        }
        samples.each_moment(change);
    }
}

impl Moments for Spent {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        self.0.each_moment(change);
    }
}

impl<K, V: Moments> Moments for BTreeMap<K, V> {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        self.values_mut()
            .for_each(|value| value.each_moment(change));
    }
}

impl Moments for Pause {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        let Self { reason: _, until } = self;
        until.each_moment(change);
    }
}

impl Moments for Verifying {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        let Self { begun, until } = self;
        begun.each_moment(change);
        until.each_moment(change);
    }
}

impl Moments for Warmed {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        let Self { lives: _, at } = self;
        at.each_moment(change);
    }
}

impl Moments for Heartbeats {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        let Self {
            last,
            since,
            awaited: _,
            allowed: _,
            stored,
        } = self;
        last.each_moment(change);
        since.each_moment(change);
        stored.each_moment(change);
    }
}

impl Moments for Heartbeat {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        let Self { at, failure: _ } = self;
        at.each_moment(change);
    }
}

impl Moments for Incident {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        // every field is named, so that a new one with a moment in it is not forgotten
        let Self {
            id: _,
            check: _,
            since,
            opened,
            ended,
            attempts: _,
            reports: _,
            notified: _,
            restarting_reported: _,
            withheld,
            manual: _,
            entries,
            dropped: _,
            dropped_actions: _,
        } = self;
        since.each_moment(change);
        opened.each_moment(change);
        ended.each_moment(change);
        withheld.each_moment(change);
        entries.each_moment(change);
    }
}

impl Moments for IncidentEntry {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        self.at.each_moment(change);
        match &mut self.event {
            IncidentEvent::Acted(outcome) => outcome.each_moment(change),
            IncidentEvent::Delivered { kind, .. } | IncidentEvent::Routed { kind, .. } => {
                kind.each_moment(change)
            }
            _ => {}
        }
    }
}

impl Moments for ReportKind {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        if let Self::GaveUp { used, .. } = self {
            used.each_moment(change);
        }
    }
}

impl Moments for Outcome {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        for step in &mut self.steps {
            step.at.each_moment(change);
        }
    }
}

impl Moments for Note {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        self.at.each_moment(change);
        match &mut self.decision {
            Decision::Passed { since, .. } => since.each_moment(change),
            Decision::Paused { until, .. } => until.each_moment(change),
            Decision::Acted { outcome } => outcome.each_moment(change),
            Decision::Reporting { kind, .. } => kind.each_moment(change),
            _ => {}
        }
    }
}

impl Note {
    /// The same, its moments so many milliseconds later.
    #[must_use]
    pub fn moved(mut self, by: i64) -> Self {
        self.each_moment(&mut |moment| *moment = moment.moved(by));
        self
    }
}

impl Outcome {
    /// The same, its moments so many milliseconds later.
    #[must_use]
    pub fn moved(mut self, by: i64) -> Self {
        self.each_moment(&mut |moment| *moment = moment.moved(by));
        self
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Moment = Moment::from_secs(1_780_000_000);
    const TEN_YEARS: u64 = 10 * 365 * 24 * 3600;

    /// What a run whose clock showed `clock` remembered: an incident, a pause of 30 minutes, an attempt to come.
    fn memory(clock: Moment) -> Memory {
        let before = |seconds| clock.before(Duration::from_secs(seconds));
        Memory {
            status_since: Some(before(60)),
            acted: Some(before(10)),
            notified_at: Some(clock),
            next_attempt: Some(clock + Duration::from_secs(20)),
            pause: Some(Box::new(Pause {
                reason: String::new(),
                until: Some(clock + Duration::from_secs(1800)),
            })),
            incident: Some(Box::new(Incident::open(
                "i-1".to_owned(),
                "shop",
                before(60),
                before(50),
            ))),
            ..Memory::default()
        }
    }

    #[test]
    fn memory_of_a_wrong_clock_moves_to_now_and_keeps_spans() {
        let policy = Policy::default();
        for (clock, expected) in [
            // an hour ago: the clock was right, and so is all of it
            (NOW.before(Duration::from_secs(3600)), 0),
            (NOW, 0),
            (
                NOW + Duration::from_secs(TEN_YEARS),
                -i64::try_from(TEN_YEARS * 1000).expect("fits"),
            ),
            // the time zone's offset was taken for UTC
            (NOW + Duration::from_secs(3 * 3600), -3 * 3600 * 1000),
            // nobody had set it yet
            (
                Moment::from_secs(600),
                i64::try_from(NOW.as_millis() - 600_000).expect("fits"),
            ),
        ] {
            let mut recalled = memory(clock);
            assert_eq!(recalled.correct(NOW, &policy), expected, "{clock}");
            let clock = clock.moved(expected);
            assert_eq!(recalled, memory(clock), "{clock}");
            assert!(recalled.notified_at.is_some_and(|notified| notified <= NOW));
        }
    }

    #[test]
    fn future_moments_are_bounded_by_the_policy() {
        let policy = Policy::default();
        let mut recalled = Memory {
            next_attempt: Some(NOW + Duration::from_secs(TEN_YEARS)),
            grace_until: Some(NOW + Duration::from_secs(TEN_YEARS)),
            ..memory(NOW)
        };
        assert_eq!(recalled.correct(NOW, &policy), 0);
        assert_eq!(recalled.next_attempt, Some(NOW + policy.backoff.max));
        assert_eq!(recalled.grace_until, Some(NOW + policy.grace));
    }
}
