//! What a person asks of a running watchdog.

use std::time::Duration;

use tokio::time::timeout;

use super::Watchdog;
use super::snapshots::SnapshotRequester;
use super::startup::OwnMemory;
use crate::daemon::control::protocol::{ControlFault, ControlReply};
use crate::daemon::control::remembered;
use crate::daemon::control::{PendingRequest, RequestAction};
use crate::health::{CallError, CheckView, Decision, Event, ProcessName};
use crate::secret::{self, shown_url};
use crate::supervisor::Supervisor;

/// How long the state directory may hold up an answer.
pub(super) const STORE_ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// A start or a stop that takes longer goes on after the answer.
const PROGRAM_ANSWERS_WITHIN: Duration = Duration::from_secs(20);

impl Watchdog {
    /// Does what a person asks for.
    pub(super) fn answer(&mut self, asked: PendingRequest) {
        self.watch_clock();
        let answer = match asked.order(&self.monitor) {
            RequestAction::Refuse(answer) => answer,
            RequestAction::ShowStatus => {
                return self.begin_snapshot(SnapshotRequester::Status(asked));
            }
            RequestAction::Redirect { from, to } => {
                let moved = self.notification_queue.redirect(from, to);
                tokio::spawn(async move {
                    asked.answer(match moved.await {
                        Ok(messages) => ControlReply::Moved { messages },
                        Err(why) => ControlReply::error(ControlFault::Refused, why),
                    });
                });
                return;
            }
            RequestAction::Test { notifier } => {
                let tested = self.notification_queue.test(notifier);
                tokio::spawn(async move {
                    asked.answer(match tested.await {
                        Ok(notifiers) => ControlReply::Tested { notifiers },
                        Err(why) => ControlReply::error(ControlFault::Refused, why),
                    });
                });
                return;
            }
            RequestAction::Flush => {
                self.write_passes();
                let (persist_queue, store) = (self.persist_queue.clone(), self.store.clone());
                tokio::spawn(async move {
                    persist_queue.sync().await;
                    let unsaved = store.flush_to_file().await.err();
                    asked.answer(ControlReply::Flushed { unsaved });
                });
                return;
            }
            RequestAction::Remembered(query) => {
                self.write_passes();
                let (persist_queue, store) = (self.persist_queue.clone(), self.store.clone());
                let watchdog = self.executor.intents.owner().watchdog.clone();
                tokio::spawn(async move {
                    persist_queue.sync().await;
                    // the store reports what cannot be written
                    let _ = store.flush().await;
                    asked.answer(remembered::answer(&store, watchdog, query).await);
                });
                return;
            }
            RequestAction::FleetStatus => return self.show_fleet(asked),
            RequestAction::FleetRelease { host } => return self.free_slots(host, asked),
            RequestAction::SetHealth { unhealthy } => {
                let now = self.executor.clock.now();
                let snapshot = self.monitor.snapshot_without_samples(now);
                let health = &mut self.serving.health;
                health.set_unhealthy(unhealthy.clone());
                let reasons = health.reasons(&snapshot);
                let json = serde_json::json!(OwnMemory { unhealthy }).to_string();
                self.store
                    .save_own_memory(&self.key(), secret::mask_json(json));
                return self.answer_once_saved(asked, move |unsaved| ControlReply::Health {
                    healthy: reasons.is_empty(),
                    reasons: reasons.iter().map(ToString::to_string).collect(),
                    unsaved,
                });
            }
            RequestAction::Reload => return self.begin_reload(Some(asked)),
            RequestAction::Program { name, start } => {
                return self.command_program(&name, start, asked);
            }
            RequestAction::Restart { check } => {
                let event = Event::Restart {
                    check: check.clone(),
                };
                // answered when its processes are listed
                self.restarts.push((check, asked));
                self.feed(event);
                return;
            }
            RequestAction::StdinFeed { check, event } => {
                self.feed(event);
                return self.answer_when_saved(&check, asked);
            }
        };
        asked.answer(answer);
    }

    /// Answers how `check` stands now, once the state directory has what was done about it: who was answered may rely on
    /// it, whatever kills us.
    fn answer_when_saved(&self, check: &str, asked: PendingRequest) {
        let at = self.executor.clock.now();
        let Some(mut view) = self.monitor.view(at, check) else {
            let gone = ControlReply::error(ControlFault::UnknownCheck, "it is gone");
            return asked.answer(gone);
        };
        hide_secrets(&mut view);
        self.answer_once_saved(asked, move |unsaved| ControlReply::Done {
            at,
            check: Box::new(view),
            unsaved,
        });
    }

    /// Answers once the state directory has what was done; `answer` gets the reason when it has not.
    fn answer_once_saved(
        &self,
        asked: PendingRequest,
        answer: impl FnOnce(Option<String>) -> ControlReply + Send + 'static,
    ) {
        let (persist_queue, store) = (self.persist_queue.clone(), self.store.clone());
        tokio::spawn(async move {
            let saved = timeout(STORE_ANSWERS_WITHIN, async {
                persist_queue.sync().await;
                store.flush_to_disk().await
            });
            let saved = saved
                .await
                .unwrap_or_else(|_| Err("the state directory does not answer yet".to_owned()));
            asked.answer(answer(saved.err()));
        });
    }

    /// Answers the requests to restart `check`, if `decision` says what becomes of it.
    pub(super) fn answer_restart(&mut self, check: &str, decision: &Decision) {
        let answer = match decision {
            Decision::Refused(why) => ControlReply::error(ControlFault::Refused, why.to_string()),
            Decision::ManualRestart { .. } => {
                let now = self.executor.clock.now();
                let Some(mut view) = self.monitor.view(now, check) else {
                    return;
                };
                hide_secrets(&mut view);
                ControlReply::Done {
                    at: now,
                    check: Box::new(view),
                    unsaved: None,
                }
            }
            _ => return,
        };
        for (_, asked) in self.restarts.extract_if(.., |(of, _)| of == check) {
            asked.answer(answer.clone());
        }
    }

    /// Starts or stops one of our programs, and answers how it is then.
    fn command_program(&self, text: &str, start: bool, asked: PendingRequest) {
        let programs = self.programs.list();
        let text = text.strip_prefix(ProcessName::PROGRAM).unwrap_or(text);
        let named = programs.iter().find(|one| one.name.namespec() == text);
        let (Some(process), Some(supervisor)) = (named, self.programs.supervisor()) else {
            let known: Vec<_> = programs.iter().map(|one| one.name.namespec()).collect();
            let known = match known.is_empty() {
                true => "there is none".to_owned(),
                false => format!("there are: {}", known.join(", ")),
            };
            let text = format!("there is no program {text:?}; {known}");
            return asked.answer(ControlReply::error(ControlFault::UnknownProgram, text));
        };
        let name = process.name.clone();
        let supervisor = supervisor.clone();
        tokio::spawn(async move {
            let done = async {
                match start {
                    true => supervisor.start(&name).await,
                    false => supervisor.stop(&name).await,
                }
            };
            // the client gets the current state, even when it takes longer
            let done = timeout(PROGRAM_ANSWERS_WITHIN, done)
                .await
                .unwrap_or(Ok(()));
            let refused = |why| ControlReply::error(ControlFault::Refused, why);
            asked.answer(match done.and_then(|()| supervisor.info(&name)) {
                Ok(program) => ControlReply::Program {
                    program: Box::new(program),
                },
                Err(error) if error.is_fault(CallError::ALREADY_STARTED) => {
                    refused(format!("{name} has been started already"))
                }
                Err(error) if error.is_fault(CallError::NOT_RUNNING) => {
                    refused(format!("{name} does not run"))
                }
                Err(error) => refused(error.to_string()),
            });
        });
    }
}

/// The original's mails name a URL as it was given; an answer does not.
pub(super) fn hide_secrets(check: &mut CheckView) {
    check.url = shown_url(&check.url);
}
