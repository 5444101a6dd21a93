//! What the watchdog decides as a stream: server-sent events, `httpok events`, and clients that read slowly or in crowds.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::fixture::Stage;
use crate::program::LIMIT;
use crate::site::says;
use crate::support::wait_until;

/// A client that collects lines.
struct Follower {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Follower {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (kept, out) = (Arc::clone(&lines), child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                kept.lock().unwrap().push(line);
            }
        });
        Self { child, lines }
    }

    /// `httpok events` with these words.
    fn httpok(stage: &Stage, words: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_httpok"));
        command
            .arg("events")
            .args(words)
            .current_dir(stage.dir.path())
            .env("STATE_DIRECTORY", stage.dir.path().join("state"));
        Self::start(&mut command)
    }

    fn wait(&self, what: &str, fits: impl Fn(&str) -> bool) {
        let has = || self.lines.lock().unwrap().iter().any(|line| fits(line));
        wait_until(what, LIMIT, has);
    }

    /// Waits for its end: the exit status, and what it said on standard error.
    fn end(mut self) -> (Option<i32>, String) {
        let mut err = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut err).unwrap();
        let status = self.child.wait().unwrap();
        (status.code(), err)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn stream(stage: &Stage, query: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", stage.port)).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let request = format!("GET /api/v1/events{query} HTTP/1.1\r\nHost: h\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    BufReader::new(stream)
}

/// Reads lines until one fits; all that came before, too.
fn until(reader: &mut BufReader<TcpStream>, fits: impl Fn(&str) -> bool) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        assert_ne!(
            reader.read_line(&mut line).unwrap(),
            0,
            "it ended: {lines:?}"
        );
        let line = line.trim_end().to_owned();
        let found = fits(&line);
        lines.push(line);
        if found {
            return lines;
        }
    }
}

#[test]
fn events_come_as_they_happen_and_end_with_the_watchdog() {
    let stage = Stage::settled("");
    let mut reader = stream(&stage, "?check=sh*&other=x");
    let head = until(&mut reader, |line| line == ": httpok");
    assert!(head[0].ends_with("200 OK"), "{head:?}");
    let kind = "content-type: text/event-stream";
    assert!(
        head.iter().any(|line| line.eq_ignore_ascii_case(kind)),
        "{head:?}"
    );
    stage.site.answer("/shop", || says("500 X", ""));
    let lines = until(&mut reader, |line| line.contains("\"kind\":\"opened\""));
    let events = lines.iter().filter_map(|line| line.strip_prefix("data: "));
    let events: Vec<Value> = events
        .map(|event| serde_json::from_str(event).unwrap())
        .collect();
    assert!(events.len() >= 2, "{lines:?}");
    for event in &events {
        assert_eq!(
            (&event["schema"], &event["check"]),
            (&1.into(), &"shop".into())
        );
        let at = event["at"].as_str().unwrap();
        assert!(humantime::parse_rfc3339(at).is_ok(), "{event}");
    }
    assert_eq!(events[0]["kind"], "judged");
    assert!(
        events[0]["text"]
            .as_str()
            .unwrap()
            .contains("[fail 1 of 2]"),
        "{events:?}"
    );
    stage.watchdog.signal(Signal::SIGTERM);
    let last = until(&mut reader, |line| {
        line.starts_with("data: {\"schema\":1,\"why\"")
    });
    assert!(last.contains(&"event: end".to_owned()), "{last:?}");
    assert!(
        last.last().unwrap().contains("the watchdog ends"),
        "{last:?}"
    );
}

#[test]
fn curl_reads_them_and_passes_are_left_out_unless_asked_for() {
    let stage = Stage::settled("");
    let curl = |query: &str| {
        let url = stage.url(&format!("/api/v1/events?check=shop{query}"));
        Follower::start(Command::new("curl").args(["-sN", &url]))
    };
    let (changes, all) = (curl(""), curl("&passes=true"));
    changes.wait("it is heard", |line| line == ": httpok");
    all.wait("a pass", |line| line.contains("\"verdict\":\"pass\""));
    let lines = changes.lines.lock().unwrap().join("\n");
    assert!(!lines.contains("\"verdict\":\"pass\""), "{lines}");
}

#[test]
fn events_are_followed_over_the_socket_and_over_a_url() {
    let stage = Stage::settled("api_keys = [\"key\"]");
    std::fs::write(stage.dir.path().join("key"), "key").unwrap();
    let url = stage.url("");
    let remote = ["--url", &url, "--key-file", "key"];
    let with = |words: &[&str]| Follower::httpok(&stage, &[words, &remote].concat());
    let followers = [
        Follower::httpok(&stage, &["--follow"]),
        Follower::httpok(&stage, &["-f", "shop", "--last", "0"]),
        with(&["--follow"]),
        with(&["--follow", "--format", "json", "sh?p"]),
    ];
    // what was decided before comes first
    followers[0].wait("the past", |line| line.contains("db: is down (incident"));
    followers[2].wait("the past", |line| line.contains("db: is down (incident"));
    stage.site.answer("/shop", || says("500 X", ""));
    for follower in &followers {
        follower.wait("shop is down", |line| {
            line.contains("shop") && line.contains("is down (incident")
        });
    }
    let json = followers[3].lines.lock().unwrap().clone();
    for line in &json {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["check"], "shop");
    }
    let lines = followers[1].lines.lock().unwrap().clone();
    assert!(
        lines.iter().all(|line| line.contains(" UTC  shop: ")),
        "{lines:?}"
    );
    // each is shown once, whether it was decided before or after the beginning
    for follower in [&followers[0], &followers[2]] {
        let lines = follower.lines.lock().unwrap().clone();
        let opened = lines
            .iter()
            .filter(|line| line.contains("is down (incident"));
        assert_eq!(opened.count(), 2, "{lines:?}");
    }
    stage.watchdog.signal(Signal::SIGTERM);
    for follower in followers {
        let (code, err) = follower.end();
        assert_eq!(code, Some(3), "{err}");
        assert!(err.contains("the watchdog ends"), "{err}");
    }
}

#[test]
fn the_last_events_are_shown_whether_it_runs_or_not() {
    let stage = Stage::settled("api_keys = [\"key\"]");
    let (code, all, _) = stage.local(&["events", "--last", "500"]);
    assert_eq!(code, Some(0));
    assert!(all.contains("db: is down (incident"), "{all}");
    assert!(!all.contains(": pass after"), "{all}");
    assert!(
        stage.remote(&["events"]).1.contains("db: fail"),
        "over a URL, too"
    );
    let fails = |text: &str| text.matches("in a row]").count();
    stage.wait("it has failed on and on", |stage| {
        let (_, each, _) = stage.local(&["events", "--last", "500", "--format", "json"]);
        fails(&each) > 3
    });
    let (_, all, _) = stage.local(&["events", "--last", "500"]);
    assert_eq!(fails(&all), 1, "the same is reported once: {all}");
    assert!(all.contains(" more the same"), "{all}");
    let (_, two, _) = stage.local(&["events", "-n", "2"]);
    let lines = two.lines().filter(|line| !line.contains("  ... "));
    assert_eq!(lines.count(), 2, "{two}");
    let (_, shop, _) = stage.local(&["events", "shop", "--passes"]);
    assert!(
        shop.contains("shop: passes") && !shop.contains("db:"),
        "{shop}"
    );
    stage.watchdog.signal(Signal::SIGKILL);
    stage.wait("it is gone", |stage| {
        TcpStream::connect(("127.0.0.1", stage.port)).is_err()
    });
    assert!(
        stage.local(&["events"]).1.contains("db: "),
        "from the store"
    );
    let (code, _, err) = stage.local(&["events", "--follow"]);
    assert_eq!(code, Some(3));
    assert!(err.contains("no watchdog answers"), "{err}");
    let (code, _, err) = stage.remote(&["events", "--follow"]);
    assert_eq!(code, Some(3), "{err}");
}

#[test]
fn events_of_a_check_that_is_not_there_are_refused_and_those_of_a_removed_one_are_not() {
    let stage = Stage::with(
        "",
        "[[check]]\nname = \"gone\"\nurl = \"tcp://127.0.0.1:1\"\nfail_after = 1\n",
    );
    stage.wait("gone is down", |stage| {
        stage.get("/health?plugin=gone").status == 503
    });
    for query in ["?check=shpo", "?check=shop&check=shpo", "?check=nope*"] {
        let refused = stage.get(&format!("/api/v1/events{query}"));
        assert_eq!(refused.status, 404, "{query}: {refused:?}");
    }
    let near = stage.get("/api/v1/events?check=shpo").json();
    assert!(near["error"].to_string().contains("shop"), "{near}");
    for words in [
        &["events", "shpo"][..],
        &["events", "shop", "shpo"],
        &["events", "--follow", "shpo"],
    ] {
        for (code, out, err) in [stage.local(words), stage.remote(words)] {
            assert_eq!((code, out.as_str()), (Some(3), ""), "{words:?}: {err}");
            let says = "there is no check \"shpo\": did you mean \"shop\"?";
            assert!(err.contains(says), "{words:?}: {err}");
        }
    }
    stage.reconfigure(stage.port, "");
    stage.wait("it is removed", |stage| {
        stage.get("/health?plugin=gone").status == 404
    });
    let mut reader = stream(&stage, "?check=gone");
    let head = until(&mut reader, |line| line == ": httpok");
    assert!(head[0].ends_with("200 OK"), "{head:?}");
    let (code, out, err) = stage.local(&["events", "gone"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("gone: is down"), "{out}");
}

#[test]
fn crowds_are_refused_and_their_places_are_free_again() {
    let stage = Stage::settled("");
    let mut crowd: Vec<_> = (0..32).map(|_| stream(&stage, "")).collect();
    for reader in &mut crowd {
        until(reader, |line| line == ": httpok");
    }
    let refused = stage.get("/api/v1/events");
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(refused.header("retry-after"), Some("10"));
    assert_eq!(refused.json()["schema"], 1);
    drop(crowd);
    // whoever is gone is noticed when something happens: db fails five times a second
    stage.wait("there is room again", |stage| {
        let mut reader = stream(stage, "");
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        line.contains("200 OK")
    });
    assert_eq!(
        stage.get("/health?plugin=shop").status,
        200,
        "and all goes on"
    );
}
