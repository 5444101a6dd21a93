//! One child, run to its end.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::{Duration, Instant};

use httpok::exec::{Command, CommandLine, ExecError, Finished, run};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lease::Lease;
use crate::support::{alive, wait_until};

/// Only a failing test waits for so long.
const LIMIT: Duration = Duration::from_secs(60);

fn shell(line: &str) -> Command {
    Command {
        program: CommandLine::Shell(line.to_owned()),
        stdin: None,
        timeout: LIMIT,
        max_output: 4096,
        ends_with_us: true,
        receipt: None,
        env: Vec::new(),
    }
}

async fn finish(command: &Command) -> Finished {
    let finished = run(command).await;
    finished.unwrap_or_else(|error| panic!("{error}"))
}

/// The pid that a child wrote to `file`, once it has.
fn pid_in(file: &Path) -> u32 {
    let mut pid = None;
    wait_until("a pid is written", LIMIT, || {
        let text = fs::read_to_string(file).unwrap_or_default();
        pid = text.strip_suffix('\n').map(|pid| pid.parse().unwrap());
        pid.is_some()
    });
    pid.unwrap()
}

#[tokio::test]
async fn both_outputs_and_the_exit_code_are_kept() {
    let mut command = shell("echo out; echo \"$WORD\" >&2; exit 3");
    command.env.push(("WORD".to_owned(), "err".to_owned()));
    let finished = finish(&command).await;
    assert_eq!(finished.status.code(), Some(3));
    assert_eq!(finished.stdout.text(), "out\n");
    assert_eq!(finished.stderr.text(), "err\n");
    assert!(!finished.stdout.is_truncated() && !finished.stderr.is_truncated());
}

#[tokio::test]
async fn death_by_signal_differs_from_an_exit_code() {
    let finished = finish(&shell("kill -USR1 $$")).await;
    assert_eq!(finished.status.code(), None);
    assert_eq!(finished.status.signal(), Some(10));
}

#[tokio::test]
async fn arguments_are_not_seen_by_a_shell() {
    let mut command = shell("");
    command.program = CommandLine::Argv(vec!["echo".to_owned(), "$HOME; exit 1".to_owned()]);
    let finished = finish(&command).await;
    assert_eq!(finished.stdout.text(), "$HOME; exit 1\n");
}

#[tokio::test]
async fn spawn_failure_names_the_command() {
    for (words, said) in [
        (
            vec!["/nonexistent".to_owned(), "s3cret".to_owned()],
            "cannot run \"/nonexistent\": No such file or directory (os error 2)",
        ),
        (vec![], "cannot run \"\": no program is named"),
    ] {
        let mut command = shell("");
        command.program = CommandLine::Argv(words);
        assert_eq!(run(&command).await.unwrap_err().to_string(), said);
    }
}

#[tokio::test]
async fn child_without_input_reads_dev_null() {
    let finished = finish(&shell("wc -c")).await;
    assert_eq!(finished.stdout.text().trim(), "0");
}

#[tokio::test]
async fn input_is_written_while_output_is_read() {
    // More than both pipes hold: one that is only written, or only read, would be stuck.
    let mut command = shell("cat; cat >&2 </dev/null; echo done >&2");
    command.stdin = Some(vec![b'x'; 1 << 20]);
    command.max_output = 2 << 20;
    let finished = finish(&command).await;
    assert_eq!(finished.stdout.bytes.len(), 1 << 20);
    assert_eq!(finished.stderr.text(), "done\n");
}

#[tokio::test]
async fn a_child_that_reads_no_input_has_its_own_exit_code() {
    let mut command = shell("exec <&-; echo enough; exit 7");
    command.stdin = Some(vec![b'x'; 1 << 20]);
    let finished = finish(&command).await;
    assert_eq!(finished.status.code(), Some(7));
    assert_eq!(finished.stdout.text(), "enough\n");
}

#[tokio::test]
async fn output_beyond_the_bound_is_read_and_dropped() {
    let finished = finish(&shell("head -c 100000000 /dev/zero; echo end >&2")).await;
    assert!(finished.status.success());
    assert_eq!(finished.stdout.bytes, vec![0; 4096]);
    assert!(finished.stdout.is_truncated());
    assert_eq!(finished.stderr.text(), "end\n");
    let exact = finish(&shell("head -c 4096 /dev/zero")).await;
    assert!(!exact.stdout.is_truncated());
}

#[tokio::test]
async fn at_the_deadline_the_whole_group_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = shell(&format!(
        "trap '' TERM; echo so far; sh -c \"trap '' TERM; echo \\$\\$ > {0}/pid; sleep 1000; :\"; :",
        dir.path().display()
    ));
    command.timeout = Duration::from_secs(2);
    let started = Instant::now();
    let error = run(&command).await.unwrap_err();
    assert_eq!(error.to_string(), "killed after 2s");
    let ExecError::TimedOut { stdout, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(stdout.text(), "so far\n");
    assert!(started.elapsed() < LIMIT);
    let grandchild = pid_in(&dir.path().join("pid"));
    wait_until("the grandchild is killed", LIMIT, || !alive(grandchild));
}

#[tokio::test]
async fn group_member_that_holds_the_pipe_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let finished = run(&shell(&format!(
        "sleep 1000 & echo $! > {}/pid; echo out; exit 4",
        dir.path().display()
    )))
    .await
    .unwrap();
    assert_eq!(finished.status.code(), Some(4));
    assert_eq!(finished.stdout.text(), "out\n");
    assert!(finished.took < LIMIT);
    let grandchild = pid_in(&dir.path().join("pid"));
    wait_until("the grandchild is killed", LIMIT, || !alive(grandchild));
}

#[tokio::test]
async fn detached_process_that_holds_the_pipe_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let finished = run(&shell(&format!(
        "setsid sh -c 'echo $$ > {0}/pid; exec sleep 1000' & until [ -s {0}/pid ]; do sleep 0.01; done",
        dir.path().display()
    )))
    .await
    .unwrap();
    let daemon = pid_in(&dir.path().join("pid"));
    assert!(alive(daemon));
    kill(Pid::from_raw(daemon.cast_signed()), Signal::SIGKILL).unwrap();
    assert!(finished.status.success());
    assert!(finished.took < LIMIT);
}

#[tokio::test]
async fn daemon_that_closed_the_pipes_survives() {
    let dir = tempfile::tempdir().unwrap();
    let finished = run(&shell(&format!(
        "sleep 1000 >/dev/null 2>&1 & echo $! > {}/pid",
        dir.path().display()
    )))
    .await
    .unwrap();
    let daemon = pid_in(&dir.path().join("pid"));
    assert!(alive(daemon));
    kill(Pid::from_raw(daemon.cast_signed()), Signal::SIGKILL).unwrap();
    assert!(finished.status.success());
    assert!(finished.took < LIMIT);
}

#[tokio::test]
async fn dropping_the_future_kills_the_group() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid");
    let command = shell(&format!(
        "trap '' TERM; sh -c 'echo $$ > {0}.new; mv {0}.new {0}; sleep 1000; :'; :",
        file.display()
    ));
    tokio::select! {
        finished = run(&command) => panic!("ended by itself: {finished:?}"),
        () = async {
            while !file.exists() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        } => {}
    }
    let grandchild = pid_in(&file);
    wait_until("the grandchild is killed", LIMIT, || !alive(grandchild));
}

#[tokio::test]
async fn hung_exec_ends_at_the_deadline_and_its_child_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let (program, started) = (
        directory.path().join("program"),
        directory.path().join("pid"),
    );
    let text = format!(
        "#!/bin/sh\necho $$ > {}\nexec sleep 1000\n",
        started.display()
    );
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let lease = Lease::on(&program);
    let command = Command {
        program: CommandLine::Argv(vec![program.display().to_string()]),
        timeout: Duration::from_secs(3),
        ..shell("")
    };
    let begun = Instant::now();
    let hung = tokio::spawn(async move { run(&command).await });
    // others are started meanwhile, and none of their pipes stays open in the one that hangs
    let mut others = tokio::task::JoinSet::new();
    for _ in 0..20 {
        others.spawn(async { finish(&shell("true")).await });
    }
    while let Some(other) = others.join_next().await {
        other.unwrap();
    }
    assert!(!hung.is_finished());
    match hung.await.unwrap() {
        Err(ExecError::TimedOut { after, .. }) => assert_eq!(after, Duration::from_secs(3)),
        other => panic!("{other:?}"),
    }
    assert!(begun.elapsed() < Duration::from_secs(10));

    drop(lease);
    // it has become its program too late: it is killed before or after it has noted its id
    tokio::time::sleep(Duration::from_millis(500)).await;
    let noted = fs::read_to_string(&started).unwrap_or_default();
    if let Ok(pid) = noted.trim().parse() {
        wait_until("the child is killed", LIMIT, || !alive(pid));
    }
}
