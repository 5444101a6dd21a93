//! It does not restart what is well, nor takes many checks of one service for many services.

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::fixture::Stage;
use crate::program::LIMIT;
use crate::site::says;
use crate::support::ports::free_port;
use crate::support::wait_until;

#[test]
fn starting_program_is_in_its_grace() {
    let stage = Stage::with(&[]);
    let port = free_port();
    // it listens only after a while, and is not RUNNING before
    let command = format!(
        "sleep 4; exec python3 -c 'import http.server as h; h.test(h.SimpleHTTPRequestHandler, port={port}, bind=\\\"127.0.0.1\\\")'"
    );
    stage.configure(&format!(
        "state_dir = \"state\"\n[[program]]\nname = \"slow\"\ncommand = [\"sh\", \"-c\", \"{command}\"]\nstartsecs = \"6s\"\n\
         [[check]]\nname = \"slow\"\nurl = \"http://127.0.0.1:{port}/\"\nevery = \"200ms\"\nfail_after = 3\ngrace = \"60s\"\n\
         restart = [\"program/slow\"]\n"
    ));
    let watchdog = stage.watch_file();
    watchdog
        .err
        .wait("it passes", |said| said.contains("INFO passes"));
    watchdog.signal(Signal::SIGTERM);
    let end = watchdog.wait();
    assert!(!end.err.contains("is down"), "{}", end.err);
    assert!(
        end.err.contains("in grace, not counted"),
        "it was asked before: {}",
        end.err
    );
}

#[test]
fn three_failing_checks_of_one_service_restart_it() {
    let stage = Stage::with(&["shop"]);
    let mut text =
        "state_dir = \"state\"\n[defaults]\nevery = \"200ms\"\nfail_after = 3\ngrace = 0\n"
            .to_owned();
    for name in ["a", "b", "c"] {
        stage.ill_until("shop", 2, says("500 Oh", ""));
        text +=
            &format!("[[check]]\nname = \"{name}\"\nurl = \"URL/shop\"\nrestart = [\"shop\"]\n");
    }
    stage.configure(&text);
    let watchdog = stage.watch_file();
    wait_until("it is restarted", LIMIT, || stage.lives("shop") == 2);
    watchdog
        .err
        .wait("it passes", |said| said.contains("passes again"));
    // once is enough for all of them
    let until = Instant::now() + Duration::from_secs(1);
    while Instant::now() < until {
        assert_eq!(stage.lives("shop"), 2);
        thread::sleep(Duration::from_millis(50));
    }
}
