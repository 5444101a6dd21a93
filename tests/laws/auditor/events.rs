//! What an event changes in the books.

use httpok::health::{Check, Event, Moment, NotifyMode, Outcome};

use super::{Auditor, Books};

impl Auditor {
    pub(super) fn event(&mut self, now: Moment, event: &Event) {
        match event {
            Event::Shutdown => {
                self.shut_down = true;
                self.checks
                    .values_mut()
                    .for_each(|books| books.probing = None);
            }
            Event::Listed {
                check,
                ticket,
                processes,
                ..
            } => {
                if let Some(books) = self.checks.get_mut(check)
                    && books.probing.take_if(|probing| probing == ticket).is_some()
                {
                    books.ladder.listed(&books.check, processes);
                }
            }
            Event::Observed { check, ticket, .. } => {
                if let Some(books) = self.checks.get_mut(check) {
                    books.probing.take_if(|probing| probing == ticket);
                }
            }
            Event::WarmedUp { check, ticket, .. } => {
                if let Some(books) = self.checks.get_mut(check) {
                    books.warming.take_if(|warming| warming == ticket);
                }
            }
            Event::Restart { check } => {
                if let Some(books) = self.checks.get_mut(check) {
                    books.probing = None;
                }
            }
            Event::Acted {
                check,
                outcome,
                pending,
                ..
            } => {
                self.acted(check, outcome);
                for restart in pending {
                    self.left_unfinished(now, restart);
                }
            }
            Event::Inherited(restart) => {
                if !self.unfinished.contains_key(&restart.process) {
                    self.left_unfinished(now, restart);
                }
            }
            Event::Resumed {
                process,
                outcome,
                result,
                ..
            } => self.resumed(now, process, outcome, result),
            Event::Pause {
                check,
                lasting,
                silent,
                ..
            } => {
                let known = self.checks.get_mut(check);
                if let Some(books) = known.filter(|books| !books.gone || books.acting) {
                    let until = Some(lasting.map(|span| now + span));
                    books.paused_until = until;
                    if *silent {
                        books.silenced_until = until;
                    }
                }
            }
            Event::Silence { check, lasting, .. } => {
                let known = self.checks.get_mut(check);
                if let Some(books) = known.filter(|books| !books.gone || books.acting) {
                    books.silenced_until = Some(lasting.map(|span| now + span));
                }
            }
            Event::Maintenance { check, window } => {
                let known = self.checks.get_mut(check);
                if let Some(books) = known.filter(|books| !books.gone || books.acting) {
                    books.maintenance.clone_from(window);
                }
            }
            Event::Resume { check } => {
                if let Some(books) = self.checks.get_mut(check) {
                    books.paused_until = None;
                    books.silenced_until = None;
                }
            }
            Event::Heartbeat { check, failure } => {
                let known = self.checks.get_mut(check);
                let takes = |books: &&mut Books| !books.gone && books.check.heartbeat.is_some();
                if let Some(books) = known.filter(takes) {
                    books.heartbeat = Some((now, failure.is_none()));
                }
            }
            Event::Reset { check } => {
                if let Some(books) = self.checks.get_mut(check) {
                    books.forgiven = self.actions.len();
                    books.forgiven_tries = self.tries.len();
                    self.forgiven = (books.forgiven, books.forgiven_tries);
                    books.ladder.begin_again();
                    let mut unfinished = self.unfinished.values_mut();
                    while let Some(one) = unfinished.find(|one| one.check == *check) {
                        one.not_before = now;
                    }
                }
            }
            Event::Reload { checks, .. } => {
                let names: Vec<_> = self.checks.keys().cloned().collect();
                for name in names {
                    let (actions, tries) = (self.actions.len(), self.tries.len());
                    let books = self.checks.get_mut(&name).expect("it is known");
                    let was_forgotten = books.gone && !books.acting;
                    books.gone = !checks.iter().any(|check| check.name == name);
                    if was_forgotten && !books.gone {
                        // it is a new check: what was tried meanwhile for its predecessor was not its attempt
                        (books.forgiven, books.forgiven_tries) = (actions, tries);
                    }
                    if books.gone {
                        books.rest.clear();
                        books.probing = None;
                        books.warming = None;
                        self.forget_if_gone(&name);
                    }
                }
                for check in checks {
                    let books = self.checks.get_mut(&check.name).expect("it is known");
                    if books.check != **check {
                        // it counts anew, the look under way is abandoned, and so is the rest of an attempt
                        books.rest.clear();
                        books.check = Check::clone(check);
                        books.counted.clear();
                        books.probing = None;
                    }
                }
            }
            Event::Tick(_)
            | Event::Removed { .. }
            // see fleet.rs
            | Event::Reserved { .. }
            | Event::Released { .. }
            | Event::LeaseLost { .. }
            | Event::ClockSet { .. }
            | Event::ProgramChanged { .. }
            | Event::Judged { .. }
            | Event::Routed { .. }
            | Event::Delivered { .. }
            | Event::Woken { .. } => {}
        }
    }

    pub(super) fn acted(&mut self, check: &str, outcome: &Outcome) {
        let mut actions = self.actions.iter_mut();
        let action = actions.rfind(|action| action.check == check);
        let action = action.expect("an action that ended had begun");
        action.touched |= outcome.touched();
        let books = self.checks.get_mut(check).expect("it is known");
        books.ladder.acted(outcome);
        books.acting = false;
        books.acting_on.clear();
        books.counted.clear();
        books.last = Some(outcome.clone());
        self.forget_if_gone(check);
    }

    /// A check that was taken away is forgotten when its action has ended: when it comes back it is a new one.
    pub(super) fn forget_if_gone(&mut self, check: &str) {
        let (actions, tries) = (self.actions.len(), self.tries.len());
        let books = self.checks.get_mut(check).expect("it is known");
        if !books.gone || books.acting {
            return;
        }
        *books = Books {
            gone: true,
            // its pause and silence are kept by name, and its incident is closed now, or when what was stopped for it
            // runs again
            paused_until: books.paused_until,
            silenced_until: books.silenced_until,
            reported: std::mem::take(&mut books.reported),
            reported_down: books.reported_down,
            reported_restarting: books.reported_restarting
                && books.check.policy.notify == NotifyMode::Changes,
            forgiven: actions,
            forgiven_tries: tries,
            ..Books::new(&books.check)
        };
    }
}
