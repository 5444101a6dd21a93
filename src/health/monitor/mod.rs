//! The only place where anything is decided: events in, effects out. One file per kind of decision:
//! `look.rs` judges and counts, `gates.rs` says whether to act, `act.rs` acts, `roll.rs` goes from one process
//! to the next, `hand.rs` restarts by hand, `warm.rs` warms up, `tell.rs` reports; here is the dispatch and what
//! they share. `show.rs` decides nothing: it says where everything stands.

mod act;
mod event;
mod gates;
mod hand;
mod look;
mod roll;
mod show;
mod tell;
mod warm;

use std::collections::BTreeMap;

use super::budget::Spent;
use super::check::{Check, CheckState, Doing, Memory, Pause};
use super::gate::Gate;
use super::incident::{Happening, Incident};
use super::moment::Moment;
use super::note::{Decision, Dropped, Note};
use super::process::ProcessName;
use super::roll::Roll;
use super::step::Halt;
use super::ticket::Ticket;

pub use event::{Effect, Event, Limits, Tick};

/// The watchdog's mind.
#[derive(Clone, Debug)]
pub struct Monitor {
    limits: Limits,
    seed: u64,
    checks: BTreeMap<String, CheckState>,
    order: Vec<String>,
    spent: Spent,
    /// When an action on a process last ended.
    acted_on: BTreeMap<ProcessName, Moment>,
    /// When any action last ended.
    acted: Option<Moment>,
    tickets: u64,
    incidents: u64,
    shutting_down: bool,
}

impl Monitor {
    /// A monitor of `checks`. `seed` makes jitter and incident ids; the same seed and the same events give
    /// the same effects.
    pub fn new(limits: Limits, seed: u64, checks: Vec<Check>) -> Self {
        let mut monitor = Self {
            limits,
            seed,
            checks: BTreeMap::new(),
            order: Vec::new(),
            spent: Spent::default(),
            acted_on: BTreeMap::new(),
            acted: None,
            tickets: 0,
            incidents: 0,
            shutting_down: false,
        };
        monitor.define(checks);
        monitor
    }

    /// Takes over what an earlier run remembered of a check.
    pub fn recall(&mut self, check: &str, memory: Memory) {
        if let Some(state) = self.checks.get_mut(check) {
            state.memory = memory;
        }
    }

    /// What is to be remembered of a check.
    pub fn memory(&self, check: &str) -> Option<&Memory> {
        self.checks.get(check).map(|state| &state.memory)
    }

    /// What of a check's memory is worth writing down at once: everything but the samples, which change with
    /// every look, and passes beyond those that count.
    pub fn gist(&self, check: &str) -> Option<Memory> {
        let state = self.checks.get(check)?;
        let mut gist = state.memory.clone();
        gist.samples.clear();
        gist.streak.cap_passes(state.check.policy.pass_after);
        Some(gist)
    }

    /// The episode of a check that has ended, or was added to after its end, since this was last asked.
    pub fn take_closed(&mut self, check: &str) -> Option<Incident> {
        let state = self.checks.get_mut(check)?;
        let news = std::mem::take(&mut state.unwritten);
        state.closed.clone().filter(|_| news)
    }

    /// The definitions, in the order given.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        self.order
            .iter()
            .filter_map(|name| self.checks.get(name))
            .map(|state| &state.check)
    }

    /// Whether no look and no action is under way.
    pub fn is_at_rest(&self) -> bool {
        self.checks.values().all(|state| state.doing == Doing::Idle)
    }

    /// Whether an action is under way.
    pub fn is_acting(&self) -> bool {
        self.acting().next().is_some()
    }

    /// Decides. An event that fits nothing under way (an answer to an older question) is ignored.
    #[must_use = "effects are to be done"]
    pub fn handle(&mut self, now: Moment, event: Event) -> Vec<Effect> {
        let mut out = Vec::new();
        match event {
            Event::Tick(tick) => self.tick(now, &tick, &mut out),
            Event::Listed {
                check,
                ticket,
                processes,
                unasked,
            } => {
                self.note_unasked(now, &check, unasked, &mut out);
                self.listed(now, &check, ticket, processes, &mut out);
            }
            Event::Observed {
                check,
                ticket,
                seen,
            } => {
                self.observed(now, &check, ticket, *seen, &mut out);
            }
            Event::Judged {
                check,
                ticket,
                look,
            } => self.looked(now, &check, ticket, *look, &mut out),
            Event::WarmedUp {
                check,
                ticket,
                seen,
            } => self.warmed_up(now, &check, ticket, &seen, &mut out),
            Event::Acted {
                check,
                ticket,
                outcome,
            } => {
                self.ended(now, &check, ticket, outcome, &mut out);
            }
            Event::Resumed {
                check,
                incident,
                outcome,
            } => self.resumed(now, &check, &incident, outcome, &mut out),
            Event::Delivered {
                incident,
                report,
                kind,
                failure,
            } => {
                self.delivered(
                    now,
                    &incident,
                    Happening::Told {
                        report,
                        kind,
                        failure,
                    },
                );
            }
            Event::Pause {
                check,
                reason,
                lasting,
            } => {
                let until = lasting.map(|span| now + span);
                if let Some(state) = self.checks.get_mut(&check) {
                    state.memory.pause = Some(Pause {
                        reason: reason.clone(),
                        until,
                    });
                    out.push(note(now, &check, Decision::Paused { reason, until }));
                }
            }
            Event::Resume { check } => {
                let paused = self
                    .checks
                    .get_mut(&check)
                    .and_then(|state| state.memory.pause.take());
                if paused.is_some() {
                    out.push(note(now, &check, Decision::Resumed));
                }
            }
            Event::Reset { check } => {
                if let Some(state) = self.checks.get_mut(&check) {
                    let memory = &mut state.memory;
                    memory.gave_up = None;
                    memory.attempts = 0;
                    memory.next_attempt = None;
                    memory.spent.clear();
                    // what a person looks after may use it all again
                    self.spent.clear();
                    state.held = None;
                    out.push(note(now, &check, Decision::Reset));
                }
            }
            Event::Restart { check } => self.restart_by_hand(now, &check, &mut out),
            Event::Reload { checks, limits } => {
                self.halt_changed(now, &checks, &mut out);
                self.limits = limits;
                self.define(checks);
            }
            Event::Shutdown => self.shut_down(now, &mut out),
        }
        out
    }

    /// Takes new definitions. An equal check keeps all its state; a changed one keeps what is true of the
    /// service (its episode, budget and pause) but counts anew; one that is gone is forgotten when its
    /// action, if any, has ended.
    fn define(&mut self, checks: Vec<Check>) {
        self.order = checks.iter().map(|check| check.name.clone()).collect();
        self.checks.retain(|name, state| {
            self.order.contains(name) || matches!(state.doing, Doing::Acting { .. })
        });
        for check in checks {
            match self.checks.get_mut(&check.name) {
                Some(state) if state.check == check => {}
                Some(state) => {
                    if state.check.warmup != check.warmup {
                        state.warming = None;
                    }
                    state.check = check;
                    state.forget_streak();
                    if !matches!(state.doing, Doing::Acting { .. }) {
                        state.doing = Doing::Idle;
                    }
                }
                None => {
                    let name = check.name.clone();
                    let state = CheckState::new(check, Memory::default());
                    self.checks.insert(name, state);
                }
            }
        }
    }

    fn shut_down(&mut self, now: Moment, out: &mut Vec<Effect>) {
        self.shutting_down = true;
        self.halt_all(now, &Halt::Held(Gate::ShuttingDown), out);
        for state in self.checks.values_mut() {
            state.waiting = false;
            if !matches!(state.doing, Doing::Acting { .. }) {
                state.doing = Doing::Idle;
            }
        }
    }

    fn next_ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// The id of a check's open incident, or one for the incident that is about to be opened.
    fn incident_of(&mut self, check: &str) -> String {
        let open = self
            .checks
            .get(check)
            .and_then(|state| state.memory.incident.as_ref());
        match open {
            Some(incident) => incident.id.clone(),
            None => self.next_incident(),
        }
    }

    fn next_incident(&mut self) -> String {
        self.incidents += 1;
        format!("{:08x}-{}", self.seed & 0xffff_ffff, self.incidents)
    }

    /// The checks whose action is under way, with the processes it touches.
    fn acting(&self) -> impl Iterator<Item = (&str, Option<&[ProcessName]>)> {
        self.checks
            .iter()
            .filter_map(|(name, state)| match &state.doing {
                Doing::Acting { on, .. } => Some((name.as_str(), on.as_deref())),
                Doing::Idle | Doing::Listing { .. } | Doing::Probing { .. } => None,
            })
    }

    /// The checks whose attempt is under way, also between two actions of it.
    fn rolling(&self) -> impl Iterator<Item = (&str, &Roll)> {
        self.checks
            .iter()
            .filter_map(|(name, state)| Some((name.as_str(), state.roll.as_ref()?)))
    }
}

fn note(at: Moment, check: &str, decision: Decision) -> Effect {
    Effect::Note(Note {
        at,
        check: check.to_owned(),
        decision,
    })
}

fn dropped(at: Moment, check: &str, why: Dropped) -> Effect {
    note(at, check, Decision::TickDropped(why))
}
