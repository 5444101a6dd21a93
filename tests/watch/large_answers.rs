//! A service that answers with far too much, beside one that is well: what is kept, said and held in memory of it
//! has bounds, and the other one is probed on.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::fixture::Stage;
use crate::program::LIMIT;
use crate::site::Answer;
use crate::support::wait_until;

/// How long it goes on, at ten probes a second of each check.
const LASTS: Duration = Duration::from_secs(10);

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

#[test]
fn answers_that_are_too_large_bring_nothing_down() {
    let stage = Stage::with(&[]);
    let long = "r".repeat(300 * 1024);
    let middle = &long[..200 * 1024];
    for (path, head) in [
        ("/phrase", format!("500 {long}\r\n")),
        (
            "/location",
            format!("302 Found\r\nLocation: http://{long}/\r\n"),
        ),
        ("/header", format!("500 no\r\nX-Long: {middle}\r\n")),
    ] {
        let answer = format!("HTTP/1.1 {head}Content-Length: 0\r\n\r\n").into_bytes();
        stage
            .site
            .answer(path, move || Answer::Bytes(answer.clone()));
    }
    let check = |name: &str| format!("[[check]]\nname = \"{name}\"\nurl = \"URL/{name}\"\n");
    stage.configure(&format!(
        "state_dir = \"state\"\n[defaults]\nevery = \"100ms\"\ntimeout = \"5s\"\nfail_after = 2\n\
         grace = 0\nfollow = true\n{}{}{}{}",
        check("phrase"),
        check("location"),
        check("header"),
        check("ok"),
    ));
    let watchdog = stage.watch_file();
    wait_until("all are probed", LIMIT, || {
        ["/phrase", "/location", "/header", "/ok"]
            .iter()
            .all(|path| stage.site.count(path) > 1)
    });
    let well = stage.site.count("/ok");
    thread::sleep(LASTS);
    let memory = resident(watchdog.id());
    wait_until("the healthy one is probed on", LIMIT, || {
        stage.site.count("/ok") >= well + 20
    });
    watchdog.signal(Signal::SIGTERM);
    let end = watchdog.wait();
    let failed = |line: &&str| line.contains("check=\"ok\"") && line.contains("is down");
    assert_eq!(end.err.lines().find(failed), None);
    assert!(end.err.contains("check=\"phrase\""), "who fails is named");
    assert!(end.err.len() < 400 * 1024, "{} bytes of log", end.err.len());
    let store = size(&stage.dir().join("state"));
    assert!(store < 6 << 20, "{store} bytes in the store");
    // what a test binary without optimization needs stands in it, too
    assert!(memory < 64 * 1024, "{memory} KiB in memory");
}
