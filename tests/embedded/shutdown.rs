//! How a watchdog ends, and what happens to its programs.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::fixture::{QUICK, Stage, is_gone, unwatched, watched};
use crate::lives;
use crate::program::LIMIT;
use crate::site::says;
use crate::support::wait_until;

fn shoot(pid: u32) {
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).unwrap();
    is_gone(pid);
}

#[test]
fn programs_are_started_by_priority_and_stopped_the_other_way_round() {
    let stage = Stage::new();
    let program = |name: &str, priority: u32| {
        let script = format!(
            "trap \"echo {name} >> ends; exit\" TERM; echo > {name}.ready; while :; do sleep 0.02; done"
        );
        unwatched(name, &script, &format!("priority = {priority}"))
    };
    stage.configure(&[QUICK, &program("b", 2), &program("c", 3), &program("a", 1)]);
    let watchdog = stage.watch();
    wait_until("all are ready", LIMIT, || {
        ["a", "b", "c"]
            .iter()
            .all(|name| !stage.file(&format!("{name}.ready")).is_empty())
    });
    watchdog.signal(Signal::SIGTERM);
    let end = watchdog.wait();
    assert_eq!(end.status.code(), Some(0), "{}", end.err);
    assert_eq!(stage.file("ends"), "c\nb\na\n");
    let at = |name: &str| {
        end.err
            .find(&format!("program \"{name}\" is RUNNING"))
            .unwrap()
    };
    assert!(at("a") < at("b") && at("b") < at("c"), "{}", end.err);
    for name in ["a", "b", "c"] {
        assert!(!lives(stage.pids(name)[0]));
    }
}

#[test]
fn running_programs_are_adopted_watched_and_restarted() {
    let stage = Stage::new();
    let web = watched("web", ":", "", "");
    stage.ill_until("web", 1, says("500 Oh", ""));
    stage.configure(&[QUICK, "[embedded]\non_exit = \"leave\"\n", &web]);
    let watchdog = stage.watch();
    let pid = stage.started("web", 1);
    wait_until("it is well", LIMIT, || stage.shows_running("web", pid));
    watchdog.signal(Signal::SIGTERM);
    let end = watchdog.wait();
    assert_eq!(end.status.code(), Some(0), "{}", end.err);
    assert!(end.err.contains("the programs run on"), "{}", end.err);
    assert!(lives(pid));
    let watchdog = stage.watch();
    wait_until("it is adopted", LIMIT, || stage.shows_running("web", pid));
    stage.ill_until("web", 2, says("500 Oh", ""));
    let second = stage.started("web", 2);
    watchdog
        .err
        .wait("it passes", |said| said.contains("passes again"));
    assert!(!lives(pid) && lives(second));
    // and without that word in the file it is stopped
    stage.configure(&[QUICK, &web]);
    watchdog.signal(Signal::SIGHUP);
    watchdog.err.wait("it is taken", |said| {
        said.contains("configuration is taken")
    });
    watchdog.signal(Signal::SIGTERM);
    assert_eq!(watchdog.wait().status.code(), Some(0));
    assert!(!lives(second));
}

#[test]
fn second_stop_signal_ends_at_once_and_the_next_run_finishes_the_stop() {
    let stage = Stage::new();
    let keys = "stopwaitsecs = 1000";
    let script = "trap \"\" TERM; echo > deaf.ready; while :; do sleep 0.02; done";
    stage.configure(&[QUICK, &unwatched("deaf", script, keys)]);
    let watchdog = stage.watch();
    let pid = stage.started("deaf", 1);
    wait_until("it is ready", LIMIT, || {
        !stage.file("deaf.ready").is_empty()
    });
    watchdog.signal(Signal::SIGTERM);
    watchdog
        .err
        .wait("it is stopped", |said| said.contains("is STOPPING"));
    // that takes its time, in which one can still ask
    let status = stage.status().unwrap();
    assert_eq!(status["programs"][0]["state"], "STOPPING", "{status}");
    watchdog.signal(Signal::SIGTERM);
    assert_eq!(watchdog.wait().status.code(), Some(1));
    assert!(lives(pid));
    stage.configure(&[
        QUICK,
        &unwatched("deaf", script, "stopwaitsecs = \"100ms\""),
    ]);
    let _watchdog = stage.watch();
    let second = stage.started("deaf", 2);
    assert!(!lives(pid) && lives(second));
}

#[test]
fn programs_that_died_unwatched_are_started_and_removed_ones_are_stopped() {
    let stage = Stage::new();
    let program = |name| unwatched(name, ":", "");
    let (dies, stays, goes) = (program("dies"), program("stays"), program("goes"));
    stage.configure(&[QUICK, &dies, &stays, &goes]);
    let watchdog = stage.watch();
    let [died, stayed, gone] = ["dies", "stays", "goes"].map(|name| stage.started(name, 1));
    watchdog.signal(Signal::SIGKILL);
    watchdog.wait();
    assert!([died, stayed, gone].into_iter().all(lives), "they live on");
    shoot(died);
    stage.configure(&[QUICK, &dies, &stays]);
    let watchdog = stage.watch();
    let again = stage.started("dies", 2);
    is_gone(gone);
    wait_until("it is adopted", LIMIT, || {
        stage.shows_running("stays", stayed)
    });
    // a file without any program stops them all
    watchdog.signal(Signal::SIGKILL);
    watchdog.wait();
    stage.configure(&[QUICK, "[[check]]\nname = \"a\"\nurl = \"URL/ok\"\n"]);
    let _watchdog = stage.watch();
    is_gone(again);
    is_gone(stayed);
    assert_eq!(stage.pids("stays"), [stayed]);
}

#[test]
fn two_watchdogs_never_supervise_the_same_programs() {
    let stage = Stage::new();
    stage.configure(&[QUICK, &unwatched("web", ":", "")]);
    let _first = stage.watch();
    let pid = stage.started("web", 1);
    wait_until("it is up", LIMIT, || stage.shows_running("web", pid));
    let end = stage.watch().wait();
    assert_eq!(end.status.code(), Some(3), "{}", end.err);
    assert!(
        end.err
            .contains("another watchdog of this configuration runs as process"),
        "{}",
        end.err
    );
    // whatever the file is called, and wherever the second one keeps its state
    std::os::unix::fs::symlink("httpok.toml", stage.dir().join("link.toml")).unwrap();
    for words in [
        &["--config", "link.toml"][..],
        &["--config", "httpok.toml", "--state-dir", "elsewhere"],
    ] {
        let words = [&["watch"], words].concat();
        let end = crate::program::Program::start(&mut stage.httpok(&words)).wait();
        assert_eq!(end.status.code(), Some(3), "{words:?}: {}", end.err);
        let reason = end.err.find("watches this configuration; waiting");
        let trouble = end.err.find("another watchdog of this configuration runs");
        assert!(
            reason.is_some() && reason < trouble,
            "{words:?}: {}",
            end.err
        );
        assert!(!end.err.contains("control"), "{words:?}: {}", end.err);
    }
    assert_eq!(stage.pids("web"), [pid]);
    // another file is another watchdog, with a program of the same name and the same state directory
    let text = [
        QUICK,
        &unwatched("web", ":", "").replace("web.lives", "other.lives"),
    ]
    .concat();
    std::fs::write(stage.dir().join("other.toml"), text).unwrap();
    let args = ["watch", "--config", "other.toml"];
    let other = crate::program::Program::start(&mut stage.httpok(&args));
    let theirs = stage.started("other", 1);
    other.signal(Signal::SIGTERM);
    assert_eq!(other.wait().status.code(), Some(0));
    assert!(lives(pid) && !lives(theirs));
    assert_eq!(stage.pids("web"), [pid]);
}

#[test]
fn unusable_state_directory_keeps_no_program_from_running() {
    let stage = Stage::new();
    std::fs::write(stage.dir().join("state"), "a file").unwrap();
    stage.configure(&[QUICK, &unwatched("web", ":", "")]);
    let watchdog = stage.watch();
    let pid = stage.started("web", 1);
    watchdog.err.wait("it is told", |said| {
        said.contains("when httpok is killed the next run will not know them")
    });
    watchdog.signal(Signal::SIGTERM);
    assert_eq!(watchdog.wait().status.code(), Some(0));
    assert!(!lives(pid));
}

#[test]
fn one_shot_check_and_config_check_start_nothing() {
    let stage = Stage::new();
    let text = watched("web", ":", "", "").replace("URL/web", "URL/ok");
    stage.configure(&[QUICK, &text]);
    for (args, code) in [
        (&["watch", "--once", "--config", "httpok.toml"][..], 0),
        (&["config", "check", "httpok.toml"], 0),
        (&["check", "--config", "httpok.toml"], 0),
    ] {
        let end = stage.run(args);
        assert_eq!(end.status.code(), Some(code), "{args:?}: {}", end.err);
    }
    assert_eq!(stage.file("web.lives"), "");
}
