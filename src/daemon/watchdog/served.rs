//! How the loop answers external requests.

use tokio::time::timeout;

use super::Watchdog;
use super::snapshots::SnapshotRequester;
use crate::daemon::control::PendingRequest;
use crate::daemon::control::protocol::{self, ControlFault, ControlReply};
use crate::daemon::serving::Incoming;
use crate::daemon::timeline::{Timeline, TimelineLine};
use crate::health::Snapshot;
use crate::serve::hub::{ControlAnswer, ControlOutcome, IncidentText, ServeRequest};
use crate::serve::view::View;
use crate::store::Store;

/// Incidents that are listed.
const INCIDENTS: u32 = 50;
/// Decisions that are searched for those around an incident.
const NOTES: u32 = 2000;

impl Watchdog {
    /// Binds what is to be served. A run of one probe serves nothing.
    pub(super) fn begin_serving(&mut self) -> Result<(), String> {
        if self.once {
            return Ok(());
        }
        let mut view = self.view(true);
        if !self.serving.will_serve() {
            // nobody asks for it, and it is as large as all checks
            view.snapshot.checks = Vec::new();
        }
        let state_dir = self.fixed.state_dir.clone();
        let events = self.events.clone();
        self.serving
            .begin((view, events), self.store.clone(), state_dir)
    }

    /// Answers what has come.
    pub(super) fn serve(&mut self, incoming: Incoming) {
        self.watch_clock();
        match incoming {
            Incoming::Measured(levels) => {
                self.serving.levels = levels;
                self.serving.health.measured(levels);
            }
            Incoming::Request(ServeRequest::View {
                with_samples,
                answer,
            }) => self.begin_snapshot(SnapshotRequester::View {
                with_samples,
                answer,
            }),
            Incoming::Request(ServeRequest::Incidents { check, answer }) => {
                let (store, watchdog) = (self.store.clone(), self.key());
                tokio::spawn(async move {
                    let found = store.incidents(&watchdog, check.as_deref(), INCIDENTS);
                    // the store reports what cannot be read
                    let _ = answer.send(found.await.unwrap_or_default());
                });
            }
            Incoming::Request(ServeRequest::IncidentText { id, answer }) => {
                self.write_passes();
                let (store, watchdog) = (self.store.clone(), self.key());
                tokio::spawn(async move {
                    let _ = answer.send(incident_text(&store, &watchdog, &id).await);
                });
            }
            Incoming::Request(ServeRequest::Control { request, answer }) => {
                match protocol::read(&request) {
                    Err(refused) => drop(answer.send(controlled(refused))),
                    Ok(command) => {
                        let patience = command.patience();
                        let (asked, answered) = PendingRequest::new(command);
                        self.answer(asked);
                        tokio::spawn(async move {
                            if let Ok(Ok(reply)) = timeout(patience, answered).await {
                                let _ = answer.send(controlled(reply));
                            }
                        });
                    }
                }
            }
        }
    }

    /// Shows the current state to all requests; as the last view, when the loop answers no more.
    pub(super) fn keep_view(&mut self, last: bool) {
        if self.serving.is_live() {
            let view = self.view(true);
            self.serving.keep(view, last);
        }
    }

    pub(super) fn key(&self) -> String {
        self.executor.intents.owner().watchdog.clone()
    }

    pub(super) fn view(&mut self, with_samples: bool) -> View {
        let now = self.executor.clock.now();
        let snapshot = match with_samples {
            true => self.monitor.snapshot(now),
            false => self.monitor.snapshot_without_samples(now),
        };
        self.view_of(snapshot, with_samples)
    }

    /// What is shown beside `snapshot`, which has the last results of each check or not.
    pub(super) fn view_of(&mut self, mut snapshot: Snapshot, with_samples: bool) -> View {
        snapshot.config = Some(self.reloaded.clone());
        let watchdog = self.key();
        let serving = &mut self.serving;
        View {
            ready: serving.health.is_ready(&snapshot),
            reasons: serving.health.reasons(&snapshot),
            watchdog,
            host: serving.host.clone(),
            pid: std::process::id(),
            started: serving.started,
            next: serving.next_probes(),
            outbox: serving.levels.outbox.unwrap_or_default(),
            tick_lag: serving.lag,
            programs: self.programs.list(),
            snapshot,
            with_samples,
        }
    }
}

/// An incident with what was decided around it.
async fn incident_text(store: &Store, watchdog: &str, id: &str) -> Option<IncidentText> {
    let incident = store.incident(id).await.ok().flatten()?;
    let notes = store.notes(watchdog, &incident.check, NOTES).await;
    let timeline = Timeline::of(&incident, None, &notes.unwrap_or_default());
    let mut lines = Vec::new();
    // fails beyond the threshold are one like the other
    let alike =
        |one: &TimelineLine, other: &TimelineLine| one.like.is_some() && one.like == other.like;
    for run in timeline.lines.chunk_by(alike) {
        lines.push((run[0].at, run[0].text.clone()));
        if let [_, .., last] = run {
            lines.push((last.at, format!("{} more like that", run.len() - 1)));
        }
    }
    Some(IncidentText { incident, lines })
}

fn controlled(reply: ControlReply) -> ControlAnswer {
    let outcome = match &reply {
        ControlReply::Error { fault, .. } => match fault {
            ControlFault::BadRequest | ControlFault::Version => ControlOutcome::BadRequest,
            ControlFault::UnknownCheck | ControlFault::UnknownProgram => ControlOutcome::NotFound,
            ControlFault::Refused | ControlFault::NotReloaded => ControlOutcome::Conflict,
            ControlFault::Busy => ControlOutcome::Unavailable,
        },
        _ => ControlOutcome::Done,
    };
    ControlAnswer {
        json: protocol::write(reply),
        outcome,
    }
}
