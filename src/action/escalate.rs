//! The rungs of a ladder that restart nothing: a signal, after which the process goes on running, and a command. A process
//! that ends with its signal is started again, as one that was stopped is.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::ActionTools;
use super::capture;
use super::capture::deadline::Deadline;
use super::capture::spec::RungCommand;
use super::capture::tool;
use super::record::StepLog;
use super::start::{settle, start_and_wait};
use crate::exec::template;
use crate::health::{
    ActionStep, Backend, Capture, Plan, Process, ProcessState, Signal, Skip, bounded,
};

/// What a process has so long for: to write what the signal asks for, or to end with it.
const WATCH_FOR: Duration = Duration::from_secs(1);
const WATCH_EVERY: Duration = Duration::from_millis(100);

/// What is kept of each of a command's two outputs.
const MAX_OUTPUT: usize = 64 << 10;

/// Sends `process` the signal, and keeps what it has to say as evidence. An intent is open meanwhile: when this run is
/// killed just now, the next one starts the process if it has ended.
pub(super) async fn signal(
    process: &Process,
    signal: Signal,
    plan: &Plan,
    tools: &ActionTools<'_>,
    log: &mut StepLog<'_>,
) {
    let name = &process.name;
    let Some(intent) = tools.open_intent(process, plan, log).await else {
        return;
    };
    let begun = log.clock.now();
    let error = tools.supervisors.signal(name, signal).await.err();
    let is_sent = error.is_none();
    log.note(begun, Some(name), ActionStep::Signalled { signal, error });
    if !is_sent {
        return tools.record.close(intent);
    }
    let now = watch(process, tools).await;
    match now {
        Seen::Runs => tools.record.close(intent),
        Seen::StoppedByOperator(state) => {
            log.record(Some(name), ActionStep::Skipped(Skip::NotRunning { state }));
            tools.record.close(intent);
        }
        Seen::Ended(state) => {
            log.record(Some(name), ActionStep::EndedBySignal { state });
            start_and_wait(process, None, intent, tools, log).await;
        }
        Seen::IsRestarted(state) => {
            log.record(Some(name), ActionStep::EndedBySignal { state });
            let begun = log.clock.now();
            let (state, pid) = settle(tools.supervisors, name).await;
            log.note(begun, Some(name), ActionStep::Settled { state, pid });
            match state {
                ProcessState::Running => tools.record.close(intent),
                _ => start_and_wait(process, None, intent, tools, log).await,
            }
        }
    }
    if plan.capture
        && let (Some(spec), Some(pid)) = (tools.capture, process.pid)
    {
        capture::capture(spec, (name, pid), plan, tools, log).await;
    }
}

/// How a process is after its signal.
enum Seen {
    /// As before.
    Runs,
    /// It has ended.
    Ended(ProcessState),
    /// It has ended, and its supervisor starts it again, or has done so.
    IsRestarted(ProcessState),
    /// Somebody stopped it.
    StoppedByOperator(ProcessState),
}

async fn watch(process: &Process, tools: &ActionTools<'_>) -> Seen {
    let until = Instant::now() + WATCH_FOR;
    // its supervisor says of an end that it did not bring about that somebody stopped it
    let blames_others = matches!(process.name.backend, Backend::Docker | Backend::Command);
    loop {
        let now = tools.supervisors.info(&process.name).await.ok();
        let state = now.as_ref().map(|now| now.state);
        match (state, now) {
            (Some(ProcessState::Running), Some(now)) if now.is_still(process) == Some(false) => {
                return Seen::IsRestarted(ProcessState::Running);
            }
            (Some(state @ (ProcessState::Stopped | ProcessState::Stopping)), _) => {
                return match blames_others {
                    true => Seen::Ended(state),
                    false => Seen::StoppedByOperator(state),
                };
            }
            (Some(state @ (ProcessState::Exited | ProcessState::Fatal)), _) => {
                return Seen::Ended(state);
            }
            (Some(state @ (ProcessState::Starting | ProcessState::Backoff)), _) => {
                return Seen::IsRestarted(state);
            }
            (Some(ProcessState::Running | ProcessState::Unknown) | None, _) => {}
        }
        if Instant::now() >= until || tools.shutdown.has_begun() {
            return Seen::Runs;
        }
        sleep(WATCH_EVERY).await;
    }
}

/// Runs the command of `rung`; `shown` is how it is called where people read.
pub(super) async fn run(
    rung: u32,
    shown: &str,
    plan: &Plan,
    tools: &ActionTools<'_>,
    log: &mut StepLog<'_>,
) {
    let shown = &shown.replace("{incident}", &plan.incident);
    if let Some(why) = tools.halt() {
        return log.record(None, ActionStep::Skipped(why));
    }
    if plan.dry_run {
        let what = format!("run {shown}");
        return log.record(None, ActionStep::Skipped(Skip::WouldBeDone { what }));
    }
    let begun = log.clock.now();
    let ran = match tools.commands.get(&rung) {
        Some(command) => perform(command, shown, plan, tools).await,
        None => failed(shown, "the check was changed meanwhile".to_owned()),
    };
    log.note(begun, None, ActionStep::Ran(ran));
}

async fn perform(
    command: &RungCommand,
    shown: &str,
    plan: &Plan,
    tools: &ActionTools<'_>,
) -> Capture {
    let placeholders = [
        ("{check}", plan.check.clone()),
        ("{incident}", plan.incident.clone()),
    ];
    let line = match template::fill(&command.command, &placeholders) {
        Ok(line) => line,
        Err(why) => return failed(shown, why.to_string()),
    };
    let deadline = Deadline::after(command.timeout, tools.shutdown);
    let ran = tool::run(line, command.timeout, MAX_OUTPUT, &deadline).await;
    Capture {
        what: shown.to_owned(),
        output: bounded(ran.stdout.text()),
        errors: bounded(ran.stderr.text()),
        failure: ran.failure.map(bounded),
        files: Vec::new(),
    }
}

fn failed(shown: &str, why: String) -> Capture {
    Capture {
        what: shown.to_owned(),
        output: String::new(),
        errors: String::new(),
        failure: Some(why),
        files: Vec::new(),
    }
}
