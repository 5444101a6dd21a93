//! The wall clock is set while a watchdog runs, by NTP or by an administrator: dates follow it, and nothing is decided because of it. The
//! watchdog's clock is faketime's, so that the machine's stays as it is.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test, too")]

#[path = "support/program.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
mod program;
#[path = "support/site.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
mod site;
mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use program::{LIMIT, Program};
use serde_json::Value;
use site::{Site, says};
use support::wait_until;
use tempfile::TempDir;

const HOUR: i64 = 3600;

/// So far may a date be from the expected one: the test's own time.
const NEAR: i64 = 600;

/// A service that is well or not, and the clock of its watchdog.
struct Stage {
    site: Site,
    well: Arc<AtomicBool>,
    dir: TempDir,
}

impl Stage {
    fn new() -> Self {
        let stage = Self {
            site: Site::start(),
            well: Arc::new(AtomicBool::new(false)),
            dir: tempfile::tempdir().unwrap(),
        };
        let well = Arc::clone(&stage.well);
        stage
            .site
            .answer("/web", move || match well.load(Ordering::SeqCst) {
                true => says("200 OK", "all fine"),
                false => says("500 Oh", "no"),
            });
        let url = stage.site.origin();
        let text = format!(
            "[defaults]\nevery = \"100ms\"\nfail_after = 2\ngrace = 0\n\
             [[check]]\nname = \"web\"\nurl = \"{url}/web\"\n\
             [mail]\nto = [\"ops@example.org\"]\nsendmail = \"cat >> mails\"\n"
        );
        fs::write(stage.dir.path().join("httpok.toml"), text).unwrap();
        stage
    }

    /// The watchdog's wall clock is so many seconds ahead of ours.
    fn set_clock(&self, ahead: i64) {
        let (new, file) = (
            self.dir.path().join("clock.new"),
            self.dir.path().join("clock"),
        );
        fs::write(&new, format!("{ahead:+}\n")).unwrap();
        fs::rename(new, file).unwrap();
    }

    fn watch(&self) -> Program {
        let library = [
            "/usr/lib/x86_64-linux-gnu",
            "/usr/lib/aarch64-linux-gnu",
            "/usr/lib64",
        ]
        .map(|dir| Path::new(dir).join("faketime/libfaketimeMT.so.1"))
        .into_iter()
        .find(|library| library.exists())
        .expect("faketime is installed: tests/provision.sh does that");
        let mut command = self.command(&["watch", "--config", "httpok.toml"]);
        command
            .env("LD_PRELOAD", library)
            .env("FAKETIME_TIMESTAMP_FILE", self.dir.path().join("clock"))
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        Program::start(&mut command)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_httpok"));
        command
            .args(words)
            .env("STATE_DIRECTORY", self.dir.path().join("state"))
            .env_remove("SUPERVISOR_SERVER_URL")
            .current_dir(self.dir.path());
        command
    }

    fn ask(&self, words: &[&str]) -> Value {
        let output = self.command(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    fn mails(&self) -> Vec<String> {
        let mails = fs::read_to_string(self.dir.path().join("mails")).unwrap_or_default();
        mails.split("From: ").skip(1).map(str::to_owned).collect()
    }

    fn wait_for_mail(&self, count: usize) -> String {
        wait_until("the mail comes", LIMIT, || {
            self.mails().len() >= count && self.mails()[count - 1].contains("Subject: ")
        });
        self.mails()[count - 1].clone()
    }
}

/// Asserts that the RFC 3339 date is so many seconds ahead of our clock.
fn is_near(what: &str, date: &Value, ahead: i64) {
    let text = date
        .as_str()
        .unwrap_or_else(|| panic!("{what}: no date: {date}"));
    let date = humantime::parse_rfc3339(text).unwrap();
    let seconds = |at: SystemTime| {
        i64::try_from(at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()).unwrap()
    };
    let found = seconds(date) - seconds(SystemTime::now());
    assert!(
        (found - ahead).abs() < NEAR,
        "{what}: {text} is {found} s ahead, not {ahead}"
    );
}

/// The days and hours that our clock shows, so many seconds from now: as they stand in mails.
fn hour(ahead: i64) -> String {
    let now = SystemTime::now() + Duration::from_secs(u64::try_from(ahead).unwrap_or(0))
        - Duration::from_secs(u64::try_from(-ahead).unwrap_or(0));
    humantime::format_rfc3339_seconds(now).to_string()[..13].to_owned()
}

#[test]
fn set_clock_moves_dates_only() {
    let stage = Stage::new();
    let behind = -10 * HOUR;
    stage.set_clock(behind);
    let watchdog = stage.watch();
    stage.wait_for_mail(1);
    let status = stage.ask(&["status", "--json"]);
    is_near(
        "before the step",
        &status["snapshot"]["checks"][0]["since"],
        behind,
    );
    stage.ask(&["pause", "web", "--for", "30m"]);
    let probes = |status: &Value| status["snapshot"]["checks"][0]["counts"]["incidents"].clone();
    let incidents = probes(&status);

    for (ahead, words) in [
        (0, "was set forward by 9h 59m"),
        (2 * HOUR, "was set forward by 1h 59m"),
        (-24 * HOUR, "was set back by 1day"),
    ] {
        stage.set_clock(ahead);
        watchdog.err.wait("the step is said", |said| {
            let rounded = words
                .replace("9h 59m", "10h")
                .replace("1h 59m", "2h")
                .replace("1day", "1day 1h 59m");
            said.contains(words) || said.contains(&rounded)
        });
        let status = stage.ask(&["status", "--json"]);
        let check = &status["snapshot"]["checks"][0];
        is_near("now", &status["snapshot"]["at"], ahead);
        is_near("down since", &check["since"], ahead);
        is_near("the incident", &check["incident"]["since"], ahead);
        is_near("the pause", &check["pause"]["until"], ahead + 1800);
        assert_eq!(check["status"], "down");
        assert_eq!(probes(&status), incidents, "no incident more");
        let explained = stage.ask(&["explain", "web", "--json"]);
        is_near("explained since", &explained["incident"]["since"], ahead);
        for what in [&explained["incident"]["entries"], &explained["decisions"]] {
            let lines = what.as_array().unwrap_or_else(|| panic!("{explained}"));
            assert!(!lines.is_empty());
            for line in lines {
                is_near("a line of the explanation", &line["at"], ahead);
            }
        }
    }

    // what is reported after the steps has the dates of the clock as it is set
    stage.set_clock(0);
    watchdog.err.wait("the step is said", |said| {
        said.matches("clock was set").count() == 4
    });
    let (earlier, begun) = (hour(-NEAR), hour(0));
    stage.well.store(true, Ordering::SeqCst);
    let mail = stage.wait_for_mail(2);
    assert!(mail.contains("recovered"), "{mail}");
    let later = hour(NEAR);
    let dated = [earlier, begun, later]
        .iter()
        .any(|hour| mail.contains(&hour.replace('T', " ")) || mail.contains(hour.as_str()));
    assert!(dated, "{mail}");
    assert!(!mail.contains(&hour(behind)), "{mail}");
    assert_eq!(
        stage.mails().len(),
        2,
        "one report of the start, one of the end"
    );
}
