//! The hosts of the model: what a watchdog is answered, its restarts, and its end by SIGKILL.

use std::time::Duration;

use httpok::health::{
    ActionStep, Effect, Event, IntentId, Observation, Outcome, PendingRestart, Process,
    ProcessState, ResumeResult, SlotAnswer, StatusLine, Step,
};

use super::{Acting, Due, Fleet, LEASE, monitor, process};

impl Fleet {
    pub(super) fn feed(&mut self, host: usize, event: Event) {
        let effects = self.hosts[host].monitor.handle(self.now, event);
        for effect in effects {
            let after = match &effect {
                Effect::List { after, .. }
                | Effect::Probe { after, .. }
                | Effect::Wake { after, .. } => *after,
                // one after the other, in their order
                Effect::Reserve { after, .. } => {
                    let given_back = self.hosts[host].given_back.since(self.now);
                    let asked = (*after).max(given_back);
                    asked + Duration::from_millis(1 + self.below(500))
                }
                Effect::Release { .. } => {
                    let after = Duration::from_millis(self.below(500));
                    self.hosts[host].given_back = self.now + after;
                    after
                }
                Effect::Act { .. } => {
                    self.begin(host, true);
                    Duration::from_millis(500 + self.below(5000))
                }
                Effect::Resume {
                    may_start, restart, ..
                } => {
                    if *may_start {
                        self.begin(host, restart.start_answered);
                    }
                    Duration::from_millis(500 + self.below(2000))
                }
                Effect::Report(_) | Effect::Note(_) | Effect::WarmUp { .. } => continue,
            };
            let run = self.hosts[host].run;
            self.plan(after, host, Due::Answer(run, Box::new(effect)));
        }
    }

    /// A restart begins: an attempt has a slot.
    fn begin(&mut self, host: usize, is_attempt: bool) {
        self.hosts[host].is_stopped = true;
        let run = self.hosts[host].run;
        let held = self.hosts[host].held;
        let mut slots = self.engine.slots.iter();
        let has_slot = slots.any(|slot| {
            slot.host == host && held.is_some_and(|(id, _)| slot.reservation == (run, id))
        });
        assert!(
            has_slot || !is_attempt || held.is_none(),
            "host {host} restarts without a slot"
        );
        assert!(!is_attempt || held.is_some(), "host {host} has no slot");
        self.restarts += usize::from(is_attempt);
        self.hosts[host].acting = Some(Acting { has_slot });
    }

    pub(super) fn answer(&mut self, host: usize, effect: Effect) {
        match effect {
            Effect::List { check, ticket, .. } => {
                let state = match self.hosts[host].is_stopped {
                    true => ProcessState::Stopped,
                    false => ProcessState::Running,
                };
                let listed = Process {
                    name: process(0),
                    state,
                    pid: Some(7),
                    uptime: Some(3600),
                    detail: String::new(),
                    instance: None,
                    aliases: Vec::new(),
                };
                let processes = Ok(vec![listed]);
                let unasked = Vec::new();
                self.feed(
                    host,
                    Event::Listed {
                        check,
                        ticket,
                        processes,
                        unasked,
                    },
                );
            }
            Effect::Probe { check, ticket, .. } => {
                let code = if self.hosts[host].is_up { 200 } else { 500 };
                let status = StatusLine {
                    version: "HTTP/1.1".into(),
                    code,
                    reason: String::new(),
                };
                let seen = Box::new(Observation {
                    status: Some(status),
                    ..Observation::default()
                });
                self.feed(
                    host,
                    Event::Observed {
                        check,
                        ticket,
                        seen,
                    },
                );
            }
            Effect::Act { ticket, plan } => {
                let outcome = self.restarted(host);
                self.feed(
                    host,
                    Event::Acted {
                        check: plan.check,
                        ticket,
                        outcome,
                        pending: Vec::new(),
                    },
                );
            }
            Effect::Resume {
                ticket, restart, ..
            } => {
                let outcome = self.restarted(host);
                self.feed(
                    host,
                    Event::Resumed {
                        process: restart.process,
                        ticket,
                        outcome,
                        result: ResumeResult::Finished,
                    },
                );
            }
            Effect::Wake {
                process, ticket, ..
            } => self.feed(host, Event::Woken { process, ticket }),
            Effect::Reserve {
                check,
                ticket,
                reservation,
                resumes,
                ..
            } => {
                let answer = self.reserve(host, reservation, resumes);
                let held = &mut self.hosts[host].held;
                if answer == SlotAnswer::Granted {
                    *held = Some((reservation, self.now));
                    let run = self.hosts[host].run;
                    self.plan(LEASE / 3, host, Due::Renew(run, reservation));
                }
                self.feed(
                    host,
                    Event::Reserved {
                        check,
                        ticket,
                        answer,
                    },
                );
            }
            Effect::Release {
                check,
                reservation,
                group,
                used,
            } => {
                self.hosts[host].held.take_if(|(id, _)| *id == reservation);
                self.release(host, reservation, used);
                self.feed(
                    host,
                    Event::Released {
                        check,
                        reservation,
                        group,
                        failure: None,
                    },
                );
            }
            Effect::WarmUp { .. } | Effect::Report(_) | Effect::Note(_) => {}
        }
    }

    /// The restart ends: it helps, now and then.
    fn restarted(&mut self, host: usize) -> Outcome {
        self.hosts[host].acting = None;
        self.hosts[host].is_stopped = false;
        self.hosts[host].is_up = self.is_calm() || self.chance(80);
        let step = |action| Step {
            at: self.now,
            took: Duration::from_secs(1),
            process: Some(process(0)),
            action,
        };
        let steps = [
            ActionStep::Stopped { error: None },
            ActionStep::Started { error: None },
            ActionStep::Settled {
                state: ProcessState::Running,
                pid: Some(8),
            },
        ];
        Outcome {
            steps: steps.into_iter().map(step).collect(),
        }
    }

    /// The watchdog is killed, and begins again: what it had stopped it starts first.
    pub(super) fn kill(&mut self, host: usize) {
        let seed = self.shape.seed ^ (host as u64) << 20 ^ self.now.as_millis();
        let monitor = monitor(&self.shape, seed);
        let state = &mut self.hosts[host];
        state.run += 1;
        state.monitor = monitor;
        state.acting = None;
        state.held = None;
        state.overtaken = None;
        if state.is_stopped {
            let restart = PendingRestart {
                intent: IntentId(1),
                check: "c0".into(),
                incident: "i-1".into(),
                process: process(0),
                pid_before: Some(7),
                stop_unclear: true,
                start_answered: false,
                start_begun: false,
                incident_ended: false,
                stopped_in: None,
            };
            self.feed(host, Event::Inherited(Box::new(restart)));
        }
    }
}
