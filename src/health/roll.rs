//! A roll: the processes of one attempt, one after the other. Members of one group stand in for each other,
//! so the next one follows only when the check passes again; between different programs it is enough that
//! the one before runs. Which processes, in which order, and what follows a part; when is the monitor's.

use std::collections::VecDeque;
use std::time::Duration;

use super::moment::Moment;
use super::plan::{Remedy, Scope};
use super::process::{Process, ProcessName};
use super::step::{ActionStep, Halt, Outcome, Skip, Step};

/// One attempt under way.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Roll {
    /// When the attempt began.
    pub begun: Moment,
    /// A person asked for it: only the end of the watchdog holds it back.
    pub by_hand: bool,
    /// The incident it belongs to.
    pub incident: String,
    /// Whether evidence is kept.
    pub capture: bool,
    /// The processes as they were before the check looked; `None` when nobody could say.
    pub looked: Option<Vec<Process>>,
    /// What is to be done, as far as it has not begun.
    rest: VecDeque<Part>,
    /// The check has to pass before the next part.
    pub proving: Option<AwaitingHealthy>,
    /// It has to stop where it is.
    pub halt: Option<Halt>,
    /// What came of it so far.
    pub came: AttemptResult,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AttemptResult {
    /// A process was stopped or started.
    pub touched: bool,
    /// A process runs again.
    pub restarted: bool,
    /// The supervisor could not be asked.
    pub blind: bool,
    /// Something would have been restarted, but for a dry run.
    pub dry_run: bool,
}

/// How an attempt is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AttemptMode {
    /// A person asked for it.
    pub by_hand: bool,
    /// Nothing is touched.
    pub dry_run: bool,
}

/// A member of a group that runs again and has to be proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AwaitingHealthy {
    pub process: ProcessName,
    /// Since when.
    pub since: Moment,
    /// For so long, and for at least one look.
    pub lasting: Duration,
}

/// What one action is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// Whatever there is.
    Unknown(Scope),
    /// Those that are only told about, and the one that is restarted.
    Known {
        told: Vec<ProcessName>,
        member: Option<ProcessName>,
    },
}

/// What follows when a part has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The next part, at once.
    Next,
    /// The next part, when the check passes after this process was restarted.
    Prove(ProcessName),
    /// Nothing: all is done, or it stops here.
    Over(Option<Halt>),
}

impl Part {
    fn names(&self) -> impl Iterator<Item = &ProcessName> {
        let (told, member) = match self {
            Self::Unknown(_) => (&[][..], None),
            Self::Known { told, member } => (told.as_slice(), member.as_ref()),
        };
        told.iter().chain(member)
    }

    fn member(&self) -> Option<&ProcessName> {
        match self {
            Self::Unknown(_) => None,
            Self::Known { member, .. } => member.as_ref(),
        }
    }
}

impl Roll {
    /// One that does all that there is in one action.
    pub fn whole(begun: Moment, scope: Scope) -> Self {
        Self {
            begun,
            by_hand: false,
            incident: String::new(),
            capture: false,
            looked: None,
            rest: VecDeque::from([Part::Unknown(scope)]),
            proving: None,
            halt: None,
            came: AttemptResult::default(),
        }
    }

    /// One over `chosen`, in their order, without those of `tried` unless that leaves nothing. A person who
    /// asks for it gets them all, of each group those that were not tried first.
    pub fn over(
        begun: Moment,
        chosen: &[Process],
        remedy: &Remedy,
        tried: &[ProcessName],
        AttemptMode { by_hand, dry_run }: AttemptMode,
    ) -> Self {
        let acts = |process: &Process| {
            remedy.acts_on(process, by_hand) && !remedy.is_ourselves(&process.name)
        };
        let was_tried = |process: &Process| tried.contains(&process.name);
        let left_out = |process: &Process| acts(process) && was_tried(process);
        let again = by_hand || chosen.iter().all(|one| left_out(one) || !acts(one));
        let mut order: Vec<&Process> = chosen.iter().collect();
        if by_hand {
            let group = |process: &Process| (process.name.backend, process.name.group.clone());
            order.sort_by_key(|process| (group(process), was_tried(process)));
        }
        let mut rest = VecDeque::new();
        let mut told = Vec::new();
        for process in order {
            if !again && left_out(process) {
                continue;
            }
            if dry_run || !acts(process) {
                told.push(process.name.clone());
                continue;
            }
            rest.push_back(Part::Known {
                told: std::mem::take(&mut told),
                member: Some(process.name.clone()),
            });
        }
        match rest.back_mut() {
            Some(Part::Known { told: last, .. }) => last.append(&mut told),
            Some(Part::Unknown(_)) | None => rest.push_back(Part::Known { told, member: None }),
        }
        Self {
            rest,
            ..Self::whole(begun, Scope::All)
        }
    }

    /// Takes the next part.
    pub fn next(&mut self, first: bool) -> Option<Scope> {
        self.proving = None;
        Some(match self.rest.pop_front()? {
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
        self.rest.iter().flat_map(Part::names).cloned().collect()
    }

    /// The process that is restarted next.
    pub fn next_member(&self) -> Option<&ProcessName> {
        self.rest.iter().find_map(Part::member)
    }

    /// The part that was under way has ended so. What follows; steps about those that are left out because
    /// their supervisor is gone are added to `outcome`.
    pub fn then(&mut self, now: Moment, outcome: &mut Outcome) -> Next {
        let dry = |step: &Step| matches!(step.deed, ActionStep::Skipped(Skip::DryRun));
        self.came.touched |= outcome.touched();
        self.came.restarted |= outcome.restarted().next().is_some();
        self.came.blind |= outcome.blind();
        self.came.dry_run |= outcome.steps.iter().any(dry);
        self.leave_unasked(now, outcome);
        // what fell with it was started with it, and has had its turn
        let begun = |part: &Part| {
            part.member()
                .is_some_and(|one| outcome.begun().any(|name| name == one))
        };
        self.rest.retain(|part| !begun(part));
        let halt = self.halt.take();
        let Some(next) = self.next_member() else {
            return Next::Over(None);
        };
        if let Some(halt) = halt {
            return Next::Over(Some(halt));
        }
        if let Some(process) = outcome.stuck().cloned() {
            return Next::Over(Some(Halt::NotBack { process }));
        }
        let stands_in = |process: &&ProcessName| {
            (process.backend, &process.group) == (next.backend, &next.group)
        };
        match outcome.restarted().find(stands_in).cloned() {
            Some(process) => Next::Prove(process),
            None => Next::Next,
        }
    }

    /// A supervisor that could not be asked just now is not asked again for each of its processes.
    fn leave_unasked(&mut self, now: Moment, outcome: &mut Outcome) {
        let blind = outcome.blind();
        let mut left = Vec::new();
        self.rest.retain(|part| {
            let gone = part
                .member()
                .is_some_and(|member| blind || outcome.is_unasked(member.backend));
            if gone {
                left.extend(part.names().cloned());
            }
            !gone
        });
        outcome.steps.extend(alone(now, left, &Halt::Unasked));
    }
}

/// The steps about processes whose turn does not come.
pub(super) fn alone(
    now: Moment,
    left: Vec<ProcessName>,
    halt: &Halt,
) -> impl Iterator<Item = Step> {
    left.into_iter().map(move |process| Step {
        at: now,
        took: Duration::ZERO,
        process: Some(process),
        deed: ActionStep::Skipped(Skip::Halted(halt.clone())),
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

    fn roll(chosen: &[&str], tried: &[&str], manner: AttemptMode) -> Roll {
        let chosen: Vec<_> = chosen.iter().map(|text| process(text)).collect();
        let tried: Vec<_> = tried.iter().map(|text| process(text).name).collect();
        let remedy = Remedy {
            selection: Selection::Targets(vec![Target::new("app:*")]),
            ..Remedy::NONE
        };
        Roll::over(Moment::ZERO, &chosen, &remedy, &tried, manner)
    }

    /// The parts, each with what it only tells about in front.
    fn parts(mut roll: Roll) -> Vec<String> {
        let mut parts = Vec::new();
        while let Some(Scope::Part { now, .. }) = roll.next(parts.is_empty()) {
            let names: Vec<_> = now.iter().map(ToString::to_string).collect();
            parts.push(names.join(" "));
        }
        parts
    }

    /// The chosen, the tried, how, and the parts.
    type Row<'a> = (&'a [&'a str], &'a [&'a str], AttemptMode, &'a [&'a str]);

    #[test]
    fn each_process_is_a_part_and_the_others_are_told_with_one() {
        let usual = AttemptMode::default();
        let dry_run = AttemptMode {
            dry_run: true,
            ..usual
        };
        let by_hand = AttemptMode {
            by_hand: true,
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
                by_hand,
                &["g:1", "g:0", "h:1", "h:0"],
            ),
        ];
        for (chosen, tried, manner, expected) in table {
            let found = parts(roll(chosen, tried, manner));
            assert_eq!(found, expected, "{chosen:?} {tried:?} {manner:?}");
        }
    }

    fn outcome(text: &str, deeds: impl IntoIterator<Item = ActionStep>) -> Outcome {
        let step = |deed| Step {
            at: Moment::ZERO,
            took: Duration::ZERO,
            process: Some(process(text).name),
            deed,
        };
        Outcome {
            steps: deeds.into_iter().map(step).collect(),
        }
    }

    fn settled_of(text: &str) -> Outcome {
        let state = ProcessState::Running;
        let deeds = [
            ActionStep::Started { error: None },
            ActionStep::Settled { state, pid: None },
        ];
        outcome(text, deeds)
    }

    #[test]
    fn what_follows_a_part_depends_on_what_came_of_it() {
        let settled = |state| {
            let deeds = [
                ActionStep::Stopped { error: None },
                ActionStep::Started { error: None },
                ActionStep::Settled { state, pid: None },
            ];
            outcome("g:0", deeds)
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
        let prove = Next::Prove(name.clone());
        let stop = Next::Over(Some(Halt::NotBack { process: name }));
        for (what, chosen, came, expected) in [
            ("a member of its group", ["g:0", "g:1"], &up, prove),
            ("another program", ["g:0", "h"], &up, Next::Next),
            ("nothing to restart", ["g:0", "g:1-"], &up, Next::Over(None)),
            ("it is FATAL", ["g:0", "h"], &fatal, stop),
            ("it fell, too", ["g:0", "g:1"], &fell, Next::Over(None)),
            ("someone was faster", ["g:0", "g:1"], &faster, Next::Next),
            ("nobody to ask", ["g:0", "g:1"], &gone, Next::Over(None)),
        ] {
            let mut roll = roll(&chosen, &[], AttemptMode::default());
            roll.next(true);
            let mut came = came.clone();
            assert_eq!(roll.then(Moment::ZERO, &mut came), expected, "{what}");
        }
    }
}
