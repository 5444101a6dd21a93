//! Heartbeats: a check with a period is not probed. A tick judges whether the next heartbeat is overdue, and one that
//! changes something is judged when it comes.

use super::super::check::{Activity, CheckState};
use super::super::heartbeat::Heartbeats;
use super::super::incident::CheckResult;
use super::super::observation::Observation;
use super::super::process::Process;
use super::super::threshold::Status;
use super::super::verdict::Verdict;
use super::Ticket;
use super::shared::Context;
use crate::health::text::bounded;

impl CheckState {
    /// A heartbeat came.
    pub(super) fn heartbeat(&mut self, failure: Option<String>, cx: &mut Context<'_>) {
        let Some(every) = self.check.heartbeat.filter(|_| !self.removed) else {
            return;
        };
        let failure = failure.map(bounded);
        let changes = failure.is_some() || !self.is_well();
        let known = self.memory.heartbeats.take().map(|known| *known);
        let heartbeats = Heartbeats::with(known, cx.now, failure, every);
        self.memory.heartbeats = Some(Box::new(heartbeats));
        self.listening = true;
        // the next tick says that one came which only says the same
        if changes && self.activity == Activity::Idle && !cx.shared.shutting_down {
            self.probe(std::time::Duration::ZERO, cx);
        }
    }

    /// Judges in place of a probe.
    pub(super) fn judge_heartbeats(
        &mut self,
        ticket: Ticket,
        listed: Option<Vec<Process>>,
        cx: &mut Context<'_>,
    ) {
        let Some(every) = self.check.heartbeat else {
            return;
        };
        let is_new = !std::mem::replace(&mut self.listening, true);
        let known = &mut self.memory.heartbeats;
        let heartbeats = known.get_or_insert_with(|| Box::new(Heartbeats::new(cx.now)));
        if is_new {
            heartbeats.listened_from(cx.now, every);
        }
        let judgement = heartbeats.judge(cx.now, every);
        heartbeats.note_overdue(cx.now, every);
        let seen = Observation {
            url: self.check.url.clone(),
            ..Observation::default()
        };
        self.activity = Activity::Probing {
            ticket,
            begun: cx.now,
            listed,
        };
        self.judged(ticket, CheckResult { seen, judgement }, cx);
    }

    fn is_well(&self) -> bool {
        let newest = self.memory.samples.newest();
        self.memory.status == Status::Up
            && newest.is_some_and(|sample| sample.verdict == Verdict::Pass)
            && self.memory.verifying.is_none()
            && !self.is_between_parts()
    }
}
