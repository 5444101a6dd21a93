//! From a tick through the supervisor's list to a probe.
//! A tick that finds its check busy is made up for once when the probe is over; a stale one is dropped.

use std::time::Duration;

use super::super::call_error::CallError;
use super::super::check::{Activity, CheckState, MissedTick};
use super::super::moment::Moment;
use super::super::note::{Decision, Dropped};
use super::super::policy::NotifyMode;
use super::super::process::{Backend, Process, ProcessState};
use super::attempt::VERIFY_EVERY;
use super::shared::Context;
use super::{CheckTick, Effect, Ticket};

impl CheckState {
    pub(super) fn tick(&mut self, tick: &CheckTick, cx: &mut Context<'_>) {
        if cx.shared.shutting_down {
            return;
        }
        if self.is_stale(cx.now, tick) {
            return self.drop_tick(Dropped::Stale, cx);
        }
        let at = cx.now.before(tick.age.unwrap_or_default());
        if self.is_probed_at(at, tick.period) {
            return self.drop_tick(Dropped::ProbedAnyway, cx);
        }
        match self.activity {
            Activity::Idle => self.probe(Duration::ZERO, cx),
            Activity::Listing { manual: false, .. } | Activity::Probing { .. }
                if self.missed.is_none() && self.check.policy.notify == NotifyMode::Changes =>
            {
                self.missed = Some(MissedTick {
                    at,
                    period: tick.period,
                });
                self.drop_tick(Dropped::Delayed, cx);
            }
            // the original loses a tick that finds it busy
            Activity::Listing { .. } | Activity::Probing { .. } | Activity::Acting { .. } => {
                self.drop_tick(Dropped::Busy, cx);
            }
        }
    }

    /// A tick is stale when it is older than its period, or was made before the last action ended.
    fn is_stale(&self, now: Moment, tick: &CheckTick) -> bool {
        let Some(age) = tick.age else {
            return false;
        };
        let acted = self.memory.acted;
        tick.period.is_some_and(|period| age > period)
            || acted.is_some_and(|acted| now.before(age) < acted)
    }

    /// Whether the newest probe is also the one of a tick that was made at `at`: it begins later, or began just before.
    /// Between ticks a check is probed for other reasons, to verify a restart or with a slot that was waited for, and two
    /// probes of one moment must not count as two fails.
    fn is_probed_at(&self, at: Moment, period: Option<Duration>) -> bool {
        let begun = match self.activity {
            Activity::Listing {
                begun,
                manual: false,
                ..
            }
            | Activity::Probing { begun, .. } => Some(begun),
            Activity::Idle => self.probed,
            Activity::Listing { .. } | Activity::Acting { .. } => None,
        };
        // a tick may come a bit early or late
        let apart = period.map_or(Duration::ZERO, |period| period.min(VERIFY_EVERY) / 2);
        self.check.policy.notify == NotifyMode::Changes
            && begun.is_some_and(|begun| at < begun + apart)
    }

    fn drop_tick(&self, why: Dropped, cx: &mut Context<'_>) {
        cx.note(&self.check.name, Decision::TickDropped(why));
    }

    /// A probe is over: makes up for one tick that came meanwhile, unless it is stale by now.
    pub(super) fn make_up_for_tick(&mut self, cx: &mut Context<'_>) {
        let Some(missed) = self.missed.take() else {
            return;
        };
        if self.activity != Activity::Idle || cx.shared.shutting_down {
            return;
        }
        let waited = cx.now.since(missed.at);
        let acted = self.memory.acted;
        if missed.period.is_some_and(|period| waited > period)
            || acted.is_some_and(|acted| missed.at < acted)
        {
            return self.drop_tick(Dropped::Stale, cx);
        }
        if self.is_probed_at(missed.at, missed.period) {
            return self.drop_tick(Dropped::ProbedAnyway, cx);
        }
        self.probe(Duration::ZERO, cx);
    }

    /// An attempt has ended for which this check waited: what it saw is old by now.
    pub(super) fn probe_released(&mut self, cx: &mut Context<'_>) {
        if self.activity == Activity::Idle {
            self.held = None;
            self.probe(Duration::ZERO, cx);
        }
    }

    /// Begins a probe of an idle check, so long from now: lists its processes first where it has some.
    pub(super) fn probe(&mut self, after: Duration, cx: &mut Context<'_>) {
        if self.removed {
            return;
        }
        // what was not heard of needs no second probe before the next tick
        if !self.check.is_probed() && !self.lists_first() && !after.is_zero() {
            return;
        }
        let ticket = cx.shared.next_ticket();
        let check = self.check.name.clone();
        if self.lists_first() {
            self.activity = Activity::Listing {
                ticket,
                begun: cx.now + after,
                manual: false,
            };
            cx.effects.push(Effect::List {
                check,
                ticket,
                remedy: self.check.reach(),
                after,
            });
        } else if self.check.heartbeat.is_some() {
            self.judge_heartbeats(ticket, None, cx);
        } else if self.check.program.is_some() {
            self.judge_program(ticket, cx);
        } else {
            self.activity = Activity::Probing {
                ticket,
                begun: cx.now + after,
                listed: None,
            };
            cx.effects.push(Effect::Probe {
                check,
                ticket,
                after,
            });
            self.warm_up(&[], cx);
        }
    }

    pub(super) fn listed(
        &mut self,
        ticket: Ticket,
        processes: Result<Vec<Process>, CallError>,
        cx: &mut Context<'_>,
    ) {
        let manual = match self.activity {
            Activity::Listing {
                ticket: asked,
                manual,
                ..
            } if asked == ticket => manual,
            Activity::Idle
            | Activity::Listing { .. }
            | Activity::Probing { .. }
            | Activity::Acting { .. } => return,
        };
        self.activity = Activity::Idle;
        if manual {
            return self.listed_manually(processes, cx);
        }
        match self.processes_to_probe(processes, cx) {
            Ok(listed) => {
                if self.check.heartbeat.is_some() {
                    if let Some(chosen) = &listed {
                        self.see_pending(chosen, cx);
                    }
                    return self.judge_heartbeats(ticket, listed, cx);
                }
                let chosen = listed.clone();
                self.activity = Activity::Probing {
                    ticket,
                    begun: cx.now,
                    listed,
                };
                cx.effects.push(Effect::Probe {
                    check: self.check.name.clone(),
                    ticket,
                    after: Duration::ZERO,
                });
                if let Some(chosen) = chosen {
                    let own = self.check.remedy.select(&chosen);
                    self.warm_up(&own, cx);
                    self.see_pending(&chosen, cx);
                }
            }
            Err(dropped) => {
                if let Some(why) = dropped {
                    self.drop_tick(why, cx);
                }
                self.not_passed(cx);
                self.missed = None;
            }
        }
    }

    /// The check's processes as they are before the probe, `None` when they could not be listed; or why it is not
    /// probed, unless that was noted.
    fn processes_to_probe(
        &mut self,
        processes: Result<Vec<Process>, CallError>,
        cx: &mut Context<'_>,
    ) -> Result<Option<Vec<Process>>, Option<Dropped>> {
        let eager = self.check.remedy.eager;
        match processes {
            Ok(listed) => {
                self.unlisted = None;
                self.note_unknown_targets(&listed, cx);
                let remedy = &self.check.remedy;
                let mut chosen = remedy.select(&listed);
                // we are always RUNNING, and never acted on: how the others are is the question
                chosen.retain(|process| !remedy.is_ourselves(&process.name));
                let is_running = |process: &Process| process.state == ProcessState::Running;
                self.stopped = cx.shared.are_stopped(&chosen);
                if !eager && !chosen.iter().any(is_running) {
                    self.counts.idle += 1;
                    self.see_pending(&chosen, cx);
                    return Err(Some(Dropped::NoneRunning));
                }
                if let Some(process) = self.processes_listed(cx.now, &chosen) {
                    cx.note(&self.check.name, Decision::Replaced { process });
                }
                if !self.check.ladder.is_empty() {
                    chosen = self.check.reach().select(&listed);
                    chosen.retain(|process| !self.check.remedy.is_ourselves(&process.name));
                }
                Ok(Some(chosen))
            }
            Err(error) if error.is_fault(CallError::SHUTDOWN_STATE) => {
                Err(Some(Dropped::SupervisorShutdown))
            }
            Err(error) => {
                self.stopped = false;
                if self.unlisted.as_deref() != Some(&error) {
                    self.unlisted = Some(Box::new(error.clone()));
                    cx.note(&self.check.name, Decision::ListFailed { error });
                }
                if eager { Ok(None) } else { Err(None) }
            }
        }
    }

    /// Notes which supervisors could not be reached while others could, once for as long as it is the same.
    pub(super) fn note_unasked(
        &mut self,
        unasked: Vec<(Backend, CallError)>,
        cx: &mut Context<'_>,
    ) {
        let known = std::mem::replace(&mut self.unasked, unasked);
        for (backend, error) in &self.unasked {
            if !known.contains(&(*backend, error.clone())) {
                let (backend, error) = (*backend, error.clone());
                cx.note(&self.check.name, Decision::Unasked { backend, error });
            }
        }
    }

    /// Notes the targets that no supervisor knows, once for as long as they are the same: else that is found out when
    /// they are to be restarted. The original says nothing of them.
    fn note_unknown_targets(&mut self, listed: &[Process], cx: &mut Context<'_>) {
        let unknown = self.check.reach().unknown_targets(listed, &self.unasked);
        let known = std::mem::replace(&mut self.unknown_targets, unknown);
        if self.check.policy.notify == NotifyMode::Changes
            && !self.unknown_targets.is_empty()
            && known != self.unknown_targets
        {
            let targets = self.unknown_targets.clone();
            cx.note(&self.check.name, Decision::UnknownTargets { targets });
        }
    }
}
