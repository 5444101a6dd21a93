//! Looks at every step of a world and fails on a broken law. It keeps its own, naive books: nothing here
//! asks the monitor why.
//!
//! An attempt is one action, or several: one for each process of a rolling restart. A try to finish a restart that
//! was left unfinished is one as well, unless the process was not started since it was stopped.
//!
//! A manual restart is an exception to laws 2, 5 (its threshold), 4 (it counts, but is not refused), 6 (a
//! pause) and to the number of restarts at a time; to nothing else. It abandons the look under way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use httpok::health::{
    ActionStep, Check, Counted, Decision, DownState, Effect, Event, Fails, Limits,
    MaintenanceWindow, Moment, Monitor, NotifyMode, Outcome, PendingRestart, Plan, ProcessName,
    Reason, ReportKind, ResumeResult, Scope, Skip, Ticket, Verdict,
};

use super::grace::law_18;
use super::world::{PROCESSES, process};

pub struct Auditor {
    limits: Limits,
    checks: BTreeMap<String, Books>,
    actions: Vec<Action>,
    tickets: BTreeSet<Ticket>,
    shut_down: bool,
    /// The restarts that are unfinished, and the tries to finish them.
    unfinished: BTreeMap<ProcessName, Unfinished>,
    tries: Vec<Try>,
    /// So many of them had begun at the last reset.
    forgiven: (usize, usize),
}

/// A process that was stopped and does not run yet.
struct Unfinished {
    check: String,
    /// That check is not defined: the one that restarts the process now may go on in its place.
    is_orphan: bool,
    /// A start was answered since it was stopped; and one by a try to finish it.
    started: bool,
    retried: bool,
    /// The back-off of its check ends.
    not_before: Moment,
    trying: Option<Ticket>,
    tried_at_the_end: bool,
}

/// A try to finish a restart that counts as an attempt.
struct Try {
    check: String,
    process: ProcessName,
    begun: Moment,
    touched: bool,
    over: bool,
}

struct Books {
    check: Check,
    /// The probe under way, or the list for a manual restart.
    probing: Option<Ticket>,
    /// The list for a manual restart.
    is_manual: Option<Ticket>,
    acting: bool,
    /// What the action under way may touch.
    acting_on: Vec<ProcessName>,
    /// It was taken away.
    gone: bool,
    warming: Option<Ticket>,
    /// The processes of the attempt under way whose turn is still to come, and what came of the last one.
    rest: Vec<ProcessName>,
    last: Option<Outcome>,
    /// Counted looks since the last action, `true` for a fail.
    counted: Vec<bool>,
    paused_until: Option<Option<Moment>>,
    /// The newest heartbeat, and whether it was a good one.
    heartbeat: Option<(Moment, bool)>,
    silenced_until: Option<Option<Moment>>,
    maintenance: Option<MaintenanceWindow>,
    reported_down: bool,
    reported_restarting: bool,
    reported: BTreeSet<(String, u64)>,
    /// So many actions had begun when it was last reset: they do not count any more.
    forgiven: usize,
    forgiven_tries: usize,
}

impl Books {
    fn new(check: &Check) -> Self {
        Self {
            check: check.clone(),
            probing: None,
            is_manual: None,
            acting: false,
            acting_on: Vec::new(),
            gone: false,
            warming: None,
            rest: Vec::new(),
            last: None,
            counted: Vec::new(),
            paused_until: None,
            heartbeat: None,
            silenced_until: None,
            maintenance: None,
            reported_down: false,
            reported_restarting: false,
            reported: BTreeSet::new(),
            forgiven: 0,
            forgiven_tries: 0,
        }
    }

    fn is_paused(&self, now: Moment) -> bool {
        self.is_held(now, self.paused_until, |window| window.holds_restarts)
    }

    fn is_silenced(&self, now: Moment) -> bool {
        self.is_held(now, self.silenced_until, |window| window.holds_reports)
    }

    fn is_held(
        &self,
        now: Moment,
        until: Option<Option<Moment>>,
        holds: impl Fn(&MaintenanceWindow) -> bool,
    ) -> bool {
        let lasts = |until: Option<Moment>| until.is_none_or(|until| now < until);
        let window = self.maintenance.as_ref().filter(|window| holds(window));
        until.is_some_and(lasts) || window.is_some_and(|window| lasts(window.hold.until))
    }
}

/// Law 15: nothing is overdue before its period is over, and nothing passes after it.
fn law_15_heartbeats(now: Moment, books: &Books, decision: &Decision) {
    let (
        Some(every),
        Decision::Judged {
            verdict, reason, ..
        },
    ) = (books.check.heartbeat, decision)
    else {
        return;
    };
    let newest = books.heartbeat;
    let in_time = newest.is_some_and(|(at, _)| now < at + every);
    match (verdict, reason) {
        (Verdict::Pass, _) => assert!(
            in_time && newest.is_some_and(|(_, good)| good),
            "law 15: passes without a heartbeat"
        ),
        (Verdict::Fail, Some(Reason::NoHeartbeat)) => {
            assert!(!in_time, "law 15: a heartbeat in time fails");
        }
        (Verdict::Fail, _) => assert!(
            newest.is_some_and(|(_, good)| !good),
            "law 15: fails without a reported failure"
        ),
        (verdict, _) => assert_eq!(*verdict, Verdict::Starting, "law 15"),
    }
}

/// An attempt.
struct Action {
    check: String,
    begun: Moment,
    is_manual: bool,
    touched: bool,
    over: bool,
    on: Vec<ProcessName>,
}

impl Auditor {
    pub fn new(checks: &[Check], limits: &Limits) -> Self {
        Self {
            limits: limits.clone(),
            checks: checks
                .iter()
                .map(|check| (check.name.clone(), Books::new(check)))
                .collect(),
            actions: Vec::new(),
            tickets: BTreeSet::new(),
            shut_down: false,
            unfinished: BTreeMap::new(),
            tries: Vec::new(),
            forgiven: (0, 0),
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
        self.close_attempts();
        self.law_3_streaks(event, effects, before, after);
        let check = |name: &str| Some(self.checks.get(name)?.check.clone());
        law_18(now, event, effects, check, before, after);
        for effect in effects {
            self.effect(now, event, effect);
            self.close_attempts();
        }
        for books in self.checks.values() {
            let is_closed = books.acting || !books.reported_down;
            let changes = books.check.policy.notify == NotifyMode::Changes;
            assert!(
                !books.gone || is_closed || !changes,
                "law 7: the removed check is not closed"
            );
        }
        // what was reported of a removed check when its last action ended is of a check that is no more
        if let Event::Acted { check, .. } = event {
            self.forget_if_gone(check);
        }
    }

    /// An attempt is over when its action has ended and no process is left.
    fn close_attempts(&mut self) {
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
                    .for_each(|books| books.probing = None);
            }
            Event::Listed { check, ticket, .. } | Event::Observed { check, ticket, .. } => {
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
                    if books.check != *check {
                        // it counts anew, the look under way is abandoned, and so is the rest of an attempt
                        books.rest.clear();
                        books.check = check.clone();
                        books.counted.clear();
                        books.probing = None;
                    }
                }
            }
            Event::Tick(_)
            | Event::Removed { .. }
            | Event::ClockSet { .. }
            | Event::ProgramEnded { .. }
            | Event::Judged { .. }
            | Event::Delivered { .. }
            | Event::Woken { .. } => {}
        }
    }

    fn acted(&mut self, check: &str, outcome: &Outcome) {
        let mut actions = self.actions.iter_mut();
        let action = actions.rfind(|action| action.check == check);
        let action = action.expect("an action that ended had begun");
        action.touched |= outcome.touched();
        let books = self.checks.get_mut(check).expect("it is known");
        books.acting = false;
        books.acting_on.clear();
        books.counted.clear();
        books.last = Some(outcome.clone());
        self.forget_if_gone(check);
    }

    /// A check that was taken away is forgotten when its action has ended: when it comes back it is a new one.
    fn forget_if_gone(&mut self, check: &str) {
        let (actions, tries) = (self.actions.len(), self.tries.len());
        let books = self.checks.get_mut(check).expect("it is known");
        if !books.gone || books.acting {
            return;
        }
        *books = Books {
            gone: true,
            // its pause and silence are kept by name, and its incident is closed now
            paused_until: books.paused_until,
            silenced_until: books.silenced_until,
            reported: std::mem::take(&mut books.reported),
            reported_down: books.reported_down,
            forgiven: actions,
            forgiven_tries: tries,
            ..Books::new(&books.check)
        };
    }

    fn left_unfinished(&mut self, now: Moment, restart: &PendingRestart) {
        let before = self.unfinished.insert(
            restart.process.clone(),
            Unfinished {
                check: restart.check.clone(),
                is_orphan: self.defined(&restart.check).is_none(),
                started: restart.start_answered,
                retried: false,
                not_before: now,
                trying: None,
                tried_at_the_end: false,
            },
        );
        assert!(before.is_none(), "law 14: two restarts of one process");
        if restart.start_answered {
            self.back_off(now, &restart.process);
        }
    }

    /// The check, unless a reload has taken it away and its last action has ended.
    fn defined(&self, check: &str) -> Option<&Books> {
        let books = self.checks.get(check);
        books.filter(|books| !books.gone || books.acting)
    }

    /// A pending restart whose check is not defined any more goes on as that of a check that restarts the process now.
    fn inherit(&mut self, restart: &PendingRestart) {
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
    fn back_off(&mut self, now: Moment, process: &ProcessName) {
        let unfinished = self.unfinished.get_mut(process).expect("it is known");
        let known = self.checks.get(&unfinished.check);
        let backoff = known.filter(|books| !books.gone);
        let least = backoff.map_or(Duration::from_secs(5), |books| {
            books.check.policy.backoff.min.max(Duration::from_secs(5))
        });
        unfinished.not_before = now + least;
    }

    fn resumed(
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
    fn resume(&mut self, now: Moment, event: &Event, ticket: Ticket, restart: &PendingRestart) {
        let process = &restart.process;
        assert!(self.tickets.insert(ticket), "a ticket was given twice");
        let manual = self.is_manual(event);
        self.inherit(restart);
        let unfinished = self.unfinished.get(process).expect("law 14: of nothing");
        assert_eq!(unfinished.trying, None, "law 14: two tries at a time");
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
    fn inspect(&mut self, ticket: Ticket, restart: &PendingRestart) {
        assert!(self.tickets.insert(ticket), "a ticket was given twice");
        assert!(!self.shut_down, "a look after the shutdown");
        self.no_action_on(&restart.process);
        let unfinished = self.unfinished.get_mut(&restart.process);
        let unfinished = unfinished.expect("law 14: of nothing");
        assert_eq!(unfinished.trying, None, "law 14: two tries at a time");
        unfinished.trying = Some(ticket);
    }

    fn no_action_on(&self, process: &ProcessName) {
        for (name, books) in &self.checks {
            let touches = books.acting && books.acting_on.contains(process);
            assert!(!touches, "law 1: {name} acts on {process} as well");
        }
    }

    fn is_manual(&self, event: &Event) -> bool {
        match event {
            Event::Listed { check, ticket, .. } => self.checks[check].is_manual == Some(*ticket),
            _ => false,
        }
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
                    books.check.heartbeat.is_none() || matches!(effect, Effect::List { .. }),
                    "law 15: {check} is probed"
                );
                assert!(
                    books.probing.is_none() && !books.acting,
                    "law 1: {check} was busy"
                );
                assert!(!self.shut_down, "a look after the shutdown");
                books.probing = Some(*ticket);
                if matches!(event, Event::Restart { .. }) {
                    books.is_manual = Some(*ticket);
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
            Effect::Resume {
                ticket,
                restart,
                may_start: true,
            } => self.resume(now, event, *ticket, restart),
            Effect::Resume {
                ticket, restart, ..
            } => self.inspect(*ticket, restart),
            Effect::Wake { ticket, .. } => {
                assert!(self.tickets.insert(*ticket), "a ticket was given twice");
                assert!(!self.shut_down, "a timer after the shutdown");
            }
            Effect::Report(report) => self.report(
                &report.incident.check,
                &report.incident.id,
                report.number,
                &report.kind,
                now,
            ),
            Effect::Note(note) => {
                // a restart may be inherited for a check that is no more
                let Some(books) = self.checks.get_mut(&note.check) else {
                    return;
                };
                law_15_heartbeats(now, books, &note.decision);
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
                            matches!(step.action, ActionStep::Skipped(Skip::Halted(_)))
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
            plan.scope == Scope::All,
            books.check.policy.notify == NotifyMode::EveryAction,
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

    fn attempt(&mut self, now: Moment, event: &Event, plan: &Plan) {
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
    fn touches(&self, plan: &Plan, whole: bool) -> Vec<ProcessName> {
        let remedy = &plan.remedy;
        let meant = |name: &ProcessName| match &plan.scope {
            Scope::All | Scope::First => remedy.selection.matches(name, remedy.default),
            Scope::Part { now, rest, .. } => now.contains(name) || whole && rest.contains(name),
        };
        (0..PROCESSES).map(process).filter(meant).collect()
    }

    /// Law 4: with this one, no window holds more actions than its budget.
    fn law_4(&self, now: Moment, check: &str) {
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

    /// Law 7: down and recovered alternate; nothing is reported twice. Law 17: a silence holds.
    fn report(&mut self, check: &str, incident: &str, number: u64, kind: &ReportKind, now: Moment) {
        let books = self.checks.get_mut(check).expect("it is known");
        let ends = kind.ends_incident();
        assert!(
            ends || !books.is_silenced(now),
            "law 17: reported during a silence"
        );
        assert!(
            books.reported.insert((incident.to_owned(), number)),
            "law 7: reported twice"
        );
        match kind {
            ReportKind::Down { state, update } => {
                // what is reported of a removed check's last action is about what was forgotten with it
                assert!(
                    *update == books.reported_restarting || books.gone,
                    "law 7: down is reported once, or once more after \"being restarted\""
                );
                assert!(!books.reported_down || *update, "law 7: down told twice");
                books.reported_down = true;
                books.reported_restarting = *state == DownState::Restarting;
            }
            ReportKind::GaveUp { .. } => {
                books.reported_down = true;
                books.reported_restarting = false;
            }
            ReportKind::Cured { .. } => {
                assert!(
                    books.reported_restarting,
                    "law 7: cured without having been restarted"
                );
                books.reported_down = false;
                books.reported_restarting = false;
            }
            ReportKind::Recovered { .. } => {
                books.reported_restarting = false;
                assert!(
                    books.reported_down,
                    "law 7: recovered without having been down"
                );
                books.reported_down = false;
            }
            ReportKind::Reminder { .. } => {
                assert!(books.reported_down, "law 7: reminded of nothing")
            }
            ReportKind::Action
            | ReportKind::Degraded
            | ReportKind::RecoveredDegraded { .. }
            | ReportKind::Unknown => {}
        }
    }
}
