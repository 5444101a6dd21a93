//! A service that is watched by `httpok watch`, for any supervisor: its answers, its lives, its mails.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::program::{LIMIT, Program};
use crate::site::{Answer, Site, says};
use crate::support::wait_until;

/// Quick, and without the patience that a real service needs.
const DEFAULTS: &str = r#"
[defaults]
every = "200ms"
timeout = "500ms"
fail_after = 2
grace = 0
backoff = { min = "300ms", max = "300ms" }
"#;

/// A service and its watchdog's configuration.
pub struct Watched {
    pub site: Site,
    pub dir: TempDir,
}

impl Watched {
    /// The check `web` restarts `target`, with these keys more; `rest` says how it is supervised.
    pub fn new(target: &str, keys: &str, rest: &str) -> Self {
        let watched = Self {
            site: Site::start(),
            dir: tempfile::tempdir().unwrap(),
        };
        watched.configure(target, keys, rest);
        watched
    }

    pub fn configure(&self, target: &str, keys: &str, rest: &str) {
        let url = self.site.origin();
        let text = format!(
            "{DEFAULTS}\n[[check]]\nname = \"web\"\nurl = \"{url}/web\"\nrestart = [{target:?}]\n{keys}\n\
             [mail]\nto = [\"ops@example.org\"]\nsendmail = \"cat >> mails\"\n{rest}\n"
        );
        fs::write(self.dir.path().join("httpok.toml"), text).unwrap();
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// How often it was started: each life writes a line.
    pub fn lives(&self) -> usize {
        lives(&self.path().join("lives"))
    }

    /// It is ill until it has had so many lives, and well then.
    pub fn ill_until(&self, wanted: usize, ill: Answer) {
        let file = self.path().join("lives");
        self.site
            .answer("/web", move || match lives(&file) < wanted {
                true => ill.clone(),
                false => says("200 OK", "all fine"),
            });
    }

    /// Starts its watchdog.
    pub fn watch(&self) -> Program {
        let mut command = Command::new(env!("CARGO_BIN_EXE_httpok"));
        command
            .args(["watch", "--config", "httpok.toml"])
            .env("STATE_DIRECTORY", self.path().join("state"))
            .env_remove("SUPERVISOR_SERVER_URL")
            .current_dir(self.path());
        Program::start(&mut command)
    }

    pub fn mails(&self) -> String {
        fs::read_to_string(self.path().join("mails")).unwrap_or_default()
    }

    /// Waits until a mail says all of `words`.
    pub fn reported(&self, watchdog: &Program, words: &[&str]) {
        let reported = || {
            let mails = self.mails();
            words.iter().all(|word| mails.contains(word))
        };
        let deadline = std::time::Instant::now() + LIMIT;
        while !reported() {
            let (mails, said) = (self.mails(), watchdog.err.text());
            let left = deadline > std::time::Instant::now();
            assert!(left, "not told: {words:?}; mails: {mails}; said: {said}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Waits until it was asked so many times more.
    pub fn watched_on(&self, times: usize) {
        let looks = self.site.count("/web");
        wait_until("it is watched on", LIMIT, || {
            self.site.count("/web") >= looks + times
        });
    }
}

fn lives(file: &Path) -> usize {
    fs::read_to_string(file).unwrap_or_default().lines().count()
}
