//! Looks at every step of a world and fails on a broken law. It keeps its own, naive books: nothing here
//! asks the monitor why.
//!
//! An attempt is one action, or several: one for each process of a roll.
//!
//! A restart by hand is an exception to laws 2, 5 (its threshold), 4 (it counts, but is not refused), 6 (a
//! pause) and to the number of restarts at a time; to nothing else. It abandons the look under way.

use std::collections::{BTreeMap, BTreeSet};

use httpok::health::{
    ActionStep, Check, Counted, Decision, Effect, Event, Fails, Limits, Moment, Monitor,
    NotifyMode, Outcome, Plan, ProcessName, ReportKind, Scope, Skip, Ticket, Verdict,
};

use super::world::{PROCESSES, process};

pub struct Auditor {
    limits: Limits,
    checks: BTreeMap<String, Books>,
    actions: Vec<Action>,
    tickets: BTreeSet<Ticket>,
    shut_down: bool,
}

struct Books {
    check: Check,
    /// The look under way, or the list for a restart by hand.
    looking: Option<Ticket>,
    /// The list for a restart by hand.
    by_hand: Option<Ticket>,
    acting: bool,
    warming: Option<Ticket>,
    /// The processes of the attempt under way whose turn is still to come, and what came of the last one.
    rest: Vec<ProcessName>,
    last: Option<Outcome>,
    /// Counted looks since the last action, `true` for a fail.
    counted: Vec<bool>,
    paused_until: Option<Option<Moment>>,
    told_down: bool,
    told: BTreeSet<(String, u64)>,
    /// So many actions had begun when it was last reset: they do not count any more.
    forgiven: usize,
}

/// An attempt.
struct Action {
    check: String,
    begun: Moment,
    by_hand: bool,
    touched: bool,
    over: bool,
    on: Vec<usize>,
}

impl Auditor {
    pub fn new(checks: &[Check], limits: &Limits) -> Self {
        let books = |check: &Check| Books {
            check: check.clone(),
            looking: None,
            by_hand: None,
            acting: false,
            warming: None,
            rest: Vec::new(),
            last: None,
            counted: Vec::new(),
            paused_until: None,
            told_down: false,
            told: BTreeSet::new(),
            forgiven: 0,
        };
        Self {
            limits: limits.clone(),
            checks: checks
                .iter()
                .map(|check| (check.name.clone(), books(check)))
                .collect(),
            actions: Vec::new(),
            tickets: BTreeSet::new(),
            shut_down: false,
        }
    }

    pub fn witness(
        &mut self,
        now: Moment,
        event: &Event,
        effects: &[Effect],
        before: &Monitor,
        after: &Monitor,
    ) {
        self.event(now, event);
        self.law_3_streaks(event, effects, before, after);
        for effect in effects {
            self.effect(now, event, effect);
        }
        for action in self.actions.iter_mut().filter(|action| !action.over) {
            let books = &self.checks[&action.check];
            action.over = !books.acting && books.rest.is_empty();
        }
    }

    fn event(&mut self, now: Moment, event: &Event) {
        match event {
            Event::Shutdown => {
                self.shut_down = true;
                self.checks
                    .values_mut()
                    .for_each(|books| books.looking = None);
            }
            Event::Listed { check, ticket, .. } | Event::Observed { check, ticket, .. } => {
                if let Some(books) = self.checks.get_mut(check) {
                    books.looking.take_if(|looking| looking == ticket);
                }
            }
            Event::WarmedUp { check, ticket, .. } => {
                if let Some(books) = self.checks.get_mut(check) {
                    books.warming.take_if(|warming| warming == ticket);
                }
            }
            Event::Restart { check } => {
                if let Some(books) = self.checks.get_mut(check) {
                    books.looking = None;
                }
            }
            Event::Acted { check, outcome, .. } => self.acted(check, outcome),
            Event::Pause { check, lasting, .. } => {
                if let Some(books) = self.checks.get_mut(check) {
                    books.paused_until = Some(lasting.map(|span| now + span));
                }
            }
            Event::Resume { check } => {
                if let Some(books) = self.checks.get_mut(check) {
                    books.paused_until = None;
                }
            }
            Event::Reset { check } => {
                if let Some(books) = self.checks.get_mut(check) {
                    books.forgiven = self.actions.len();
                }
            }
            Event::Reload { checks, .. } => {
                for check in checks {
                    let books = self.checks.get_mut(&check.name).expect("it is known");
                    if books.check != *check {
                        // it counts anew, the look under way is abandoned, and so is the rest of an attempt
                        books.rest.clear();
                        books.check = check.clone();
                        books.counted.clear();
                        books.looking = None;
                    }
                }
            }
            Event::Tick(_)
            | Event::Judged { .. }
            | Event::Delivered { .. }
            | Event::Resumed { .. } => {}
        }
    }

    fn acted(&mut self, check: &str, outcome: &Outcome) {
        let mut actions = self.actions.iter_mut();
        let action = actions.rfind(|action| action.check == check);
        let action = action.expect("an action that ended had begun");
        action.touched |= outcome.touched();
        let books = self.checks.get_mut(check).expect("it is known");
        books.acting = false;
        books.counted.clear();
        books.last = Some(outcome.clone());
    }

    /// Law 3: what is neither pass nor fail moves no streak towards an action.
    fn law_3_streaks(&self, event: &Event, effects: &[Effect], before: &Monitor, after: &Monitor) {
        let Event::Observed { check, .. } = event else {
            return;
        };
        let holds = effects.iter().any(|effect| match effect {
            Effect::Note(note) => matches!(
                note.decision,
                Decision::Judged {
                    verdict: Verdict::Unknown | Verdict::Starting | Verdict::Draining,
                    ..
                }
            ),
            _ => false,
        });
        if holds {
            let (before, after) = (before.memory(check), after.memory(check));
            assert_eq!(before.map(|m| &m.streak), after.map(|m| &m.streak), "law 3");
            assert!(
                !effects
                    .iter()
                    .any(|effect| matches!(effect, Effect::Act { .. })),
                "law 3"
            );
        }
    }

    fn effect(&mut self, now: Moment, event: &Event, effect: &Effect) {
        match effect {
            Effect::List { check, ticket, .. } | Effect::Probe { check, ticket, .. } => {
                let goes_on = matches!(event, Event::Listed { .. });
                assert!(
                    self.tickets.insert(*ticket) || goes_on,
                    "a ticket was given twice"
                );
                let books = self.checks.get_mut(check).expect("it is known");
                assert!(
                    books.looking.is_none() && !books.acting,
                    "law 1: {check} was busy"
                );
                assert!(!self.shut_down, "a look after the shutdown");
                books.looking = Some(*ticket);
                if matches!(event, Event::Restart { .. }) {
                    books.by_hand = Some(*ticket);
                }
            }
            Effect::WarmUp { check, ticket, .. } => {
                assert!(self.tickets.insert(*ticket), "a ticket was given twice");
                assert!(!self.shut_down, "a warm-up after the shutdown");
                let books = self.checks.get_mut(check).expect("it is known");
                assert!(books.check.warmup.is_some(), "nobody asked for a warm-up");
                assert!(books.warming.is_none(), "law 1: two warm-ups of one check");
                books.warming = Some(*ticket);
            }
            Effect::Act { plan, .. } => self.act(now, event, plan),
            Effect::Report(report) => self.report(
                &report.incident.check,
                &report.incident.id,
                report.number,
                &report.kind,
            ),
            Effect::Note(note) => {
                let books = self.checks.get_mut(&note.check).expect("it is known");
                match &note.decision {
                    Decision::Judged {
                        verdict: Verdict::Pass | Verdict::Degraded | Verdict::Fail,
                        ..
                    } if books.warming.is_some() => panic!("law 13: counted while warming up"),
                    Decision::Judged {
                        verdict,
                        counted: Counted::Towards { .. },
                        ..
                    } => {
                        books.counted.push(*verdict == Verdict::Fail);
                    }
                    Decision::Replaced { .. } => books.counted.clear(),
                    Decision::Acted { outcome } => {
                        let left = outcome.steps.iter().filter(|step| {
                            matches!(step.deed, ActionStep::Skipped(Skip::Halted(_)))
                        });
                        for step in left {
                            books
                                .rest
                                .retain(|name| Some(name) != step.process.as_ref());
                        }
                    }
                    Decision::RollStopped { .. } => {
                        books.rest.clear();
                        let mut actions = self.actions.iter_mut();
                        let action = actions.rfind(|action| action.check == note.check);
                        action.expect("what stops had begun").over = true;
                    }
                    _ => {}
                }
            }
        }
    }

    fn act(&mut self, now: Moment, event: &Event, plan: &Plan) {
        let rest = match &plan.scope {
            Scope::All | Scope::First => Vec::new(),
            Scope::Part { rest, .. } => rest.clone(),
        };
        if plan.scope.is_first() {
            self.attempt(now, event, plan);
        } else {
            self.go_on(now, plan);
        }
        let books = self.checks.get_mut(&plan.check).expect("it is known");
        assert_eq!(
            plan.scope == Scope::All,
            books.check.policy.tell == NotifyMode::EveryAction,
            "only the drop-in does all in a row"
        );
        books.rest = rest;
        books.counted.clear();
        books.acting = true;
    }

    /// The next process of an attempt: it is one of those announced, nobody forbids it, the one before runs,
    /// and where they are members of one group the check has passed since.
    fn go_on(&mut self, now: Moment, plan: &Plan) {
        let books = &self.checks[&plan.check];
        let action = self
            .actions
            .iter()
            .rfind(|action| action.check == plan.check);
        let action = action.expect("an attempt goes on that had begun");
        assert!(!action.over, "an attempt goes on that was over");
        assert!(!books.acting && books.looking.is_none(), "law 1: busy");
        assert!(!self.shut_down, "law 6: an action after the shutdown");
        let paused = books
            .paused_until
            .is_some_and(|until| until.is_none_or(|until| now < until));
        assert!(!paused || action.by_hand, "law 6: an action while paused");
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
            last.stuck(),
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

    fn attempt(&mut self, now: Moment, event: &Event, plan: &Plan) {
        let remedy = &plan.remedy;
        let meant = |name: &ProcessName| match &plan.scope {
            Scope::All | Scope::First => remedy.selection.matches(name, remedy.default),
            Scope::Part { now, rest, .. } => now.contains(name) || rest.contains(name),
        };
        let on = 0..PROCESSES;
        let on: Vec<usize> = on.filter(|index| meant(&process(*index))).collect();
        let under_way = || self.actions.iter().filter(|action| !action.over);
        for other in under_way() {
            assert_ne!(other.check, plan.check, "law 1: two actions for one check");
            assert!(
                other.on.iter().all(|process| !on.contains(process)),
                "law 1: two actions on one process"
            );
        }
        assert!(!self.shut_down, "law 6: an action after the shutdown");
        let by_hand = match event {
            Event::Listed { ticket, .. } => self.checks[&plan.check].by_hand == Some(*ticket),
            _ => false,
        };
        if !by_hand {
            assert!(
                under_way().count() < self.limits.max_concurrent_restarts as usize,
                "too many at a time"
            );
            self.law_4(now, &plan.check);
        }
        let books = self.checks.get_mut(&plan.check).expect("it is known");
        assert!(!books.acting && books.looking.is_none(), "law 1: busy");
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
            reached || by_hand,
            "laws 2 and 5: {:?} does not reach {:?}",
            books.counted,
            books.check.policy.fail
        );
        let paused = books
            .paused_until
            .is_some_and(|until| until.is_none_or(|until| now < until));
        assert!(!paused || by_hand, "law 6: an action while paused");
        self.actions.push(Action {
            check: plan.check.clone(),
            begun: now,
            by_hand,
            touched: false,
            over: false,
            on,
        });
    }

    /// Law 4: with this one, no window holds more actions than its budget.
    fn law_4(&self, now: Moment, check: &str) {
        let books = &self.checks[check];
        let within = |window, forgiven: usize, mine: bool| {
            let counts = |action: &&Action| {
                let spent = action.touched || !action.over;
                (!mine || action.check == check) && spent && action.begun + window >= now
            };
            self.actions[forgiven..].iter().filter(counts).count()
        };
        if let Some(budget) = books.check.policy.restarts {
            let spent = within(budget.window, books.forgiven, true);
            assert!(spent < budget.count as usize, "law 4: {spent} of {budget}");
        }
        if let Some(budget) = self.limits.max_restarts {
            let forgiven = self.checks.values().map(|books| books.forgiven).max();
            let spent = within(budget.window, forgiven.unwrap_or_default(), false);
            assert!(
                spent < budget.count as usize,
                "law 4: {spent} of {budget} over all"
            );
        }
    }

    /// Law 7: down and recovered alternate; nothing is reported twice.
    fn report(&mut self, check: &str, incident: &str, number: u64, kind: &ReportKind) {
        let books = self.checks.get_mut(check).expect("it is known");
        assert!(
            books.told.insert((incident.to_owned(), number)),
            "law 7: reported twice"
        );
        match kind {
            ReportKind::Down { .. } => {
                assert!(!books.told_down, "law 7: down told twice");
                books.told_down = true;
            }
            ReportKind::GaveUp { .. } => books.told_down = true,
            ReportKind::Recovered { .. } => {
                assert!(books.told_down, "law 7: recovered without having been down");
                books.told_down = false;
            }
            ReportKind::Reminder { .. } => assert!(books.told_down, "law 7: reminded of nothing"),
            ReportKind::Action | ReportKind::Degraded | ReportKind::Blind => {}
        }
    }
}
