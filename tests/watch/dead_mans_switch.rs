//! `[heartbeat]`: what the receiver of a dead man's switch is asked, and what is logged when it does not answer.

use std::process::Command;

use nix::sys::signal::Signal;

use crate::fixture::Stage;
use crate::program::LIMIT;
use crate::site::says;
use crate::support::wait_until;

const CHECK: &str =
    "state_dir = \"state\"\n[[check]]\nname = \"shop\"\nurl = \"URL/ok\"\nevery = \"1s\"\n";

/// The requests to the receiver, as `METHOD path body`.
fn pings(stage: &Stage) -> Vec<String> {
    let asked = stage.site.asked();
    let to_it = asked
        .iter()
        .filter(|asked| asked.path.starts_with("/ping/"));
    to_it
        .map(|asked| {
            let method = asked.head.split(' ').next().unwrap();
            format!("{method} {} {}", asked.path, asked.body)
        })
        .collect()
}

#[test]
fn healthchecks_hears_of_the_start_of_life_and_of_own_trouble() {
    let stage = Stage::with(&[]);
    for path in ["/ping/uuid", "/ping/uuid/start", "/ping/uuid/fail"] {
        stage.site.answer(path, || says("200 OK", "OK"));
    }
    let heartbeat =
        "[heartbeat]\nurl = \"URL/ping/uuid\"\nevery = \"10s\"\nformat = \"healthchecks\"\n";
    stage.configure(&[CHECK, heartbeat].concat());
    let watchdog = stage.watch_file();
    wait_until("a sign of life", LIMIT, || pings(&stage).len() == 2);
    let unhealthy = Command::new(env!("CARGO_BIN_EXE_httpok"))
        .args(["health", "set", "--unhealthy", "--reason", "no disk"])
        .args(["--config", "httpok.toml"])
        .current_dir(stage.dir())
        .status();
    assert!(unhealthy.unwrap().success());
    wait_until("its trouble", LIMIT, || pings(&stage).len() == 3);
    let pings = pings(&stage);
    assert!(pings[0].starts_with("POST /ping/uuid/start "), "{pings:?}");
    assert!(pings[1].starts_with("POST /ping/uuid 1 check"), "{pings:?}");
    assert!(
        pings[2].starts_with("POST /ping/uuid/fail ") && pings[2].contains("no disk"),
        "{pings:?}"
    );
    watchdog.signal(Signal::SIGTERM);
    let end = watchdog.wait();
    assert!(
        !end.err.contains("heartbeat"),
        "nothing to say: {}",
        end.err
    );
}

#[test]
fn plain_receiver_gets_one_get_and_its_refusal_is_logged_once_without_its_path() {
    let stage = Stage::with(&[]);
    stage
        .site
        .answer("/ping/plain", || says("404 Not Found", "no such check"));
    let heartbeat = "[heartbeat]\nurl = \"URL/ping/plain\"\nevery = \"10s\"\n";
    stage.configure(&[CHECK, heartbeat].concat());
    let watchdog = stage.watch_file();
    wait_until("two of them", LIMIT, || pings(&stage).len() == 2);
    assert_eq!(pings(&stage), ["GET /ping/plain "; 2]);
    watchdog.signal(Signal::SIGTERM);
    let end = watchdog.wait();
    let lines = end.err.lines().filter(|line| line.contains("heartbeat"));
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), 1, "{}", end.err);
    let text = "heartbeat to \"127.0.0.1\" answered 404 Not Found: no such check";
    assert!(lines[0].contains(text), "{}", lines[0]);
    assert!(
        !end.err.contains("/ping/plain"),
        "it is a secret: {}",
        end.err
    );
}
