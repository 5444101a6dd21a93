//! Stops that are performed after the run that asked for them was killed. What stops so was stopped by us, and runs
//! again; what stops later was stopped by somebody else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::program::Program;
use crate::scripted::{self, Mishap, Scripted};
use crate::site::{Site, says};
use crate::support::supervisord::Supervisord;
use crate::support::wait_until;

/// On a busy machine, too.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Watchdogs of the process `web` with one state directory.
pub struct Watchdogs {
    pub dir: TempDir,
    /// The URL of their supervisord; empty: they have none, and restart nothing.
    pub supervisor: String,
}

impl Watchdogs {
    pub fn of(supervisor: String) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir, supervisor }
    }

    /// One that watches `url`.
    pub fn watch(&self, name: &str, url: &str, more: &str) -> Program {
        self.watch_in(name, name, url, more)
    }

    /// The check `name` in another file.
    pub fn watch_in(&self, file: &str, name: &str, url: &str, more: &str) -> Program {
        let file = self.dir.path().join(format!("{file}.toml"));
        let (target, supervisor) = match self.supervisor.as_str() {
            "" => ("", String::new()),
            url => (
                "restart = [\"web\"]",
                format!("[supervisor.supervisord]\nurl = {url:?}"),
            ),
        };
        let text = format!(
            "panic_threshold = false\n[[check]]\nname = {name:?}\nurl = {url:?}\nevery = \"100ms\"\n\
             timeout = \"2s\"\nfail_after = 1\ngrace = 0\nrestarts = false\n{target}\n{more}\n\
             {supervisor}\n[mail]\nto = [\"ops@example.org\"]\n\
             sendmail = \"cat >> {}\"\n",
            self.mails().display()
        );
        fs::write(&file, text).unwrap();
        let mut command = Command::new(crate::httpok());
        command
            .arg("watch")
            .arg("--config")
            .arg(file)
            .env("STATE_DIRECTORY", self.dir.path().join("state"))
            .env_remove("SUPERVISOR_SERVER_URL")
            .current_dir(self.dir.path());
        Program::start(&mut command)
    }

    pub fn mails(&self) -> PathBuf {
        self.dir.path().join("mails")
    }

    pub fn wait_for_mail(&self, watchdog: &Program) {
        let mails = self.mails();
        let end = Instant::now() + LIMIT;
        while !read(&mails).contains(" web") {
            let late = Instant::now() > end;
            assert!(
                !late,
                "no mail names the process: {}\n{}",
                read(&mails),
                watchdog.err.text()
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until no intent is open.
    pub fn settle(&self) {
        let path = self.dir.path().join("state/httpok.db");
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let open = || {
            let conn = rusqlite::Connection::open_with_flags(&path, flags)?;
            conn.query_row("SELECT count(*) FROM intents", [], |row| {
                row.get::<_, u32>(0)
            })
        };
        wait_until("every intent is closed", LIMIT, || {
            open().is_ok_and(|open| open == 0)
        });
    }
}

pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

pub fn kill(watchdog: Program) {
    watchdog.signal(Signal::SIGKILL);
    watchdog.wait();
}

/// Fails until `web` was started so many times.
pub fn heals_after(site: &Site, supervisord: &std::sync::Arc<Scripted>, starts: usize) {
    let known = std::sync::Arc::clone(supervisord);
    site.answer("/", move || match known.count("start") >= starts {
        true => says("200 OK", "fine"),
        false => says("500 Oh", "no"),
    });
}

/// Before the first probe of the next run, after it, and near the end of the time in which it may come; also when the
/// process crashed meanwhile and its supervisor had started it again.
#[test]
fn a_stop_that_comes_after_the_next_run_has_begun_is_started_once_more() {
    for (late, crashes) in [
        (0, false),
        (300, false),
        (800, false),
        (300, true),
        (800, true),
    ] {
        let supervisord = std::sync::Arc::new(Scripted::with("web=RUNNING"));
        let site = Site::start();
        heals_after(&site, &supervisord, 1);
        supervisord.mishap("stop", Mishap::Hang);
        let watchdogs = Watchdogs::of(supervisord.url());
        let first = watchdogs.watch("shop", &format!("{}/", site.origin()), "");
        wait_until("a stop was asked for", LIMIT, || {
            supervisord.count("stop") > 0
        });
        kill(first);
        if crashes {
            supervisord.change(|processes| scripted::set(processes, "web", "RUNNING"));
        }
        let asked = supervisord.count("info");
        let second = watchdogs.watch("shop", &format!("{}/", site.origin()), "");
        if late > 0 {
            wait_until("the next run has asked for its state", LIMIT, || {
                supervisord.count("info") > asked
            });
            thread::sleep(Duration::from_millis(late));
        }
        supervisord.change(|processes| scripted::set(processes, "web", "STOPPED"));
        wait_until("it runs again", LIMIT, || {
            supervisord.state("web") == "RUNNING" && supervisord.count("start") == 1
        });
        watchdogs.wait_for_mail(&second);
        watchdogs.settle();
        // an operator's stop stays
        supervisord.change(|processes| scripted::set(processes, "web", "STOPPED"));
        thread::sleep(Duration::from_millis(2500));
        assert_eq!(supervisord.state("web"), "STOPPED", "{}", second.err.text());
        second.signal(Signal::SIGTERM);
        second.wait();
    }
}

/// Its owner is killed while another watchdog of the same process runs already.
#[test]
fn a_running_watchdog_finishes_the_restart_of_one_that_was_killed() {
    let supervisord = std::sync::Arc::new(Scripted::with("web=RUNNING"));
    let site = Site::start();
    heals_after(&site, &supervisord, 1);
    site.answer("/well", || says("200 OK", "fine"));
    supervisord.mishap("stop", Mishap::Slow(Duration::from_millis(300)));
    let watchdogs = Watchdogs::of(supervisord.url());
    let other = watchdogs.watch("other", &format!("{}/well", site.origin()), "");
    wait_until("the other one watches", LIMIT, || site.count("/well") > 0);
    let first = watchdogs.watch("shop", &format!("{}/", site.origin()), "");
    wait_until("a stop was asked for", LIMIT, || {
        supervisord.count("stop") > 0
    });
    kill(first);
    wait_until("it runs again", LIMIT, || {
        supervisord.state("web") == "RUNNING" && supervisord.count("start") == 1
    });
    watchdogs.wait_for_mail(&other);
    watchdogs.settle();
    other.signal(Signal::SIGTERM);
    other.wait();
}

/// Another watchdog that wants to restart the process, too, finds it stopped by the one that was killed.
#[test]
fn a_stop_of_a_killed_watchdog_is_no_operators_stop() {
    let supervisord = std::sync::Arc::new(Scripted::with("web=RUNNING"));
    let site = Site::start();
    heals_after(&site, &supervisord, 1);
    supervisord.mishap("stop", Mishap::DropLate(Duration::from_secs(2)));
    let watchdogs = Watchdogs::of(supervisord.url());
    let url = format!("{}/", site.origin());
    let other = watchdogs.watch("other", &url, "");
    let first = watchdogs.watch("shop", &url, "");
    wait_until("a stop was asked for", LIMIT, || {
        supervisord.count("stop") > 0
    });
    // one of them has asked
    let is_first = read_intent(&watchdogs).contains("shop");
    let (killed, lives) = match is_first {
        true => (first, other),
        false => (other, first),
    };
    kill(killed);
    wait_until("it runs again", LIMIT, || {
        supervisord.state("web") == "RUNNING" && supervisord.count("start") >= 1
    });
    watchdogs.settle();
    assert_eq!(supervisord.state("web"), "RUNNING", "{}", lives.err.text());
    lives.signal(Signal::SIGTERM);
    lives.wait();
}

/// The check of the intent that is open.
fn read_intent(watchdogs: &Watchdogs) -> String {
    let path = watchdogs.dir.path().join("state/httpok.db");
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let conn = rusqlite::Connection::open_with_flags(path, flags).unwrap();
    conn.query_row("SELECT check_name FROM intents", [], |row| row.get(0))
        .unwrap_or_default()
}

/// A real supervisord is frozen before the stop reaches it, and goes on when the next run has asked it already, or when
/// its first question was in vain.
#[test]
fn a_frozen_supervisord_that_stops_after_the_kill_is_started_once_more() {
    thread::scope(|scope| {
        for frozen_for in [0, 2, 13] {
            scope.spawn(move || freeze(Duration::from_secs(frozen_for)));
        }
    });
}

fn freeze(frozen_for: Duration) {
    let supervisord = Supervisord::with()
        .program("web", "command=sleep 1000\nstartsecs=0\n")
        .start();
    let site = Site::start();
    let watchdogs = Watchdogs::of(supervisord.url());
    let freeze = format!(
        "[check.capture]\nrun = [\"kill -STOP $(cat {0}/supervisord.pid)\"]\nmin_free = 0",
        supervisord.dir().display()
    );
    let url = format!("{}/", site.origin());
    let healed = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_healed = std::sync::Arc::clone(&healed);
    site.answer("/", move || {
        match is_healed.load(std::sync::atomic::Ordering::Relaxed) {
            true => says("200 OK", "fine"),
            false => says("500 Oh", "no"),
        }
    });
    let first = watchdogs.watch("shop", &url, &freeze);
    // after the evidence it asks in vain whether the process is the same, and then for the stop
    first
        .err
        .wait("its stop", |err| err.contains("to be restarted"));
    thread::sleep(Duration::from_millis(300));
    kill(first);
    healed.store(true, std::sync::atomic::Ordering::Relaxed);
    let second = watchdogs.watch("shop", &url, "");
    thread::sleep(frozen_for);
    supervisord.signal(Signal::SIGCONT);
    wait_until("it was stopped", LIMIT, || {
        supervisord.log().contains("stopped: web")
    });
    supervisord.wait_for("web", "RUNNING");
    watchdogs.wait_for_mail(&second);
    watchdogs.settle();
    assert_eq!(supervisord.state("web"), "RUNNING", "{}", second.err.text());
    second.signal(Signal::SIGTERM);
    second.wait();
}
