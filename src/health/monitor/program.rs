//! Programs of our own supervisor: what it says of them is noted for the checks that they concern. One that no other check
//! names has a check of its own, which is judged by what is said and restarts nothing; a failed one of other checks is
//! said in their incidents.

use std::time::Duration;

use super::super::body::Body;
use super::super::check::{Activity, CheckState};
use super::super::incident::{CheckResult, IncidentEvent};
use super::super::moment::Moment;
use super::super::note::Decision;
use super::super::observation::Observation;
use super::super::process::{ProcessName, ProcessState};
use super::super::process_set::ProcessSet;
use super::super::program::{Program, ProgramChange};
use super::super::verdict::{Judgement, Verdict};
use super::shared::Context;
use super::{Effect, Monitor, Ticket};

impl Monitor {
    /// A supervisor of ours says what is new of a program. Nothing is done about the process: its supervisor starts it
    /// again or not, and the checks that restart it see what it does.
    pub(super) fn program_changed(
        &mut self,
        now: Moment,
        process: &ProcessName,
        change: ProgramChange,
        effects: &mut Vec<Effect>,
    ) {
        let concerned = self.checks().filter(|check| check.concerns(process));
        let checks: Vec<String> = concerned.map(|check| check.name.clone()).collect();
        let own = process.as_program();
        let ended = change.end.as_ref().map(|end| Decision::ProgramEnded {
            process: process.clone(),
            end: end.how.clone(),
        });
        let changed = is_news(&change).then(|| Decision::ProgramChanged {
            process: process.clone(),
            state: change.state,
            detail: change.detail.clone(),
            again: change.again,
        });
        let is_fatal = change.state == ProcessState::Fatal;
        let mut cx = Context {
            now,
            shared: &mut self.shared,
            effects,
        };
        for name in checks.iter().filter(|name| **name != own).chain([&own]) {
            if let Some(ended) = &ended {
                cx.note(name, ended.clone());
            }
            let is_own = *name == own;
            if let Some(changed) = changed.as_ref().filter(|_| is_own || is_fatal) {
                cx.note(name, changed.clone());
            }
        }
        if checks.is_empty() {
            return;
        }
        let of_own = self.checks.get(&own).map(|state| &state.check);
        let rules = of_own.and_then(|check| check.program.clone());
        let known = self.shared.programs.entry(process.clone());
        let program = known.or_insert_with(|| Program::new(now));
        program.change(now, change, rules.as_ref());
        for name in checks {
            self.with(now, &name, effects, |check, cx| {
                check.program_changed(process, cx);
            });
        }
    }

    /// Forgets the programs that concern no check any more.
    pub(super) fn forget_programs(&mut self) {
        if self.shared.programs.is_empty() {
            return;
        }
        let concerned = ProcessSet::of(self.checks());
        let programs = &mut self.shared.programs;
        programs.retain(|process, _| concerned.contains(process));
    }
}

/// Whether its state is news to people: those on the way to another one are not.
fn is_news(change: &ProgramChange) -> bool {
    match change.state {
        ProcessState::Running | ProcessState::Stopped | ProcessState::Fatal => true,
        ProcessState::Exited => !change.again,
        ProcessState::Starting
        | ProcessState::Stopping
        | ProcessState::Backoff
        | ProcessState::Unknown => false,
    }
}

impl CheckState {
    /// There is news of a program of the check. It is judged at once when it passes or fails now and did not before: of
    /// what comes in between, and of what goes on, the next tick says enough.
    fn program_changed(&mut self, process: &ProcessName, cx: &mut Context<'_>) {
        if self.check.program.is_none() {
            return self.note_failed_program(process, cx);
        }
        let Some(program) = cx.shared.programs.get(process) else {
            return;
        };
        let Judgement {
            verdict, reason, ..
        } = program.judge();
        let newest = self.memory.samples.newest();
        let is_new = newest.is_none_or(|last| (last.verdict, last.reason) != (verdict, reason));
        let is_plain = matches!(verdict, Verdict::Pass | Verdict::Fail);
        let ends = program.is_stopped() && self.memory.incident.is_some();
        let is_idle = self.activity == Activity::Idle && !cx.shared.shutting_down;
        if is_idle && is_plain && (is_new || ends) {
            self.probe(Duration::ZERO, cx);
        }
    }

    /// The incident of a check that restarts it says that its supervisor has given it up.
    fn note_failed_program(&mut self, process: &ProcessName, cx: &mut Context<'_>) {
        let program = cx.shared.programs.get(process);
        let failed = program.filter(|program| program.is_fatal());
        if let (Some(incident), Some(failed)) = (self.memory.incident.as_mut(), failed) {
            let event = IncidentEvent::ProgramFailed {
                process: process.clone(),
                how: format!("FATAL: {}", failed.fatal_text()),
            };
            incident.note(cx.now, event);
        }
    }

    /// The same of those that were given up before the incident was opened.
    pub(super) fn note_failed_programs(&mut self, cx: &mut Context<'_>) {
        let programs = cx.shared.programs.iter();
        let failed = programs.filter(|(_, program)| program.is_fatal());
        let failed: Vec<_> = failed.map(|(process, _)| process.clone()).collect();
        for process in failed {
            if self.check.program.is_none() && self.check.concerns(&process) {
                self.note_failed_program(&process, cx);
            }
        }
    }

    /// Judges a program in place of a probe.
    pub(super) fn judge_program(&mut self, ticket: Ticket, cx: &mut Context<'_>) {
        let Some(check) = self.check.program.clone() else {
            return;
        };
        let unknown = || Program::new(cx.now);
        let known = cx.shared.programs.entry(check.process.clone());
        let program = known.or_insert_with(unknown);
        program.settle(cx.now, &check);
        let judgement = program.judge();
        let is_stopped = program.is_stopped();
        let failed = judgement.reason.is_some();
        let end = program.end.as_ref().filter(|_| failed);
        let log = program.log.trim_end().as_bytes();
        let seen = Observation {
            url: self.check.url.clone(),
            exit: end.and_then(|end| end.code),
            body: (failed && !log.is_empty()).then(|| Body {
                kept: log.to_vec(),
                size: log.len() as u64,
                ..Body::default()
            }),
            ..Observation::default()
        };
        if is_stopped {
            // what was wrong with it is over, and it has not recovered
            self.close_incident(IncidentEvent::ProgramStopped, Decision::ProgramStopped, cx);
        }
        self.activity = Activity::Probing {
            ticket,
            begun: cx.now,
            listed: None,
        };
        self.judged(ticket, CheckResult { seen, judgement }, cx);
    }
}
