//! Law 14: what becomes of restarts that were left unfinished.

use std::time::Duration;

use httpok::health::{Event, Moment, Outcome, PendingRestart, ProcessName, ResumeResult, Ticket};

use super::{Auditor, Books, Try, Unfinished};

impl Auditor {
    pub(super) fn left_unfinished(&mut self, now: Moment, restart: &PendingRestart) {
        let before = self.unfinished.insert(
            restart.process.clone(),
            Unfinished {
                check: restart.check.clone(),
                is_orphan: self.defined(&restart.check).is_none(),
                started: restart.start_answered,
                retried: false,
                not_before: now,
                trying: None,
                stop_until: None,
                tried_at_the_end: false,
            },
        );
        assert!(before.is_none(), "law 14: two restarts of one process");
        if restart.start_answered {
            self.back_off(now, &restart.process);
        }
    }

    /// The check, unless a reload has taken it away and its last action has ended.
    pub(super) fn defined(&self, check: &str) -> Option<&Books> {
        let books = self.checks.get(check);
        books.filter(|books| !books.gone || books.acting)
    }

    /// A pending restart whose check is not defined any more goes on as that of a check that restarts the process now.
    pub(super) fn inherit(&mut self, restart: &PendingRestart) {
        let unfinished = self.unfinished.get(&restart.process);
        let unfinished = unfinished.expect("law 14: of nothing");
        if unfinished.check == restart.check {
            return;
        }
        assert!(unfinished.is_orphan, "law 14: the restart of another check");
        // it was defined when the restart was inherited, and may be taken away before the first try
        let heir = self.checks.get(&restart.check).expect("it is known");
        let remedy = &heir.check.remedy;
        assert!(
            remedy.selection.matches(&restart.process, remedy.default),
            "law 14: the heir does not restart it"
        );
        if let Some(unfinished) = self.unfinished.get_mut(&restart.process) {
            unfinished.check.clone_from(&restart.check);
            unfinished.is_orphan = false;
        }
    }

    /// After a start in vain the next try comes after the back-off.
    pub(super) fn back_off(&mut self, now: Moment, process: &ProcessName) {
        let unfinished = self.unfinished.get_mut(process).expect("it is known");
        let known = self.checks.get(&unfinished.check);
        let backoff = known.filter(|books| !books.gone);
        let least = backoff.map_or(Duration::from_secs(5), |books| {
            books.check.policy.backoff.min.max(Duration::from_secs(5))
        });
        unfinished.not_before = now + least;
    }

    pub(super) fn resumed(
        &mut self,
        now: Moment,
        process: &ProcessName,
        outcome: &Outcome,
        result: &ResumeResult,
    ) {
        let mut tries = self.tries.iter_mut();
        if let Some(one) = tries.find(|one| !one.over && one.process == *process) {
            one.over = true;
            one.touched = outcome.touched();
        }
        let unfinished = self.unfinished.get_mut(process).expect("it is known");
        unfinished.trying = None;
        match result {
            ResumeResult::Finished | ResumeResult::NotOurs { .. } => {
                if outcome.restarted().next().is_some()
                    && let Some(books) = self.checks.get_mut(&unfinished.check)
                {
                    // every restart resets the streak
                    books.counted.clear();
                }
                self.unfinished.remove(process);
            }
            ResumeResult::Runs { stop_within } => {
                if outcome.restarted().next().is_some()
                    && let Some(books) = self.checks.get_mut(&unfinished.check)
                {
                    books.counted.clear();
                }
                unfinished.stop_until.get_or_insert(now + *stop_within);
            }
            ResumeResult::NotYet { start_answered, .. } => {
                unfinished.started |= start_answered;
                unfinished.retried |= start_answered;
                if *start_answered {
                    self.back_off(now, process);
                }
            }
        }
    }

    /// Law 14: one try at a time of one process, beside no action on it; held by back-off, pause, budget and the
    /// end of the watchdog as far as the process was started since it was stopped.
    pub(super) fn resume(
        &mut self,
        now: Moment,
        event: &Event,
        ticket: Ticket,
        restart: &PendingRestart,
    ) {
        let process = &restart.process;
        assert!(self.tickets.insert(ticket), "a ticket was given twice");
        let manual = self.is_manual(event);
        self.inherit(restart);
        let unfinished = self.unfinished.get(process).expect("law 14: of nothing");
        assert_eq!(unfinished.trying, None, "law 14: two tries at a time");
        let watched_too_long = unfinished.stop_until.is_some_and(|until| until <= now);
        assert!(
            !watched_too_long || !restart.stop_unclear,
            "law 14: its stop comes no more"
        );
        self.no_action_on(process);
        let books = self.checks.get(&restart.check);
        let books = books.filter(|books| !books.gone || books.acting);
        let is_attempt = unfinished.started || unfinished.retried;
        if self.shut_down {
            assert!(!unfinished.retried, "law 14: more than one last try");
            assert!(!unfinished.tried_at_the_end, "law 14: two last tries");
        } else if !manual && is_attempt {
            assert!(now >= unfinished.not_before, "law 14: within the back-off");
            let paused = books.is_some_and(|books| books.is_paused(now));
            assert!(
                !paused || !unfinished.retried,
                "law 14: a pause holds all but one more start"
            );
        }
        if is_attempt {
            if !manual {
                self.law_4(now, &restart.check);
            }
            self.tries.push(Try {
                check: restart.check.clone(),
                process: process.clone(),
                begun: now,
                touched: false,
                over: false,
            });
        }
        let shut_down = self.shut_down;
        let unfinished = self.unfinished.get_mut(process).expect("it is known");
        unfinished.trying = Some(ticket);
        unfinished.tried_at_the_end = shut_down;
    }

    /// A process that is listed as running is inspected, which starts nothing.
    pub(super) fn inspect(&mut self, ticket: Ticket, restart: &PendingRestart) {
        assert!(self.tickets.insert(ticket), "a ticket was given twice");
        assert!(!self.shut_down, "a look after the shutdown");
        self.no_action_on(&restart.process);
        let unfinished = self.unfinished.get_mut(&restart.process);
        let unfinished = unfinished.expect("law 14: of nothing");
        assert_eq!(unfinished.trying, None, "law 14: two tries at a time");
        unfinished.trying = Some(ticket);
    }

    /// Whether `process` is still to be seen to.
    pub fn is_unfinished(&self, process: &ProcessName) -> bool {
        self.unfinished.contains_key(process)
    }

    pub(super) fn no_action_on(&self, process: &ProcessName) {
        for (name, books) in &self.checks {
            let touches = books.acting && books.acting_on.contains(process);
            assert!(!touches, "law 1: {name} acts on {process} as well");
        }
    }

    pub(super) fn is_manual(&self, event: &Event) -> bool {
        match event {
            Event::Listed { check, ticket, .. } => self.checks[check].is_manual == Some(*ticket),
            _ => false,
        }
    }
}
