//! A report as text, for a person who was woken by it: the subject and the first lines say what is down,
//! since when, what became of it and what is left to do. The evidence below is `transcript`'s.

use crate::health::{
    ActionStep, Budget, CheckResult, DownState, FailedStart, Incident, ProcessName, Reason, Report,
    ReportKind, counted,
};
use crate::secret::shown_url;
use crate::sorted;

use super::advice::{advice, next, not_to_restart};
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
            only_to: Vec::new(),
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
        // a heartbeat, a command or gRPC says in words what is wrong
        (Some(Reason::Status | Reason::Reported), None) => brief(&result.judgement.detail, BRIEF),
        (Some(reason), _) if reason.is_of_program() => {
            format!("{reason}: {}", brief(&result.judgement.detail, BRIEF))
        }
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
                DownState::NotifyOnly if program(report).is_some() => {
                    return format!("{check} is down: {why}");
                }
                DownState::NotifyOnly => ("is", "no restart is configured".to_owned()),
                DownState::Held(gate) => (
                    "is",
                    format!("not restarted: {}", visible(&gate.to_string())),
                ),
                DownState::Restarting => ("is", "being restarted".to_owned()),
                DownState::Escalating { does } => {
                    ("is", format!("escalating: {}", brief(does, BRIEF)))
                }
                DownState::NotBack { after } if is_untouched(&report.incident) => {
                    ("is", format!("acted on, NOT back after {}", span(*after)))
                }
                DownState::NotBack { after } => {
                    ("is", format!("restarted, NOT back after {}", span(*after)))
                }
                DownState::NothingRestarted => match not_to_restart(&report.incident) {
                    Some(states) => ("is", format!("not restarted: {states}")),
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
        ReportKind::Recovered { down } if report.incident.is_of_stopped() => format!(
            "{check} was stopped by request, after it had been down for {}",
            span(*down)
        ),
        ReportKind::Cured { after, .. } => {
            let (but, after) = (but_for(report), span(*after));
            let did = match is_untouched(&report.incident) {
                true => "acted on",
                false => "restarted",
            };
            format!("{check} was down: {why}, {did}{but}, back after {after}")
        }
        ReportKind::Recovered { down } => {
            let tries = match report.incident.attempts {
                0 => String::new(),
                _ => format!(" and {}", tries(&report.incident)),
            };
            format!("{check} recovered after {}{tries}", span(*down))
        }
        ReportKind::GaveUp {
            budget: Some(budget),
            ..
        } if report.incident.attempts == 0 => format!(
            "{check} is down: {why}, gave up before a restart: {} are used up",
            allowed(*budget)
        ),
        ReportKind::GaveUp { .. } => {
            let tries = tries(&report.incident);
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

/// How often something was done about it.
fn tries(incident: &Incident) -> String {
    match incident.escalated() {
        true => counted(incident.attempts, "attempt", "attempts"),
        false => counted(incident.attempts, "restart", "restarts"),
    }
}

/// Why its program is down, when the report is about a program of ours and not about an answer.
pub(super) fn program(report: &Report) -> Option<Reason> {
    let reason = report.result()?.judgement.reason?;
    reason.is_of_program().then_some(reason)
}

/// Whether something else than a restart was done, and no restart.
pub(super) fn is_untouched(incident: &Incident) -> bool {
    let mut actions = incident.actions();
    incident.escalated() && !actions.any(|(_, done)| done.restarted().next().is_some())
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
    sections.extend(transcript::programs(&report.incident, render_context));
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
    // what a restart took counts from the restart: it is said from when this counts
    let from = match report.kind {
        ReportKind::Degraded | ReportKind::RecoveredDegraded { .. } | ReportKind::Unknown => "",
        _ => " from the first fail",
    };
    let since = format!(
        "{}, for {}{from}",
        render_context.clock.stamp(incident.since),
        span(until.since(incident.since))
    );
    let mut rows = vec![
        ("host", visible(&render_context.host)),
        ("url", visible(&shown_url(&report.url))),
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

/// The processes that were stopped and do not run again, as far as is known.
pub(super) fn not_running(report: &Report) -> Vec<String> {
    let mut stuck: Vec<&ProcessName> = report.unfinished.iter().collect();
    for (_, outcome) in report.incident.actions() {
        stuck.extend(outcome.begun());
        stuck.retain(|process| outcome.restarted().all(|restarted| restarted != *process));
    }
    sorted::plain(&mut stuck);
    stuck.dedup();
    let names = stuck.into_iter().map(|name| visible(&name.namespec()));
    names.collect()
}

fn but_for(report: &Report) -> String {
    match not_running(report).as_slice() {
        [] => String::new(),
        stuck => format!(" but for {}", stuck.join(", ")),
    }
}

/// `name` as one word of a shell.
pub(super) fn word(name: &str) -> String {
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/' | '@');
    match !name.is_empty() && name.chars().all(plain) {
        true => name.to_owned(),
        false => format!("'{}'", visible(name).replace('\'', "'\\''")),
    }
}
