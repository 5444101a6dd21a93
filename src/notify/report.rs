//! A report as text, for a person who was woken by it: the subject and the first lines say what is down,
//! since when, what became of it and what is left to do. The evidence below is `transcript`'s.

use crate::health::counted;
use std::time::Duration;

use crate::health::{
    ActionStep, Budget, CheckResult, DownState, FailedStart, Gate, Incident, IncidentEvent, Moment,
    ProcessName, ProcessState, Reason, Report, ReportKind, Skip,
};
use crate::secret::redact_url;

use super::message::{Notification, RenderContext};
use super::superlance::OriginalMail;
use super::text::{brief, header_value, span, timing, visible};
use super::{event, transcript};

/// The most characters of a detail in a subject.
const BRIEF: usize = 80;

/// The most attempts whose times are shown.
const SHOWN_TIMES: usize = 10;

/// The format of a report's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailFormat {
    /// Ours.
    Full,
    /// The original's for what the original mailed: every action. Ours for the rest.
    Original(OriginalMail),
}

impl MailFormat {
    /// `report` as text.
    pub fn render(&self, report: &Report, render_context: &RenderContext) -> Notification {
        let (subject, text) = match (self, &report.kind) {
            (Self::Original(listener), ReportKind::Action) => listener.mail(report),
            (Self::Original(_) | Self::Full, _) => (
                subject(report, render_context),
                text(report, render_context),
            ),
        };
        let subject = header_value(&subject);
        Notification {
            event: event::of(report, render_context, &subject, &text),
            subject,
            text,
            at: render_context.clock.at(report.at),
            host: render_context.host.clone(),
            incident: report.incident.id.clone(),
            number: report.number,
        }
    }
}

/// One line.
fn subject(report: &Report, render_context: &RenderContext) -> String {
    let (host, said) = (
        visible(&render_context.host),
        headline(report, &why(report)),
    );
    format!("[httpok {host}] {said}")
}

/// Why, in a word where there is one.
fn why(report: &Report) -> String {
    let Some(result) = report.result() else {
        let mut steps = report.incident.actions().flat_map(|(_, done)| &done.steps);
        return match steps.any(|step| matches!(step.action, ActionStep::Resumed { .. })) {
            true => "a watchdog was killed in the middle of its restart".to_owned(),
            false => "reason unknown".to_owned(),
        };
    };
    match (result.judgement.reason, &result.seen.status) {
        (Some(Reason::Status), Some(line)) => format!("status {}", line.code),
        (Some(reason), _) => reason.to_string(),
        (None, _) => brief(&result.judgement.detail, BRIEF),
    }
}

fn headline(report: &Report, why: &str) -> String {
    let check = visible(&report.incident.check);
    match &report.kind {
        ReportKind::Action => format!("{check} fails: {why}, acted on"),
        ReportKind::Down { state, .. } => {
            let (is, became) = match state {
                DownState::NotifyOnly => ("is", "nothing is restarted for it".to_owned()),
                DownState::Held(gate) => (
                    "is",
                    format!("not restarted: {}", visible(&gate.to_string())),
                ),
                DownState::Restarting => ("is", "being restarted".to_owned()),
                DownState::NotBack { after } => {
                    ("is", format!("restarted, NOT back after {}", span(*after)))
                }
                DownState::NothingRestarted => match stopped(&report.incident) {
                    Some(names) => ("is", format!("not restarted: {names} STOPPED")),
                    None => ("is", "nothing could be restarted".to_owned()),
                },
                DownState::NotStarted(failed) => {
                    return not_started(&report.incident.check, failed);
                }
                DownState::DryRun => ("is", "dry run: nothing was touched".to_owned()),
            };
            format!("{check} {is} down: {why}, {became}")
        }
        ReportKind::Recovered { down } if report.incident.is_of_removed() => format!(
            "{check} is not watched any more: it was taken out of the configuration while it was down, for {}",
            span(*down)
        ),
        ReportKind::Cured { after, .. } => {
            let (but, after) = (but_for(&report.incident), span(*after));
            format!("{check} was down: {why}, restarted{but}, back after {after}")
        }
        ReportKind::Recovered { down } => format!("{check} recovered after {}", span(*down)),
        ReportKind::GaveUp {
            budget: Some(budget),
            ..
        } if report.incident.attempts == 0 => format!(
            "{check} is down: {why}, gave up before a restart: those allowed, {}, are used up",
            allowed(*budget)
        ),
        ReportKind::GaveUp { .. } => {
            let tries = counted(report.incident.attempts, "restart", "restarts");
            format!("{check} is NOT back after {tries}: {why}, gave up")
        }
        ReportKind::Reminder { down } => {
            format!("{check} is still down after {}: {why}", span(*down))
        }
        ReportKind::Degraded => format!("{check} is degraded: {why}"),
        ReportKind::RecoveredDegraded { lasted } => {
            format!(
                "{check} is not degraded any more, {} after that was reported",
                span(*lasted)
            )
        }
        ReportKind::Unknown => format!("{check} cannot be checked: {why}"),
    }
}

/// What was to be restarted does not start: that matters more than why it was to be.
fn not_started(check: &str, failed: &FailedStart) -> String {
    let name = match failed.process == *check {
        true => String::new(),
        false => format!("{} was ", visible(&failed.process)),
    };
    let did = match (failed.stopped, failed.process == *check) {
        (true, _) => format!("{name}stopped for a restart and does not start"),
        (false, true) => "does not start".to_owned(),
        (false, false) => format!("{} does not start", visible(&failed.process)),
    };
    let why = brief(&failed.why, BRIEF);
    format!("{} is down: {did}: {why}", visible(check))
}

/// A budget in words.
fn allowed(budget: Budget) -> String {
    format!("{} in {}", budget.count, span(budget.window))
}

/// What is used up, and by what.
fn used_up(report: &Report, render_context: &RenderContext) -> Option<String> {
    let ReportKind::GaveUp {
        budget: Some(budget),
        used,
        ..
    } = &report.kind
    else {
        return None;
    };
    let own = used.iter().filter(|at| **at >= report.incident.opened);
    let (own, all) = (own.count(), used.len());
    let times: Vec<_> = used
        .iter()
        .take(SHOWN_TIMES)
        .map(|at| render_context.clock.time(*at))
        .collect();
    let more = if all > times.len() { ", ..." } else { "" };
    let by = match all {
        0 => "so none".to_owned(),
        _ => format!(
            "used up at {}{more}; {own} of them in this incident",
            times.join(", ")
        ),
    };
    Some(format!("{} (restarts), {by}", allowed(*budget)))
}

/// The body.
fn text(report: &Report, render_context: &RenderContext) -> String {
    let mut sections = vec![head(report, render_context)];
    sections.extend(
        report
            .result()
            .map(|result| transcript::seen(report, result, render_context)),
    );
    sections.extend(transcript::done(&report.incident, render_context));
    sections.extend(transcript::evidence(&report.incident));
    sections.extend(transcript::held(&report.incident, render_context));
    sections.push(format!(
        "What happens next\n  {}",
        next(report, render_context)
    ));
    sections.extend(transcript::history(&report.incident));
    sections.push(format!(
        "More: httpok explain {}",
        word(&report.incident.check)
    ));
    sections.join("\n\n")
}

fn head(report: &Report, render_context: &RenderContext) -> String {
    let incident = &report.incident;
    let detail = report.result().map_or_else(
        || why(report),
        |result| match result.judgement.reason {
            Some(reason) => format!("{reason}: {}", visible(&result.judgement.detail)),
            None => visible(&result.judgement.detail),
        },
    );
    let until = incident.ended.unwrap_or(report.at);
    let since = format!(
        "{}, for {}",
        render_context.clock.stamp(incident.since),
        span(until.since(incident.since))
    );
    let mut rows = vec![
        ("host", visible(&render_context.host)),
        ("url", visible(&redact_url(&report.url))),
        ("why", detail),
        ("since", since),
    ];
    rows.extend(used_up(report, render_context).map(|used| ("budget", used)));
    rows.extend(now(report).map(|now| ("now", now)));
    rows.push(("to do", advice(report)));
    let mut head = format!("{}.\n", headline(report, &why(report)));
    for (name, value) in rows {
        head.push_str(&format!("\n{name:<7}{value}"));
    }
    head
}

/// The newest probe, when it is another than the one the report is about.
fn now(report: &Report) -> Option<String> {
    let newest = report.incident.results().next_back()?;
    if report
        .result()
        .is_some_and(|result| std::ptr::eq(result, newest))
    {
        return None;
    }
    let CheckResult { seen, judgement } = newest;
    let (verdict, detail) = (judgement.verdict, brief(&judgement.detail, BRIEF));
    Some(format!("{verdict}: {detail}, in {}", timing(seen.duration)))
}

/// The processes that the last action left alone, when that was so because all of them are STOPPED: somebody did that,
/// and the watchdog does not undo it.
fn stopped(incident: &Incident) -> Option<String> {
    let (_, outcome) = incident.actions().last()?;
    let mut names = Vec::new();
    for step in &outcome.steps {
        let ActionStep::Skipped(Skip::NotRunning {
            state: ProcessState::Stopped,
        }) = &step.action
        else {
            return None;
        };
        names.extend(step.process.as_ref().map(|name| visible(&name.to_string())));
    }
    match names.as_slice() {
        [] => None,
        [name] => Some(format!("{name} is")),
        names => Some(format!("{} are", names.join(", "))),
    }
}

/// What is left for a person.
fn advice(report: &Report) -> String {
    let check = word(&report.incident.check);
    let stuck = not_running(&report.incident);
    let passes = matches!(
        report.kind,
        ReportKind::Recovered { .. } | ReportKind::Cured { .. }
    );
    if passes && !stuck.is_empty() {
        let stuck = stuck.join(", ");
        return format!("look at {stuck}: not running again, though the check passes");
    }
    match &report.kind {
        ReportKind::Down { state, .. } => match state {
            DownState::NotifyOnly => "see to it: the watchdog only watches it".to_owned(),
            DownState::Held(gate) => advice_when_held(gate, &check),
            DownState::Restarting => "nothing yet: it is being restarted".to_owned(),
            DownState::NotBack { .. } => {
                "check it soon: the restart did not help so far".to_owned()
            }
            DownState::NothingRestarted if stopped(&report.incident).is_some() => {
                "nothing, if somebody stopped it on purpose; otherwise start it".to_owned()
            }
            DownState::NothingRestarted => {
                "see to it: the steps below say why nothing was restarted".to_owned()
            }
            DownState::NotStarted(_) => {
                "see to it now: it stays down until it can be started".to_owned()
            }
            DownState::DryRun => {
                "see to it: the watchdog only says what it would have done".to_owned()
            }
        },
        ReportKind::Recovered { .. } if report.incident.is_of_removed() => {
            "nothing here; it was taken out of the configuration on purpose or by mistake"
                .to_owned()
        }
        ReportKind::Cured { .. } => {
            "nothing now; find out by day why, or it may come again".to_owned()
        }
        ReportKind::Recovered { .. } | ReportKind::RecoveredDegraded { .. } => "nothing".to_owned(),
        ReportKind::GaveUp { .. } => {
            format!("mend the cause, then let the watchdog work again: httpok reset {check}")
        }
        ReportKind::Reminder { .. } => "see to it: it has not come back by itself".to_owned(),
        ReportKind::Action => "see whether it came back".to_owned(),
        ReportKind::Degraded => "see to it by day: it answers, so nothing is restarted".to_owned(),
        ReportKind::Unknown => {
            "look at the watchdog's own host: as long as this lasts nobody watches".to_owned()
        }
    }
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
            format!("mend the cause, then: httpok reset {check}")
        }
        Gate::NotActedOn { .. } => {
            format!("see to it; to restart it manually: httpok restart {check}")
        }
        Gate::ShuttingDown => "start the watchdog again".to_owned(),
        Gate::Backoff { .. }
        | Gate::OnceOnly
        | Gate::Concurrency { .. }
        | Gate::SameProcess { .. }
        | Gate::Unfinished { .. } => "nothing yet: it is tried again by itself".to_owned(),
    }
}

/// The processes that were stopped and do not run again, as far as the incident shows.
fn not_running(incident: &Incident) -> Vec<String> {
    let mut stuck: Vec<&ProcessName> = Vec::new();
    for (_, outcome) in incident.actions() {
        stuck.extend(outcome.begun());
        stuck.retain(|process| outcome.restarted().all(|restarted| restarted != *process));
    }
    stuck.sort_unstable();
    stuck.dedup();
    let names = stuck.into_iter().map(|name| visible(&name.namespec()));
    names.collect()
}

fn but_for(incident: &Incident) -> String {
    match not_running(incident).as_slice() {
        [] => String::new(),
        stuck => format!(" but for {}", stuck.join(", ")),
    }
}

/// What the watchdog will do now.
fn next(report: &Report, render_context: &RenderContext) -> String {
    let after = |pause: Duration| render_context.clock.stamp(report.at + pause);
    match &report.kind {
        ReportKind::Down { state, .. } => match state {
            DownState::NotifyOnly
            | DownState::DryRun
            | DownState::Held(Gate::NotActedOn { .. }) => {
                "nothing but watching; you are notified when it is back".to_owned()
            }
            DownState::Held(Gate::Backoff { left }) => {
                format!("the next attempt is due at {}", after(*left))
            }
            DownState::Held(_) => {
                "it is restarted as soon as nothing holds that back any more; you are notified when it is back"
                    .to_owned()
            }
            DownState::Restarting => {
                "you are notified when it is back, or when the restart did not help".to_owned()
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
        ReportKind::Recovered { .. } if report.incident.is_of_removed() => {
            "nothing: it is not watched any more".to_owned()
        }
        ReportKind::Cured { .. } => {
            "it is watched on; should it fail again you are notified".to_owned()
        }
        ReportKind::Recovered { .. }
        | ReportKind::RecoveredDegraded { .. }
        | ReportKind::Degraded
        | ReportKind::Action => {
            "it is watched on".to_owned()
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
            None => "it is watched on; you are notified when it is back".to_owned(),
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
            IncidentEvent::Probed(_) | IncidentEvent::Delivered { .. }
        )
    })?;
    match &last.event {
        IncidentEvent::Held(Gate::Backoff { left }) => Some(last.at + *left),
        _ => None,
    }
}

/// `name` as one word of a shell.
fn word(name: &str) -> String {
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/' | '@');
    match !name.is_empty() && name.chars().all(plain) {
        true => name.to_owned(),
        false => format!("'{}'", visible(name).replace('\'', "'\\''")),
    }
}
