//! Warming up: asks a program once after each of its starts, beside the probes. While that is not answered,
//! a check that fails is `starting`.

use std::time::Duration;

use super::super::check::{Activity, CheckState};
use super::super::incident::CheckResult;
use super::super::moment::Moment;
use super::super::note::Decision;
use super::super::observation::Observation;
use super::super::process::Process;
use super::super::verdict::Verdict;
use super::super::warmup::{WarmUpAnswer, Warmed, Warming, life, read, running};
use super::shared::Context;
use super::{Effect, Ticket};

/// The pause after an answer that nobody listens yet.
const ASK_EVERY: Duration = Duration::from_secs(1);

impl CheckState {
    /// The check is about to be probed, with these processes: begins a warm-up when one of them, or the watchdog
    /// where there are none, was started since the last one.
    pub(super) fn warm_up(&mut self, chosen: &[Process], cx: &mut Context<'_>) {
        let Some(within) = self.check.warmup.as_ref().map(|warmup| warmup.timeout) else {
            return;
        };
        let Some(processes) = self.started_since_warm_up(cx.now, chosen) else {
            return;
        };
        if let Some(warming) = self.warming.as_mut() {
            warming.processes = processes;
            warming.again = true;
            return;
        }
        let ticket = cx.shared.next_ticket();
        self.warming = Some(Box::new(Warming {
            ticket,
            since: cx.now,
            processes,
            again: false,
        }));
        cx.note(&self.check.name, Decision::WarmingUp);
        cx.effects.push(Effect::WarmUp {
            check: self.check.name.clone(),
            ticket,
            after: Duration::ZERO,
            within,
        });
    }

    /// A warm-up was answered, or not.
    pub(super) fn warmed_up(&mut self, ticket: Ticket, seen: &Observation, cx: &mut Context<'_>) {
        let asked = |warming: &mut Box<Warming>| warming.ticket == ticket;
        let Some(mut warming) = self.warming.take_if(asked) else {
            return;
        };
        let Some(timeout) = self.check.warmup.as_ref().map(|warmup| warmup.timeout) else {
            return;
        };
        if cx.shared.shutting_down {
            return;
        }
        let again = std::mem::take(&mut warming.again);
        if again {
            warming.since = cx.now;
        }
        let took = cx.now.since(warming.since);
        let left = timeout.saturating_sub(took + ASK_EVERY);
        let decision = match read(seen) {
            WarmUpAnswer::NotYet(_) if !left.is_zero() => None,
            _ if again => None,
            WarmUpAnswer::Warm { code } => Some(Decision::WarmedUp { took, code }),
            WarmUpAnswer::NotYet(detail) | WarmUpAnswer::Failed(detail) => {
                Some(Decision::NotWarmedUp { took, detail })
            }
        };
        if let Some(decision) = decision {
            self.memory.warmed = Some(Box::new(warming.processes));
            cx.note(&self.check.name, decision);
            if self.activity == Activity::Idle {
                // nobody waits for the next tick to hear that it is up
                self.probe(Duration::ZERO, cx);
            }
            return;
        }
        let ticket = cx.shared.next_ticket();
        warming.ticket = ticket;
        self.warming = Some(warming);
        cx.effects.push(Effect::WarmUp {
            check: self.check.name.clone(),
            ticket,
            after: ASK_EVERY,
            within: left.max(ASK_EVERY),
        });
    }

    /// The processes to be warmed up, when one was started since the last warm-up; for a check without
    /// processes, when the watchdog was, or when it restarted something.
    fn started_since_warm_up(&mut self, now: Moment, chosen: &[Process]) -> Option<Warmed> {
        let running = running(chosen);
        if running.is_empty() && !chosen.is_empty() {
            return None;
        }
        let known = match &self.warming {
            Some(warming) => warming.processes.clone(),
            None => self.memory.warmed.as_deref().cloned().unwrap_or_default(),
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
            self.memory.warmed = Some(Box::new(met));
        }
        None
    }

    /// Until a warm-up is answered the service is starting: a fail is no more than a start that takes its time,
    /// and a service that passes is not yet as quick as it is meant to be.
    pub(super) fn excuse(&self, result: &mut CheckResult) {
        let judgement = &mut result.judgement;
        let counts = match judgement.verdict {
            Verdict::Pass | Verdict::Degraded | Verdict::Fail => true,
            Verdict::Starting | Verdict::Draining | Verdict::Unknown => false,
        };
        if self.warming.is_some() && counts {
            judgement.verdict = Verdict::Starting;
            judgement.detail = match judgement.detail.as_str() {
                "" => "warming up".to_owned(),
                detail => format!("warming up: {detail}"),
            };
        }
    }
}
