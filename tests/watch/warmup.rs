//! Warming up: asked once after each start, and no reason to restart while it is not answered.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::fixture::Stage;
use crate::program::LIMIT;
use crate::site::{Answer, says};
use crate::support::wait_until;

const DEFAULTS: &str = "every = \"100ms\"\nfail_after = 1\ngrace = 0\nrestart = [\"shop\"]\n\
                        backoff = { min = \"1h\", max = \"1h\" }\n";

fn configure(stage: &Stage, warmup: &str) {
    stage.configure(&format!(
        "[[check]]\nname = \"shop\"\nurl = \"URL/shop\"\nwarmup = \"{warmup}\"\n{DEFAULTS}"
    ));
}

#[test]
fn program_is_warmed_up_once_after_each_start() {
    let stage = Stage::with(&["shop"]);
    stage.site.answer("/shop", || says("200 OK", "all fine"));
    stage.site.answer("/warm", || says("200 OK", "warm"));
    configure(&stage, "URL/warm");
    let looks = |more| {
        let looks = stage.site.count("/shop");
        wait_until("it is looked at", LIMIT, || {
            stage.site.count("/shop") >= looks + more
        });
    };

    let watchdog = stage.watch_file();
    let warm = |said: &str| said.contains("warmed up after");
    watchdog.err.wait("it is warm", warm);
    looks(3);
    assert_eq!(stage.site.count("/warm"), 1);
    watchdog.signal(Signal::SIGTERM);
    watchdog.wait();

    // another watchdog is no other start of the program
    let watchdog = stage.watch_file();
    looks(3);
    assert_eq!(stage.site.count("/warm"), 1, "{}", watchdog.err.text());
    stage.supervisord.ctl(&["restart", "shop"]);
    watchdog.err.wait("it is warm again", warm);
    looks(3);
    assert_eq!(stage.site.count("/warm"), 2);
    watchdog.signal(Signal::SIGTERM);
    watchdog.wait();

    // and a person can do without
    let mut off = stage.httpok(&["--config", "httpok.toml"]);
    let watchdog = crate::program::Program::start(off.env("HTTPOK_AUTOWARMUP", "Off"));
    stage.supervisord.ctl(&["restart", "shop"]);
    let replaced = |said: &str| said.contains("another process than before");
    watchdog.err.wait("it is seen", replaced);
    looks(3);
    assert_eq!(stage.site.count("/warm"), 2);
}

#[test]
fn no_restart_during_a_warm_up() {
    let stage = Stage::with(&["shop"]);
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n".to_vec();
    let slow = Answer::Drip(head, Duration::from_millis(100), 20);
    stage.site.answer("/warm", move || slow.clone());
    stage.ill_until("shop", 2, says("500 Oh", "cold"));
    configure(&stage, "URL/warm");
    let watchdog = stage.watch_file();
    let said = watchdog
        .err
        .wait("it is restarted", |said| said.contains("passes again"));
    let place = |words: &str| {
        let place = said.find(words);
        place.unwrap_or_else(|| panic!("{words:?} is not said: {said}"))
    };
    let starting = place("starting (status in first_byte)");
    let (warm, down) = (place("warmed up after"), place("is down"));
    assert!(starting < warm && warm < down, "{said}");
    assert_eq!(stage.lives("shop"), 2);
    wait_until("the new one is warmed up, too", LIMIT, || {
        stage.site.count("/warm") == 2
    });
}

#[test]
fn warm_up_is_retried_while_the_port_is_closed() {
    let stage = Stage::with(&["shop"]);
    stage.site.answer("/shop", || says("200 OK", "all fine"));
    let path = stage.dir().join("warm.sock");
    let host = path.to_str().unwrap().replace('/', "%2F");
    configure(&stage, &format!("http+unix://{host}/warm"));
    let watchdog = stage.watch_file();
    watchdog
        .err
        .wait("it is asked", |said| said.contains("warming up"));
    let looks = stage.site.count("/shop");
    wait_until("it is watched on", LIMIT, || {
        stage.site.count("/shop") >= looks + 3
    });
    let said = watchdog.err.text();
    assert!(!said.contains("passes"), "it is not up yet: {said}");
    let listener = UnixListener::bind(&path).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let mut head = [0; 1024];
    let taken = stream.read(&mut head).unwrap();
    assert!(head[..taken].starts_with(b"GET /warm HTTP/1.1"));
    let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(answer).unwrap();
    let said = watchdog
        .err
        .wait("it is warm", |said| said.contains("warmed up after"));
    assert!(said.contains("(404)"), "{said}");
    watchdog
        .err
        .wait("it is up", |said| said.contains("passes"));
}
