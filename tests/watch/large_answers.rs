//! Services, and whatever else httpok talks to, that answer with far too much, beside a service that is well: what is
//! kept, said and held in memory of it has bounds, and the healthy one is probed in step.
//!
//! `HOSTILE=60 cargo test --test watch large_answers -- --nocapture` goes on for so many seconds and prints the figures.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::fixture::Stage;
use crate::program::LIMIT;
use crate::site::{Answer, Site, says};
use crate::support::wait_until;

/// How long it goes on.
fn lasts() -> Duration {
    let seconds = std::env::var("HOSTILE")
        .ok()
        .and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(10))
}

/// What a busy machine may add to the time between two probes.
const SLACK: Duration = Duration::from_secs(2);

/// A text from outside.
const LONG: usize = 200 * 1024;

/// The bytes of all files below `directory`.
fn size(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).unwrap();
    let sizes = entries.map(|entry| {
        let entry = entry.unwrap();
        let meta = entry.metadata().unwrap();
        match meta.is_dir() {
            true => size(&entry.path()),
            false => meta.len(),
        }
    });
    sizes.sum()
}

/// In KiB.
fn resident(process: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.unwrap().trim().split(' ').next();
    number.unwrap().parse().unwrap()
}

/// A server that sends `first` to each client, and then `again` for as long as it is taken.
fn flood(first: Vec<u8>, again: Vec<u8>) -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let incoming = listener.try_clone().unwrap();
    thread::spawn(move || {
        for mut stream in incoming.incoming().map_while(Result::ok) {
            let (first, again) = (first.clone(), again.clone());
            thread::spawn(move || {
                let _ = stream.set_read_timeout(Some(Duration::from_millis(50)));
                let _ = stream.read(&mut [0; 4096]);
                if stream.write_all(&first).is_ok() && !again.is_empty() {
                    while stream.write_all(&again).is_ok() {}
                }
            });
        }
    });
    listener
}

fn port(listener: &TcpListener) -> u16 {
    listener.local_addr().unwrap().port()
}

/// An answer with a text from outside in each place.
fn answer(head: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A site whose certificate has as many names as a handshake can carry.
fn with_names() -> Site {
    let names: Vec<_> = (0..400)
        .map(|n| format!("{}.{n}.test", "n".repeat(60)))
        .collect();
    Site::self_signed(names).0
}

/// Runs the watchdog of `stage` for a while and asserts that all stays within its bounds.
fn stays_small(stage: &Stage, what: &str) -> String {
    let watchdog = stage.watch_file();
    wait_until("the healthy one is probed", LIMIT, || {
        stage.site.count("/ok") > 1
    });
    let begun = Instant::now();
    let well = stage.site.count("/ok");
    let mut memory = 0;
    while begun.elapsed() < lasts() {
        thread::sleep(Duration::from_millis(200));
        memory = memory.max(resident(watchdog.id()));
    }
    wait_until("the healthy one is probed on", LIMIT, || {
        stage.site.count("/ok") >= well + 20
    });
    watchdog.signal(Signal::SIGTERM);
    let end = watchdog.wait();
    let mut asked = stage.site.asked();
    asked.retain(|asked| asked.path == "/ok");
    let gaps = asked.windows(2).map(|pair| pair[1].at - pair[0].at);
    let gap = gaps.max().unwrap();
    let store = size(&stage.dir().join("state"));
    eprintln!(
        "{what}: {memory} KiB in memory, {store} bytes in the store, {} bytes of log, {} probes of the healthy one, \
         {gap:?} between two of them",
        end.err.len(),
        asked.len()
    );
    let bad = |line: &&str| {
        line.contains("check=\"ok\"")
            && ["fail", "is down", "unknown"]
                .iter()
                .any(|bad| line.contains(bad))
    };
    assert_eq!(end.err.lines().find(bad), None);
    assert!(gap < SLACK, "{gap:?}");
    assert!(end.err.len() < 400 * 1024, "{} bytes of log", end.err.len());
    assert!(store < 6 << 20, "{store} bytes in the store");
    // what a test binary without optimization needs stands in it, too
    assert!(memory < 64 * 1024, "{memory} KiB in memory");
    end.err
}

const DEFAULTS: &str = "state_dir = \"state\"\npanic_threshold = \"off\"\n[defaults]\nevery = \"1s\"\n\
                        timeout = \"5s\"\nfail_after = 2\ngrace = 0\nfollow = true\n";

const HEALTHY: &str = "[[check]]\nname = \"ok\"\nurl = \"URL/ok\"\nevery = \"100ms\"\n";

#[test]
fn oversized_responses_stop_no_check() {
    let stage = Stage::with(&[]);
    let long = "r".repeat(LONG);
    let longer = "r".repeat(LONG * 3 / 2);
    let mut text = DEFAULTS.to_owned() + HEALTHY;
    for (name, bytes) in [
        ("phrase", answer(&format!("500 {long}"), "")),
        ("longer-phrase", answer(&format!("500 {longer}"), "")),
        (
            "location",
            answer(&format!("302 Found\r\nLocation: http://{long}/"), ""),
        ),
        ("header", answer(&format!("500 no\r\nX-Long: {long}"), "")),
        ("name", answer(&format!("500 no\r\n{long}: x"), "")),
        ("no-header", answer(&format!("500 no\r\n{long}"), "")),
        (
            "headers",
            answer(&format!("500 no\r\n{}X: y", "A: b\r\n".repeat(1900)), ""),
        ),
        (
            "version",
            answer(&format!("500 no\r\nContent-Length: {long}"), ""),
        ),
        ("no-http", long.clone().into_bytes()),
        ("body", answer("500 no", &long)),
        (
            "chunk",
            format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{long}\r\n").into_bytes(),
        ),
        ("early", b"HTTP/1.1 103 E\r\n\r\n".repeat(40_000)),
    ] {
        let path = format!("/{name}");
        stage
            .site
            .answer(&path, move || Answer::Bytes(bytes.clone()));
        text += &format!("[[check]]\nname = \"{name}\"\nurl = \"URL{path}\"\nbody = \"fine\"\n");
    }
    let names = with_names();
    let lines = flood(long.into_bytes(), Vec::new());
    let endless = flood(Vec::new(), vec![b'x'; 64 * 1024]);
    for (name, asked) in [
        ("names", format!("url = \"{}/ok\"\n", names.origin())),
        (
            "line",
            format!(
                "url = \"tcp://127.0.0.1:{}\"\nbody = \"fine\"\n",
                port(&lines)
            ),
        ),
        (
            "endless",
            format!(
                "url = \"tcp://127.0.0.1:{}\"\nbody = \"fine\"\n",
                port(&endless)
            ),
        ),
        (
            "command",
            format!("command = \"head -c {LONG} /dev/zero | tr '\\\\0' e; exit 1\"\n"),
        ),
    ] {
        text += &format!("[[check]]\nname = \"{name}\"\n{asked}");
    }
    stage.configure(&text);
    let log = stays_small(&stage, "hostile services");
    for name in ["phrase", "location", "header", "names", "line", "command"] {
        assert!(
            log.contains(&format!("check=\"{name}\"")),
            "{name} is named"
        );
    }
}

#[test]
fn oversized_texts_of_notifiers_and_supervisors_stop_no_check() {
    let stage = Stage::with(&["shop"]);
    let long = "r".repeat(LONG);
    let early = b"HTTP/1.1 103 E\r\n\r\n".repeat(4000);
    // a receiver of webhooks that never comes to its answer, and one that says too much
    let hooks = [
        flood(Vec::new(), early.clone()),
        flood(
            answer(&format!("500 {long}\r\nX: {long}"), &long),
            Vec::new(),
        ),
    ];
    // a mail server whose greeting has no end, a supervisord that never comes to its answer
    let mail = flood(b"220 ".to_vec(), vec![b'g'; 64 * 1024]);
    let rpc = flood(Vec::new(), early);
    // an engine whose every answer is an error of that size
    let socket = stage.dir().join("engine.sock");
    let engine = UnixListener::bind(&socket).unwrap();
    let refusal = answer("500 no", &format!("{{\"message\":\"{long}\"}}"));
    thread::spawn(move || {
        for mut stream in engine.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(&refusal);
        }
    });
    stage
        .site
        .answer("/bad", || says("500 no", "r".repeat(LONG)));
    let check = |name: &str, restart: &str| {
        format!(
            "[[check]]\nname = \"{name}\"\nurl = \"URL/bad\"\nrestart = [\"{restart}\"]\n\
             backoff = {{ min = \"1s\", max = \"1s\" }}\nrestarts = \"1000/1h\"\n"
        )
    };
    let hook = |listener: &TcpListener| {
        let port = port(listener);
        format!("[[webhook]]\nname = \"h{port}\"\nurl = \"http://127.0.0.1:{port}/\"\n")
    };
    let text = [
        DEFAULTS,
        HEALTHY,
        &check("in-supervisord", "shop"),
        &check("in-engine", "docker/shop"),
        &hook(&hooks[0]),
        &hook(&hooks[1]),
        &format!(
            "[mail]\nto = \"a@b.test\"\nsmtp = \"smtp://127.0.0.1:{}\"\n",
            port(&mail)
        ),
        &format!(
            "[supervisor.docker]\nsocket = \"unix://{}\"\n",
            socket.display()
        ),
        &format!(
            "[supervisor.supervisord]\nurl = \"http://127.0.0.1:{}\"\n",
            port(&rpc)
        ),
    ];
    let text = text.concat().replace("URL", &stage.site.origin());
    fs::write(stage.dir().join("httpok.toml"), text).unwrap();
    let log = stays_small(&stage, "hostile receivers and supervisors");
    for name in ["in-supervisord", "in-engine"] {
        assert!(
            log.contains(&format!("check=\"{name}\"")),
            "{name}: {log:.2000}"
        );
    }
}
