//! Snapshots for whoever asks how things are, taken some checks in each turn of the loop: with thousands of checks a whole
//! one would make every probe of that moment late.

use std::collections::VecDeque;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Watchdog;
use super::requests::{STORE_ANSWERS_WITHIN, hide_secrets};
use crate::daemon::control::PendingRequest;
use crate::daemon::control::protocol::ControlReply;
use crate::health::{PartialSnapshot, Snapshot};
use crate::serve::view::View;

/// Checks that are added in a turn: half a millisecond of work.
const IN_A_TURN: usize = 250;

/// Snapshots that are under way, in the order they were asked for. Their number is bounded by that of the requesters.
#[derive(Debug, Default)]
pub(super) struct Snapshots(VecDeque<(PartialSnapshot, SnapshotRequester)>);

/// Who gets a snapshot.
#[derive(Debug)]
pub(super) enum SnapshotRequester {
    /// What is served, with or without the last results of each check.
    View {
        with_samples: bool,
        answer: oneshot::Sender<View>,
    },
    /// `httpok status`.
    Status(PendingRequest),
}

impl SnapshotRequester {
    const fn wants_samples(&self) -> bool {
        match self {
            Self::View { with_samples, .. } => *with_samples,
            Self::Status(_) => true,
        }
    }

    fn is_gone(&self) -> bool {
        matches!(self, Self::View { answer, .. } if answer.is_closed())
    }
}

impl Snapshots {
    pub fn are_under_way(&self) -> bool {
        !self.0.is_empty()
    }
}

impl Watchdog {
    /// Begins a snapshot. That of few checks is answered at once.
    pub(super) fn begin_snapshot(&mut self, requester: SnapshotRequester) {
        let partial = PartialSnapshot::new(requester.wants_samples());
        self.snapshots.0.push_back((partial, requester));
        if self.snapshots.0.len() == 1 {
            self.continue_snapshots();
        }
    }

    /// Goes on with the first snapshot, and answers its requester when it has all checks.
    pub(super) fn continue_snapshots(&mut self) {
        let Some((mut partial, requester)) = self.snapshots.0.pop_front() else {
            return;
        };
        if requester.is_gone() {
            return;
        }
        let now = self.executor.clock.now();
        match self.monitor.extend_snapshot(now, &mut partial, IN_A_TURN) {
            true => self.answer_with(partial.into_snapshot(), requester),
            false => self.snapshots.0.push_front((partial, requester)),
        }
    }

    fn answer_with(&mut self, snapshot: Snapshot, requester: SnapshotRequester) {
        match requester {
            SnapshotRequester::View {
                with_samples,
                answer,
            } => {
                let view = self.view_of(snapshot, with_samples);
                // the requester may be gone
                let _ = answer.send(view);
            }
            SnapshotRequester::Status(asked) => self.show_status(snapshot, asked),
        }
    }

    /// Answers `httpok status`.
    fn show_status(&self, mut snapshot: Snapshot, asked: PendingRequest) {
        snapshot.config = Some(self.reloaded.clone());
        let watchdog = self.executor.intents.owner().watchdog.clone();
        let programs = self.programs.list();
        let notifiers = self.notification_queue.status();
        let unhealthy = self.serving.health.unhealthy().map(str::to_owned);
        tokio::spawn(async move {
            snapshot.checks.iter_mut().for_each(hide_secrets);
            // a store that hangs must not hide how the checks are
            let notifiers = timeout(STORE_ANSWERS_WITHIN, notifiers).await;
            asked.answer(ControlReply::Status {
                watchdog,
                pid: std::process::id(),
                snapshot: Box::new(snapshot),
                programs,
                notifiers: notifiers.unwrap_or_default(),
                unhealthy,
            });
        });
    }
}
