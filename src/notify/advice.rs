//! What a report says is to be done: by the person who reads it, and by the watchdog.

use std::time::Duration;

use crate::health::{
    ActionStep, DownState, FleetHold, Gate, Incident, IncidentEvent, Moment, ProcessState, Reason,
    Report, ReportKind, Skip, SlotRefusal,
};

use super::message::RenderContext;
use super::report::{is_untouched, not_running, program, word};
use super::text::{span, visible};

/// What is left to do about processes that are STOPPED.
const STOPPED: &str = "nothing, if somebody stopped it on purpose; otherwise start it";

/// Whether the last action found nothing but STOPPED processes: somebody did that, and the watchdog does not undo it.
fn is_stopped(incident: &Incident) -> bool {
    let is_stopped = |(_, state): &(String, ProcessState)| *state == ProcessState::Stopped;
    left_alone(incident).is_some_and(|alone| alone.iter().all(is_stopped))
}

/// What the last action found, when it left all of it alone: none is RUNNING, so that there is nothing to stop, and those that
/// are being started are not started twice.
pub(super) fn not_to_restart(incident: &Incident) -> Option<String> {
    left_alone(incident).map(|alone| as_they_are(&alone))
}

/// Whether the last action found nothing but processes that their supervisor is starting.
fn is_starting(incident: &Incident) -> bool {
    let starts = |(_, state): &(String, ProcessState)| {
        matches!(state, ProcessState::Starting | ProcessState::Backoff)
    };
    left_alone(incident).is_some_and(|alone| alone.iter().all(starts))
}

/// The processes of the last action, when it left all of them alone for their states.
fn left_alone(incident: &Incident) -> Option<Vec<(String, ProcessState)>> {
    let (_, outcome) = incident.actions().last()?;
    let mut alone = Vec::new();
    for step in &outcome.steps {
        let ActionStep::Skipped(Skip::NotRunning { state }) = &step.action else {
            return None;
        };
        let name = step.process.as_ref()?;
        alone.push((visible(&name.to_string()), *state));
    }
    (!alone.is_empty()).then_some(alone)
}

/// `a and b are STOPPED`, `c is STARTING`.
fn as_they_are(alone: &[(String, ProcessState)]) -> String {
    let groups = alone.chunk_by(|(_, one), (_, other)| one == other);
    let groups = groups.map(|group| {
        let names: Vec<_> = group.iter().map(|(name, _)| name.as_str()).collect();
        let are = if names.len() == 1 { "is" } else { "are" };
        format!("{} {are} {}", names.join(", "), group[0].1)
    });
    groups.collect::<Vec<_>>().join(", ")
}

/// What is left for a person.
pub(super) fn advice(report: &Report) -> String {
    let check = word(&report.incident.check);
    let stuck = not_running(report);
    let passes = matches!(
        report.kind,
        ReportKind::Recovered { .. } | ReportKind::Cured { .. }
    );
    if passes && !stuck.is_empty() {
        let stuck = stuck.join(", ");
        let though = match report.incident.is_of_removed() {
            true => "and the check was taken out of the configuration",
            false => "though the check passes",
        };
        return format!("look at {stuck}: not running again, {though}");
    }
    match &report.kind {
        ReportKind::Down { state, .. } => match state {
            DownState::NotifyOnly => advice_on_program(report)
                .unwrap_or_else(|| "act: the watchdog restarts nothing here".to_owned()),
            DownState::Held(gate) => advice_when_held(gate, &check),
            DownState::Restarting => "nothing yet: it is being restarted".to_owned(),
            DownState::Escalating { .. } => {
                "nothing yet: its ladder goes on by itself while it fails".to_owned()
            }
            DownState::NotBack { .. } if is_untouched(&report.incident) => {
                "check it soon: what was done did not help so far".to_owned()
            }
            DownState::NotBack { .. } => {
                "check it soon: the restart did not help so far".to_owned()
            }
            DownState::NothingRestarted if is_stopped(&report.incident) => STOPPED.to_owned(),
            DownState::NothingRestarted if is_starting(&report.incident) => {
                "nothing yet: its supervisor is starting it".to_owned()
            }
            DownState::NothingRestarted => {
                "act: the steps below say why nothing was restarted".to_owned()
            }
            DownState::NotStarted(_) => "act now: it stays down until it can be started".to_owned(),
            DownState::DryRun => "act: the watchdog only says what it would have done".to_owned(),
        },
        ReportKind::Recovered { .. } if report.incident.is_of_removed() => {
            "nothing here; it was taken out of the configuration on purpose or by mistake"
                .to_owned()
        }
        ReportKind::Recovered { .. } if report.incident.is_of_stopped() => {
            format!("nothing, if that was on purpose; otherwise: httpok start {check}")
        }
        ReportKind::Recovered { .. } if report.incident.attempts == 0 => "nothing".to_owned(),
        ReportKind::Cured { .. } | ReportKind::Recovered { .. } => {
            "nothing now; look for the cause later, or it may come again".to_owned()
        }
        ReportKind::RecoveredDegraded { .. } => "nothing".to_owned(),
        ReportKind::GaveUp { .. } => {
            format!("fix the cause, then let the watchdog work again: httpok reset {check}")
        }
        ReportKind::Reminder { .. } if program(report).is_some() => {
            advice_on_program(report).unwrap_or_default()
        }
        ReportKind::Reminder { .. } => "act: it has not come back by itself".to_owned(),
        ReportKind::Action => "see whether it came back".to_owned(),
        ReportKind::Degraded => "look at it by day: it answers, so nothing is restarted".to_owned(),
        ReportKind::Unknown => {
            "look at the watchdog's own host: as long as this lasts nobody watches".to_owned()
        }
    }
}

/// What is left for a person to do about a program of ours.
fn advice_on_program(report: &Report) -> Option<String> {
    let check = word(&report.incident.check);
    Some(match program(report)? {
        Reason::CrashLoop => {
            format!("see why it ends, in its log; to keep it down: httpok stop {check}")
        }
        _ => format!("fix the cause, then: httpok start {check}"),
    })
}

/// What becomes of a program of ours.
fn next_of_program(report: &Report) -> String {
    let has_ended = report
        .result()
        .is_some_and(|result| result.seen.exit.is_some());
    let starts = match program(report) {
        Some(Reason::CrashLoop) => "it is started again after each end, as its autorestart says",
        Some(Reason::Fatal) if !has_ended => "its start is tried again every 10 s",
        _ => "it is not started again by itself",
    };
    format!("{starts}; you are notified when it runs")
}

fn advice_when_held(gate: &Gate, check: &str) -> String {
    match gate {
        Gate::Paused { .. } => format!("when you are done with it: httpok resume {check}"),
        Gate::Requires { check: required } => format!("look at {} first", word(required)),
        Gate::Panic { .. } => format!(
            "look for what they have in common, such as the network; to restart it manually: httpok restart \
             {check}"
        ),
        Gate::GaveUp | Gate::OverallBudget => {
            format!("fix the cause, then: httpok reset {check}")
        }
        Gate::Fleet {
            why: FleetHold::Refused(SlotRefusal::Taken { .. }),
            ..
        } => "nothing yet; see who holds the slots with: httpok fleet status".to_owned(),
        Gate::Fleet {
            why: FleetHold::Refused(SlotRefusal::Panic { .. }),
            ..
        } => format!(
            "look for what the hosts have in common; to restart it manually: httpok restart {check}"
        ),
        Gate::Fleet { .. } => format!(
            "see how the fleet is: httpok fleet status; to restart it manually: httpok restart {check}"
        ),
        Gate::NotActedOn { .. } => {
            format!("act; to restart it manually: httpok restart {check}")
        }
        Gate::Stopped { .. } => STOPPED.to_owned(),
        Gate::ShuttingDown => "start the watchdog again".to_owned(),
        Gate::Backoff { .. }
        | Gate::OnceOnly
        | Gate::Concurrency { .. }
        | Gate::SameProcess { .. }
        | Gate::Unfinished { .. } => "nothing yet: it is tried again by itself".to_owned(),
    }
}

/// What the watchdog will do now.
pub(super) fn next(report: &Report, render_context: &RenderContext) -> String {
    let after = |pause: Duration| render_context.clock.stamp(report.at + pause);
    match &report.kind {
        ReportKind::Down { state, .. } => match state {
            DownState::NotifyOnly if program(report).is_some() => next_of_program(report),
            DownState::NotifyOnly
            | DownState::DryRun
            | DownState::Held(Gate::NotActedOn { .. }) => {
                "nothing but watching; you are notified when it is back".to_owned()
            }
            DownState::Held(Gate::Backoff { left }) => {
                format!("the next attempt is due at {}", after(*left))
            }
            DownState::Held(Gate::Stopped { .. }) => {
                "nothing but watching until it is started; you are notified when it is back".to_owned()
            }
            DownState::Held(_) => {
                "it is restarted as soon as nothing holds that back any more; you are notified when it is back"
                    .to_owned()
            }
            DownState::Restarting => {
                "you are notified when it is back, or when the restart fails".to_owned()
            }
            DownState::Escalating { .. } => {
                "while it fails, each attempt takes the next rung of its ladder; you are notified when it is back, or given up"
                    .to_owned()
            }
            DownState::NotStarted(_) => {
                "its start is tried again after a pause, as often as restarts are allowed; you are notified when it is back or they are used up"
                    .to_owned()
            }
            DownState::NotBack { .. } | DownState::NothingRestarted => match due(&report.incident) {
                Some(due) => format!("the next attempt is due at {}", render_context.clock.stamp(due)),
                None => {
                    "if it keeps failing, the next attempt comes after a pause; you are notified when it is back or the restarts are used up"
                        .to_owned()
                }
            },
        },
        ReportKind::Recovered { .. }
            if report.incident.is_of_removed() && report.unfinished.is_empty() =>
        {
            "nothing: it is not watched any more".to_owned()
        }
        ReportKind::Recovered { .. } if report.incident.is_of_stopped() => {
            "nothing until it is started".to_owned()
        }
        ReportKind::Cured { .. } | ReportKind::Recovered { .. } if !report.unfinished.is_empty() => {
            "what does not run again is started by itself until it does".to_owned()
        }
        ReportKind::Cured { .. } => {
            "it is still watched; should it fail again you are notified".to_owned()
        }
        ReportKind::Recovered { .. }
        | ReportKind::RecoveredDegraded { .. }
        | ReportKind::Degraded
        | ReportKind::Action => {
            "it is still watched".to_owned()
        }
        ReportKind::GaveUp {
            rearm: Some(pause), ..
        } => format!(
            "no restart before {} ({} from now); until then it is only watched",
            after(*pause),
            span(*pause)
        ),
        ReportKind::GaveUp { rearm: None, .. } => {
            "no more restarts until a person says so; it is only watched".to_owned()
        }
        ReportKind::Reminder { .. } if is_given_up(&report.incident) => {
            "it was given up, so nothing is restarted for now: httpok status says until when".to_owned()
        }
        ReportKind::Reminder { .. } => match due(&report.incident) {
            Some(due) => format!("the next attempt is due at {}", render_context.clock.stamp(due)),
            None => "it is still watched; you are notified when it is back".to_owned(),
        },
        ReportKind::Unknown => "it is asked again at every tick; nothing is restarted on a guess".to_owned(),
    }
}

/// Whether its restarts are used up, as far as was said.
fn is_given_up(incident: &Incident) -> bool {
    let last = incident
        .entries
        .iter()
        .rev()
        .find_map(|entry| match entry.event {
            IncidentEvent::GaveUp => Some(true),
            IncidentEvent::Rearmed => Some(false),
            _ => None,
        });
    last.unwrap_or(false)
}

/// When the next attempt is due, if that was the last that was said.
fn due(incident: &Incident) -> Option<Moment> {
    let mut entries = incident.entries.iter().rev();
    let last = entries.find(|entry| {
        !matches!(
            entry.event,
            IncidentEvent::Probed(_)
                | IncidentEvent::Routed { .. }
                | IncidentEvent::Delivered { .. }
        )
    })?;
    match &last.event {
        IncidentEvent::Held(Gate::Backoff { left }) => Some(last.at + *left),
        _ => None,
    }
}
