//! A report as JSON, for programs: what webhooks send. Its keys are a promise; new ones may be added.
//!
//! `schema` (1; another number when what a key means changes; also under its first name, `version`), `kind`
//! (`down`, `recovered`, `cured`, `gave_up`, `reminder`, `degraded`, `recovered_degraded`,
//! `unknown`, `action`), `details` (what the kind adds),
//! `host`, `check`, `url`, `at`, `number`, `incident` (`id`, `since`, `opened`, `ended`, `attempts`), `subject`,
//! `text`, `seen` (or null) and `steps` (of the last action: `at`, `took`, `process` and `action`, whose key
//! says what was done). Times are RFC 3339 in UTC, spans are seconds.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::health::{CheckResult, DownState, Report, ReportKind, Step};
use crate::secret::shown_url;

use super::message::RenderContext;
use super::text::excerpt;

/// `report` as JSON, with its texts.
pub(super) fn of(
    report: &Report,
    render_context: &RenderContext,
    subject: &str,
    text: &str,
) -> Value {
    let (incident, clock) = (&report.incident, render_context.clock);
    let steps = incident.actions().last().map(|(_, outcome)| {
        let steps = outcome.steps.iter();
        steps.map(|step| self::step(step, render_context)).collect()
    });
    json!({
        "schema": 1,
        "version": 1,
        "kind": report.kind.as_str(),
        "details": details(report),
        "host": render_context.host,
        "check": incident.check,
        "url": shown_url(&report.url),
        "at": clock.stamp(report.at),
        "number": report.number,
        "incident": {
            "id": incident.id,
            "since": clock.stamp(incident.since),
            "opened": clock.stamp(incident.opened),
            "ended": incident.ended.map(|end| clock.stamp(end)),
            "attempts": incident.attempts,
        },
        "subject": subject,
        "text": text,
        "seen": report.result().map(seen),
        "steps": steps.unwrap_or_else(Vec::new),
    })
}

fn details(report: &Report) -> Value {
    let seconds = Duration::as_secs_f64;
    match &report.kind {
        // it ended because the check is not probed any more
        ReportKind::Recovered { down } if report.incident.is_of_removed() => {
            json!({ "down": seconds(down), "removed": true })
        }
        ReportKind::Recovered { down } if report.incident.is_of_stopped() => {
            json!({ "down": seconds(down), "stopped": true })
        }
        ReportKind::Action | ReportKind::Degraded | ReportKind::Unknown => json!({}),
        ReportKind::Down { state, .. } => match state {
            DownState::NotifyOnly => json!({ "state": "notify_only" }),
            DownState::Held(gate) => json!({ "state": "held", "gate": gate.to_string() }),
            DownState::Restarting => json!({ "state": "restarting" }),
            DownState::Escalating { does } => json!({ "state": "escalating", "does": does }),
            DownState::NotBack { after } => json!({ "state": "not_back", "after": seconds(after) }),
            DownState::NothingRestarted => json!({ "state": "nothing_restarted" }),
            DownState::NotStarted(failed) => json!({
                "state": "not_started",
                "process": failed.process,
                "stopped": failed.stopped,
                "why": failed.why,
            }),
            DownState::DryRun => json!({ "state": "dry_run" }),
        },
        ReportKind::Cured { down, after } => {
            json!({ "down": seconds(down), "after": seconds(after) })
        }
        ReportKind::RecoveredDegraded { lasted } => json!({ "lasted": seconds(lasted) }),
        ReportKind::Recovered { down } | ReportKind::Reminder { down } => {
            json!({ "down": seconds(down) })
        }
        ReportKind::GaveUp {
            rearm,
            budget,
            used,
        } => json!({
            "rearm": rearm.as_ref().map(seconds),
            "budget": budget.map(|budget| json!({
                "count": budget.count,
                "window": seconds(&budget.window),
                "used": used.len(),
            })),
        }),
    }
}

fn seen(result: &CheckResult) -> Value {
    let CheckResult { seen, judgement } = result;
    let mut phases = Map::new();
    let taken = seen.phases.iter();
    phases
        .extend(taken.map(|(phase, took)| (phase.as_str().to_owned(), took.as_secs_f64().into())));
    json!({
        "verdict": judgement.verdict,
        "reason": judgement.reason,
        "phase": judgement.phase,
        "detail": judgement.detail,
        "findings": judgement.findings,
        "status": seen.status.as_ref().map(|line| line.code),
        "duration": seen.duration.as_secs_f64(),
        "phases": phases,
        "peer": seen.peer,
        "body": seen.body.as_ref().map(|body| json!({ "size": body.size, "excerpt": excerpt(body) })),
    })
}

fn step(step: &Step, render_context: &RenderContext) -> Value {
    json!({
        "at": render_context.clock.stamp(step.at),
        "took": step.took.as_secs_f64(),
        "process": step.process.as_ref().map(crate::health::ProcessName::namespec),
        "action": step.action,
    })
}
