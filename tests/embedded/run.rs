//! One program in the foreground: its exit code, its signals, its end with its parent's; as PID 1, too.

use std::fs;
use std::os::unix::process::ExitStatusExt;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::tempdir;

use super::test_host::Host;
use super::{line, lives, until};

#[test]
fn run_exits_with_the_programs_code() {
    let directory = tempdir().unwrap();
    for (text, code) in [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)] {
        let mut host = Host::start(&[], "run", text, directory.path());
        assert_eq!(host.0.wait().unwrap().code(), Some(code), "{text}");
    }
}

/// As a shell does it.
#[test]
fn run_exits_with_127_or_126_when_its_command_cannot_be_started() {
    let directory = tempdir().unwrap();
    let plain = directory.path().join("plain");
    fs::write(&plain, "no program").unwrap();
    let plain = plain.to_str().unwrap();
    for (command, code) in [
        ("/no/such", 127),
        ("no-such-command", 127),
        (plain, 126),
        ("/", 126),
    ] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_httpok"))
            .arg("run")
            .arg("--state-dir")
            .arg(directory.path().join("state"))
            .args(["--url", "http://127.0.0.1:1/", "--", command])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{command}: {said}");
        assert!(said.contains("is FATAL"), "{command}: {said}");
    }
}

#[tokio::test]
async fn signals_are_forwarded_and_the_shutdown_is_orderly() {
    let directory = tempdir().unwrap();
    let ready = directory.path().join("ready");
    let text = "trap 'exit 11' HUP; trap 'exit 12' USR1; trap 'exit 13' TERM; echo > ready; \
                while :; do sleep 0.02; done";
    for (signal, code) in [
        (Signal::SIGHUP, 11),
        (Signal::SIGUSR1, 12),
        (Signal::SIGTERM, 13),
    ] {
        let _ = fs::remove_file(&ready);
        let mut host = Host::start(&[], "run", text, directory.path());
        line(&ready).await;
        host.says("pid");
        kill(Pid::from_raw(host.0.id().cast_signed()), signal).unwrap();
        assert_eq!(host.0.wait().unwrap().code(), Some(code), "{signal}");
    }
}

#[tokio::test]
async fn program_ends_with_the_watchdog_that_runs_it() {
    let directory = tempdir().unwrap();
    let mut host = Host::start(&[], "run", "exec sleep 1000", directory.path());
    let pid: u32 = host.says("pid").parse().unwrap();
    assert!(lives(pid));
    assert_eq!(host.kill().signal(), Some(9));
    until("its end", || !lives(pid)).await;
}

/// In a namespace of its own the host is PID 1: it gets no signal that it did not ask for, and every
/// orphan.
#[tokio::test]
async fn as_pid_1_run_reaps_orphans_and_forwards_signals() {
    let directory = tempdir().unwrap();
    // Orphans that end at once. They stay zombies until somebody collects them, and then are no more.
    let text = "trap 'exit 12' USR1; \
                for n in 1 2 3; do (sh -c 'echo $$ >> orphans' &); done; \
                until [ $(cat orphans | wc -l) = 3 ]; do sleep 0.02; done; \
                for pid in $(cat orphans); do while [ -e /proc/$pid ]; do sleep 0.02; done; done; \
                echo $PPID > ready; while :; do sleep 0.02; done";
    let mut host = Host::start(
        &["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"],
        "run",
        text,
        directory.path(),
    );
    assert_eq!(line(&directory.path().join("ready")).await, "1");
    let children = format!("/proc/{0}/task/{0}/children", host.0.id());
    let init = fs::read_to_string(children).unwrap();
    let init = Pid::from_raw(init.trim().parse().unwrap());
    kill(init, Signal::SIGUSR1).unwrap();
    assert_eq!(host.0.wait().unwrap().code(), Some(12));
}
