//! When the next try of a pending restart is due, and its begin: the pauses between tries, the timer, the gate that is
//! noted once, and the effect that tries.

use std::time::Duration;

use super::{Owed, Stage};
use crate::health::backoff::Backoff;
use crate::health::gate::Gate;
use crate::health::monitor::Effect;
use crate::health::monitor::shared::{Context, Shared};
use crate::health::note::Decision;
use crate::health::process::ProcessName;

/// The pauses while the supervisor does not answer, and those of a check that has no back-off of its own.
const RETRY: Backoff = Backoff {
    min: Duration::from_secs(5),
    max: Duration::from_secs(120),
    factor: 2.0,
};

/// While the supervisor cannot be reached it is asked again sooner.
pub(super) const REACH: Backoff = Backoff {
    min: Duration::from_secs(1),
    ..RETRY
};

/// How often it is checked whether a stop that may still come has come.
pub(super) const WATCH_EVERY: Duration = Duration::from_secs(1);

/// The pause before a start is tried again: the check's own back-off, where it has one.
pub(super) fn pause(backoff: Option<(Backoff, u32)>, tries: u32, shared: &mut Shared) -> Duration {
    let own = backoff.map(|(backoff, attempts)| shared.pause(backoff, attempts.max(1)));
    match own.filter(|own| !own.is_zero()) {
        Some(own) => own,
        None => shared.pause(RETRY, tries),
    }
}

/// A restart whose check is gone: nothing but the budget over all checks and the number of restarts holds it.
pub(super) fn retry_without_check(process: &ProcessName, cx: &mut Context<'_>) {
    if cx.shared.shutting_down || wake(process, cx) || cx.shared.is_acting_on(process) {
        return;
    }
    let Some(pending) = cx.shared.pending.get(process) else {
        return;
    };
    let check = pending.restart.check.clone();
    let spends = pending.owed != Owed::Start;
    let gate = match cx.shared.limits.max_restarts {
        Some(budget) if spends && cx.shared.spent.exhausted(cx.now, budget) => {
            Some(Gate::OverallBudget)
        }
        _ if spends => cx.shared.concurrency(&check),
        _ => None,
    };
    let Some(gate) = gate else {
        if spends {
            cx.shared.spent.note(cx.now, cx.shared.limits.max_restarts);
        }
        return begin(process, true, spends, cx);
    };
    hold(process, gate, cx);
    // no tick will ask for it again
    let later = cx.now + RETRY.max;
    if let Some(Stage::Waiting { due, .. }) = cx
        .shared
        .pending
        .get_mut(process)
        .map(|pending| &mut pending.stage)
    {
        *due = later;
    }
    wake(process, cx);
}

/// Whether a pending restart is not due yet, or is being tried. Sets its timer.
pub(super) fn wake(process: &ProcessName, cx: &mut Context<'_>) -> bool {
    let Some(pending) = cx.shared.pending.get(process) else {
        return true;
    };
    let Stage::Waiting { due, timer } = pending.stage else {
        return true;
    };
    if cx.now >= due {
        return false;
    }
    if timer.is_none() && !cx.shared.shutting_down {
        let ticket = cx.shared.next_ticket();
        if let Some(pending) = cx.shared.pending.get_mut(process) {
            let timer = Some(ticket);
            pending.stage = Stage::Waiting { due, timer };
        }
        cx.effects.push(Effect::Wake {
            process: process.clone(),
            ticket,
            after: due.since(cx.now),
        });
    }
    true
}

/// Begins a try.
pub(super) fn begin(process: &ProcessName, may_start: bool, spent: bool, cx: &mut Context<'_>) {
    let ticket = cx.shared.next_ticket();
    let Some(pending) = cx.shared.pending.get_mut(process) else {
        return;
    };
    let due = match pending.stage {
        Stage::Waiting { due, .. } | Stage::Trying { due, .. } => due,
    };
    if may_start {
        pending.held = None;
    }
    let is_watched = pending.stop_until.is_some();
    if pending.stop_until.is_some_and(|until| until <= cx.now) {
        pending.restart.stop_unclear = false;
        pending.stop_until = None;
    }
    pending.stage = Stage::Trying {
        ticket,
        begun: cx.now,
        due,
        may_start,
        spent,
    };
    let restart = pending.restart.clone();
    // a process that is watched is not started unless it stops
    if may_start && !is_watched {
        let process = process.clone();
        cx.note(&restart.check, Decision::Resuming { process });
    }
    cx.effects.push(Effect::Resume {
        ticket,
        restart: Box::new(restart),
        may_start,
    });
}

/// Notes what holds a pending restart, once for as long as it is the same.
pub(in crate::health::monitor) fn hold(process: &ProcessName, gate: Gate, cx: &mut Context<'_>) {
    let Some(pending) = cx.shared.pending.get_mut(process) else {
        return;
    };
    let is_noted = pending
        .held
        .as_ref()
        .is_some_and(|held| held.is_like(&gate));
    pending.held = Some(gate.clone());
    if !is_noted {
        let check = pending.restart.check.clone();
        let process = process.clone();
        cx.note(&check, Decision::ResumeHeld { process, gate });
    }
}
