//! Looking: from a tick through the supervisor's list and the probe to a counted verdict.

use std::time::Duration;

use super::super::check::{CheckState, Doing};
use super::super::incident::{CheckResult, Happening, Incident};
use super::super::moment::Moment;
use super::super::note::{Counted, Decision, Dropped};
use super::super::observation::Observation;
use super::super::process::{Backend, Process, ProcessState};
use super::super::step::CallError;
use super::super::threshold::{Status, Streak};
use super::super::ticket::Ticket;
use super::super::verdict::Verdict;
use super::{Effect, Monitor, Tick, dropped, note};

impl Monitor {
    pub(super) fn tick(&mut self, now: Moment, tick: &Tick, out: &mut Vec<Effect>) {
        let name = &tick.check;
        let Some(state) = self.checks.get(name) else {
            return;
        };
        if self.shutting_down {
            return;
        }
        if state.doing != Doing::Idle {
            out.push(dropped(now, name, Dropped::Busy));
        } else if is_stale(now, tick, state) {
            out.push(dropped(now, name, Dropped::Stale));
        } else {
            self.look(now, name, Duration::ZERO, out);
        }
    }

    /// Begins a look at an idle check, so long from now.
    pub(super) fn look(&mut self, now: Moment, name: &str, after: Duration, out: &mut Vec<Effect>) {
        let ticket = self.next_ticket();
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        let check = name.to_owned();
        if state.lists_first() {
            state.doing = Doing::Listing {
                ticket,
                by_hand: false,
            };
            let remedy = state.check.remedy.clone();
            out.push(Effect::List {
                check,
                ticket,
                remedy,
                after,
            });
        } else {
            state.doing = Doing::Probing {
                ticket,
                begun: now + after,
                looked: None,
            };
            out.push(Effect::Probe {
                check,
                ticket,
                after,
            });
            self.warm(now, name, &[], out);
        }
    }

    pub(super) fn listed(
        &mut self,
        now: Moment,
        name: &str,
        ticket: Ticket,
        processes: Result<Vec<Process>, CallError>,
        out: &mut Vec<Effect>,
    ) {
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        let by_hand = match state.doing {
            Doing::Listing {
                ticket: asked,
                by_hand,
            } if asked == ticket => by_hand,
            Doing::Idle | Doing::Listing { .. } | Doing::Probing { .. } | Doing::Acting { .. } => {
                return;
            }
        };
        state.doing = Doing::Idle;
        if by_hand {
            return self.listed_by_hand(now, name, processes, out);
        }
        let looked = match processes {
            Ok(listed) => {
                state.unlisted = None;
                let mut chosen = state.check.remedy.select(&listed);
                // we are always RUNNING, and never acted on: what is asked here is how the others are
                chosen.retain(|process| !state.check.remedy.is_ourselves(&process.name));
                let running = chosen
                    .iter()
                    .any(|process| process.state == ProcessState::Running);
                if !state.check.remedy.eager && !running {
                    state.tally.idle += 1;
                    out.push(dropped(now, name, Dropped::NoneRunning));
                    self.unproven(now, name, out);
                    return;
                }
                if let Some(process) = state.meet(now, &chosen) {
                    out.push(note(now, name, Decision::Replaced { process }));
                }
                Some(chosen)
            }
            Err(error) if error.is_fault(CallError::SHUTDOWN_STATE) => {
                out.push(dropped(now, name, Dropped::SupervisorShutdown));
                self.unproven(now, name, out);
                return;
            }
            Err(error) => {
                if state.unlisted.as_ref() != Some(&error) {
                    state.unlisted = Some(error.clone());
                    out.push(note(now, name, Decision::ListFailed { error }));
                }
                if !state.check.remedy.eager {
                    self.unproven(now, name, out);
                    return;
                }
                None
            }
        };
        let chosen = looked.clone();
        state.doing = Doing::Probing {
            ticket,
            begun: now,
            looked,
        };
        out.push(Effect::Probe {
            check: name.to_owned(),
            ticket,
            after: Duration::ZERO,
        });
        if let Some(chosen) = chosen {
            self.warm(now, name, &chosen, out);
        }
    }

    /// Says which supervisors could not be asked while others could, once for as long as it is the same.
    pub(super) fn note_unasked(
        &mut self,
        now: Moment,
        name: &str,
        unasked: Vec<(Backend, CallError)>,
        out: &mut Vec<Effect>,
    ) {
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        let known = std::mem::replace(&mut state.unasked, unasked);
        for (backend, error) in &state.unasked {
            if !known.contains(&(*backend, error.clone())) {
                let (backend, error) = (*backend, error.clone());
                out.push(note(now, name, Decision::Unasked { backend, error }));
            }
        }
    }

    pub(super) fn observed(
        &mut self,
        now: Moment,
        name: &str,
        ticket: Ticket,
        mut seen: Observation,
        out: &mut Vec<Effect>,
    ) {
        let Some(state) = self.checks.get(name) else {
            return;
        };
        let judgement = state.check.expectation.judge(&seen);
        seen.shorten();
        self.looked(now, name, ticket, CheckResult { seen, judgement }, out);
    }

    /// A look is over and judged.
    pub(super) fn looked(
        &mut self,
        now: Moment,
        name: &str,
        ticket: Ticket,
        mut look: CheckResult,
        out: &mut Vec<Effect>,
    ) {
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        let asked =
            matches!(&state.doing, Doing::Probing { ticket: asked, .. } if *asked == ticket);
        if !asked {
            return;
        }
        let Doing::Probing { begun, looked, .. } = std::mem::replace(&mut state.doing, Doing::Idle)
        else {
            return;
        };
        state.excuse(&mut look);
        state.sample(now, &look);
        if self.is_from_before_an_action(begun, looked.as_deref()) {
            out.push(judged(now, name, &look, Counted::FromBeforeAction));
            return;
        }
        self.weigh(now, name, look, looked, out);
    }

    /// Whether an action touched one of the processes after the look began.
    fn is_from_before_an_action(&self, begun: Moment, looked: Option<&[Process]>) -> bool {
        match looked {
            None => self.acted.is_some_and(|ended| ended > begun) || self.is_acting(),
            Some(processes) => processes.iter().any(|process| {
                let ended = self
                    .acted_on
                    .get(&process.name)
                    .is_some_and(|ended| *ended > begun);
                ended
                    || self
                        .acting()
                        .any(|(_, on)| on.is_none_or(|names| names.contains(&process.name)))
            }),
        }
    }

    /// Counts a look and goes on from there.
    fn weigh(
        &mut self,
        now: Moment,
        name: &str,
        look: CheckResult,
        looked: Option<Vec<Process>>,
        out: &mut Vec<Effect>,
    ) {
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        let verdict = look.judgement.verdict;
        let counted = state.count(now, verdict);
        out.push(judged(now, name, &look, counted));
        if let Some(incident) = state.memory.incident.as_mut() {
            incident.note(now, Happening::Looked(Box::new(look.clone())));
        }
        self.tell_episodes(now, name, &look, out);
        match verdict {
            Verdict::Pass | Verdict::Degraded => self.passed(now, name, out),
            Verdict::Fail => {
                let waits = self.unproven(now, name, out);
                let down = self.checks.get(name).is_some_and(|state| {
                    !waits
                        && counted != Counted::InGrace
                        && state.memory.streak.is_down(state.check.policy.fail)
                });
                if down {
                    self.is_down(now, name, look, looked, out);
                }
                self.still_down(now, name, out);
            }
            Verdict::Starting | Verdict::Draining | Verdict::Unknown => {
                self.unproven(now, name, out);
                self.still_down(now, name, out);
            }
        }
    }

    fn passed(&mut self, now: Moment, name: &str, out: &mut Vec<Effect>) {
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        if state.memory.streak.passes() < state.check.policy.pass_after {
            if state.memory.verifying.is_some() || state.is_proving() {
                self.verify_again(now, name, out);
            }
            return;
        }
        if self.proven(now, name, out) {
            return;
        }
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        if state.memory.status == Status::Pending {
            out.push(note(now, name, Decision::Up));
        }
        state.stand(now, Status::Up);
        state.held = None;
        self.recovered(now, name, out);
    }

    /// The threshold is reached: opens an incident if there is none, and sees what can be done.
    fn is_down(
        &mut self,
        now: Moment,
        name: &str,
        look: CheckResult,
        looked: Option<Vec<Process>>,
        out: &mut Vec<Effect>,
    ) {
        let id = self.incident_of(name);
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        state.stand(now, Status::Down);
        if let Some(incident) = state.memory.incident.as_mut() {
            if std::mem::take(&mut incident.by_hand) {
                let incident = incident.id.clone();
                out.push(note(now, name, Decision::Opened { incident }));
            }
        } else {
            let since = state.memory.failing_since.unwrap_or(now);
            let mut incident = Incident::open(id.clone(), name, since, now);
            incident.note(now, Happening::Looked(Box::new(look.clone())));
            state.memory.incident = Some(incident);
            state.tally.incidents += 1;
            out.push(note(now, name, Decision::Opened { incident: id }));
        }
        self.consider(now, name, look.judgement.reason, looked, out);
    }
}

impl CheckState {
    /// Counts one verdict: what it does to streak, grace and thresholds.
    fn count(&mut self, now: Moment, verdict: Verdict) -> Counted {
        let in_grace = self.in_grace(now);
        let policy = &self.check.policy;
        let memory = &mut self.memory;
        match verdict {
            Verdict::Pass | Verdict::Degraded => {
                memory.streak.pass(policy.fail);
                memory.settled = true;
                memory.grace_until = None;
                memory.failing_since = None;
                Counted::Towards {
                    fails: memory.streak.count(policy.fail),
                    needed: Streak::needed(policy.fail),
                }
            }
            Verdict::Starting => {
                memory.settled = false;
                memory.grace_until = memory.grace_until.max(Some(now + policy.grace));
                Counted::No
            }
            Verdict::Draining | Verdict::Unknown => Counted::No,
            Verdict::Fail if in_grace => Counted::InGrace,
            Verdict::Fail => {
                memory.failing_since.get_or_insert(now);
                memory.streak.fail(policy.fail);
                Counted::Towards {
                    fails: memory.streak.count(policy.fail),
                    needed: Streak::needed(policy.fail),
                }
            }
        }
    }
}

/// A tick is stale when it is older than its period, or was made before the last action ended.
fn is_stale(now: Moment, tick: &Tick, state: &CheckState) -> bool {
    let Some(age) = tick.age else {
        return false;
    };
    tick.period.is_some_and(|period| age > period)
        || state
            .memory
            .acted
            .is_some_and(|acted| now.before(age) < acted)
}

fn judged(now: Moment, name: &str, look: &CheckResult, counted: Counted) -> Effect {
    note(now, name, Decision::of_look(look, counted))
}
