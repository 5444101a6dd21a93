//! One incident and the decisions around it as lines in order. The incident has the results since the
//! threshold was reached, the steps and the deliveries; the decisions have the results before it, the
//! threshold's arithmetic and what people did. Pure.

use std::time::Duration;

use crate::health::{
    Counted, Decision, Incident, IncidentEvent, Moment, Note, Outcome, ReportKind, RoutedTo,
    Verdict, without_digits,
};
use crate::notify::text::visible;
use crate::notify::transcript;
use crate::sorted;

/// Decisions so long before the first counted fail belong to it, such as a pause, or a new process.
const BEFORE: Duration = Duration::from_secs(60);

/// An incident's lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    pub lines: Vec<TimelineLine>,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct TimelineLine {
    pub at: Moment,
    /// Which of several lines of one moment comes first.
    order: u8,
    pub kind: LineKind,
    pub text: String,
    /// Lines with the same one say the same, and are shown once.
    pub like: Option<String>,
    /// It stands for so many.
    pub times: u32,
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// A probe.
    CheckResult(Verdict),
    /// What was decided.
    Decision,
    /// The supervisor could not be asked before a probe.
    ListFailed,
    /// What held an action back.
    Held,
    /// A step of an action.
    Step,
    /// The end of an action.
    Acted,
    /// Given up.
    GaveUp,
    /// It passes again.
    Recovered,
    /// People and reports.
    Report,
    /// What a person did.
    Person,
}

/// The decisions that belong to `incident`: none that came before `begin`, the end of the incident before it.
pub fn around<'a>(incident: &Incident, begin: Option<Moment>, notes: &'a [Note]) -> Vec<&'a Note> {
    let from = incident.since.before(BEFORE);
    let until = incident.ended;
    notes
        .iter()
        .filter(|note| {
            note.at >= from
                && begin.is_none_or(|begin| note.at > begin)
                && until.is_none_or(|until| note.at <= until)
        })
        .collect()
}

impl Timeline {
    /// The lines of `incident`, with what `notes` say about its time, from `begin` on: the end of the incident
    /// before it.
    pub fn of(incident: &Incident, begin: Option<Moment>, notes: &[Note]) -> Self {
        let around = around(incident, begin, notes);
        let mut lines = Vec::new();
        for note in &around {
            lines.extend(of_note(note, incident));
        }
        let mut before = incident.since;
        for entry in &incident.entries {
            let counted = around.iter().find_map(|note| match note.decision {
                Decision::Judged { counted, .. } if note.at == entry.at => Some(counted),
                _ => None,
            });
            let by_ladder = around.iter().any(|note| {
                note.at == entry.at && matches!(note.decision, Decision::GaveUpAtRung(_))
            });
            // the ladder's own note says why
            if !(by_ladder && matches!(entry.event, IncidentEvent::GaveUp)) {
                of_entry(entry.at, &entry.event, counted, &mut lines);
            }
            if entry.alike > 0
                && let Some(line) = lines.last_mut()
            {
                let has_line = |note: &&&Note| {
                    let is_between = before < note.at && note.at < entry.at;
                    is_between && matches!(note.decision, Decision::Judged { .. })
                };
                let noted = around.iter().filter(has_line).count();
                let unnoted = (entry.alike as usize).saturating_sub(noted);
                line.times = u32::try_from(unnoted + 1).unwrap_or(u32::MAX);
            }
            before = entry.at;
        }
        sorted::by_key(&mut lines, |line| (line.at, line.order));
        let mut last_failure = None;
        lines.retain(|line| match line.kind {
            LineKind::ListFailed => {
                last_failure.replace(line.text.clone()) != Some(line.text.clone())
            }
            LineKind::Acted => {
                last_failure = None;
                true
            }
            _ => true,
        });
        Self { lines }
    }
}

impl TimelineLine {
    /// A decision as a line that stands by itself. Lines that repeat, of a probe or a program, are alike.
    pub fn of(note: &Note, text: String) -> Self {
        let is_told_again = matches!(
            note.decision,
            Decision::Judged { .. }
                | Decision::TickDropped(_)
                | Decision::ProgramEnded { .. }
                | Decision::ProgramChanged { .. }
        );
        let like = is_told_again.then(|| {
            let text: String = without_digits(&text).collect();
            format!("{}: {text}", note.check)
        });
        Self {
            like,
            ..line(note.at, 0, LineKind::Decision, text)
        }
    }
}

fn line(at: Moment, order: u8, kind: LineKind, text: impl Into<String>) -> TimelineLine {
    TimelineLine {
        at,
        order,
        kind,
        text: text.into(),
        like: None,
        times: 1,
    }
}

/// A probe. Beyond the threshold one fail is like the other.
fn result_line(at: Moment, judged: &Decision) -> Option<TimelineLine> {
    let Decision::Judged {
        verdict,
        reason,
        detail,
        counted,
        ..
    } = judged
    else {
        return None;
    };
    let counts = match counted {
        Counted::Towards { fails, needed } if fails <= needed => *fails,
        Counted::Towards { .. } | Counted::InGrace | Counted::FromBeforeAction | Counted::No => 0,
    };
    Some(TimelineLine {
        like: Some({
            let detail: String = without_digits(detail).collect();
            format!("{verdict} {reason:?} {counts} {detail}")
        }),
        ..line(at, 0, LineKind::CheckResult(*verdict), judged.to_string())
    })
}

/// What the incident itself does not say.
fn of_note(note: &Note, incident: &Incident) -> Option<TimelineLine> {
    let at = note.at;
    let said = || note.decision.to_string();
    match &note.decision {
        // from the opening on the incident has the results in full
        Decision::Judged {
            verdict, counted, ..
        } => {
            let delivery = |entry: &crate::health::IncidentEntry| {
                entry.at == at && matches!(entry.event, IncidentEvent::Probed(_))
            };
            let missing = !incident.entries.iter().any(delivery);
            // it begins with the first fail of its streak: a fail before a pass is no part of it
            let counts = matches!(counted, Counted::Towards { .. }) || *verdict == Verdict::Pass;
            let earlier = at < incident.since && counts;
            (missing && !earlier).then(|| result_line(at, &note.decision))?
        }
        Decision::Opened { incident: id } if *id == incident.id => Some(line(
            at,
            2,
            LineKind::Decision,
            "down: the threshold is reached",
        )),
        Decision::Acting {
            attempt,
            rung: Some(rung),
            ..
        } => {
            let why = match attempt {
                0 | 1 if rung.number == 1 => "the first attempt begins the ladder",
                0 | 1 => "nothing is RUNNING that could be signalled",
                _ => "what was done before did not help",
            };
            let text = format!("nothing holds it back: attempt {attempt}, {rung} ({why})");
            Some(line(at, 4, LineKind::Decision, text))
        }
        Decision::GaveUpAtRung(_) => Some(line(at, 6, LineKind::GaveUp, said())),
        Decision::Acting { attempt, .. } => {
            let text = format!("nothing holds it back: restart, attempt {attempt}");
            Some(line(at, 4, LineKind::Decision, text))
        }
        Decision::Reporting { report, kind } => {
            let text = format!("report {report} ({}) is made", kind.as_str());
            Some(line(at, 7, LineKind::Report, text))
        }
        Decision::WarmingUp | Decision::WarmedUp { .. } | Decision::NotWarmedUp { .. } => {
            Some(line(at, 1, LineKind::Decision, said()))
        }
        Decision::Rolling { .. } => Some(line(at, 7, LineKind::Decision, said())),
        Decision::Inherited { .. }
        | Decision::Resuming { .. }
        | Decision::NotOurs { .. }
        | Decision::Finished { .. } => Some(line(at, 4, LineKind::Decision, said())),
        Decision::SlotAsked { .. }
        | Decision::SlotGranted { .. }
        | Decision::ActsWithoutSlot { .. } => Some(line(at, 3, LineKind::Decision, said())),
        Decision::SlotReleased { .. } => Some(line(at, 8, LineKind::Decision, said())),
        Decision::SlotLost { .. } | Decision::SlotNotReleased { .. } => {
            Some(line(at, 8, LineKind::Held, said()))
        }
        Decision::NotRunningYet { .. } | Decision::ResumeHeld { .. } => {
            Some(line(at, 7, LineKind::Held, said()))
        }
        // a program that crashes again and again says the same each time
        Decision::Replaced { .. }
        | Decision::ProgramEnded { .. }
        | Decision::ProgramChanged { .. } => Some(TimelineLine {
            like: Some(without_digits(&said()).collect()),
            ..line(at, 1, LineKind::Decision, said())
        }),
        Decision::ListFailed { .. }
        | Decision::Unasked { .. }
        | Decision::UnknownTargets { .. } => Some(line(at, 1, LineKind::ListFailed, said())),
        Decision::Paused { .. }
        | Decision::Silenced { .. }
        | Decision::Withheld { .. }
        | Decision::Resumed
        | Decision::MaintenanceBegan(_)
        | Decision::MaintenanceOver
        | Decision::Reset
        | Decision::RestartRequested
        | Decision::Refused(_) => Some(line(at, 1, LineKind::Person, said())),
        Decision::Up
        | Decision::Passed { .. }
        | Decision::Opened { .. }
        | Decision::TickDropped(_)
        | Decision::Held(_)
        | Decision::Acted { .. }
        | Decision::RollStopped { .. }
        | Decision::GaveUp
        | Decision::Rearmed
        | Decision::Recovered { .. }
        | Decision::CheckRemoved
        | Decision::ProgramStopped
        | Decision::ManualRestart { .. } => None,
    }
}

fn of_entry(
    at: Moment,
    event: &IncidentEvent,
    counted: Option<Counted>,
    lines: &mut Vec<TimelineLine>,
) {
    match event {
        IncidentEvent::Probed(result) => {
            lines.extend(result_line(
                at,
                &Decision::of_result(result, counted.unwrap_or(Counted::No)),
            ));
        }
        IncidentEvent::Held(gate) => {
            lines.push(line(at, 3, LineKind::Held, format!("no restart: {gate}")));
        }
        IncidentEvent::Acted(outcome) => {
            for step in &outcome.steps {
                lines.push(line(step.at, 5, LineKind::Step, transcript::sentence(step)));
            }
            if !outcome.is_halt() {
                lines.push(line(at, 6, LineKind::Acted, acted(outcome)));
            }
        }
        IncidentEvent::ManualRestart => {
            lines.push(line(at, 3, LineKind::Person, "a person has it restarted"));
        }
        IncidentEvent::GaveUp => {
            lines.push(line(
                at,
                6,
                LineKind::GaveUp,
                "given up: the restarts are used up",
            ));
        }
        IncidentEvent::CheckRemoved => {
            lines.push(line(
                at,
                7,
                LineKind::Person,
                "the check was taken out of the configuration",
            ));
        }
        IncidentEvent::ProgramStopped => {
            lines.push(line(
                at,
                7,
                LineKind::Person,
                "the program was stopped by request",
            ));
        }
        IncidentEvent::ProgramFailed { process, how } => {
            let text = format!("program {} is {how}", visible(&process.namespec()));
            lines.push(line(at, 4, LineKind::Decision, text));
        }
        IncidentEvent::Rearmed => {
            lines.push(line(
                at,
                2,
                LineKind::Decision,
                "armed again after giving up",
            ));
        }
        IncidentEvent::Recovered => lines.push(line(at, 6, LineKind::Recovered, "passes again")),
        IncidentEvent::Routed {
            report,
            kind,
            to,
            not_to,
        } => lines.push(line(
            at,
            7,
            LineKind::Report,
            routed(*report, kind, to, not_to),
        )),
        IncidentEvent::Delivered {
            report,
            kind,
            notifier,
            failure,
            refused,
        } => {
            let result = (failure.as_deref(), refused.as_deref());
            let text = delivery(*report, kind, notifier, result);
            lines.push(line(at, 8, LineKind::Report, text));
        }
    }
}

fn acted(outcome: &Outcome) -> String {
    let names: Vec<_> = outcome.restarted().map(ToString::to_string).collect();
    match names.as_slice() {
        [] => outcome
            .escalation_text()
            .unwrap_or_else(|| "nothing was restarted".to_owned()),
        names => format!("restarted: {}", names.join(", ")),
    }
}

fn routed(report: u64, kind: &ReportKind, to: &[RoutedTo], not_to: &[RoutedTo]) -> String {
    let list = |notifiers: &[RoutedTo]| {
        let one = |routed: &RoutedTo| match routed.why.as_str() {
            "" => visible(&routed.notifier),
            why => format!("{} ({why})", visible(&routed.notifier)),
        };
        notifiers.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let kind = kind.as_str();
    let mut text = match to {
        [] => format!("report {report} ({kind}) goes to nobody"),
        to => format!("report {report} ({kind}) goes to {}", list(to)),
    };
    if !not_to.is_empty() {
        text.push_str(&format!("; not to {}", list(not_to)));
    }
    text
}

/// `result` is why it was not taken at all, or not for everybody.
fn delivery(
    report: u64,
    kind: &ReportKind,
    notifier: &str,
    result: (Option<&str>, Option<&str>),
) -> String {
    let kind = kind.as_str();
    let to = match notifier {
        "" => String::new(),
        name => format!(" to {}", visible(name)),
    };
    match result {
        (None, None) => format!("report {report} ({kind}) was delivered{to}"),
        (None, Some(refused)) => {
            format!("report {report} ({kind}) was delivered{to}, but NOT to everybody: {refused}")
        }
        (Some(why), _) => format!("report {report} ({kind}) was NOT delivered{to}: {why}"),
    }
}

#[cfg(test)]
mod tests;
