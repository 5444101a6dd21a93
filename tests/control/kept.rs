//! What a person was told is done is on disk before the answer: a watchdog that is killed right after it knows it.

use nix::sys::signal::Signal;
use serde_json::Value;

use super::{LIMIT, Service, Watchdog, check, wait_until};

/// Does `words`, kills the watchdog at once and starts it again; its first check then.
fn killed_after(watchdog: &mut Watchdog, words: &[&str]) -> Value {
    watchdog.done(words);
    watchdog.end(Signal::SIGKILL);
    watchdog.spawn("httpok.toml");
    wait_until("it answers", LIMIT, || watchdog.answering() == 1);
    watchdog.check()
}

#[test]
fn commands_that_were_answered_survive_a_kill_right_after_the_answer() {
    let service = Service::start();
    let shop = check("shop", &service.server.url("/"), "").replace("100ms", "1m");
    let mut watchdog = Watchdog::start(&shop);
    watchdog.wait("it is up", |check| check["status"] == "up");
    let paused = killed_after(&mut watchdog, &["pause", "shop", "--reason", "deploy"]);
    assert_eq!(paused["pause"]["reason"], "deploy", "{paused}");
    let silenced = killed_after(&mut watchdog, &["silence", "shop", "--for", "1h"]);
    assert!(silenced["silence"].is_object(), "{silenced}");
    assert!(silenced["pause"].is_object(), "{silenced}");
    let resumed = killed_after(&mut watchdog, &["resume", "shop"]);
    assert!(resumed["pause"].is_null(), "{resumed}");
    assert!(resumed["silence"].is_null(), "{resumed}");
}

#[test]
fn reset_survives_a_kill_right_after_the_answer() {
    let service = Service::start();
    service.is_well(false);
    let shop = check("shop", &service.server.url("/"), "\"systemd/shop\"");
    let mut watchdog = Watchdog::start(&format!("{shop}dry_run = true\n"));
    let spent = |check: &Value| check["restarts"]["spent"].as_u64();
    watchdog.wait("it would have been restarted", |check| {
        spent(check) >= Some(1)
    });
    service.is_well(true);
    watchdog.wait("it is up", |check| check["status"] == "up");
    let reset = killed_after(&mut watchdog, &["reset", "shop"]);
    assert_eq!(spent(&reset), Some(0), "{reset}");
}

#[test]
fn heartbeat_survives_a_kill_right_after_the_answer() {
    let beats = "[[check]]\nname = \"backup\"\nheartbeat = \"1h\"\n";
    let mut watchdog = Watchdog::start(beats);
    let beaten = killed_after(&mut watchdog, &["beat", "backup"]);
    assert!(beaten["heartbeat"]["last"].is_string(), "{beaten}");
}

#[test]
fn health_that_was_set_survives_a_kill_right_after_the_answer() {
    let mut watchdog = Watchdog::start("[[check]]\nname = \"backup\"\nheartbeat = \"1h\"\n");
    let said =
        "unhealthy, as it was set before this run (deploy): httpok health set --healthy ends it";
    killed_after(
        &mut watchdog,
        &["health", "set", "--unhealthy", "--reason", "deploy"],
    );
    wait_until("it says so", LIMIT, || watchdog.log().contains(said));
    let status = watchdog.done(&["status"]);
    let line = "set unhealthy by hand: deploy; httpok health set --healthy ends it\n";
    assert!(status.starts_with(line), "{status}");
    let status: Value = serde_json::from_str(&watchdog.done(&["status", "--json"])).expect("JSON");
    assert_eq!(status["unhealthy"], "deploy", "{status}");
    // it is no check
    let events = watchdog.done(&["events"]);
    assert!(!events.contains("\"\""), "{events}");
    let now = watchdog.done(&["health", "set", "--healthy"]);
    assert!(!now.contains("deploy"), "{now}");
    let status: Value = serde_json::from_str(&watchdog.done(&["status", "--json"])).expect("JSON");
    assert!(status["unhealthy"].is_null(), "{status}");
    killed_after(&mut watchdog, &["beat", "backup"]);
    assert!(!watchdog.log().contains("unhealthy"), "{}", watchdog.log());
}

#[test]
fn command_says_when_the_disk_does_not_have_it() {
    let service = Service::start();
    let mut watchdog = Watchdog::start(&check("shop", &service.server.url("/"), ""));
    watchdog.end(Signal::SIGTERM);
    let database = watchdog.state().join("httpok.db");
    std::fs::remove_file(&database).expect("it is there");
    std::fs::create_dir(&database).expect("made");
    watchdog.spawn("httpok.toml");
    wait_until("it answers", LIMIT, || watchdog.answering() == 1);
    let run = watchdog.ask(&["pause", "shop"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(
        run.err
            .contains("httpok pause: shop: done, but a watchdog that is killed now forgets it: "),
        "{run:?}"
    );
    assert!(watchdog.check()["pause"].is_object(), "it holds");
}
