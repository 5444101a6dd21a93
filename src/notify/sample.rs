//! A report that nothing has caused: templates are tried with it, and `httpok notify test` sends it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Notifier;
use super::message::{DeliveryError, Notification, RenderContext, Taken};
use super::report::MailFormat;
use crate::clock::WallClock;
use crate::health::{
    CheckResult, DownState, Expectation, Incident, IncidentEvent, Moment, Observation, Phase,
    Reason, Report, ReportKind, Trouble,
};

/// The check that the report is about.
pub const CHECK: &str = "httpok-test";

/// A report from `host`, made at `at`, that a check is down.
pub fn notification(host: &str, at: SystemTime) -> Notification {
    render(
        host,
        at,
        ReportKind::Down {
            state: DownState::NotifyOnly,
            update: false,
        },
    )
}

/// Sends the report through `notifier`, and its end where the receiver would show it as open otherwise.
///
/// # Errors
/// Says what the other side answered.
pub async fn send(notifier: &Notifier, pairs: bool, host: &str) -> Result<Taken, DeliveryError> {
    let at = SystemTime::now();
    let mut taken = notifier.deliver(&notification(host, at), None).await?;
    // a sample is sent once
    taken.refused.append(&mut taken.deferred);
    if pairs {
        notifier.deliver(&end(host, at), None).await?;
    }
    Ok(taken)
}

/// The report that ends the incident of [`notification`].
pub fn end(host: &str, at: SystemTime) -> Notification {
    render(
        host,
        at,
        ReportKind::Recovered {
            down: Duration::from_secs(1),
        },
    )
}

fn render(host: &str, at: SystemTime, kind: ReportKind) -> Notification {
    let trouble = Trouble::new(
        Reason::Status,
        Phase::FirstByte,
        "this is a test of the notifier: nothing is down",
    );
    let seen = Observation::of_trouble(trouble);
    let judgement = Expectation::default().judge(&seen);
    let now = Moment::default();
    let since_1970 = at.duration_since(SystemTime::UNIX_EPOCH);
    let id = format!("test-{}", since_1970.unwrap_or_default().as_millis());
    let mut incident = Incident::open(id, CHECK, now, now);
    incident.notified = true;
    let number = match kind {
        ReportKind::Recovered { .. } => 2,
        _ => 1,
    };
    incident.reports = number;
    let result = CheckResult { seen, judgement };
    incident.note(now, IncidentEvent::Probed(Arc::new(result)));
    let report = Report {
        number,
        kind,
        at: now,
        url: "http://127.0.0.1/httpok-test".to_owned(),
        incident,
        unfinished: Vec::new(),
    };
    let render_context = RenderContext {
        host: host.to_owned(),
        clock: WallClock { origin: at },
    };
    MailFormat::Full.render(&report, &render_context)
}
