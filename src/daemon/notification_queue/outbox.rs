//! Reports become messages of the outbox: one for each notifier whose route takes the report and whose policy sends it,
//! rendered, masked, and saved in one step with the state that they rest on.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc};

use crate::clock::Clock;
use crate::daemon::logger::Logger;
use crate::daemon::open_incidents::OpenIncidents;
use crate::health::{Event, Incident, Memory, Report, ReportKind, RoutedTo, seconds};
use crate::notify::policy::{self, NotifierPolicy};
use crate::notify::report::MailFormat;
use crate::notify::route::Route;
use crate::notify::{Notification, RenderContext};
use crate::secret;
use crate::store::{self, Queueing, Store};

/// What waits in the outbox: a message, and which report it is.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct QueuedNotification {
    pub kind: ReportKind,
    pub message: Notification,
}

/// Reports, and what they rest on: the state of their checks, and the incidents that ended.
#[derive(Debug, Default)]
pub struct ReportBatch {
    pub reports: Vec<Report>,
    pub memories: Vec<(String, Memory)>,
    pub incidents: Vec<Incident>,
}

impl ReportBatch {
    /// Whether it says something about the state of `check`.
    pub fn is_about(&self, check: &str) -> bool {
        self.memories.iter().any(|(name, _)| name == check)
            || self
                .incidents
                .iter()
                .any(|incident| incident.check == check)
    }

    /// Takes in what `later` says, which is about other checks.
    pub fn append(&mut self, later: Self) {
        self.reports.extend(later.reports);
        self.memories.extend(later.memories);
        self.incidents.extend(later.incidents);
    }
}

/// A notifier as the outbox knows it.
#[derive(Clone)]
pub(super) struct Addressee {
    pub name: String,
    pub address: String,
    pub route: Route,
    pub policy: NotifierPolicy,
}

impl Addressee {
    /// Whether `report` goes there, and what holds it or leaves it out.
    fn route_of(&self, report: &Report, age: Duration) -> (bool, String) {
        let takes = |kind: &ReportKind| self.route.takes(&report.with_kind(kind.clone()));
        let short = || "shorter than min_duration".to_owned();
        match self.policy.delivery(&report.kind, &takes, age) {
            policy::Delivery::None => (false, self.route.leaves_out(report).to_owned()),
            policy::Delivery::AtOnce(_) => (true, String::new()),
            policy::Delivery::HeldFor(span) => (true, format!("held for {} s", seconds(span))),
            policy::Delivery::TakesBack {
                instead: None,
                otherwise: None,
            } => (false, short()),
            policy::Delivery::TakesBack { instead: None, .. } => {
                (true, "only if it heard that it is down".to_owned())
            }
            policy::Delivery::TakesBack { .. } => (true, String::new()),
        }
    }
}

/// Puts reports into the outbox, in words.
#[derive(Clone)]
pub struct Outbox {
    pub(super) store: Store,
    pub(super) watchdog: String,
    pub(super) format: MailFormat,
    pub(super) render_context: RenderContext,
    pub(super) notifiers: Vec<Addressee>,
    pub(super) open: Arc<OpenIncidents>,
    pub(super) logger: Logger,
    pub(super) clock: Clock,
    pub(super) news: Arc<Notify>,
    pub(super) events: mpsc::UnboundedSender<Event>,
}

impl Outbox {
    /// Puts reports into the outbox, once for each notifier, in one step with what they rest on: when a kill comes,
    /// the next run knows of all of it or of nothing. On disk when this returns.
    pub async fn take(&self, batch: ReportBatch) {
        let mut messages = Vec::new();
        for report in &batch.reports {
            messages.extend(self.messages(report));
        }
        let ended = batch.incidents.iter();
        let ended = ended.filter(|incident| incident.ended.is_some());
        ended.for_each(|incident| self.open.remove(&incident.id));
        let memories = batch.memories.iter().filter_map(|(check, memory)| {
            match serde_json::to_string(memory) {
                Ok(json) => Some((check.clone(), secret::mask_json(json))),
                Err(error) => {
                    tracing::warn!("cannot write down the state of {check:?}: {error}");
                    None
                }
            }
        });
        let memories = memories.collect();
        let saved = self
            .store
            .save_reports(&self.watchdog, messages, memories, batch.incidents);
        match saved.await {
            Ok(dropped) => {
                for lost in dropped {
                    self.logger.trouble(&format!(
                        "too many messages wait: report {} of incident {} to {} was dropped",
                        lost.number, lost.incident, lost.notifier
                    ));
                }
            }
            Err(error) => {
                for report in &batch.reports {
                    let (kind, check) = (report.kind.as_str(), &report.incident.check);
                    self.logger.trouble(&format!(
                        "cannot keep report {} ({kind}) of {check:?}: {error}",
                        report.number
                    ));
                }
            }
        }
        self.news.notify_waiters();
    }

    /// The rows of a report, one for each notifier that gets it.
    fn messages(&self, report: &Report) -> Vec<store::OutboxMessage> {
        let json = match self.queued(report) {
            Ok(json) => json,
            Err(error) => {
                let (kind, check) = (report.kind.as_str(), &report.incident.check);
                self.logger.trouble(&format!(
                    "cannot keep report {} ({kind}) of {check:?}: {error}",
                    report.number
                ));
                return Vec::new();
            }
        };
        self.note_open(report, &json);
        let message = |addressee: &Addressee, queueing, json: String| store::OutboxMessage {
            notifier: addressee.name.clone(),
            address: addressee.address.clone(),
            check: report.incident.check.clone(),
            incident: report.incident.id.clone(),
            number: report.number,
            json,
            created: report.at,
            queueing,
        };
        // what was queued a moment ago in other words cannot fail now
        let text = |kind: &ReportKind| match *kind == report.kind {
            true => Some(json.clone()),
            false => self.queued(&report.with_kind(kind.clone())).ok(),
        };
        let age = report.at.since(report.incident.since);
        let row = |addressee: &Addressee| {
            let takes = |kind: &ReportKind| addressee.route.takes(&report.with_kind(kind.clone()));
            match addressee.policy.delivery(&report.kind, &takes, age) {
                policy::Delivery::None => None,
                policy::Delivery::AtOnce(kind) => {
                    Some(message(addressee, Queueing::AtOnce, text(&kind)?))
                }
                policy::Delivery::HeldFor(span) => {
                    let queueing = Queueing::HeldUntil(report.at + span);
                    Some(message(addressee, queueing, json.clone()))
                }
                policy::Delivery::TakesBack { instead, otherwise } => {
                    let queueing = Queueing::TakesBack {
                        instead: instead.as_ref().and_then(text),
                        otherwise: otherwise.as_ref().and_then(text),
                    };
                    Some(message(addressee, queueing, String::new()))
                }
            }
        };
        self.note_routes(report, age);
        self.notifiers.iter().filter_map(row).collect()
    }

    /// Has it noted in the incident where `report` goes, when that is not simply everywhere and at once.
    fn note_routes(&self, report: &Report, age: Duration) {
        let (mut to, mut not_to) = (Vec::new(), Vec::new());
        for addressee in &self.notifiers {
            let (goes, why) = addressee.route_of(report, age);
            let list = if goes { &mut to } else { &mut not_to };
            list.push(RoutedTo {
                notifier: addressee.name.clone(),
                why,
            });
        }
        if not_to.is_empty() && to.iter().all(|routed| routed.why.is_empty()) {
            return;
        }
        // nobody listens any more: the watchdog has ended
        let _ = self.events.send(Event::Routed {
            check: report.incident.check.clone(),
            incident: report.incident.id.clone(),
            report: report.number,
            kind: report.kind.clone(),
            to,
            not_to,
        });
    }

    /// `report` in words, as JSON without secrets.
    fn queued(&self, report: &Report) -> serde_json::Result<String> {
        let render_context = RenderContext {
            // dates are right even when the clock was set after the start
            clock: self.clock.wall_clock(),
            ..self.render_context.clone()
        };
        let queued_notification = QueuedNotification {
            kind: report.kind.clone(),
            message: self.format.render(report, &render_context),
        };
        serde_json::to_string(&queued_notification).map(secret::mask_json)
    }

    /// Remembers whether the incident of `report` is open; `json` is what was queued of it.
    fn note_open(&self, report: &Report, json: &str) {
        if let Ok(queued) = serde_json::from_str::<QueuedNotification>(json) {
            let all = self.notifiers.iter();
            let getting = all.filter(|addressee| addressee.route.takes(report));
            let names = getting.map(|addressee| addressee.name.as_str());
            self.open.note(report, queued.message, names);
        }
    }

    /// An earlier run has reported that the incident of `report` is open: notifiers that repeat what is open go on.
    pub fn recall(&self, report: &Report) {
        if let Ok(json) = self.queued(report) {
            self.note_open(report, &json);
        }
        self.news.notify_waiters();
    }
}
