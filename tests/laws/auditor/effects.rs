//! Looks at each effect: laws 1, 3, 13, 15 and what the notes say.

use std::time::Duration;

use httpok::health::{
    ActionStep, Counted, Decision, Effect, Event, Moment, Monitor, NotifyMode, Reason, Skip,
    Verdict,
};

use super::{Auditor, Books};

impl Auditor {
    /// Law 3: what is neither pass nor fail moves no streak towards an action.
    pub(super) fn law_3_streaks(
        &self,
        event: &Event,
        effects: &[Effect],
        before: &Monitor,
        after: &Monitor,
    ) {
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

    pub(super) fn effect(&mut self, now: Moment, event: &Event, effect: &Effect) {
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
                if let Effect::Probe { after, .. } = effect {
                    books.probe_began = Some(now + *after);
                }
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
            Effect::Reserve { .. } | Effect::Release { .. } => {}
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
                books.ladder.note(&note.decision);
                match &note.decision {
                    Decision::Judged {
                        verdict: Verdict::Pass | Verdict::Degraded | Verdict::Fail,
                        ..
                    } if books.warming.is_some() => panic!("law 13: counted while warming up"),
                    Decision::Judged {
                        verdict,
                        counted: Counted::Towards { fails, needed },
                        ..
                    } => {
                        let fails_on = *verdict == Verdict::Fail;
                        if fails_on && !matches!(event, Event::Heartbeat { .. }) {
                            law_22_one_moment(books, (*fails, *needed));
                        }
                        books.counted.push(fails_on);
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
}

/// Law 22: two fails that lead to "down" are of two moments.
fn law_22_one_moment(books: &mut Books, (fails, needed): (u32, u32)) {
    let changes = books.check.policy.notify == NotifyMode::Changes;
    let Some(began) = books.probe_began else {
        return;
    };
    if let Some((before, counted)) = books.fail_began.replace((began, fails))
        && changes
        && fails > 1
        && counted < needed
    {
        let apart = began.since(before);
        assert!(
            apart >= Duration::from_millis(500),
            "law 22: fail {fails} of {needed} is of a probe {apart:?} after the one before"
        );
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
