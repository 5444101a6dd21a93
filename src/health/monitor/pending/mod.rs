//! Restarts that were begun and are not finished: what we stopped runs again, whatever happened in between.
//!
//! A pending restart is tried again by one effect at a time, answered by one event. A process that the supervisor
//! has not answered a start for since we stopped it is owed one: only an unreachable supervisor keeps it from
//! that, and it belongs to the attempt that stopped it. After a start in vain the next one is an attempt like any
//! other, held by back-off, budgets, concurrency and pause. A pause begins after one such attempt: what we
//! stopped is started once more, then it waits.
//!
//! A supervisor may perform a stop after the run that asked for it was killed, and after somebody's start. So a
//! process that runs is watched for as long as such a stop may come: what stops meanwhile was stopped by us.

mod check_retry;
mod events;
mod schedule;

pub(super) use schedule::hold;

use super::shared::Shared;
use super::{Moments, Ticket};
use crate::health::gate::Gate;
use crate::health::moment::Moment;
use crate::health::pending::PendingRestart;
use crate::health::process::{Backend, ProcessName};
use crate::health::snapshot::PendingView;

/// A restart that was begun and is not finished, and where it stands.
#[derive(Clone, Debug)]
pub(in crate::health) struct Pending {
    pub restart: PendingRestart,
    stage: Stage,
    owed: Owed,
    /// The process was found running before the stop was known to be performed: until when the stop may come.
    stop_until: Option<Moment>,
    /// Tries to finish it so far.
    tries: u32,
    /// What holds it, noted once.
    pub held: Option<Gate>,
    /// Why it does not run yet.
    failure: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// Until `due`, when [`Effect::Wake`] ends.
    Waiting { due: Moment, timer: Option<Ticket> },
    /// One try is under way; `spent` when it counts as an attempt of its own. It was due at `due`.
    Trying {
        ticket: Ticket,
        begun: Moment,
        due: Moment,
        may_start: bool,
        spent: bool,
    },
}

/// What the process is owed, because we stopped it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owed {
    /// A start: none was answered since the stop. Nothing holds it.
    Start,
    /// One more attempt, which a pause does not hold.
    OnceMore,
    Nothing,
}

impl Moments for Pending {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        self.stop_until.each_moment(change);
        match &mut self.stage {
            Stage::Waiting { due, timer: _ } => due.each_moment(change),
            Stage::Trying { begun, due, .. } => {
                begun.each_moment(change);
                due.each_moment(change);
            }
        }
    }
}

impl Pending {
    fn new(now: Moment, restart: PendingRestart, due: Moment) -> Self {
        let owed = match restart.start_answered {
            true => Owed::OnceMore,
            false => Owed::Start,
        };
        let due = due.max(now);
        Self {
            restart,
            stage: Stage::Waiting { due, timer: None },
            owed,
            stop_until: None,
            tries: 0,
            held: None,
            failure: String::new(),
        }
    }

    /// Whether a try is under way.
    pub fn is_trying(&self) -> bool {
        matches!(self.stage, Stage::Trying { .. })
    }

    /// Whether a try is under way that may start the process.
    pub fn is_starting(&self) -> bool {
        matches!(
            self.stage,
            Stage::Trying {
                may_start: true,
                ..
            }
        )
    }

    /// Whether it is being tried, or nothing but its supervisor keeps it from a start.
    pub fn owes_start(&self) -> bool {
        self.is_trying() || self.owed == Owed::Start
    }

    /// Whether it is owed a start and was not tried yet, or its stop may still come: a run that could end now stays for
    /// that.
    pub fn is_worth_staying(&self) -> bool {
        self.owed == Owed::Start && (self.tries == 0 || self.stop_until.is_some())
    }

    /// Whether nothing was tried yet.
    pub fn is_first_try(&self) -> bool {
        self.tries == 0 && self.stop_until.is_none()
    }

    /// Whether its end is likely to come: with the supervisor that the process was stopped in, or at the first try.
    pub fn is_awaited(&self) -> bool {
        self.restart.stopped_in.is_none() || self.tries == 0
    }

    /// Whether a try is under way that counts as an attempt of its own.
    pub fn is_attempt(&self) -> bool {
        matches!(self.stage, Stage::Trying { spent: true, .. })
    }

    /// What can be shown of it.
    pub fn view(&self) -> PendingView {
        let next = match self.stage {
            Stage::Waiting { due, .. } => Some(due),
            Stage::Trying { .. } => None,
        };
        PendingView {
            process: self.restart.process.to_string(),
            trying: self.is_trying(),
            next: next.filter(|_| self.held.is_none()),
            held: self.held.as_ref().map(ToString::to_string),
            owed: self.owed != Owed::Nothing,
            failure: self.failure.clone(),
        }
    }
}

impl Shared {
    /// The clients of these supervisors do not remember any more that a start of ours failed.
    pub(super) fn forget_starts(&mut self, now: Moment, forgot: &[Backend]) {
        self.forgot
            .extend(forgot.iter().map(|backend| (*backend, now)));
        for (process, pending) in &mut self.pending {
            if forgot.contains(&process.backend) {
                pending.restart.start_begun = false;
            }
        }
    }

    /// Whether a start of a task that began at `begun` is remembered by no client: a reload has replaced it since.
    fn is_forgotten(&self, process: &ProcessName, begun: Moment) -> bool {
        let forgot = self.forgot.get(&process.backend);
        forgot.is_some_and(|at| begun <= *at)
    }

    /// Those among the unfinished restarts of a check whose process does not run, as far as is known.
    pub(super) fn unfinished_of(&self, check: &str) -> Vec<ProcessName> {
        let mut mine = self.pending_of(check);
        mine.retain(|process| self.pending[process].stop_until.is_none());
        mine
    }

    /// The processes of the pending restarts of `check`.
    pub(super) fn pending_of(&self, check: &str) -> Vec<ProcessName> {
        if self.pending.is_empty() {
            return Vec::new();
        }
        let pending = self.pending.iter();
        let mine = pending.filter(|(_, pending)| pending.restart.check == check);
        mine.map(|(process, _)| process.clone()).collect()
    }
}
