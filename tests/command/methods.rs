//! The contract of each method, and its error messages.

use std::time::{Duration, Instant};

use httpok::exec::CommandLine;
use httpok::health::{Backend, CallError, ProcessName, ProcessState};
use httpok::supervisor::command::{CommandClient, CommandSpec};
use httpok::supervisor::{OutputStream, Supervisor};
use tempfile::TempDir;

use crate::program::LIMIT;
use crate::script::Script;
use crate::support::{alive, wait_until};

/// Long enough for a script on a busy machine.
const PATIENT: Duration = Duration::from_secs(20);
/// For what does not end anyway.
const SHORT: Duration = Duration::from_secs(1);

fn name(text: &str) -> ProcessName {
    ProcessName::alone(Backend::Command, text)
}

fn shell(text: &str) -> CommandLine {
    CommandLine::Shell(text.to_owned())
}

struct Stage {
    // goes before the directory that it is in
    script: Script,
    dir: TempDir,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            script: Script::new(dir.path()),
            dir,
        }
    }

    fn client(&self, timeout: Duration) -> CommandClient {
        let line = |action: &str| {
            let words = [&self.script.path(), "{name}", action];
            CommandLine::Argv(words.map(str::to_owned).to_vec())
        };
        let pidfile = self.dir.path().join("{name}.pid");
        CommandClient::new(CommandSpec {
            status: line("status"),
            stop: line("stop"),
            start: line("start"),
            pidfile: Some(pidfile.to_str().unwrap().to_owned()),
            timeout,
        })
    }
}

/// With these words for all three.
fn client_of(line: &CommandLine, timeout: Duration) -> CommandClient {
    CommandClient::new(CommandSpec {
        status: line.clone(),
        stop: line.clone(),
        start: line.clone(),
        pidfile: None,
        timeout,
    })
}

async fn state(client: &CommandClient, service: &str) -> ProcessState {
    client.info(&name(service)).await.unwrap().state
}

#[track_caller]
fn refused(result: Result<(), CallError>, code: i64, words: &str) {
    let error = result.unwrap_err();
    assert!(error.is_fault(code), "{error:?}");
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test]
async fn exit_codes_are_those_of_init_scripts() {
    // the name is the exit code
    let client = client_of(&shell("exit {name}"), PATIENT);
    for (code, expected) in [
        ("0", ProcessState::Running),
        ("1", ProcessState::Exited),
        ("2", ProcessState::Exited),
        ("3", ProcessState::Stopped),
        ("4", ProcessState::Unknown),
        ("150", ProcessState::Unknown),
    ] {
        assert_eq!(state(&client, code).await, expected, "{code}");
    }
    let mut lines = ["126", "127"]
        .map(|code| shell(&format!("exit {code}")))
        .to_vec();
    lines.push(shell("kill -9 $$"));
    lines.push(shell("nosuchprogram {name}"));
    lines.push(CommandLine::Argv(vec!["/nosuchprogram".to_owned()]));
    lines.push(CommandLine::Argv(vec!["/etc/passwd".to_owned()]));
    for line in lines {
        let client = client_of(&line, PATIENT);
        let asked = client.info(&name("x")).await;
        assert!(
            matches!(asked, Err(CallError::Unreachable { .. })),
            "{line:?}: {asked:?}"
        );
        // and nothing is done to what nobody can tell about
        let stop = client.stop(&name("x")).await;
        assert!(
            matches!(stop, Err(CallError::Unreachable { .. })),
            "{line:?}: {stop:?}"
        );
    }
}

#[tokio::test]
async fn list_contains_only_named_processes() {
    let stage = Stage::new();
    let client = stage.client(PATIENT);
    assert!(client.list(None).await.unwrap().is_empty());
    let listed = client.list(Some(&["a", "grp:*", "grp:b"])).await.unwrap();
    let names: Vec<_> = listed
        .iter()
        .map(|process| process.name.namespec())
        .collect();
    assert_eq!(names, ["a", "grp:b"]);
    assert!(
        listed
            .iter()
            .all(|process| process.state == ProcessState::Stopped)
    );
    let tail = client.log_tail(&name("a"), OutputStream::Stdout, 100).await;
    assert_eq!(tail.unwrap(), "");
}

#[tokio::test]
async fn a_service_is_stopped_and_started() {
    let stage = Stage::new();
    let client = stage.client(PATIENT);
    let web = name("web");
    refused(client.stop(&web).await, CallError::NOT_RUNNING, "");
    client.start(&web).await.unwrap();
    let found = client.info(&web).await.unwrap();
    assert_eq!(
        (found.state, found.pid),
        (ProcessState::Running, stage.script.pid("web"))
    );
    assert_eq!(found.detail, "* status: started");
    assert!(found.uptime.is_some_and(|seconds| seconds < 3600));
    refused(client.start(&web).await, CallError::ALREADY_STARTED, "");
    client.stop(&web).await.unwrap();
    assert!(found.pid.is_some_and(|pid| !alive(pid)));
    assert_eq!(state(&client, "web").await, ProcessState::Stopped);
    assert_eq!(stage.script.file("lives").lines().count(), 1);
}

#[tokio::test]
async fn crashed_service_is_not_an_operators_stop() {
    let stage = Stage::new();
    let client = stage.client(PATIENT);
    client.start(&name("web")).await.unwrap();
    let pid = stage.script.pid("web").unwrap();
    let pid = nix::unistd::Pid::from_raw(pid.try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    wait_until("it is gone", LIMIT, || !stage.script.is_alive("web"));
    assert_eq!(state(&client, "web").await, ProcessState::Exited);
}

/// A list of words takes any name as it is; a line for the shell refuses what a shell could take for a command.
#[tokio::test]
async fn names_are_not_interpreted_by_a_shell() {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path().to_str().unwrap();
    let hostile = "a b'c\"d$(touch owned)`touch owned`; touch owned #\\";
    let argv = ["touch", &format!("{here}/{{name}}.argv")].map(str::to_owned);
    let client = client_of(&CommandLine::Argv(argv.to_vec()), PATIENT);
    assert_eq!(state(&client, hostile).await, ProcessState::Running);
    assert!(dir.path().join(format!("{hostile}.argv")).exists());
    for (suffix, argument) in [
        ("bare", "{name}.bare"),
        ("double", "\"{name}.double\""),
        ("single", "'{name}.single'"),
    ] {
        let client = client_of(&shell(&format!("cd {here}; touch {argument}")), PATIENT);
        let refused = client.info(&name(hostile)).await.unwrap_err().to_string();
        assert!(refused.contains("write the command as a list"), "{refused}");
        assert_eq!(state(&client, "a b").await, ProcessState::Running);
        let made = dir.path().join(format!("a b.{suffix}"));
        assert!(made.exists(), "{suffix}");
    }
    assert!(!dir.path().join("owned").exists());
}

#[tokio::test]
async fn hung_command_is_killed_with_its_group_and_has_no_result() {
    let stage = Stage::new();
    let patient = stage.client(PATIENT);
    patient.start(&name("web")).await.unwrap();
    let client = stage.client(SHORT);
    let timed_out = CallError::TimedOut { after: SHORT };
    stage.script.spoil("hang-status");
    assert_eq!(client.info(&name("web")).await.unwrap_err(), timed_out);
    stage.script.mend("hang-status");
    stage.script.spoil("hang-stop");
    assert_eq!(client.stop(&name("web")).await.unwrap_err(), timed_out);
    stage.script.mend("hang-stop");
    let hung = stage.script.file("hung");
    assert!(hung.lines().count() >= 2, "{hung}");
    for pid in hung.lines() {
        let pid = pid.parse().unwrap();
        wait_until("it is killed", LIMIT, || !alive(pid));
    }
    // it may have asked the service to stop before it hung, so that is waited for
    let mut seen = client.info(&name("web")).await.unwrap();
    assert_eq!(seen.state, ProcessState::Stopping);
    let deadline = Instant::now() + LIMIT;
    while seen.state != ProcessState::Running {
        assert!(Instant::now() < deadline);
        seen = client.info(&name("web")).await.unwrap();
    }
    assert!(stage.script.is_alive("web"));
}

#[tokio::test]
async fn command_output_is_bounded() {
    let flood = shell("head -c 20000000 /dev/zero | tr '\\0' x; exit 0");
    let found = client_of(&flood, PATIENT).info(&name("x")).await.unwrap();
    assert_eq!(found.state, ProcessState::Running);
    assert!(found.detail.len() <= 200, "{}", found.detail.len());
}

#[tokio::test]
async fn failed_start_is_reported_and_not_an_operators_stop() {
    let stage = Stage::new();
    let client = stage.client(PATIENT);
    let web = name("web");
    stage.script.spoil("fail-start");
    refused(
        client.start(&web).await,
        CallError::SPAWN_ERROR,
        "start: no such luck",
    );
    assert_eq!(state(&client, "web").await, ProcessState::Fatal);
    stage.script.mend("fail-start");
    client.start(&web).await.unwrap();
    stage.script.run("web", "stop");
    assert_eq!(
        state(&client, "web").await,
        ProcessState::Stopped,
        "an operator's"
    );
}

/// What a command says of itself is believed when the status agrees.
#[tokio::test]
async fn exit_code_of_start_and_stop_is_verified_by_status() {
    let stage = Stage::new();
    let client = stage.client(SHORT);
    let web = name("web");
    stage.script.spoil("lie-start");
    refused(
        client.start(&web).await,
        CallError::ABNORMAL_TERMINATION,
        "it is STOPPED",
    );
    assert_eq!(state(&client, "web").await, ProcessState::Exited);
    stage.script.mend("lie-start");
    stage.script.spoil("crash");
    refused(
        client.start(&web).await,
        CallError::ABNORMAL_TERMINATION,
        "it is EXITED",
    );
    stage.script.mend("crash");
    stage.client(PATIENT).start(&web).await.unwrap();
    stage.script.spoil("lie-stop");
    refused(client.stop(&web).await, CallError::FAILED, "it is RUNNING");
    stage.script.mend("lie-stop");
    stage.script.spoil("fail-stop");
    refused(
        client.stop(&web).await,
        CallError::FAILED,
        "stop: no such luck",
    );
    assert!(stage.script.is_alive("web"));
}
