//! A restart whose start failed: when it is tried again, and what holds it.

use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::program::{LIMIT, Program};
use crate::script::Script;
use crate::site::says;
use crate::support::wait_until;
use crate::watched::Watched;

struct Stage {
    script: Script,
    watched: Watched,
}

impl Stage {
    /// The service `web`, whose start fails, and a check with these keys that restarts it.
    fn with_failing_start(keys: &str) -> Self {
        let watched = Watched::new("command/web", keys, "");
        let script = Script::new(watched.path());
        watched.configure("command/web", keys, &script.section());
        script.run("web", "start");
        script.spoil("fail-start");
        watched.ill_until(2, says("500 Oh", ""));
        Self { script, watched }
    }

    fn ask(&self, words: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_httpok"))
            .args(words)
            .args(["--config", "httpok.toml"])
            .env("STATE_DIRECTORY", self.watched.path().join("state"))
            .current_dir(self.watched.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn starts(&self) -> usize {
        self.script.failures("start")
    }

    fn until_started(&self, times: usize) {
        wait_until("the start is tried", LIMIT, || self.starts() >= times);
    }

    /// So many tries and no more, for as long as several would take.
    fn stays_at_most(&self, most: usize, watchdog: &Program) {
        // long enough for several tries of loops that know neither pauses nor budgets
        sleep(Duration::from_secs(15));
        assert!(
            self.starts() <= most,
            "{}: {}",
            self.starts(),
            watchdog.err.text()
        );
    }
}

#[test]
fn pause_allows_one_more_start_and_then_holds_until_resume() {
    let stage = Stage::with_failing_start("fail_after = 1\nrestarts = \"50/1h\"");
    let watchdog = stage.watched.watch();
    stage.until_started(1);
    let said = stage.ask(&["pause", "web", "--reason", "deploy"]);
    let paused_at = stage.starts();
    stage.stays_at_most(paused_at + 1, &watchdog);
    assert!(said.contains("not restarted"), "{said}");
    let status = stage.ask(&["status", "--json"]);
    assert!(
        status.contains("\"held\":\"the check is paused: deploy\""),
        "{status}"
    );
    stage.script.mend("fail-start");
    stage.ask(&["resume", "web"]);
    stage.watched.reported(&watchdog, &["web recovered"]);
    assert_eq!(stage.watched.lives(), 2);
}

#[test]
fn failed_starts_use_the_budget() {
    let stage =
        Stage::with_failing_start("fail_after = 1\nrestarts = \"2/1h\"\nstart_stopped = true");
    let watchdog = stage.watched.watch();
    watchdog.err.wait("it gives up", |said| {
        said.contains("gave up: the restarts are used up")
    });
    stage.stays_at_most(2, &watchdog);
    assert_eq!(stage.starts(), 2, "{}", watchdog.err.text());
    stage.watched.reported(&watchdog, &["gave up"]);
    stage.script.mend("fail-start");
    stage.ask(&["reset", "web"]);
    stage.watched.reported(&watchdog, &["web recovered"]);
    assert_eq!(stage.watched.lives(), 2);
}

#[test]
fn a_reload_gives_the_next_try_the_new_start_command() {
    let stage = Stage::with_failing_start("fail_after = 1\nrestarts = \"50/1h\"");
    let watchdog = stage.watched.watch();
    stage.until_started(2);
    let path = stage.script.path();
    let corrected = std::path::Path::new(&path).with_file_name("init-corrected");
    // the same, but for what makes its start fail
    let text = std::fs::read_to_string(&path)
        .unwrap()
        .replace("fail-$2", "no-$2");
    std::fs::write(&corrected, text).unwrap();
    std::fs::set_permissions(
        &corrected,
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let corrected = corrected.to_str().unwrap();
    let old = format!("start = [{path:?}");
    let section = stage
        .script
        .section()
        .replace(&old, &format!("start = [{corrected:?}"));
    stage.watched.configure(
        "command/web",
        "fail_after = 1\nrestarts = \"50/1h\"",
        &section,
    );
    watchdog.signal(Signal::SIGHUP);
    stage.watched.reported(&watchdog, &["web recovered"]);
    assert_eq!(stage.watched.lives(), 2);
    assert!(stage.script.is_alive("web"));
}

#[test]
fn sigterm_tries_a_pending_start_and_the_next_run_finishes_it() {
    let stage = Stage::with_failing_start(
        "fail_after = 1\nrestarts = \"50/1h\"\nbackoff = { min = \"10m\", max = \"10m\" }",
    );
    let watchdog = stage.watched.watch();
    watchdog.err.wait("the start failed", |said| {
        said.contains("does not run again yet")
    });
    let before = stage.starts();
    watchdog.signal(Signal::SIGTERM);
    let end = watchdog.wait();
    assert_eq!(end.status.code(), Some(0), "{}", end.err);
    assert_eq!(stage.starts(), before + 1, "{}", end.err);
    stage.script.mend("fail-start");
    let next = stage.watched.watch();
    wait_until("the next run starts it", LIMIT, || {
        stage.watched.lives() == 2
    });
    stage.watched.reported(&next, &["web recovered"]);
}

/// Both see the same service fail at the same time. One of them restarts it, and the other says so.
#[test]
fn one_of_two_watchdogs_restarts_and_the_other_names_it() {
    let stage = Stage::with_failing_start("fail_after = 1");
    stage.script.mend("fail-start");
    stage.script.spoil("slow-stop");
    let first = stage.watched.watch();
    let second = stage.watch_as("other.toml");
    let asked = stage.watched.path().join("asked");
    wait_until("it is being stopped", LIMIT, || asked.exists());
    let another = |said: &str| said.contains("another watchdog is restarting it");
    wait_until("the other one says so", LIMIT, || {
        another(&first.err.text()) || another(&second.err.text())
    });
    wait_until("it runs again", LIMIT, || stage.watched.lives() == 2);
    stage.watched.watched_on(5);
    assert_eq!(stage.watched.lives(), 2);
}

impl Stage {
    /// A second watchdog, with the same state directory and another configuration file.
    fn watch_as(&self, file: &str) -> Program {
        let dir = self.watched.path();
        std::fs::copy(dir.join("httpok.toml"), dir.join(file)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_httpok"));
        command
            .args(["watch", "--config", file])
            .env("STATE_DIRECTORY", dir.join("state"))
            .env_remove("SUPERVISOR_SERVER_URL")
            .current_dir(dir);
        Program::start(&mut command)
    }
}
