//! One attempt to restart a check's processes: a rolling restart, one process after the other. Members of one
//! group stand in for each other, so the next one follows only when the check passes again; between different
//! programs it is enough that the one before is RUNNING. Here: which processes, in which order, and what follows
//! each part. The monitor decides when.

use std::collections::VecDeque;
use std::time::Duration;

use super::moment::Moment;
use super::plan::{PlanAction, Scope};
use super::process::{Process, ProcessName};
use super::remedy::Remedy;
use super::step::{ActionStep, FailedStart, Halt, Outcome, Skip, Step};

/// One attempt under way.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Attempt {
    /// When the attempt began.
    pub begun: Moment,
    /// A person asked for it: only the end of the watchdog holds it back.
    pub manual: bool,
    /// The incident it belongs to.
    pub incident: String,
    /// What it does, to what.
    pub action: PlanAction,
    pub remedy: Remedy,
    /// How many rungs of the ladder were taken before it.
    pub rungs_before: u32,
    /// Which rung it is, from 0.
    pub rung: Option<u32>,
    /// Whether evidence is kept.
    pub capture: bool,
    /// The processes as they were listed before the probe; `None` when they could not be listed.
    pub listed: Option<Vec<Process>>,
    /// Processes whose restart is unfinished: this attempt leaves them alone.
    pub unfinished: Vec<ProcessName>,
    /// What is to be done, as far as it has not begun.
    parts: VecDeque<Part>,
    /// The check has to pass before the next part.
    pub awaiting: Option<AwaitingHealthy>,
    /// It has to stop after the part under way, and why.
    pub halt: Option<Halt>,
    /// The result so far.
    pub result: AttemptResult,
}

/// The result of an attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AttemptResult {
    /// A process was stopped, started or signalled, or a command was run.
    pub touched: bool,
    /// A process runs again.
    pub restarted: bool,
    /// A signal was sent, or a command was run: whether that went well.
    pub escalated: Option<bool>,
    /// The supervisor could not be reached.
    pub unreachable: bool,
    /// Something would have been restarted, but for a dry run.
    pub dry_run: bool,
    /// What does not run since.
    pub failed_start: Option<FailedStart>,
}

/// How an attempt is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AttemptMode {
    /// A person asked for it.
    pub manual: bool,
    /// Nothing is touched.
    pub dry_run: bool,
}

/// A member of a group that is RUNNING again; the check has to pass before the next one is stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AwaitingHealthy {
    pub process: ProcessName,
    /// Since when.
    pub since: Moment,
    /// How long the check may take to pass; at least one probe.
    pub within: Duration,
}

/// What one action is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// The processes could not be listed: whatever there is.
    Unknown(Scope),
    /// Those that are only mentioned in the transcript, and the one that is restarted.
    Known {
        mentioned: Vec<ProcessName>,
        member: Option<ProcessName>,
    },
}

/// What follows when a part has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The next part, at once.
    Continue,
    /// The next part, when the check passes after this process was restarted.
    AwaitHealthy(ProcessName),
    /// Nothing: all is done, or it stops here.
    Over(Option<Halt>),
}

impl Part {
    fn names(&self) -> impl Iterator<Item = &ProcessName> {
        let (mentioned, member) = match self {
            Self::Unknown(_) => (&[][..], None),
            Self::Known { mentioned, member } => (mentioned.as_slice(), member.as_ref()),
        };
        mentioned.iter().chain(member)
    }

    fn member(&self) -> Option<&ProcessName> {
        match self {
            Self::Unknown(_) => None,
            Self::Known { member, .. } => member.as_ref(),
        }
    }
}

impl Attempt {
    /// An attempt that restarts everything in one action.
    pub fn whole(begun: Moment, scope: Scope, unfinished: Vec<ProcessName>) -> Self {
        Self {
            begun,
            manual: false,
            incident: String::new(),
            action: PlanAction::Restart,
            remedy: Remedy::NONE,
            rungs_before: 0,
            rung: None,
            capture: false,
            listed: None,
            unfinished,
            parts: VecDeque::from([Part::Unknown(scope)]),
            awaiting: None,
            halt: None,
            result: AttemptResult::default(),
        }
    }

    /// An attempt over `chosen`, in their order, without those of `tried` unless that leaves nothing. A manual one
    /// restarts them all, of each group those that were not tried first. Processes whose restart is `unfinished`
    /// are only mentioned.
    pub fn over(
        begun: Moment,
        chosen: &[Process],
        remedy: &Remedy,
        tried: &[ProcessName],
        unfinished: &[ProcessName],
        AttemptMode { manual, dry_run }: AttemptMode,
    ) -> Self {
        let acts = |process: &Process| {
            remedy.acts_on(process, manual)
                && !remedy.is_ourselves(&process.name)
                && !unfinished.contains(&process.name)
        };
        let was_tried = |process: &Process| tried.contains(&process.name);
        let left_out = |process: &Process| acts(process) && was_tried(process);
        let again = manual || chosen.iter().all(|one| left_out(one) || !acts(one));
        let mut order: Vec<&Process> = chosen.iter().collect();
        if manual {
            let group = |process: &Process| (process.name.backend, process.name.group.clone());
            let turn = |process: &Process| {
                let first = |other: &Process| group(other) == group(process);
                chosen.iter().position(first)
            };
            order.sort_by_cached_key(|process| (turn(process), was_tried(process)));
        }
        let mut parts = VecDeque::new();
        let mut mentioned = Vec::new();
        for process in order {
            if !again && left_out(process) {
                continue;
            }
            if dry_run || !acts(process) {
                mentioned.push(process.name.clone());
                continue;
            }
            parts.push_back(Part::Known {
                mentioned: std::mem::take(&mut mentioned),
                member: Some(process.name.clone()),
            });
        }
        match parts.back_mut() {
            Some(Part::Known {
                mentioned: last, ..
            }) => last.append(&mut mentioned),
            Some(Part::Unknown(_)) | None => parts.push_back(Part::Known {
                mentioned,
                member: None,
            }),
        }
        Self {
            parts,
            ..Self::whole(begun, Scope::All, unfinished.to_vec())
        }
    }

    /// Takes the next part.
    pub fn next(&mut self, first: bool) -> Option<Scope> {
        self.awaiting = None;
        Some(match self.parts.pop_front()? {
            Part::Unknown(scope) => scope,
            part @ Part::Known { .. } => Scope::Part {
                now: part.names().cloned().collect(),
                rest: self.left(),
                first,
            },
        })
    }

    /// The processes whose turn has not come.
    pub fn left(&self) -> Vec<ProcessName> {
        self.parts.iter().flat_map(Part::names).cloned().collect()
    }

    /// The process that is restarted next.
    pub fn next_member(&self) -> Option<&ProcessName> {
        self.parts.iter().find_map(Part::member)
    }

    /// The part under way has ended with `outcome`: what follows. Steps about processes that are left out because
    /// their supervisor cannot be reached are added to `outcome`.
    pub fn part_ended(&mut self, now: Moment, outcome: &mut Outcome) -> Next {
        let dry = |step: &Step| {
            matches!(
                step.action,
                ActionStep::Skipped(Skip::DryRun | Skip::WouldBeDone { .. })
            )
        };
        self.result.touched |= outcome.touched();
        self.result.restarted |= outcome.restarted().next().is_some();
        if let Some(went_well) = outcome.escalation() {
            self.result.escalated = Some(went_well || self.result.escalated == Some(true));
        }
        self.result.unreachable |= outcome.list_failed();
        self.result.dry_run |= outcome.steps.iter().any(dry);
        if self.result.failed_start.is_none() {
            self.result.failed_start = outcome.failed_start();
        }
        self.leave_unreachable(now, outcome);
        // a dependent that was stopped with it was started with it, and has had its turn
        let begun = |part: &Part| {
            part.member()
                .is_some_and(|one| outcome.begun().any(|name| name == one))
        };
        self.parts.retain(|part| !begun(part));
        let halt = self.halt.take();
        let Some(next) = self.next_member() else {
            return Next::Over(None);
        };
        if let Some(halt) = halt {
            return Next::Over(Some(halt));
        }
        if let Some(process) = outcome.not_running().cloned() {
            return Next::Over(Some(Halt::NotBack { process }));
        }
        let stands_in = |process: &&ProcessName| {
            (process.backend, &process.group) == (next.backend, &next.group)
        };
        match outcome.restarted().find(stands_in).cloned() {
            Some(process) => Next::AwaitHealthy(process),
            None => Next::Continue,
        }
    }

    /// A supervisor that could not be reached just now is not asked again for each of its processes.
    fn leave_unreachable(&mut self, now: Moment, outcome: &mut Outcome) {
        let unreachable = outcome.list_failed();
        let mut left = Vec::new();
        self.parts.retain(|part| {
            let gone = part
                .member()
                .is_some_and(|member| unreachable || outcome.is_unasked(member.backend));
            if gone {
                left.extend(part.names().cloned());
            }
            !gone
        });
        outcome.steps.extend(left_alone(now, left, &Halt::Unasked));
    }
}

/// The steps about processes that are left alone because the attempt stops before their turn.
pub(super) fn left_alone(
    now: Moment,
    left: Vec<ProcessName>,
    halt: &Halt,
) -> impl Iterator<Item = Step> {
    left.into_iter().map(move |process| Step {
        at: now,
        took: Duration::ZERO,
        process: Some(process),
        action: ActionStep::Skipped(Skip::Halted(halt.clone())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{Backend, CallError, ProcessState, Selection, Target};

    fn process(text: &str) -> Process {
        let (text, state) = match text.strip_suffix('-') {
            Some(text) => (text, ProcessState::Stopped),
            None => (text, ProcessState::Running),
        };
        let (group, name) = text.split_once(':').unwrap_or((text, text));
        Process {
            name: ProcessName::supervisord(group, name),
            state,
            pid: Some(7),
            uptime: Some(1),
            detail: String::new(),
            instance: None,
            aliases: Vec::new(),
        }
    }

    fn attempt(chosen: &[&str], tried: &[&str], mode: AttemptMode) -> Attempt {
        let chosen: Vec<_> = chosen.iter().map(|text| process(text)).collect();
        let tried: Vec<_> = tried.iter().map(|text| process(text).name).collect();
        let remedy = Remedy {
            selection: Selection::Targets(vec![Target::new("app:*")]),
            ..Remedy::NONE
        };
        Attempt::over(Moment::ZERO, &chosen, &remedy, &tried, &[], mode)
    }

    /// The parts, each with the processes it only mentions in front.
    fn parts(mut attempt: Attempt) -> Vec<String> {
        let mut parts = Vec::new();
        while let Some(Scope::Part { now, .. }) = attempt.next(parts.is_empty()) {
            let names: Vec<_> = now.iter().map(ToString::to_string).collect();
            parts.push(names.join(" "));
        }
        parts
    }

    /// The chosen, the tried, how, and the parts.
    type Row<'a> = (&'a [&'a str], &'a [&'a str], AttemptMode, &'a [&'a str]);

    #[test]
    fn each_process_is_a_part_and_the_others_are_mentioned_with_one() {
        let usual = AttemptMode::default();
        let dry_run = AttemptMode {
            dry_run: true,
            ..usual
        };
        let manual = AttemptMode {
            manual: true,
            ..usual
        };
        let table: [Row; 9] = [
            (&[], &[], usual, &[""]),
            (&["a", "b"], &[], usual, &["a", "b"]),
            (&["a-", "b", "c-"], &[], usual, &["a c b"]),
            (&["a-"], &[], usual, &["a"]),
            (&["g:0", "g:1", "g:2"], &["g:0"], usual, &["g:1", "g:2"]),
            (&["g:0", "g:1"], &["g:1", "g:0"], usual, &["g:0", "g:1"]),
            (&["a", "b"], &["a"], dry_run, &["b"]),
            (&["a", "b"], &[], dry_run, &["a b"]),
            (
                &["g:0", "g:1", "h:0", "h:1"],
                &["g:0", "h:0"],
                manual,
                &["g:1", "g:0", "h:1", "h:0"],
            ),
        ];
        for (chosen, tried, mode, expected) in table {
            let found = parts(attempt(chosen, tried, mode));
            assert_eq!(found, expected, "{chosen:?} {tried:?} {mode:?}");
        }
    }

    fn outcome(text: &str, actions: impl IntoIterator<Item = ActionStep>) -> Outcome {
        let step = |action| Step {
            at: Moment::ZERO,
            took: Duration::ZERO,
            process: Some(process(text).name),
            action,
        };
        Outcome {
            steps: actions.into_iter().map(step).collect(),
        }
    }

    fn settled_of(text: &str) -> Outcome {
        let state = ProcessState::Running;
        let actions = [
            ActionStep::Started { error: None },
            ActionStep::Settled { state, pid: None },
        ];
        outcome(text, actions)
    }

    #[test]
    fn next_part_depends_on_the_outcome() {
        let settled = |state| {
            let actions = [
                ActionStep::Stopped { error: None },
                ActionStep::Started { error: None },
                ActionStep::Settled { state, pid: None },
            ];
            outcome("g:0", actions)
        };
        let (up, fatal) = (settled(ProcessState::Running), settled(ProcessState::Fatal));
        let faster = outcome("g:0", [ActionStep::Skipped(Skip::DryRun)]);
        let unasked = ActionStep::Unasked {
            backend: Backend::Supervisord,
            error: CallError::Unreachable {
                detail: "gone".to_owned(),
            },
        };
        let gone = outcome("g:0", [unasked]);
        let mut fell = up.clone();
        fell.steps.extend(settled_of("g:1").steps);
        let name = process("g:0").name;
        let await_healthy = Next::AwaitHealthy(name.clone());
        let stop = Next::Over(Some(Halt::NotBack { process: name }));
        for (what, chosen, came, expected) in [
            ("a member of its group", ["g:0", "g:1"], &up, await_healthy),
            ("another program", ["g:0", "h"], &up, Next::Continue),
            ("nothing to restart", ["g:0", "g:1-"], &up, Next::Over(None)),
            ("it is FATAL", ["g:0", "h"], &fatal, stop),
            ("it fell, too", ["g:0", "g:1"], &fell, Next::Over(None)),
            (
                "someone was faster",
                ["g:0", "g:1"],
                &faster,
                Next::Continue,
            ),
            ("nobody to ask", ["g:0", "g:1"], &gone, Next::Over(None)),
        ] {
            let mut attempt = attempt(&chosen, &[], AttemptMode::default());
            attempt.next(true);
            let mut came = came.clone();
            assert_eq!(
                attempt.part_ended(Moment::ZERO, &mut came),
                expected,
                "{what}"
            );
        }
    }
}
