//! Looks at every step of a world and fails on a broken law. It keeps its own, naive books: nothing here
//! asks the monitor why.
//!
//! An attempt is one action, or several: one for each process of a rolling restart. A try to finish a restart that
//! was left unfinished is one as well, unless the process was not started since it was stopped.
//!
//! A manual restart is an exception to laws 2, 5 (its threshold), 4 (it counts, but is not refused), 6 (a
//! pause) and to the number of restarts at a time; to nothing else. It abandons the look under way.

mod attempts;
mod effects;
mod events;
mod pending;
mod reports;

use std::collections::{BTreeMap, BTreeSet};

use httpok::health::{
    Check, Effect, Event, Limits, MaintenanceWindow, Moment, Monitor, NotifyMode, Outcome,
    ProcessName, Ticket,
};

use super::grace::law_18;
use super::ladder::Ladder;

pub struct Auditor {
    limits: Limits,
    checks: BTreeMap<String, Books>,
    actions: Vec<Action>,
    tickets: BTreeSet<Ticket>,
    shut_down: bool,
    /// The restarts that are unfinished, and the tries to finish them.
    unfinished: BTreeMap<ProcessName, Unfinished>,
    tries: Vec<Try>,
    /// So many of them had begun at the last reset.
    forgiven: (usize, usize),
}

/// A process that was stopped and does not run yet.
struct Unfinished {
    check: String,
    /// That check is not defined: the one that restarts the process now may go on in its place.
    is_orphan: bool,
    /// A start was answered since it was stopped; and one by a try to finish it.
    started: bool,
    retried: bool,
    /// The back-off of its check ends.
    not_before: Moment,
    trying: Option<Ticket>,
    /// It was found running: so long its stop may still be performed.
    stop_until: Option<Moment>,
    tried_at_the_end: bool,
}

/// A try to finish a restart that counts as an attempt.
struct Try {
    check: String,
    process: ProcessName,
    begun: Moment,
    touched: bool,
    over: bool,
}

struct Books {
    check: Check,
    /// The probe under way, or the list for a manual restart.
    probing: Option<Ticket>,
    /// The list for a manual restart.
    is_manual: Option<Ticket>,
    acting: bool,
    /// What the action under way may touch.
    acting_on: Vec<ProcessName>,
    /// It was taken away.
    gone: bool,
    warming: Option<Ticket>,
    /// The processes of the attempt under way whose turn is still to come, and what came of the last one.
    rest: Vec<ProcessName>,
    last: Option<Outcome>,
    /// When the newest probe began, and the newest one that counted as a fail.
    probe_began: Option<Moment>,
    fail_began: Option<(Moment, u32)>,
    /// Counted looks since the last action, `true` for a fail.
    counted: Vec<bool>,
    paused_until: Option<Option<Moment>>,
    /// The newest heartbeat, and whether it was a good one.
    heartbeat: Option<(Moment, bool)>,
    silenced_until: Option<Option<Moment>>,
    maintenance: Option<MaintenanceWindow>,
    reported_down: bool,
    reported_restarting: bool,
    reported: BTreeSet<(String, u64)>,
    /// So many actions had begun when it was last reset: they do not count any more.
    forgiven: usize,
    forgiven_tries: usize,
    ladder: Ladder,
}

impl Books {
    fn new(check: &Check) -> Self {
        Self {
            check: check.clone(),
            probing: None,
            is_manual: None,
            acting: false,
            acting_on: Vec::new(),
            gone: false,
            warming: None,
            rest: Vec::new(),
            last: None,
            probe_began: None,
            fail_began: None,
            counted: Vec::new(),
            paused_until: None,
            heartbeat: None,
            silenced_until: None,
            maintenance: None,
            reported_down: false,
            reported_restarting: false,
            reported: BTreeSet::new(),
            forgiven: 0,
            forgiven_tries: 0,
            ladder: Ladder::default(),
        }
    }

    fn is_paused(&self, now: Moment) -> bool {
        self.is_held(now, self.paused_until, |window| window.holds_restarts)
    }

    fn is_silenced(&self, now: Moment) -> bool {
        self.is_held(now, self.silenced_until, |window| window.holds_reports)
    }

    fn is_held(
        &self,
        now: Moment,
        until: Option<Option<Moment>>,
        holds: impl Fn(&MaintenanceWindow) -> bool,
    ) -> bool {
        let lasts = |until: Option<Moment>| until.is_none_or(|until| now < until);
        let window = self.maintenance.as_ref().filter(|window| holds(window));
        until.is_some_and(lasts) || window.is_some_and(|window| lasts(window.hold.until))
    }
}

/// An attempt.
struct Action {
    check: String,
    begun: Moment,
    is_manual: bool,
    touched: bool,
    over: bool,
    on: Vec<ProcessName>,
}

impl Auditor {
    pub fn new(checks: &[Check], limits: &Limits) -> Self {
        Self {
            limits: limits.clone(),
            checks: checks
                .iter()
                .map(|check| (check.name.clone(), Books::new(check)))
                .collect(),
            actions: Vec::new(),
            tickets: BTreeSet::new(),
            shut_down: false,
            unfinished: BTreeMap::new(),
            tries: Vec::new(),
            forgiven: (0, 0),
        }
    }

    pub fn witness(
        &mut self,
        now: Moment,
        event: &Event,
        effects: &[Effect],
        before: &Monitor,
        after: &Monitor,
    ) {
        self.event(now, event);
        self.close_attempts();
        self.law_3_streaks(event, effects, before, after);
        let check = |name: &str| Some(self.checks.get(name)?.check.clone());
        law_18(now, event, effects, check, before, after);
        for effect in effects {
            self.effect(now, event, effect);
            self.close_attempts();
        }
        for (name, books) in &self.checks {
            let is_closed = books.acting || !books.reported_down;
            let changes = books.check.policy.notify == NotifyMode::Changes;
            // what was stopped for it does not run again yet
            let is_of = |one: &Unfinished| one.check == *name || one.is_orphan;
            let is_owed = self.unfinished.values().any(is_of);
            assert!(
                !books.gone || is_closed || !changes || is_owed,
                "law 7: the removed check is not closed"
            );
        }
        // what was reported of a removed check when its last action ended is of a check that is no more
        if let Event::Acted { check, .. } = event {
            self.forget_if_gone(check);
        }
    }

    /// An attempt is over when its action has ended and no process is left.
    fn close_attempts(&mut self) {
        for action in self.actions.iter_mut().filter(|action| !action.over) {
            let books = &self.checks[&action.check];
            action.over = !books.acting && books.rest.is_empty();
        }
    }
}
