//! The only place where anything is decided: events in, effects out. Each check is a state machine of its own
//! ([`CheckState`]), split into one file per kind of decision: `probing` begins probes, `counting` counts their
//! results, `gates` says whether to act, `fleet` what the hosts of a group agree on, `holds` what a person or a maintenance window holds back, `attempt` acts,
//! `program` judges programs of ours, `rolling` goes from one process to the next, `manual` restarts on request, `pending` finishes restarts that were
//! left unfinished, `warmup` warms up, `reporting` reports, `reload` takes new definitions. `shared` is what the checks
//! share. Here is the monitor, which routes; `view` only shows.

mod attempt;
mod counting;
mod event;
mod fleet;
mod gates;
mod heartbeat;
mod holds;
mod manual;
mod moments;
mod pending;
mod probing;
mod program;
mod reload;
mod removed;
mod reporting;
mod rolling;
mod shared;
mod unwritten;
mod view;
mod warmup;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::check::{Activity, Check, CheckState};
use super::gate::Gate;
use super::incident::{Incident, IncidentEvent};
use super::memory::{Memory, Pause};
use super::moment::Moment;
use super::moments::Moments;
use super::note::Decision;
use super::process::Backend;
use super::step::Halt;
use pending::Pending;
use removed::Removed;
use shared::{Context, Shared};

pub use event::{CheckTick, Effect, Event, Limits, MaintenanceWindow, Ticket};
pub use reload::share_equal;
pub use unwritten::Unwritten;
pub use view::PartialSnapshot;

/// All checks and what they share.
#[derive(Clone, Debug)]
pub struct Monitor {
    /// On the heap: the nodes of a map are half empty.
    checks: BTreeMap<String, Box<CheckState>>,
    /// The definitions, in the order given: the same ones that the states have.
    order: Arc<[Arc<Check>]>,
    shared: Shared,
    /// Those that are not defined any more.
    removed: Removed,
    /// Those among them whose incident is still open.
    unclosed: Vec<String>,
    noted_after_end: Vec<String>,
}

impl Monitor {
    /// A monitor of `checks`. `seed` makes jitter and incident ids; the same seed and the same events give
    /// the same effects.
    pub fn new(limits: Limits, seed: u64, checks: Vec<Check>) -> Self {
        Self::of_shared(limits, seed, checks.into_iter().map(Arc::new).collect())
    }

    /// The same of definitions that are kept elsewhere, too.
    pub fn of_shared(limits: Limits, seed: u64, checks: Vec<Arc<Check>>) -> Self {
        let mut monitor = Self {
            checks: BTreeMap::new(),
            order: Arc::default(),
            shared: Shared::new(limits, seed),
            removed: Removed::new(),
            unclosed: Vec::new(),
            noted_after_end: Vec::new(),
        };
        monitor.define_first(checks);
        monitor
    }

    /// Takes over what an earlier run remembered of a check, its attempts as those of the budget over all checks, too.
    pub fn restore(&mut self, check: &str, memory: Memory) {
        if let Some(state) = self.checks.get_mut(check) {
            self.shared.spent.subtract(&state.memory.spent);
            self.shared.spent.add(&memory.spent);
            state.memory = memory;
            if state.check.heartbeat.is_none() {
                state.memory.heartbeats = None;
            }
            let newest = state.memory.samples.newest_verdict().map(|(at, _)| at);
            self.shared
                .define_failing(newest.unwrap_or_default(), state);
        } else {
            self.restore_removed(check, memory);
        }
    }

    /// The definition of a check.
    pub fn check(&self, check: &str) -> Option<&Check> {
        let state = self.checks.get(check)?;
        (!state.removed).then_some(&state.check)
    }

    /// The definitions, in the order given.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        self.order.iter().map(Arc::as_ref)
    }

    /// The same, to be kept beside the monitor.
    pub fn definitions(&self) -> Arc<[Arc<Check>]> {
        Arc::clone(&self.order)
    }

    /// Whether no probe and no action is under way, and no process that we stopped waits for its first start.
    pub fn is_at_rest(&self) -> bool {
        let idle = |state: &CheckState| state.activity == Activity::Idle;
        let mut pending = self.shared.pending.values();
        !self.shared.is_acting()
            && (self.shared.shutting_down || !pending.any(Pending::is_worth_staying))
            && self.checks.values().all(|state| idle(state))
            && !self.awaits_slot()
    }

    /// Whether an action is under way, or a process is being started again.
    pub fn is_acting(&self) -> bool {
        self.shared.is_acting()
    }

    /// Whether a process that we stopped is owed a start, or is being started again, by a supervisor that `is_there`.
    pub fn owes_start(&self, is_there: impl Fn(Backend) -> bool) -> bool {
        let mut pending = self.shared.pending.iter();
        pending.any(|(process, pending)| pending.owes_start() && is_there(process.backend))
    }

    /// Decides. An event that answers nothing under way (an answer to an older effect) is ignored.
    #[must_use = "effects are to be performed"]
    pub fn handle(&mut self, now: Moment, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        // an equal reload changes nothing, also not what was due before it
        let is_later = !matches!(event, Event::Reload { .. });
        match event {
            Event::Tick(tick) => {
                self.with(now, &tick.check, &mut effects, |check, cx| {
                    check.tick(&tick, cx);
                });
                self.retry_of(now, &tick.check, &mut effects);
            }
            Event::Listed {
                check,
                ticket,
                processes,
                unasked,
            } => self.with(now, &check, &mut effects, |check, cx| {
                check.note_unasked(unasked, cx);
                check.listed(ticket, processes, cx);
            }),
            Event::Observed {
                check,
                ticket,
                seen,
            } => self.with(now, &check, &mut effects, |check, cx| {
                check.observed(ticket, *seen, cx);
            }),
            Event::Judged {
                check,
                ticket,
                result,
            } => self.with(now, &check, &mut effects, |check, cx| {
                check.judged(ticket, *result, cx);
            }),
            Event::WarmedUp {
                check,
                ticket,
                seen,
            } => self.with(now, &check, &mut effects, |check, cx| {
                check.warmed_up(ticket, &seen, cx);
            }),
            Event::Acted {
                check,
                ticket,
                outcome,
                pending,
            } => {
                self.with(now, &check, &mut effects, |check, cx| {
                    check.action_ended(ticket, outcome, pending, cx);
                });
                if self.checks.get(&check).is_some_and(|state| state.removed) {
                    self.remove(now, &check, &mut effects);
                }
            }
            Event::Inherited(restart) => self.inherit(now, *restart, &mut effects),
            Event::Woken { process, ticket } => self.woken(now, &process, ticket, &mut effects),
            Event::Resumed {
                process,
                ticket,
                outcome,
                result,
            } => self.resumed(now, &process, ticket, outcome, result, &mut effects),
            Event::Routed {
                check,
                incident,
                report,
                kind,
                to,
                not_to,
            } => {
                let routed = IncidentEvent::Routed {
                    report,
                    kind,
                    to,
                    not_to,
                };
                self.delivered(now, &check, &incident, routed);
            }
            Event::Delivered {
                check,
                incident,
                report,
                kind,
                notifier,
                failure,
                refused,
            } => {
                let delivered = IncidentEvent::Delivered {
                    report,
                    kind,
                    notifier,
                    failure,
                    refused,
                };
                self.delivered(now, &check, &incident, delivered);
            }
            Event::Pause {
                check,
                reason,
                lasting,
                silent,
            } => self.with(now, &check, &mut effects, |check, cx| {
                let hold = Pause::new(now, reason, lasting);
                if silent {
                    check.silence(hold.clone(), cx);
                }
                check.pause(hold, cx);
            }),
            Event::Silence {
                check,
                reason,
                lasting,
            } => self.with(now, &check, &mut effects, |check, cx| {
                check.silence(Pause::new(now, reason, lasting), cx);
            }),
            Event::Resume { check } => {
                self.with(now, &check, &mut effects, CheckState::resume);
                self.retry_of(now, &check, &mut effects);
            }
            Event::Heartbeat { check, failure } => {
                self.with(now, &check, &mut effects, |check, cx| {
                    check.heartbeat(failure, cx);
                });
            }
            Event::Maintenance { check, window } => {
                let is_over = window.is_none();
                self.with(now, &check, &mut effects, |check, cx| {
                    check.maintenance(window, cx);
                });
                if is_over {
                    self.retry_of(now, &check, &mut effects);
                }
            }
            Event::Reset { check } => {
                self.with(now, &check, &mut effects, CheckState::reset);
                self.retry_of(now, &check, &mut effects);
            }
            Event::Removed { check } => self.close_removed(now, &check, &mut effects),
            Event::Restart { check } => {
                self.with(now, &check, &mut effects, CheckState::restart_manually);
            }
            Event::Reload {
                checks,
                limits,
                forgot,
            } => {
                self.shared.forget_starts(now, &forgot);
                self.reload(now, checks, limits, &mut effects);
            }
            Event::ProgramChanged { process, change } => {
                self.program_changed(now, &process, *change, &mut effects);
            }
            // nothing is decided: all moments are as far from now as before
            Event::ClockSet { by } => {
                self.each_moment(&mut |moment| *moment = moment.moved(by));
                return effects;
            }
            Event::Reserved {
                check,
                ticket,
                answer,
            } => self.reserved(now, &check, ticket, answer, &mut effects),
            Event::Released {
                check,
                group,
                failure,
                ..
            } => {
                if let Some(why) = failure {
                    let mut cx = Context {
                        now,
                        shared: &mut self.shared,
                        effects: &mut effects,
                    };
                    cx.note(&check, Decision::SlotNotReleased { group, why });
                }
            }
            Event::LeaseLost {
                check,
                reservation,
                why,
            } => self.lease_lost(now, &check, reservation, why, &mut effects),
            Event::Shutdown => self.shut_down(now, &mut effects),
        }
        self.release(now, &mut effects);
        self.close_unclosed(now, &mut effects);
        self.release_slots(now, is_later, &mut effects);
        effects
    }

    /// Lets `check` decide, and takes note of whether it fails then.
    fn with(
        &mut self,
        now: Moment,
        check: &str,
        effects: &mut Vec<Effect>,
        decide: impl FnOnce(&mut CheckState, &mut Context<'_>),
    ) {
        if let Some(state) = self.checks.get_mut(check) {
            let mut cx = Context {
                now,
                shared: &mut self.shared,
                effects,
            };
            decide(state, &mut cx);
            self.shared.define_failing(now, state);
        }
    }

    /// When an attempt has ended: lets those go on that waited for it.
    fn release(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        while std::mem::take(&mut self.shared.released) {
            if self.shared.shutting_down {
                continue;
            }
            for check in std::mem::take(&mut self.shared.waiting) {
                self.with(now, &check, effects, CheckState::probe_released);
            }
            self.retry_all(now, effects);
        }
    }

    fn shut_down(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        self.shared.shutting_down = true;
        self.shared.waiting.clear();
        for state in self.checks.values_mut() {
            if state.is_between_parts() {
                let mut cx = Context {
                    now,
                    shared: &mut self.shared,
                    effects,
                };
                state.halt(Halt::Held(Gate::ShuttingDown), &mut cx);
            }
            state.missed = None;
            if !matches!(state.activity, Activity::Acting { .. }) {
                state.activity = Activity::Idle;
            }
        }
        self.start_once_more(now, effects);
    }

    /// A report about `check` was delivered, or could not be: noted in its incident, also after its end. An empty name
    /// is searched: older journals have none.
    fn delivered(&mut self, now: Moment, check: &str, id: &str, delivered: IncidentEvent) {
        let is_it = |incident: Option<&Incident>| incident.is_some_and(|known| known.id == id);
        let found = match check {
            "" => self.checks.values_mut().map(Box::as_mut).find(|state| {
                is_it(state.memory.incident.as_deref()) || is_it(state.closed.as_deref())
            }),
            check => self.known_mut(check),
        };
        let Some(state) = found else {
            return;
        };
        if is_it(state.memory.incident.as_deref()) {
            let open = state.memory.incident.as_mut();
            open.into_iter()
                .for_each(|incident| incident.note(now, delivered.clone()));
        } else if is_it(state.closed.as_deref()) {
            let closed = state.closed.as_mut();
            closed
                .into_iter()
                .for_each(|incident| incident.note(now, delivered.clone()));
            state.unwritten = true;
            let name = state.check.name.clone();
            self.noted_after_end.push(name);
        }
    }
}

impl CheckState {
    /// A person says that it is fine to try again.
    fn reset(&mut self, cx: &mut Context<'_>) {
        self.memory.gave_up = None;
        self.memory.attempts = 0;
        self.memory.rungs = 0;
        self.memory.next_attempt = None;
        self.memory.spent.clear();
        // a service that a person takes care of may use the whole budget again
        cx.shared.spent.clear();
        self.held = None;
        self.retry_at_once(cx);
        cx.note(&self.check.name, Decision::Reset);
    }

    /// The id of the open incident, or of the one that is about to be opened.
    fn incident_id(&self, cx: &mut Context<'_>) -> String {
        match &self.memory.incident {
            Some(incident) => incident.id.clone(),
            None => cx.shared.next_incident(),
        }
    }
}
