//! Warming up: asks a program once after each of its starts, beside the looks. While that is not answered,
//! a look that fails is `starting`.

use std::time::Duration;

use super::super::check::{CheckState, Doing};
use super::super::incident::CheckResult;
use super::super::moment::Moment;
use super::super::note::Decision;
use super::super::observation::Observation;
use super::super::process::Process;
use super::super::ticket::Ticket;
use super::super::verdict::Verdict;
use super::super::warmup::{Answer, Warmed, Warming, life, read, running};
use super::{Effect, Monitor, note};

/// The pause after nobody listened.
const ASK_EVERY: Duration = Duration::from_secs(1);

impl Monitor {
    /// The check is about to be looked at, with these processes: begins a warm-up when one of them, or the
    /// watchdog where there are none, was started since the last one.
    pub(super) fn warm(
        &mut self,
        now: Moment,
        name: &str,
        chosen: &[Process],
        out: &mut Vec<Effect>,
    ) {
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        let Some(within) = state.check.warmup.as_ref().map(|warmup| warmup.timeout) else {
            return;
        };
        let Some(processes) = state.started(now, chosen) else {
            return;
        };
        if let Some(warming) = state.warming.as_mut() {
            warming.processes = processes;
            warming.again = true;
            return;
        }
        let ticket = self.next_ticket();
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        state.warming = Some(Warming {
            ticket,
            since: now,
            processes,
            again: false,
        });
        out.push(note(now, name, Decision::WarmingUp));
        out.push(Effect::WarmUp {
            check: name.to_owned(),
            ticket,
            after: Duration::ZERO,
            within,
        });
    }

    /// A warm-up was answered, or not.
    pub(super) fn warmed_up(
        &mut self,
        now: Moment,
        name: &str,
        ticket: Ticket,
        seen: &Observation,
        out: &mut Vec<Effect>,
    ) {
        let next = self.next_ticket();
        let Some(state) = self.checks.get_mut(name) else {
            return;
        };
        let Some(mut warming) = state.warming.take_if(|warming| warming.ticket == ticket) else {
            return;
        };
        let Some(timeout) = state.check.warmup.as_ref().map(|warmup| warmup.timeout) else {
            return;
        };
        if self.shutting_down {
            return;
        }
        let again = std::mem::take(&mut warming.again);
        if again {
            warming.since = now;
        }
        let took = now.since(warming.since);
        let left = timeout.saturating_sub(took + ASK_EVERY);
        let decision = match read(seen) {
            Answer::NotYet(_) if !left.is_zero() => None,
            _ if again => None,
            Answer::Warm { code } => Some(Decision::WarmedUp { took, code }),
            Answer::NotYet(detail) | Answer::Failed(detail) => {
                Some(Decision::NotWarmedUp { took, detail })
            }
        };
        if let Some(decision) = decision {
            state.memory.warmed = Some(warming.processes);
            let idle = state.doing == Doing::Idle;
            out.push(note(now, name, decision));
            if idle {
                // nobody waits for the next tick to hear that it is up
                self.look(now, name, Duration::ZERO, out);
            }
            return;
        }
        warming.ticket = next;
        state.warming = Some(warming);
        out.push(Effect::WarmUp {
            check: name.to_owned(),
            ticket: next,
            after: ASK_EVERY,
            within: left.max(ASK_EVERY),
        });
    }
}

impl CheckState {
    /// The processes to be warmed up, when one was started since the last warm-up; for a check without
    /// processes, when the watchdog was, or when it restarted something.
    fn started(&mut self, now: Moment, chosen: &[Process]) -> Option<Warmed> {
        let running = running(chosen);
        if running.is_empty() && !chosen.is_empty() {
            // nobody to warm up
            return None;
        }
        let known = match &self.warming {
            Some(warming) => warming.processes.clone(),
            None => self.memory.warmed.clone().unwrap_or_default(),
        };
        let due = std::mem::take(&mut self.warm_due);
        let mut met = known.clone();
        let new = match running.iter().any(|process| life(process).is_some()) {
            true => met.meets(now, &running, self.check.policy.grace),
            false => due,
        };
        if new {
            met.at = now;
            return Some(met);
        }
        if met != known && self.warming.is_none() {
            met.at = now;
            self.memory.warmed = Some(met);
        }
        None
    }

    /// Until a warm-up is answered the service is starting: a fail is no more than a start that takes its time,
    /// and who passes is not yet as quick as it is meant to be.
    pub(super) fn excuse(&self, look: &mut CheckResult) {
        let counts = match look.judgement.verdict {
            Verdict::Pass | Verdict::Degraded | Verdict::Fail => true,
            Verdict::Starting | Verdict::Draining | Verdict::Unknown => false,
        };
        if self.warming.is_some() && counts {
            look.judgement.verdict = Verdict::Starting;
            let detail = std::mem::take(&mut look.judgement.detail);
            look.judgement.detail = match detail.as_str() {
                "" => "warming up".to_owned(),
                detail => format!("warming up: {detail}"),
            };
        }
    }
}
