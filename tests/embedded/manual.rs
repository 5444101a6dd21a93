//! Programs that do not run: what starts them, and what `start`, `stop` and `restart` print.

use std::fs;

use crate::fixture::{QUICK, Stage, is_gone, watched};
use crate::program::LIMIT;
use crate::site::says;
use crate::support::wait_until;

const PLACE: [&str; 2] = ["--config", "httpok.toml"];

/// Runs `httpok` with these arguments, and returns its exit code and output.
fn said(stage: &Stage, args: &[&str]) -> (Option<i32>, String) {
    let end = stage.run(&[args, &PLACE].concat());
    (end.status.code(), end.out + &end.err)
}

#[test]
fn check_starts_its_program_after_it_failed_or_exited() {
    for (script, keys) in [
        (
            "[ -e it ] || exit 1",
            "startsecs = \"300ms\"\nstartretries = 0",
        ),
        ("[ -e it ] || { sleep 0.3; exit 0; }", ""),
        ("[ -e it ] || { sleep 0.3; exit 7; }", "autorestart = false"),
    ] {
        let stage = Stage::new();
        let file = stage.dir().join("it");
        stage.site.answer("/web", move || match file.exists() {
            true => says("200 OK", "fine"),
            false => says("500 Oh", ""),
        });
        stage.configure(&[QUICK, &watched("web", script, keys, "")]);
        let watchdog = stage.watch();
        // it is started by its check, and fails again
        stage.started("web", 2);
        fs::write(stage.dir().join("it"), "").unwrap();
        wait_until("it runs", LIMIT, || {
            let last = stage.pids("web").last().copied();
            last.is_some_and(|pid| stage.shows_running("web", pid))
        });
        drop(watchdog);
    }
}

#[test]
fn manual_stop_holds_until_a_manual_start() {
    let stage = Stage::new();
    stage.ill_until("web", 2, says("500 Oh", ""));
    stage.configure(&[QUICK, &watched("web", ":", "", "fail_after = 1000")]);
    let _watchdog = stage.watch();
    let first = stage.started("web", 1);
    wait_until("it runs", LIMIT, || stage.shows_running("web", first));
    let (code, text) = said(&stage, &["start", "web"]);
    assert!(
        code != Some(0) && text.contains("started already"),
        "{text}"
    );

    let (code, text) = said(&stage, &["stop", "web"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("web is STOPPED"), "{text}");
    is_gone(first);
    let (code, text) = said(&stage, &["stop", "program/web"]);
    assert!(code != Some(0) && text.contains("does not run"), "{text}");

    let (code, text) = said(&stage, &["start", "web"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("web is RUNNING"), "{text}");
    // it is RUNNING a moment before it has said its pid
    stage.started("web", 2);
    assert_eq!(stage.pids("web").len(), 2);

    let (code, text) = said(&stage, &["stop", "wbe"]);
    assert!(
        code != Some(0) && text.contains("did you mean \"web\"?"),
        "{text}"
    );
    let (code, text) = said(&stage, &["stop", "shop"]);
    assert!(code != Some(0) && text.contains("there are: web"), "{text}");
}

#[test]
fn groups_and_programs_without_a_check_are_stopped_started_and_restarted() {
    let stage = Stage::new();
    stage.configure(&[
        "[[program]]\nname = \"one\"\ncommand = [\"sleep\", \"1000\"]\nstartsecs = 0\n",
        "[[program]]\nname = \"pool\"\ncommand = [\"sleep\", \"1000\"]\nstartsecs = 0\nnumprocs = 2\n",
    ]);
    let _watchdog = stage.watch();
    let pids = || {
        let (_, text) = said(&stage, &["status", "--json"]);
        let status: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let programs = status["programs"].as_array().cloned().unwrap_or_default();
        let pid = |one: &serde_json::Value| one["pid"].as_u64();
        programs.iter().map(pid).collect::<Vec<_>>()
    };
    wait_until("all run", LIMIT, || pids().iter().flatten().count() == 3);
    let before = pids();
    for (words, lines) in [
        (
            &["stop", "pool"][..],
            &["pool:pool_0 is STOPPED", "pool:pool_1 is STOPPED"][..],
        ),
        (
            &["start", "pool:*", "one"],
            &["one has been started already"],
        ),
        (
            &["restart", "pool", "program/one"],
            &[
                "pool:pool_0 is RUNNING",
                "pool:pool_1 is RUNNING",
                "one is RUNNING",
            ],
        ),
        (&["stop", "one"], &["one is STOPPED"]),
        (&["restart", "one"], &["one is RUNNING"]),
        (
            &["restart", "program/pool:pool_1"],
            &["pool:pool_1 is RUNNING"],
        ),
    ] {
        let (code, text) = said(&stage, words);
        let is_done = lines[0].contains(" is ");
        assert_eq!(code == Some(0), is_done, "{words:?}: {text}");
        for line in lines {
            assert!(text.contains(line), "{words:?}: {text}");
        }
    }
    let after = pids();
    assert!(after.iter().all(Option::is_some), "{after:?}");
    assert!(
        after.iter().zip(&before).all(|(new, old)| new != old),
        "{before:?} {after:?}"
    );
}

/// Longer than the watchdog takes for any other answer.
#[test]
fn stop_waits_for_a_program_that_ends_slowly() {
    let stage = Stage::new();
    let slow = "trap 'sleep 6; exit 0' TERM; echo > ready; while :; do sleep 0.05; done";
    stage.configure(&[&format!(
        "[[program]]\nname = \"slow\"\ncommand = [\"sh\", \"-c\", {slow:?}]\nstopwaitsecs = 30\n"
    )]);
    let _watchdog = stage.watch();
    wait_until("it runs", LIMIT, || stage.file("ready").ends_with('\n'));
    let (code, text) = said(&stage, &["stop", "slow"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("slow is STOPPED"), "{text}");
}

#[test]
fn manually_stopped_program_is_skipped_by_its_check_and_started_by_restart() {
    let stage = Stage::new();
    stage.site.answer("/web", || says("500 Oh", ""));
    stage.configure(&[
        QUICK,
        &watched("web", ":", "", "backoff = { min = \"1h\", max = \"1h\" }"),
    ]);
    let watchdog = stage.watch();
    let second = stage.started("web", 2);
    wait_until("it runs", LIMIT, || stage.shows_running("web", second));
    let (code, text) = said(&stage, &["stop", "web"]);
    assert_eq!(code, Some(0), "{text}");
    let requests = stage.site.count("/web");
    wait_until("it is looked at", LIMIT, || {
        stage.site.count("/web") > requests + 5
    });
    assert_eq!(stage.pids("web").len(), 2, "{}", watchdog.err.text());
    wait_until("it is restarted manually", LIMIT, || {
        said(&stage, &["restart", "web"]).0 == Some(0)
    });
    let third = stage.started("web", 3);
    wait_until("it runs", LIMIT, || stage.shows_running("web", third));
}

#[test]
fn restart_without_effect_is_reported() {
    let stage = Stage::new();
    stage.site.answer("/web", || says("500 Oh", ""));
    let keys = "startsecs = 60\nstartretries = 1000";
    stage.configure(&[QUICK, &watched("web", "exit 1", keys, "fail_after = 1000")]);
    let watchdog = stage.watch();
    watchdog
        .err
        .wait("it is BACKOFF", |text| text.contains("is BACKOFF"));
    // between two tries it is STARTING for a moment: that is as little a time for it
    let (code, text) = said(&stage, &["restart", "web"]);
    assert_ne!(code, Some(0), "{text}");
    assert!(text.contains("neither stopped nor started"), "{text}");
}
