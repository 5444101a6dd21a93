//! What the checks share: limits and budget over all of them, what is under way where, which of them fail. A
//! check's own state machine sees the others only through this.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::backoff::Backoff;
use super::super::budget::Spent;
use super::super::check::CheckState;
use super::super::gate::Gate;
use super::super::memory::Pause;
use super::super::moment::Moment;
use super::super::moments::Moments;
use super::super::note::{Decision, Note};
use super::super::process::{Backend, Process, ProcessName, ProcessState};
use super::super::program::Program;
use super::super::remedy::Selection;
use super::fleet::Reservation;
use super::pending::Pending;
use super::{Effect, Limits, Ticket};
use crate::sorted;

/// Fewer services than this never fail "all at once".
const PANIC_AT_LEAST: usize = 3;

/// The state that spans checks.
#[derive(Clone, Debug)]
pub(in crate::health) struct Shared {
    pub limits: Limits,
    pub seed: u64,
    pub shutting_down: bool,
    /// Attempts that count against the budget over all checks.
    pub spent: Spent,
    /// Restarts that were begun and are not finished, by the process that has to run again.
    pub pending: BTreeMap<ProcessName, Pending>,
    /// What is reserved in the fleet, by check.
    pub reservations: BTreeMap<String, Reservation>,
    /// What is known of the programs of our own supervisor that concern a check.
    pub programs: BTreeMap<ProcessName, Program>,
    /// When a reload last replaced a supervisor's client that remembered starts that had failed.
    pub forgot: BTreeMap<Backend, Moment>,
    /// Attempts under way by check, also between two of their actions, with the processes they are about; `None`
    /// when those could not be listed.
    attempts: BTreeMap<String, Option<Vec<ProcessName>>>,
    /// Actions under way by check, with the processes they touch; `None` when those are not known.
    actions: BTreeMap<String, Option<Vec<ProcessName>>>,
    /// When an action on a process last ended.
    acted_on: BTreeMap<ProcessName, Moment>,
    /// When any action last ended.
    acted: Option<Moment>,
    /// The checks that fail.
    failing: BTreeMap<String, Failing>,
    /// What each check restarts that restarts anything.
    targets: BTreeMap<String, Vec<String>>,
    /// How many restart nothing: each stands for a service of its own.
    without_targets: usize,
    /// Checks that are probed again when an attempt under way has ended.
    pub waiting: BTreeSet<String>,
    /// An attempt, or a try to finish one, has ended: the checks that wait for it go on.
    pub released: bool,
    tickets: u64,
    incidents: u64,
}

/// A check that fails.
#[derive(Clone, Debug)]
struct Failing {
    since: Moment,
    gave_up: bool,
    /// Somebody stopped it: that it fails is no trouble.
    stopped: bool,
    pause: Option<Pause>,
}

/// What a check's state machine works with during one event.
pub(in crate::health) struct Context<'a> {
    pub now: Moment,
    pub shared: &'a mut Shared,
    pub effects: &'a mut Vec<Effect>,
}

impl Context<'_> {
    /// Notes a decision about `check`.
    pub fn note(&mut self, check: &str, decision: Decision) {
        self.effects.push(Effect::Note(Note {
            at: self.now,
            check: check.to_owned(),
            decision,
        }));
    }
}

impl Moments for Shared {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        let Self {
            limits: _,
            seed: _,
            shutting_down: _,
            spent,
            pending,
            reservations,
            programs,
            forgot,
            attempts: _,
            actions: _,
            acted_on,
            acted,
            failing,
            targets: _,
            without_targets: _,
            waiting: _,
            released: _,
            tickets: _,
            incidents: _,
        } = self;
        spent.each_moment(change);
        pending.each_moment(change);
        reservations.each_moment(change);
        programs.each_moment(change);
        forgot.each_moment(change);
        acted_on.each_moment(change);
        acted.each_moment(change);
        failing.each_moment(change);
    }
}

impl Moments for Program {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        self.since.each_moment(change);
    }
}

impl Moments for Failing {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        self.since.each_moment(change);
        self.pause.each_moment(change);
    }
}

impl Shared {
    pub fn new(limits: Limits, seed: u64) -> Self {
        Self {
            limits,
            seed,
            shutting_down: false,
            spent: Spent::default(),
            pending: BTreeMap::new(),
            reservations: BTreeMap::new(),
            programs: BTreeMap::new(),
            forgot: BTreeMap::new(),
            attempts: BTreeMap::new(),
            actions: BTreeMap::new(),
            acted_on: BTreeMap::new(),
            acted: None,
            failing: BTreeMap::new(),
            targets: BTreeMap::new(),
            without_targets: 0,
            waiting: BTreeSet::new(),
            released: false,
            tickets: 0,
            incidents: 0,
        }
    }

    pub fn next_ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    pub fn next_incident(&mut self) -> String {
        self.incidents += 1;
        format!("{:08x}-{}", self.seed & 0xffff_ffff, self.incidents)
    }

    /// The pause before the next attempt after `attempts` of them; no two are the same.
    pub fn pause(&mut self, backoff: Backoff, attempts: u32) -> Duration {
        let seed = self.seed ^ self.next_ticket().0;
        backoff.pause(attempts, seed)
    }

    /// Whether an action is under way, or a process is being started again.
    pub fn is_acting(&self) -> bool {
        !self.actions.is_empty() || self.pending.values().any(Pending::is_trying)
    }

    /// An attempt of `check` over `listed` processes begins.
    pub fn begin_attempt(&mut self, check: &str, listed: Option<&[Process]>) {
        let names = listed.map(|listed| listed.iter().map(|one| one.name.clone()).collect());
        self.attempts.insert(check.to_owned(), names);
    }

    /// The attempt of `check` has ended.
    pub fn end_attempt(&mut self, check: &str) {
        self.attempts.remove(check);
        self.released = true;
    }

    /// An action of `check` begins.
    pub fn begin_action(&mut self, check: &str, on: Option<Vec<ProcessName>>) {
        self.actions.insert(check.to_owned(), on);
    }

    /// The action of `check` has ended, after it had restarted these.
    pub fn end_action(&mut self, now: Moment, check: &str, restarted: Vec<ProcessName>) {
        let on = self.actions.remove(check).flatten().unwrap_or_default();
        self.touched(now, on.into_iter().chain(restarted));
    }

    /// These processes were touched: a probe that began before is from before a restart.
    pub fn touched(&mut self, now: Moment, processes: impl IntoIterator<Item = ProcessName>) {
        self.acted = Some(now);
        for process in processes {
            self.acted_on.insert(process, now);
        }
    }

    /// Whether an action that is under way may touch `process`.
    pub fn is_acting_on(&self, process: &ProcessName) -> bool {
        let mut actions = self.actions.values();
        actions.any(|on| on.as_ref().is_none_or(|names| names.contains(process)))
    }

    /// Whether a restart of one of the `listed` processes was under way since the probe `begun`.
    pub fn restarted_since(&self, begun: Moment, listed: Option<&[Process]>) -> bool {
        match listed {
            None => self.acted.is_some_and(|ended| ended > begun) || self.is_acting(),
            Some(processes) => processes.iter().any(|process| {
                let name = &process.name;
                let ended = self.acted_on.get(name).is_some_and(|ended| *ended > begun);
                ended
                    || self.pending.get(name).is_some_and(Pending::is_starting)
                    || self.is_acting_on(name)
            }),
        }
    }

    /// Whether somebody stopped all `chosen` processes: what a restart of ours has stopped, or is stopping, is not meant.
    pub fn are_stopped(&self, chosen: &[Process]) -> bool {
        let is_stopped = |process: &Process| {
            let name = &process.name;
            process.state == ProcessState::Stopped
                && !self.pending.contains_key(name)
                && !self.is_acting_on(name)
        };
        !chosen.is_empty() && chosen.iter().all(is_stopped)
    }

    /// The pending restarts of these processes.
    pub fn unfinished(&self, chosen: Option<&[Process]>) -> Vec<ProcessName> {
        let names = self.pending.keys();
        match chosen {
            None => names.cloned().collect(),
            Some(chosen) => names
                .filter(|name| chosen.iter().any(|process| process.name == **name))
                .cloned()
                .collect(),
        }
    }

    /// A process that is being started again for `check`.
    pub fn starting_for(&self, check: &str) -> Option<&ProcessName> {
        let mut pending = self.pending.iter();
        pending
            .find(|(_, pending)| pending.restart.check == check && pending.is_starting())
            .map(|(process, _)| process)
    }

    /// Why nothing but the unfinished restart of `process` is done.
    pub fn gate_of_pending(&self, process: &ProcessName, now: Moment) -> Gate {
        let pending = self.pending.get(process);
        let next = pending.and_then(|pending| pending.view().next);
        Gate::Unfinished {
            process: process.to_string(),
            left: next.filter(|next| *next > now).map(|next| next.since(now)),
        }
    }

    /// The other check whose attempt is under way on one of the processes that `check` would act on.
    pub fn conflicting_check(&self, check: &str, listed: Option<&[Process]>) -> Option<String> {
        let mut others = self.attempts.iter().filter(|(other, _)| *other != check);
        let conflicting_check = others.find(|(_, theirs)| match (theirs, listed) {
            (Some(theirs), Some(ours)) => ours.iter().any(|process| theirs.contains(&process.name)),
            // processes that cannot be distinguished must not be touched
            (None, _) | (_, None) => true,
        });
        conflicting_check.map(|(other, _)| other.clone())
    }

    /// Whether as many restarts are under way as allowed, beside those of `check` itself.
    pub fn concurrency(&self, check: &str) -> Option<Gate> {
        let tries = self.pending.values().filter(|pending| {
            let theirs = pending.restart.check != check;
            theirs && pending.is_attempt() && !self.attempts.contains_key(&pending.restart.check)
        });
        let attempts = self.attempts.keys().filter(|other| *other != check);
        let running = u32::try_from(attempts.count() + tries.count()).unwrap_or(u32::MAX);
        (running >= self.limits.max_concurrent_restarts).then_some(Gate::Concurrency { running })
    }

    /// Takes note of what a check restarts, and restarted `before`; `None` when it is not defined.
    pub fn define_targets(
        &mut self,
        check: &str,
        before: Option<&Selection>,
        now: Option<&Selection>,
    ) {
        if before == now {
            return;
        }
        let restarts_nothing =
            |selection: Option<&Selection>| usize::from(selection.is_some_and(Selection::is_empty));
        self.without_targets += restarts_nothing(now);
        self.without_targets -= restarts_nothing(before);
        match now.filter(|selection| !selection.is_empty()) {
            Some(selection) => {
                self.targets.insert(check.to_owned(), selection.words());
            }
            None => {
                self.targets.remove(check);
            }
        }
        if now.is_none() {
            self.failing.remove(check);
            self.waiting.remove(check);
        }
    }

    /// Takes note of whether a check fails.
    pub fn define_failing(&mut self, now: Moment, state: &CheckState) {
        let name = &state.check.name;
        if !state.is_failing() || state.check.service().is_none() {
            if !self.failing.is_empty() {
                self.failing.remove(name);
            }
            return;
        }
        let known = self.failing.get(name).map(|failing| failing.since);
        let incident = state.memory.incident.as_ref();
        let opened = incident.map(|incident| incident.since);
        let failing = Failing {
            since: known.or(opened).unwrap_or(now),
            gave_up: state.memory.gave_up.is_some(),
            stopped: state.stopped,
            pause: state.paused(now).cloned(),
        };
        self.failing.insert(name.clone(), failing);
    }

    /// The check among `required` that fails.
    pub fn failing_of<'a>(&self, required: &'a [String]) -> Option<&'a String> {
        required
            .iter()
            .find(|check| self.failing.contains_key(*check))
    }

    /// Whether so many services began to fail together with `check` that it is none of them alone. Checks that
    /// restart a process in common, directly or through others, are one service. A check that is paused or given
    /// up, or whose processes somebody stopped, may fail for any length of time, and says nothing about the others.
    pub fn panic(&self, now: Moment, check: &str) -> Option<Gate> {
        let threshold = self.limits.panic_threshold?;
        let own = self.failing.get(check)?;
        if own.stopped {
            return None;
        }
        let since = own.since;
        let window = self.limits.panic_window;
        let services = self.services();
        let counts = |name: &String, other: &Failing| {
            let paused = other.pause.as_ref().is_some_and(|pause| pause.holds(now));
            let apart = other.since.since(since).max(since.since(other.since));
            let says = !paused && !other.gave_up && !other.stopped;
            name == check || says && apart <= window
        };
        let failing = self.failing.iter();
        let failing = failing.filter(|(name, other)| counts(name, other));
        let (restarting, others): (Vec<_>, Vec<_>) = failing
            .map(|(name, _)| services.get(name))
            .partition(Option::is_some);
        let restarting = sorted::set(restarting.into_iter().flatten());
        let all = sorted::set(services.values());
        let failing = restarting.len() + others.len();
        let of = all.len() + self.without_targets;
        #[expect(clippy::cast_precision_loss, reason = "a number of services")]
        let share = |count: usize| count as f64 / of as f64;
        if of < PANIC_AT_LEAST || failing < 2 || share(failing) < threshold {
            return None;
        }
        let needed = (0..=failing).find(|count| share(*count) >= threshold);
        Some(Gate::Panic {
            failing,
            of,
            needed: needed.unwrap_or(failing).max(2),
            window,
        })
    }

    /// The service of each check that restarts anything, as a number.
    fn services(&self) -> BTreeMap<&String, usize> {
        let mut merged: Vec<usize> = Vec::new();
        let root = |merged: &[usize], mut service: usize| {
            while merged[service] != service {
                service = merged[service];
            }
            service
        };
        let mut by_target: BTreeMap<&String, usize> = BTreeMap::new();
        let mut services = BTreeMap::new();
        for (check, targets) in &self.targets {
            let own = merged.len();
            merged.push(own);
            services.insert(check, own);
            for target in targets {
                let known = by_target.insert(target, own);
                if let Some(known) = known {
                    let known = root(&merged, known);
                    merged[known] = own;
                }
            }
        }
        for service in services.values_mut() {
            *service = root(&merged, *service);
        }
        services
    }
}
