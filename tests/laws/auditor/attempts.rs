//! Laws 1, 2, 4, 5, 6 and 12: when an attempt may begin, what it may touch, and its budget.

use std::collections::BTreeSet;

use httpok::health::{Event, Fails, Moment, NotifyMode, Plan, ProcessName, Scope};

use super::{Action, Auditor};
use crate::world::{PROCESSES, process};

impl Auditor {
    pub(super) fn act(&mut self, now: Moment, event: &Event, plan: &Plan) {
        let rest = match &plan.scope {
            Scope::All | Scope::First => Vec::new(),
            Scope::Part { rest, .. } => rest.clone(),
        };
        if plan.scope.is_first() {
            self.attempt(now, event, plan);
        } else {
            self.go_on(now, plan);
        }
        let acting_on = self.touches(plan, false);
        for process in &acting_on {
            let left_alone = plan.unfinished.contains(process);
            assert!(
                left_alone || !self.unfinished.contains_key(process),
                "law 14: {process} is tried by itself"
            );
        }
        let books = self.checks.get_mut(&plan.check).expect("it is known");
        books.acting_on = acting_on;
        books
            .acting_on
            .retain(|process| !plan.unfinished.contains(process));
        assert_eq!(
            plan.scope == Scope::All && plan.action.is_restart(),
            books.check.policy.notify == NotifyMode::EveryAction,
            "only the drop-in does all in a row"
        );
        books.rest = rest;
        books.counted.clear();
        books.acting = true;
    }

    /// The next process of an attempt: it is one of those announced, nobody forbids it, the one before runs,
    /// and where they are members of one group the check has passed since.
    pub(super) fn go_on(&mut self, now: Moment, plan: &Plan) {
        let books = &self.checks[&plan.check];
        let action = self
            .actions
            .iter()
            .rfind(|action| action.check == plan.check);
        let action = action.expect("an attempt goes on that had begun");
        assert!(!action.over, "an attempt goes on that was over");
        assert!(!books.acting && books.probing.is_none(), "law 1: busy");
        assert!(!self.shut_down, "law 6: an action after the shutdown");
        let paused = books.is_paused(now);
        assert!(!paused || action.is_manual, "law 6: an action while paused");
        let Scope::Part {
            now: part, rest, ..
        } = &plan.scope
        else {
            panic!("a part has a name");
        };
        let announced: Vec<_> = part.iter().chain(rest).cloned().collect();
        assert_eq!(announced, books.rest, "the roll is another than it was");
        let last = books.last.as_ref().expect("a part before");
        assert_eq!(
            last.not_running(),
            None,
            "law 12: the one before did not come back"
        );
        let group = |name: &ProcessName| (name.backend, name.group.clone());
        let member = part.last().map(group);
        if last.restarted().any(|name| Some(group(name)) == member) {
            let passes = books
                .counted
                .iter()
                .rev()
                .take_while(|fail| !**fail)
                .count();
            assert!(
                passes >= books.check.policy.pass_after as usize,
                "law 12: the member before is not proven"
            );
        }
    }

    pub(super) fn attempt(&mut self, now: Moment, event: &Event, plan: &Plan) {
        let on = self.touches(plan, true);
        let under_way = || self.actions.iter().filter(|action| !action.over);
        for other in under_way() {
            assert_ne!(other.check, plan.check, "law 1: two actions for one check");
            assert!(
                other.on.iter().all(|process| !on.contains(process)),
                "law 1: two actions on one process"
            );
        }
        assert!(!self.shut_down, "law 6: an action after the shutdown");
        let is_manual = self.is_manual(event);
        if !is_manual {
            let mut others: BTreeSet<_> = under_way().map(|action| &action.check).collect();
            let tries = self.tries.iter().filter(|one| !one.over);
            others.extend(
                tries
                    .map(|one| &one.check)
                    .filter(|check| **check != plan.check),
            );
            assert!(
                others.len() < self.limits.max_concurrent_restarts as usize,
                "too many at a time"
            );
            self.law_4(now, &plan.check);
        }
        let books = self.checks.get_mut(&plan.check).expect("it is known");
        assert!(!books.acting && books.probing.is_none(), "law 1: busy");
        assert!(
            !plan.incident.is_empty(),
            "law 2: an action without an incident"
        );
        let reached = match books.check.policy.fail {
            Fails::InARow(needed) => {
                books.counted.iter().rev().take_while(|fail| **fail).count() >= needed as usize
            }
            Fails::Within { fails, of } => {
                let fits = books.counted.iter().rev().take(of as usize);
                fits.filter(|fail| **fail).count() >= fails as usize
            }
        };
        assert!(
            reached || is_manual,
            "laws 2 and 5: {:?} does not reach {:?}",
            books.counted,
            books.check.policy.fail
        );
        let paused = books.is_paused(now);
        assert!(!paused || is_manual, "law 6: an action while paused");
        books.ladder.law_19(&books.check, plan, is_manual);
        self.actions.push(Action {
            check: plan.check.clone(),
            begun: now,
            is_manual,
            touched: false,
            over: false,
            on,
        });
    }

    /// The processes that `plan` may touch; with `whole` also later parts of its attempt.
    pub(super) fn touches(&self, plan: &Plan, whole: bool) -> Vec<ProcessName> {
        let remedy = &plan.remedy;
        let meant = |name: &ProcessName| match &plan.scope {
            Scope::All | Scope::First => remedy.selection.matches(name, remedy.default),
            Scope::Part { now, rest, .. } => now.contains(name) || whole && rest.contains(name),
        };
        (0..PROCESSES).map(process).filter(meant).collect()
    }

    /// Law 4: with this one, no window holds more actions than its budget.
    pub(super) fn law_4(&self, now: Moment, check: &str) {
        let within = |window, (actions, tries): (usize, usize), mine: bool| {
            let counts = |name: &str, begun: Moment, touched, over: bool| {
                (!mine || name == check) && (touched || !over) && begun + window >= now
            };
            let actions = self.actions[actions..].iter();
            let actions =
                actions.filter(|one| counts(&one.check, one.begun, one.touched, one.over));
            let tries = self.tries[tries..].iter();
            let tries = tries.filter(|one| counts(&one.check, one.begun, one.touched, one.over));
            actions.count() + tries.count()
        };
        let books = self
            .checks
            .get(check)
            .filter(|books| !books.gone || books.acting);
        if let Some(books) = books
            && let Some(budget) = books.check.policy.restarts
        {
            let forgiven = (books.forgiven, books.forgiven_tries);
            let spent = within(budget.window, forgiven, true);
            assert!(spent < budget.count as usize, "law 4: {spent} of {budget}");
        }
        if let Some(budget) = self.limits.max_restarts {
            let spent = within(budget.window, self.forgiven, false);
            assert!(
                spent < budget.count as usize,
                "law 4: {spent} of {budget} over all"
            );
        }
    }
}
