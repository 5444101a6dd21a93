//! The embedded supervisor against real processes: ones that ignore signals, that fork, that crash, that
//! write too much, and that live on when their watchdog is killed.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test, too")]

#[path = "embedded/adopt.rs"]
mod adopt;
#[path = "embedded/compatibility.rs"]
mod compatibility;
#[path = "embedded/environment.rs"]
mod environment;
#[path = "support/eventlistener.rs"]
#[allow(dead_code, reason = "only some of it is needed here")]
mod eventlistener;
#[path = "embedded/fixture.rs"]
mod fixture;
#[path = "embedded/group.rs"]
mod group;
#[path = "embedded/hung_files.rs"]
mod hung_files;
#[path = "embedded/keeper.rs"]
mod keeper;
#[path = "support/hung_files.rs"]
mod lease;
#[path = "embedded/logs.rs"]
mod logs;
#[path = "embedded/manual.rs"]
mod manual;
#[path = "embedded/many_programs.rs"]
mod many_programs;
#[path = "embedded/names.rs"]
mod names;
#[path = "embedded/own_checks.rs"]
mod own_checks;
#[path = "embedded/process.rs"]
mod process;
#[path = "support/program.rs"]
#[allow(dead_code, reason = "only some of it is needed here")]
mod program;
#[path = "support/pty.rs"]
#[allow(dead_code, reason = "only some of it is needed here")]
mod pty;
#[path = "embedded/real_programs.rs"]
mod real_programs;
#[path = "embedded/reload.rs"]
mod reload;
#[path = "embedded/restarts.rs"]
mod restarts;
#[path = "embedded/run.rs"]
mod run;
#[path = "embedded/shutdown.rs"]
mod shutdown;
#[path = "support/site.rs"]
#[allow(dead_code, reason = "only some of it is needed here")]
mod site;
#[path = "support/smtp.rs"]
#[allow(dead_code, reason = "only some of it is needed here")]
mod smtp;
#[path = "embedded/states.rs"]
mod states;
mod support;
#[path = "embedded/terminal.rs"]
mod terminal;
#[path = "embedded/test_host.rs"]
mod test_host;

use std::path::Path;
use std::time::{Duration, Instant};

use httpok::health::{CallError, Process, ProcessName, ProcessState};
use httpok::supervisor::embedded::{Embedded, Program, ProgramOutput};

/// Long enough for the slowest machine, and never waited for when all is well.
const LIMIT: Duration = Duration::from_secs(20);

/// A program that is a shell script, up at once, and silent.
fn script(name: &str, script: &str) -> Program {
    Program {
        startsecs: Duration::ZERO,
        stdout: ProgramOutput::Null,
        stderr: ProgramOutput::Null,
        ..Program::new(name, words(&["sh", "-c", script]))
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn named(name: &str) -> ProcessName {
    ProcessName::embedded(name, name)
}

/// Waits until `condition` holds.
async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {LIMIT:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until `name` is in `state`.
async fn reaches(embedded: &Embedded, name: &str, state: ProcessState) -> Process {
    let info = || embedded.info(&named(name)).unwrap();
    until(&format!("{name} {state}"), || info().state == state).await;
    info()
}

/// Waits for a file that holds a whole line, and gives its text without the line's end.
async fn line(path: &Path) -> String {
    let read = || std::fs::read_to_string(path).unwrap_or_default();
    until(&format!("a line in {path:?}"), || read().ends_with('\n')).await;
    read().trim_end().to_owned()
}

/// Whether process `pid` is there, and not merely a zombie that nobody collected.
fn lives(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap().starts_with(" Z"))
}

fn code(result: Result<(), CallError>) -> i64 {
    match result {
        Ok(()) => 0,
        Err(CallError::Fault { code, .. }) => code,
        Err(error) => panic!("{error}"),
    }
}
