//! One check as a row of the page: how it stands in a word, its last probes as a strip, its speed as a curve, and what
//! comes next in a sentence.

use std::fmt::Write as _;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::health::counted;
use crate::health::{
    ActivityView, CheckResultView, CheckView, HeartbeatView, Moment, SlotState, Verdict,
};
use crate::serve::view::{ServedState, one_line, trouble};
use crate::sorted;

/// The width and height of a curve, in units of its drawing.
const CURVE: (f64, f64) = (60.0, 16.0);

/// One check, ready to be shown.
#[derive(Clone, Debug)]
pub struct CheckRow {
    pub id: String,
    pub name: String,
    pub href: String,
    /// The colour's class: up, warn, down, wait.
    pub class: &'static str,
    /// A shape for each colour, for people who do not see colours.
    pub shape: &'static str,
    pub state: &'static str,
    pub since: String,
    /// The strip's width: one unit a probe.
    pub width: usize,
    pub runs: Vec<Run>,
    /// The strip in words.
    pub history: String,
    pub points: String,
    pub percentiles: Vec<String>,
    pub note: String,
}

/// Like probes in a row, as one rectangle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub class: &'static str,
    pub path: String,
}

impl CheckRow {
    pub fn of(check: &CheckView, now: Moment) -> Self {
        let state = ServedState::of(check);
        let class = class(state);
        Self {
            id: format!("c-{}", encoded(&check.name)),
            href: href(&check.name),
            name: one_line(&check.name),
            class,
            shape: shape(class),
            state: state.as_str(),
            since: match check.since {
                Some(since) => format!("for {}", span(now.since(since))),
                None => String::new(),
            },
            width: check.samples.len().max(1),
            runs: runs(&check.samples),
            history: history(&check.samples),
            points: points(&check.samples),
            // what is not asked takes no time
            percentiles: match check.is_probed() {
                false => Vec::new(),
                true => percentiles(&check.samples),
            },
            note: note(check, now),
        }
    }
}

/// The page of the check `name`.
pub fn href(name: &str) -> String {
    format!("/check/{}", encoded(name))
}

pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

pub const fn class(state: ServedState) -> &'static str {
    match state {
        ServedState::Up => "up",
        ServedState::Failing | ServedState::Degraded => "warn",
        ServedState::Pending | ServedState::Draining | ServedState::Starting => "wait",
        ServedState::Down => "down",
    }
}

fn shape(class: &str) -> &'static str {
    match class {
        "up" => "M6 0a6 6 0 1 0 0 12A6 6 0 1 0 6 0",
        "warn" => "M6 0L12 11H0z",
        "down" => "M0 0h12v12H0z",
        _ => "M6 0L12 6 6 12 0 6z",
    }
}

fn runs(samples: &[CheckResultView]) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut at = 0;
    for run in samples.chunk_by(|one, other| mark(one.verdict) == mark(other.verdict)) {
        runs.push(Run {
            class: mark(run[0].verdict),
            path: format!("M{at} 0h{}v10h-{}z", run.len(), run.len()),
        });
        at += run.len();
    }
    runs
}

const fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Degraded => "degraded",
        Verdict::Fail => "fail",
        Verdict::Starting | Verdict::Draining | Verdict::Unknown => "other",
    }
}

fn history(samples: &[CheckResultView]) -> String {
    if samples.is_empty() {
        return "no probe yet".to_owned();
    }
    let counts = Verdict::ALL.into_iter().filter_map(|verdict| {
        let count = samples
            .iter()
            .filter(|sample| sample.verdict == verdict)
            .count();
        (count > 0).then(|| format!("{count} {verdict}"))
    });
    let counts: Vec<_> = counts.collect();
    let probes = counted(samples.len(), "probe", "probes");
    format!("last {probes}: {}", counts.join(", "))
}

fn points(samples: &[CheckResultView]) -> String {
    let longest = samples.iter().map(|sample| sample.took).fold(0.0, f64::max);
    if samples.len() < 2 || longest <= 0.0 {
        return String::new();
    }
    let (width, height) = CURVE;
    let step = width / (samples.len() - 1) as f64;
    let mut points = String::new();
    for (at, sample) in samples.iter().enumerate() {
        let (x, y) = (step * at as f64, height - height * sample.took / longest);
        // writing to a String cannot fail
        let _ = write!(points, "{x:.0},{y:.0} ");
    }
    points.pop();
    points
}

fn percentiles(samples: &[CheckResultView]) -> Vec<String> {
    let mut took: Vec<_> = samples.iter().map(|sample| sample.took).collect();
    if took.is_empty() {
        return Vec::new();
    }
    sorted::by(&mut took, f64::total_cmp);
    let at = |percent: usize| took[((took.len() * percent).div_ceil(100)).max(1) - 1];
    let shown = |percent| format!("p{percent} {}", millis(at(percent)));
    vec![shown(50), shown(95), shown(99)]
}

/// A duration of a probe: `0.4 ms`, `12 ms`, `1.2 s`.
pub fn millis(seconds: f64) -> String {
    match seconds {
        s if s < 0.0095 => format!("{:.1} ms", s * 1e3),
        s if s < 0.9995 => format!("{:.0} ms", s * 1e3),
        s => format!("{s:.1} s"),
    }
}

/// How long, to the accuracy a person cares for.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let pair = |large: u64, unit: &str, small: u64, less: &str| match small {
        0 => format!("{large} {unit}"),
        small => format!("{large} {unit} {small} {less}"),
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => pair(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => pair(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

/// What is wrong, what is done about it, and what holds it back.
pub fn note(check: &CheckView, now: Moment) -> String {
    let mut parts = Vec::new();
    let is_busy = matches!(check.busy, Some(ActivityView::Restarting { .. }));
    let trouble = trouble(check);
    if !trouble.is_empty() && trouble != "not probed yet" {
        parts.push(trouble);
    }
    if ServedState::of(check) == ServedState::Failing {
        let streak = &check.streak;
        parts.push(format!("fail {} of {}", streak.fails, streak.fail_after));
    }
    if let Some(ActivityView::Restarting { since, on }) = &check.busy {
        let what = match on.as_slice() {
            [] => "its processes".to_owned(),
            on => on.join(", "),
        };
        let doing = match &check.rung {
            Some(rung) => rung.to_string(),
            None => format!("restarting {what}"),
        };
        parts.push(format!("{doing} for {}", span(now.since(*since))));
    } else if let Some(roll) = &check.rolling {
        let left = roll.left.len();
        parts.push(format!(
            "waiting for a pass after {}, {left} more to restart",
            roll.awaiting
        ));
    }
    if let Some(fleet) = &check.fleet
        && fleet.state == SlotState::Held
    {
        parts.push(format!("has a slot of group {}", fleet.group));
    }
    for (word, hold) in [("paused", &check.pause), ("silenced", &check.silence)] {
        let Some(hold) = hold else { continue };
        let until = match hold.until {
            Some(until) => format!("{word} for {} more", span(until.since(now))),
            None => word.to_owned(),
        };
        parts.push(match hold.reason.is_empty() {
            true => until,
            false => format!("{until}: {}", hold.reason),
        });
    }
    if check.gave_up.is_some() {
        parts.push(match check.rearm {
            Some(rearm) if rearm <= now => "gave up; tries again when it fails".to_owned(),
            Some(rearm) => format!("gave up; tries again in {}", span(rearm.since(now))),
            None => "gave up; restarted manually only".to_owned(),
        });
    } else if let Some(held) = &check.held {
        parts.push(format!("no restart: {held}"));
    } else if let Some(next) = check.next_attempt {
        parts.push(format!(
            "next restart in {} at the earliest",
            span(next.since(now))
        ));
    }
    if let Some(rung) = check
        .rung
        .as_ref()
        .filter(|_| check.gave_up.is_none() && !is_busy)
    {
        parts.push(format!("next {rung}"));
    }
    parts.extend(check.unknown_targets.iter().map(ToString::to_string));
    if let Some(grace) = check.grace_left {
        let left = Duration::try_from_secs_f64(grace).unwrap_or_default();
        parts.push(format!("in grace for {}", span(left)));
    }
    if let Some(since) = check.warming {
        parts.push(format!("warming up for {}", span(now.since(since))));
    }
    if let Some(heartbeat) = &check.heartbeat {
        parts.extend(heartbeat_text(heartbeat, now));
    }
    if let Some(acted) = check.acted {
        parts.push(format!("last restart {} ago", span(now.since(acted))));
    }
    one_line(&parts.join(" · "))
}

/// When the last heartbeat came, and when the next one is due.
pub fn heartbeat_text(heartbeat: &HeartbeatView, now: Moment) -> Option<String> {
    let due = heartbeat.due?;
    let next = match due > now {
        true => format!("due in {}", span(due.since(now))),
        false => format!("overdue for {}", span(now.since(due))),
    };
    Some(match heartbeat.last {
        Some(last) => format!(
            "last heartbeat {} ago, the next is {next}",
            span(now.since(last))
        ),
        None => format!("no heartbeat yet, {next}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::testing::{self, SeenResult};

    #[test]
    fn row_shows_state_and_reason() {
        let view = testing::view(&[("a/b", SeenResult::Code(200)), ("db", SeenResult::Refused)]);
        let rows: Vec<_> = view
            .snapshot
            .checks
            .iter()
            .map(|check| CheckRow::of(check, view.snapshot.at))
            .collect();
        assert_eq!(
            (rows[0].href.as_str(), rows[0].class),
            ("/check/a%2Fb", "up")
        );
        assert_eq!(rows[0].note, "");
        assert_eq!(rows[0].percentiles, ["p50 40 ms", "p95 40 ms", "p99 40 ms"]);
        assert_eq!(rows[0].history, "last 3 probes: 3 pass");
        let strip = Run {
            class: "pass",
            path: "M0 0h3v10h-3z".to_owned(),
        };
        assert_eq!(rows[0].runs, [strip]);
        assert_eq!((rows[1].class, rows[1].state), ("down", "down"));
        assert!(
            rows[1].note.starts_with("connection refused"),
            "{}",
            rows[1].note
        );
    }

    /// As `status` has it: the threshold is not reached.
    #[test]
    fn check_with_one_failed_probe_is_up() {
        let mut view = testing::view(&[("shop", SeenResult::Code(200))]);
        let mut refused = testing::view(&[("shop", SeenResult::Refused)]);
        let shop = &mut view.snapshot.checks[0];
        shop.last = refused.snapshot.checks[0].last.take();
        (shop.streak.fails, shop.streak.fail_after) = (1, 3);
        let row = CheckRow::of(shop, view.snapshot.at);
        assert_eq!((row.class, row.state), ("warn", "up"));
        assert!(
            row.note.starts_with("connection refused") && row.note.contains(" · fail 1 of 3"),
            "{}",
            row.note
        );
    }

    #[test]
    fn spans_are_rounded_for_people() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3600, "1 h"),
            (3660, "1 h 1 min"),
            (90_000, "1 d 1 h"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }
}
