//! What the console says of a decision and of an action: a mark with its colour, and one line of text.
//! Pure: the logger writes it, with or without colour.

use std::time::Duration;

use anstyle::{AnsiColor, Style};

use crate::health::{ActionStep, Capture, Counted, Decision, Outcome, Step, Verdict};
use crate::notify::text::{brief, timing, visible};
use crate::notify::transcript;

use super::console::BRIEF;

/// A mark and the colour of what it is about.
pub(super) type Mark = (&'static str, Style);

pub(super) const fn mark(sign: &'static str, colour: AnsiColor) -> Mark {
    (sign, colour.on_default())
}

pub(super) const NEWS: Mark = ("·", Style::new());

pub(super) const GOOD: Mark = mark("✓", AnsiColor::Green);

pub(super) const BAD: Mark = mark("✗", AnsiColor::Red);

pub(super) const ODD: Mark = mark("!", AnsiColor::Yellow);

pub(super) const RESTART: Mark = mark("↻", AnsiColor::Cyan);

pub(super) const OURS: Mark = mark("?", AnsiColor::Magenta);

/// The line for `decision`; none for what another line says, or for a pass unless `verbose`.
pub(super) fn words(decision: &Decision, verbose: bool) -> Option<(Mark, String)> {
    let plain = || visible(&decision.to_string());
    Some(match decision {
        Decision::Judged {
            verdict: Verdict::Pass,
            ..
        }
        | Decision::TickDropped(_)
        | Decision::Reporting { .. }
            if !verbose =>
        {
            return None;
        }
        // the action says what it did
        Decision::Acted { .. }
        | Decision::Passed { .. }
        // its supervisor has said it
        | Decision::ProgramEnded { .. }
        | Decision::ProgramChanged { .. } => return None,
        Decision::TickDropped(_) | Decision::Reporting { .. } => (NEWS, plain()),
        Decision::Judged {
            verdict,
            reason,
            detail,
            took,
            counted,
            ..
        } => {
            let reason = reason
                .map(|reason| format!("{reason}: "))
                .unwrap_or_default();
            let text = format!(
                "{verdict}{}  {reason}{} ({})",
                streak(*counted),
                brief(detail, BRIEF),
                timing(*took)
            );
            (of_verdict(*verdict), text)
        }
        Decision::Opened { .. } => (BAD, "is down".to_owned()),
        Decision::GaveUp | Decision::GaveUpAtRung(_) => (BAD, plain()),
        Decision::Up => (GOOD, "is up".to_owned()),
        Decision::Recovered { .. } | Decision::WarmedUp { .. } => (GOOD, plain()),
        Decision::CheckRemoved => (BAD, plain()),
        Decision::Acting { .. } | Decision::ManualRestart { .. } | Decision::Rolling { .. } => {
            (RESTART, plain())
        }
        Decision::ListFailed { .. }
        | Decision::Unasked { .. }
        | Decision::UnknownTargets { .. }
        | Decision::RollStopped { .. }
        | Decision::NotWarmedUp { .. }
        | Decision::Held(_)
        | Decision::NotRunningYet { .. }
        | Decision::ResumeHeld { .. }
        | Decision::ActsWithoutSlot { .. }
        | Decision::SlotLost { .. }
        | Decision::SlotNotReleased { .. }
        | Decision::Refused(_) => (ODD, plain()),
        Decision::Replaced { .. }
        | Decision::ProgramStopped
        | Decision::Rearmed
        | Decision::WarmingUp
        | Decision::Paused { .. }
        | Decision::Silenced { .. }
        | Decision::Withheld { .. }
        | Decision::Resumed
        | Decision::MaintenanceBegan(_)
        | Decision::MaintenanceOver
        | Decision::Reset
        | Decision::Inherited { .. }
        | Decision::Resuming { .. }
        | Decision::NotOurs { .. }
        | Decision::Finished { .. }
        | Decision::SlotAsked { .. }
        | Decision::SlotGranted { .. }
        | Decision::SlotReleased { .. }
        | Decision::RestartRequested => (NEWS, plain()),
    })
}

const fn of_verdict(verdict: Verdict) -> Mark {
    match verdict {
        Verdict::Pass => GOOD,
        Verdict::Degraded | Verdict::Starting | Verdict::Draining => ODD,
        Verdict::Fail => BAD,
        Verdict::Unknown => OURS,
    }
}

fn streak(counted: Counted) -> String {
    match counted {
        Counted::Towards { fails: 0, .. } | Counted::No => String::new(),
        Counted::Towards { fails, needed } if fails > needed => format!(" {fails} in a row"),
        Counted::Towards { fails, needed } => format!(" {fails} of {needed}"),
        Counted::InGrace => " in grace, not counted".to_owned(),
        Counted::FromBeforeAction => " from before the restart, not counted".to_owned(),
    }
}

/// The lines of an action: one for each process that it touched, one for each piece of trouble.
pub(super) fn action(steps: &[Step]) -> Vec<(Mark, String)> {
    let mut lines = Vec::new();
    let mut parts: Vec<String> = Vec::new();
    let mut before = None;
    let mut evidence: Option<Duration> = None;
    for step in steps {
        let took = || timing(step.took);
        match &step.action {
            ActionStep::Restarting { pid } => before = *pid,
            ActionStep::Starting { .. } | ActionStep::Resumed { .. } => before = None,
            // the pieces are named in the report and in explain
            ActionStep::Captured(Capture { failure: None, .. }) => {
                evidence = Some(evidence.unwrap_or_default() + step.took);
            }
            ActionStep::Stopped { error: None } => parts.push(format!("stop {}", took())),
            ActionStep::Started { error: None } => parts.push(format!("start {}", took())),
            ActionStep::Settled { pid, .. } if is_back(step) => {
                parts.push(format!("RUNNING after {}", took()));
                let pid = pids(before.take(), *pid);
                let name = step.process.as_ref().map(ToString::to_string);
                let name = visible(&name.unwrap_or_default());
                if let Some(took) = evidence.take() {
                    parts.insert(0, format!("evidence kept {}", timing(took)));
                }
                let text = format!("restarted {name}{pid}: {}", parts.join(", "));
                parts.clear();
                lines.push((RESTART, text));
            }
            ActionStep::Skipped(_) => lines.push((ODD, transcript::sentence(step))),
            ActionStep::EndedBySignal { .. } => {
                before = None;
                lines.push((ODD, transcript::sentence(step)));
            }
            ActionStep::Signalled { error: None, .. }
            | ActionStep::Ran(Capture { failure: None, .. }) => {
                lines.push((RESTART, transcript::sentence(step)));
            }
            ActionStep::Captured(_)
            | ActionStep::Signalled { .. }
            | ActionStep::Ran(_)
            | ActionStep::ListFailed { .. }
            | ActionStep::Unasked { .. }
            | ActionStep::Stopped { .. }
            | ActionStep::Started { .. }
            | ActionStep::Settled { .. }
            | ActionStep::BrokeOff { .. }
            | ActionStep::Missing { .. } => lines.push((BAD, transcript::sentence(step))),
        }
    }
    lines
}

fn is_back(step: &Step) -> bool {
    let outcome = Outcome {
        steps: vec![step.clone()],
    };
    outcome.restarted().next().is_some()
}

fn pids(before: Option<u32>, after: Option<u32>) -> String {
    match (before, after) {
        (Some(before), Some(after)) => format!(" (pid {before} → {after})"),
        (None, Some(pid)) => format!(" (pid {pid})"),
        (_, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{CallError, Moment, Phase, ProcessName, ProcessState, Reason};

    fn step(action: ActionStep, millis: u64) -> Step {
        Step {
            at: Moment::ZERO,
            took: Duration::from_millis(millis),
            process: Some(ProcessName::embedded("web", "web")),
            action,
        }
    }

    fn texts(steps: &[Step]) -> Vec<String> {
        action(steps).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn a_restart_is_one_line_with_the_time_of_each_step() {
        let settled = |state, pid| ActionStep::Settled { state, pid };
        let restarted = [
            step(ActionStep::Restarting { pid: Some(7) }, 0),
            step(ActionStep::Stopped { error: None }, 1500),
            step(ActionStep::Started { error: None }, 20),
            step(settled(ProcessState::Running, Some(8)), 1000),
        ];
        assert_eq!(
            texts(&restarted),
            ["restarted web (pid 7 → 8): stop 1.500 s, start 20.0 ms, RUNNING after 1.000 s"]
        );
        let refused = CallError::Unreachable {
            detail: "connection refused".to_owned(),
        };
        let failed = [
            step(ActionStep::Restarting { pid: Some(7) }, 0),
            step(ActionStep::Stopped { error: None }, 10),
            step(
                ActionStep::Started {
                    error: Some(refused),
                },
                20,
            ),
            step(settled(ProcessState::Fatal, None), 1000),
        ];
        let lines = texts(&failed);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(
            lines[0].starts_with("web NOT started, after 20.0 ms: "),
            "{lines:?}"
        );
        assert!(lines[1].starts_with("web is FATAL"), "{lines:?}");
    }

    #[test]
    fn a_probe_is_one_line_with_its_streak() {
        let judged = |verdict, counted| Decision::Judged {
            verdict,
            reason: Some(Reason::Refused),
            phase: Some(Phase::Connect),
            detail: "connection\x1b[31m refused".to_owned(),
            took: Duration::from_millis(3),
            counted,
        };
        let towards = |fails| Counted::Towards { fails, needed: 3 };
        let fail = |counted| words(&judged(Verdict::Fail, counted), false).map(|(_, text)| text);
        for (counted, streak) in [
            (towards(2), " 2 of 3"),
            (towards(3), " 3 of 3"),
            (towards(19), " 19 in a row"),
            (Counted::InGrace, " in grace, not counted"),
            (Counted::No, ""),
        ] {
            let expected = format!("fail{streak}  refused: connection\\x1b[31m refused (3.0 ms)");
            assert_eq!(fail(counted), Some(expected));
        }
        let pass = judged(Verdict::Pass, Counted::No);
        assert_eq!(words(&pass, false), None);
        assert!(words(&pass, true).is_some());
    }
}
