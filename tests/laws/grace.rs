//! Law 18: a process that is not RUNNING yet was started a moment ago, so it begins a grace; and no fail within a grace
//! counts towards a restart.

use httpok::health::{
    Check, Counted, Decision, Effect, Event, Moment, Monitor, ProcessState, Verdict,
};

/// Asserts the law about one event of `check`.
pub fn law_18(
    now: Moment,
    event: &Event,
    effects: &[Effect],
    check: impl Fn(&str) -> Option<Check>,
    before: &Monitor,
    after: &Monitor,
) {
    match event {
        Event::Listed {
            check: name,
            processes: Ok(processes),
            ..
        } => {
            let is_probed = effects
                .iter()
                .any(|effect| matches!(effect, Effect::Probe { check, .. } if check == name));
            let (Some(check), Some(known), Some(memory)) =
                (check(name), before.memory(name), after.memory(name))
            else {
                return;
            };
            let remedy = &check.remedy;
            let starts = processes.iter().any(|process| {
                matches!(
                    process.state,
                    ProcessState::Starting | ProcessState::Backoff
                ) && remedy.selection.means(process, remedy.default)
                    && !known.pids.contains_key(&process.name.to_string())
            });
            if is_probed && starts {
                assert!(
                    !memory.settled && memory.grace_until.is_some(),
                    "law 18: no grace for a process that is being started"
                );
            }
        }
        Event::Observed { check: name, .. } => {
            let Some(memory) = before.memory(name) else {
                return;
            };
            let in_grace = !memory.settled && memory.grace_until.is_some_and(|until| now < until);
            for effect in effects {
                if let Effect::Note(note) = effect
                    && let Decision::Judged {
                        verdict: Verdict::Fail,
                        counted: Counted::Towards { .. },
                        ..
                    } = note.decision
                {
                    assert!(!in_grace, "law 18: a fail within the grace counts");
                }
            }
        }
        _ => {}
    }
}
