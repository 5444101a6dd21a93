//! `httpok run` that is killed takes everything with it that its command has started, wherever that went.

use std::fs;

use nix::sys::signal::Signal;

use crate::fixture::{Stage, is_gone};
use crate::lives;
use crate::program::{LIMIT, Program};
use crate::site::says;
use crate::support::wait_until;

/// Starts `script` under `run`, and waits until it has written so many pids to the file `pids`.
fn run(stage: &Stage, script: &str, count: usize) -> (Program, Vec<u32>) {
    stage.site.answer("/ok", || says("200 OK", "all fine"));
    let url = format!("{}/ok", stage.site.origin());
    let words = [
        "run",
        "--url",
        &url,
        "--state-dir",
        "state",
        "--",
        "sh",
        "-c",
        script,
    ];
    let run = Program::start(&mut stage.httpok(&words));
    let pids = || -> Vec<u32> {
        let text = stage.file("pids");
        text.lines().filter_map(|line| line.parse().ok()).collect()
    };
    wait_until("all are up", LIMIT, || pids().len() == count);
    assert!(pids().into_iter().all(lives));
    (run, pids())
}

#[test]
fn what_a_killed_run_started_ends_with_it_also_outside_its_group() {
    let stage = Stage::new();
    // the command, a child, a child of a session of its own, an orphan of a session of its own
    let script = "echo $$ >> pids; sleep 1000 & echo $! >> pids; \
                  setsid sh -c 'echo $$ >> pids; exec sleep 1000' & \
                  (setsid sh -c 'echo $$ >> pids; sleep 1000; :' &); true; wait";
    let (run, pids) = run(&stage, script, 4);
    run.signal(Signal::SIGKILL);
    run.wait();
    pids.into_iter().for_each(is_gone);
}

/// `sh -c 'server; true'`: the server is no child of ours. Another `run` of the same command is left alone.
#[test]
fn killed_run_leaves_the_processes_of_another_run_alone() {
    let (stage, other) = (Stage::new(), Stage::new());
    let script = "echo $$ >> pids; sh -c 'echo $$ >> pids; exec sleep 1000'; true";
    let (first, pids) = run(&stage, script, 2);
    let (second, others) = run(&other, script, 2);
    first.signal(Signal::SIGKILL);
    first.wait();
    pids.into_iter().for_each(is_gone);
    assert!(others.iter().copied().all(lives));
    second.signal(Signal::SIGTERM);
    second.wait();
    others.into_iter().for_each(is_gone);
}

/// Whoever ends `run` in order finds no keeper behind it.
#[test]
fn run_that_ends_leaves_no_process_of_its_own() {
    let stage = Stage::new();
    let (run, _) = run(&stage, "echo $$ >> pids; exec sleep 1000", 1);
    let keepers = || {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let ours = format!("of {}\0", run.id());
        processes
            .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
            .filter(|line| String::from_utf8_lossy(line).ends_with(&ours))
            .count()
    };
    assert_eq!(keepers(), 1);
    run.signal(Signal::SIGTERM);
    wait_until("the keeper has ended", LIMIT, || keepers() == 0);
    run.wait();
}

/// The first start after a restart of ours fails: the next try follows, as under `watch`.
#[test]
fn failed_start_after_a_restart_is_tried_again() {
    let stage = Stage::new();
    stage.ill_until("web", 2, says("500 Oh", "no"));
    let url = format!("{}/web", stage.site.origin());
    let script = "[ -e broken ] && { echo >> failed; exit 1; }; echo $$ >> web.lives; touch broken; exec sleep 1000";
    let words = [
        "run",
        "--url",
        &url,
        "--every",
        "100ms",
        "--fail-after",
        "1",
        "--grace",
        "0",
        "--backoff",
        "200ms..200ms",
        "--state-dir",
        "state",
        "--",
        "sh",
        "-c",
        script,
    ];
    let run = Program::start(&mut stage.httpok(&words));
    wait_until("its restart has failed twice", LIMIT, || {
        stage.file("failed").lines().count() >= 2
    });
    fs::remove_file(stage.dir().join("broken")).unwrap();
    let pid = stage.started("web", 2);
    run.err
        .wait("it passes", |said| said.contains("passes again"));
    assert!(lives(pid));
    run.signal(Signal::SIGTERM);
    let end = run.wait();
    assert_eq!(end.status.code(), Some(143), "{}", end.err);
}

/// But the command's own end is that of `run`, however quick.
#[test]
fn end_of_the_command_is_the_end_of_run() {
    let stage = Stage::new();
    let url = format!("{}/ok", stage.site.origin());
    for (script, code) in [
        ("exit 7", 7),
        ("kill -TERM $$", 143),
        ("sleep 0.2; exit 3", 3),
    ] {
        let end = stage.run(&[
            "run",
            "--url",
            &url,
            "--state-dir",
            "state",
            "--",
            "sh",
            "-c",
            script,
        ]);
        assert_eq!(end.status.code(), Some(code), "{script}: {}", end.err);
    }
}
