//! The commands around a running watchdog: status, pause, resume, restart, reset, reload, explain, and the
//! journal. The real program, a real service, a real supervisord.

#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "control/confirm.rs"]
mod confirm;
#[path = "control/history.rs"]
mod history;
#[path = "control/kept.rs"]
mod kept;
#[path = "control/of_file.rs"]
mod of_file;
#[allow(dead_code, reason = "not all of it is used here")]
#[path = "support/pty.rs"]
mod pty;
#[allow(dead_code, reason = "not all of it is used here")]
#[path = "cli/server.rs"]
mod server;
mod support;
#[path = "control/taken.rs"]
mod taken;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use server::{Server, response};
use support::supervisord::Supervisord;
use support::wait_until;

const LIMIT: Duration = Duration::from_secs(30);

/// What a run left behind.
#[derive(Debug)]
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(words: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_httpok"))
        .args(words)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("text"),
        err: String::from_utf8(output.stderr).expect("text"),
    }
}

/// A service that is well or not, as the test wants.
struct Service {
    server: Server,
    well: Arc<AtomicBool>,
}

impl Service {
    fn start() -> Self {
        let well = Arc::new(AtomicBool::new(true));
        let says = Arc::clone(&well);
        let server = Server::answering(move |_| match says.load(Ordering::SeqCst) {
            true => response(200, "all fine"),
            false => response(500, "out of order"),
        });
        Self { server, well }
    }

    fn is_well(&self, well: bool) {
        self.well.store(well, Ordering::SeqCst);
    }
}

/// A watchdog that runs, with its configuration and state in a directory of its own.
struct Watchdog {
    dir: TempDir,
    children: Vec<Child>,
}

impl Watchdog {
    /// With `text` as its configuration.
    fn start(text: &str) -> Self {
        let mut watchdog = Self {
            dir: tempfile::tempdir().expect("a directory"),
            children: Vec::new(),
        };
        watchdog.launch("httpok.toml", text);
        watchdog
    }

    /// Starts one more in the same state directory and waits until it answers.
    fn launch(&mut self, name: &str, text: &str) {
        self.write(name, text);
        let answering = self.answering();
        self.spawn(name);
        wait_until("a watchdog answers", LIMIT, || self.answering() > answering);
    }

    /// Starts one with the configuration that is there.
    fn spawn(&mut self, name: &str) {
        let log = std::fs::File::create(self.dir.path().join("log")).expect("a log");
        let child = Command::new(env!("CARGO_BIN_EXE_httpok"))
            .args(["watch", "--config"])
            .arg(self.dir.path().join(name))
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        self.children.push(child);
    }

    fn answering(&self) -> usize {
        let run = self.ask(&["status", "--json"]);
        run.out.lines().count()
    }

    fn write(&self, name: &str, text: &str) {
        let state = self.state();
        let text = format!("state_dir = {state:?}\n{text}");
        std::fs::write(self.dir.path().join(name), text).expect("written");
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).expect("a log")
    }

    /// Runs a command against its state directory.
    fn ask(&self, words: &[&str]) -> Run {
        let state = self.state();
        let place = ["--state-dir", state.to_str().expect("text")];
        run(&[words, &place].concat())
    }

    /// Runs a command that is to go well; what it said.
    fn done(&self, words: &[&str]) -> String {
        let run = self.ask(words);
        assert_eq!(
            (run.code, run.err.as_str()),
            (Some(0), ""),
            "{words:?}: {run:?}"
        );
        run.out
    }

    /// The first check as `status --json` has it.
    fn check(&self) -> Value {
        let out = self.done(&["status", "--json"]);
        let first = out.lines().next().expect("a line");
        let status: Value = serde_json::from_str(first).expect("JSON");
        status["snapshot"]["checks"][0].clone()
    }

    fn wait(&self, what: &str, mut fits: impl FnMut(&Value) -> bool) {
        let mut last = Value::Null;
        let mut reached = || {
            last = self.check();
            fits(&last)
        };
        wait_until(what, LIMIT, &mut reached);
    }

    fn sockets(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.state()).expect("a directory");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let mut sockets: Vec<_> = paths
            .filter(|path| path.extension().is_some_and(|ext| ext == "sock"))
            .collect();
        sockets.sort();
        sockets
    }

    /// Ends the first one with `signal` and waits until it has.
    fn end(&mut self, signal: nix::sys::signal::Signal) {
        let mut child = self.children.remove(0);
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
        nix::sys::signal::kill(pid, signal).expect("it lives");
        wait_until("the watchdog has ended", LIMIT, || {
            child.try_wait().expect("a status").is_some()
        });
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("the watchdog's log:\n{}", self.log());
        }
    }
}

/// A check of `url` that is asked often and restarts `program`, with nothing that would slow a test down.
fn check(name: &str, url: &str, restart: &str) -> String {
    format!(
        "[[check]]\nname = {name:?}\nurl = {url:?}\nevery = \"100ms\"\nfail_after = 3\ngrace = \"0s\"\n\
         backoff = {{ min = \"200ms\", max = \"1s\" }}\nrestarts = \"3/10m\"\nrestart = [{restart}]\n"
    )
}

fn supervised(supervisord: &Supervisord, check: &str) -> String {
    format!(
        "{check}\n[supervisor.supervisord]\nurl = {:?}\n",
        supervisord.url()
    )
}

#[test]
fn command_without_a_watchdog_reports_that_none_runs() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().to_str().expect("text");
    for words in [
        vec!["status"],
        vec!["pause", "shop"],
        vec!["resume", "shop"],
        vec!["restart", "shop"],
        vec!["reset", "shop"],
        vec!["reload"],
    ] {
        for place in ["--state-dir", "--socket"] {
            let run = run(&[&words[..], &[place, path]].concat());
            // a directory is no socket, and says so in its own words
            assert_eq!(
                (run.code, run.out.as_str()),
                (Some(3), ""),
                "{words:?}: {run:?}"
            );
            assert!(run.err.contains(words[0]), "{run:?}");
        }
        let run = run(&[&words[..], &["--state-dir", path]].concat());
        let expected = format!("no watchdog answers at {path}: is it running?");
        assert!(run.err.contains(&expected), "{run:?}");
    }
}

#[test]
fn operator_can_list_pause_resume_and_reset() {
    let service = Service::start();
    let shop = check("shop", &service.server.url("/"), "");
    let watchdog = Watchdog::start(&shop);
    watchdog.wait("it is up", |check| check["status"] == "up");

    let table = watchdog.done(&["status"]);
    let lines: Vec<_> = table.lines().collect();
    assert!(
        lines[0].starts_with("CHECK") && lines[0].contains("LAST PROBE"),
        "{table}"
    );
    assert!(
        lines[1].starts_with("shop") && lines[1].contains("✓ up"),
        "{table}"
    );
    assert!(lines[1].contains("pass (200)"), "{table}");
    assert!(!table.contains('\x1b'), "no colours in a pipe");

    let said = watchdog.done(&["pause", "shop", "--for", "30m", "--reason", "deploying 2.1"]);
    assert!(
        said.contains("until ") && said.contains("deploying 2.1"),
        "{said}"
    );
    let paused = watchdog.check();
    assert_eq!(paused["pause"]["reason"], "deploying 2.1");
    let date = |moment: &Value| {
        let text = moment.as_str().expect("a moment");
        humantime::parse_rfc3339(text).expect("RFC 3339")
    };
    let left = date(&paused["pause"]["until"])
        .duration_since(date(&paused["last"]["at"]))
        .expect("it ends after the last probe");
    let minutes = |count: u64| Duration::from_secs(count * 60);
    assert!((minutes(29)..minutes(31)).contains(&left), "{left:?}");
    assert!(watchdog.done(&["status", "shop"]).contains("paused until"));

    assert!(
        watchdog
            .done(&["resume", "shop"])
            .contains("shop is neither paused nor silenced")
    );
    assert_eq!(watchdog.check()["pause"], Value::Null);
    assert!(watchdog.done(&["reset", "shop"]).contains("begin anew"));

    // a pause ends by itself, too
    watchdog.done(&["pause", "shop", "--for", "300ms"]);
    watchdog.wait("the pause is over", |check| check["pause"].is_null());

    for words in [
        &["pause", "shp"][..],
        &["status", "shp"],
        &["restart", "shp"],
    ] {
        let run = watchdog.ask(words);
        assert_eq!(run.code, Some(3), "{run:?}");
        assert!(run.err.contains("did you mean \"shop\"?"), "{run:?}");
    }
    let run = watchdog.ask(&["restart", "shop"]);
    assert_eq!(run.code, Some(3), "{run:?}");
    assert!(run.err.contains("the check restarts nothing"), "{run:?}");
}

/// The names of the checks of all watchdogs that are paused, sorted.
fn paused(watchdogs: &Watchdog) -> Vec<String> {
    let status = watchdogs.done(&["status", "--json"]);
    let mut names = Vec::new();
    for line in status.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let checks = line["snapshot"]["checks"].as_array().expect("checks");
        let with_pause = checks.iter().filter(|check| !check["pause"].is_null());
        names.extend(with_pause.map(|check| check["name"].as_str().expect("text").to_owned()));
    }
    names.sort();
    names
}

#[test]
fn commands_take_several_checks_patterns_and_all() {
    let service = Service::start();
    let url = service.server.url("/");
    let checks = |names: &[&str]| {
        let checks = names.iter().map(|name| check(name, &url, ""));
        checks.collect::<Vec<_>>().join("\n")
    };
    let mut watchdogs = Watchdog::start(&checks(&["shop-1", "shop-2", "till"]));
    watchdogs.launch("other.toml", &checks(&["shop-3", "database"]));

    let said = watchdogs.done(&["pause", "till", "shop-1", "till", "--reason", "move"]);
    assert_eq!(said.lines().count(), 2, "each once: {said}");
    assert!(said.starts_with("till is probed"), "as asked: {said}");
    assert_eq!(paused(&watchdogs), ["shop-1", "till"]);

    // a pattern means the checks of every watchdog
    let said = watchdogs.done(&["resume", "--all"]);
    assert_eq!(said.lines().count(), 5, "{said}");
    assert!(paused(&watchdogs).is_empty());
    watchdogs.done(&["pause", "shop*", "--for", "30m"]);
    assert_eq!(paused(&watchdogs), ["shop-1", "shop-2", "shop-3"]);
    let said = watchdogs.done(&["reset", "shop-[12]", "data?ase"]);
    assert_eq!(said.lines().count(), 3, "{said}");

    // one wrong word, and nothing is changed
    for (words, part) in [
        (&["resume", "shop-1", "tilll"][..], "did you mean \"till\"?"),
        (
            &["resume", "shop*", "x*"],
            "no check fits \"x*\"; there are: ",
        ),
        (&["resume", "shop*", "[x"], "\"[x\" is not a pattern"),
    ] {
        let run = watchdogs.ask(words);
        assert_eq!(run.code, Some(3), "{run:?}");
        assert!(run.err.contains(part), "{run:?}");
        assert_eq!(paused(&watchdogs), ["shop-1", "shop-2", "shop-3"]);
    }

    // what is refused is said of every check
    let run = watchdogs.ask(&["restart", "--all", "--yes"]);
    assert_eq!(run.code, Some(3), "{run:?}");
    let refused = run.err.matches("the check restarts nothing").count();
    assert_eq!(refused, 5, "{run:?}");

    for words in [&["pause"][..], &["pause", "--all", "till"]] {
        let run = watchdogs.ask(words);
        assert_ne!(run.code, Some(0), "{run:?}");
        assert!(run.err.contains("--all"), "{run:?}");
    }
}

#[test]
fn pause_holds_a_restart_and_outlives_the_watchdog() {
    let service = Service::start();
    let supervisord = Supervisord::with()
        .program("shop", "command=sleep 1000")
        .start();
    supervisord.wait_for("shop", "RUNNING");
    let shop = supervised(
        &supervisord,
        &check("shop", &service.server.url("/"), "\"shop\""),
    );
    let mut watchdog = Watchdog::start(&shop);
    watchdog.wait("it is up", |check| check["status"] == "up");
    let pid = supervisord.pid("shop");
    watchdog.done(&["pause", "shop", "--reason", "deploy"]);
    service.is_well(false);
    watchdog.wait("it is held back", |check| {
        let held = check["held"].as_str().unwrap_or_default();
        held.contains("the check is paused: deploy")
    });
    watchdog.end(nix::sys::signal::Signal::SIGTERM);
    assert!(
        watchdog.sockets().is_empty(),
        "the socket goes with its watchdog"
    );

    watchdog.launch("httpok.toml", &shop);
    watchdog.wait("it is asked", |check| !check["last"].is_null());
    assert_eq!(watchdog.check()["pause"]["reason"], "deploy");
    assert_eq!(supervisord.pid("shop"), pid);

    // a person may restart it all the same
    let said = watchdog.done(&["restart", "shop"]);
    assert!(said.contains("shop: restarting shop"), "{said}");
    wait_until("another process runs", LIMIT, || {
        supervisord.state("shop") == "RUNNING" && supervisord.pid("shop") != pid
    });
    service.is_well(true);
    watchdog.wait("it is up again", |check| {
        check["status"] == "up" && check["incident"].is_null()
    });
    assert_eq!(watchdog.check()["counts"]["restarted"], 1);
    watchdog.done(&["resume", "shop"]);
}

#[test]
fn healthy_service_is_restarted_manually_and_explained() {
    let service = Service::start();
    let supervisord = Supervisord::with()
        .program("shop", "command=sleep 1000")
        .start();
    supervisord.wait_for("shop", "RUNNING");
    let journal = supervisord.dir().join("journal");
    let shop = format!(
        "journal = {journal:?}\n{}",
        supervised(
            &supervisord,
            &check("shop", &service.server.url("/"), "\"shop\"")
        )
    );
    let mut watchdog = Watchdog::start(&shop);
    watchdog.wait("it is up", |check| check["status"] == "up");
    let pid = supervisord.pid("shop");
    watchdog.done(&["restart", "shop"]);
    watchdog.wait("it was restarted", |check| {
        check["counts"]["restarted"] == 1
    });
    assert_ne!(supervisord.pid("shop"), pid);
    watchdog.wait("the episode is over", |check| check["incident"].is_null());

    // then it fails by itself
    service.is_well(false);
    watchdog.wait("it was restarted again", |check| {
        check["counts"]["restarted"] == 2
    });
    service.is_well(true);
    watchdog.wait("it is up again", |check| {
        check["status"] == "up" && check["incident"].is_null()
    });
    watchdog.end(nix::sys::signal::Signal::SIGTERM);

    // no watchdog runs, and the story is told
    let reported = watchdog.done(&["explain", "shop"]);
    for words in [
        "shop: incident ",
        "over after ",
        "1 restart, 2 reports",
        "xxxR",
        "[fail 1 of 3]",
        "[fail 3 of 3]",
        "down: the threshold is reached",
        "nothing holds it back: restart, attempt",
        "shop stopped, took ",
        "shop started, took ",
        "shop is RUNNING",
        "restarted: shop",
        "passes again",
        "report 1 (down) is made",
    ] {
        assert!(reported.contains(words), "{words}\n{reported}");
    }
    let all = watchdog.done(&["explain", "shop", "--all"]);
    assert!(
        all.contains(", manual") && all.contains("a person has it restarted"),
        "{all}"
    );
    assert_eq!(all.matches(": incident ").count(), 2, "{all}");
    let json = watchdog.done(&["explain", "shop", "--json"]);
    let story: Value = serde_json::from_str(json.trim()).expect("JSON");
    assert_eq!(story["incident"]["check"], "shop");
    let id = story["incident"]["id"].as_str().expect("an id");
    assert_eq!(watchdog.done(&["explain", "--incident", id]), reported);

    let unknown = watchdog.ask(&["explain", "shpo"]);
    assert_eq!(unknown.code, Some(3), "{unknown:?}");
    assert!(
        unknown.err.contains("did you mean \"shop\"?"),
        "{unknown:?}"
    );

    replayed(&watchdog, &journal);
}

/// The journal leads to the same decisions again, and another configuration to others.
fn replayed(watchdog: &Watchdog, journal: &Path) {
    let mode = std::fs::metadata(journal).expect("a journal").permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let config = watchdog.dir.path().join("httpok.toml");
    let (config, journal) = (
        config.to_str().expect("text"),
        journal.to_str().expect("text"),
    );
    let same = run(&["simulate", "--config", config, journal]);
    assert_eq!(same.code, Some(0), "{same:?}");
    assert!(
        !same.out.contains("+ now") && !same.out.contains("- then"),
        "{same:?}"
    );
    assert!(same.out.contains("restarted: 2,"), "{same:?}");

    let text = std::fs::read_to_string(config).expect("text");
    let patient = text.replace("fail_after = 3", "fail_after = 1000");
    watchdog.write("patient.toml", patient.split_once('\n').expect("lines").1);
    let patient = watchdog.dir.path().join("patient.toml");
    let other = run(&[
        "simulate",
        "--config",
        patient.to_str().expect("text"),
        journal,
    ]);
    assert_eq!(other.code, Some(1), "{other:?}");
    assert!(other.out.contains("- then shop: is down"), "{other:?}");
    let third = other
        .out
        .lines()
        .find(|line| line.ends_with("[fail 3 of 1000]"));
    assert!(
        third.is_some_and(|line| line.contains("s shop: fail (status)")),
        "another threshold alone is no difference: {other:?}"
    );

    // the decisions alone are a trace as well
    let trace = watchdog.done(&["explain", "shop", "--trace"]);
    let file = watchdog.dir.path().join("trace.jsonl");
    std::fs::write(&file, trace).expect("written");
    let again = run(&["simulate", "--config", config, file.to_str().expect("text")]);
    assert_eq!(again.code, Some(0), "{again:?}");
    assert!(again.out.contains("restarting manually"), "{again:?}");
    assert!(again.out.contains("[fail 3 of 3]"), "{again:?}");
}

#[test]
fn reload_applies_only_a_valid_configuration() {
    let service = Service::start();
    let shop = check("shop", &service.server.url("/"), "");
    let watchdog = Watchdog::start(&shop);
    watchdog.wait("it is up", |check| check["status"] == "up");

    watchdog.write(
        "httpok.toml",
        "[[check]]\nname = \"shop\"\nurl = \"no url\"\n",
    );
    let run = watchdog.ask(&["reload"]);
    assert_eq!(run.code, Some(3), "{run:?}");
    assert!(
        run.err.contains("is not taken") && run.err.contains("url"),
        "{run:?}"
    );
    watchdog.wait("it goes on", |check| check["status"] == "up");
    let table = watchdog.done(&["status"]);
    let first = table.lines().next().expect("a line");
    assert!(
        first.starts_with("the configuration file was refused ")
            && first.contains("httpok.toml:4:"),
        "{table}"
    );
    let refused = || {
        let status: Value = serde_json::from_str(&watchdog.done(&["status", "--json"])).unwrap();
        status["snapshot"]["config"]["refused"]["why"].clone()
    };
    let why = refused().to_string();
    assert!(why.contains("no url"), "{why}");

    let till = check("till", &service.server.url("/till"), "");
    watchdog.write("httpok.toml", &format!("{shop}\n{till}"));
    let said = watchdog.done(&["reload"]);
    assert!(
        said.contains("has the new configuration: 2 checks"),
        "{said}"
    );
    assert_eq!(
        watchdog.check()["status"],
        "up",
        "an equal check keeps its state"
    );
    let table = watchdog.done(&["status"]);
    assert_eq!(table.lines().count(), 3, "{table}");
    assert_eq!(refused(), Value::Null, "a reload that succeeds ends it");
}

/// It is there, and says nothing: nobody waits for it for long, and what it is is said.
#[test]
fn stopped_watchdog_is_named_soon() {
    let service = Service::start();
    let mut watchdog = Watchdog::start(&check("shop", &service.server.url("/"), ""));
    let status: Value = serde_json::from_str(&watchdog.done(&["status", "--json"])).unwrap();
    let pid = status["pid"].as_u64().unwrap();
    let signal = |signal| {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    };
    signal(nix::sys::signal::SIGSTOP);
    let began = std::time::Instant::now();
    for words in [&["status"][..], &["stop", "shop"], &["reload"]] {
        let run = watchdog.ask(words);
        assert_eq!(run.code, Some(3), "{words:?}: {run:?}");
        let says = format!("its process {pid} was stopped by a signal");
        assert!(run.err.contains(&says), "{words:?}: {run:?}");
    }
    // one alone took 30 s
    let took = began.elapsed();
    assert!(took < Duration::from_secs(29), "{took:?}");
    signal(nix::sys::signal::SIGCONT);
    watchdog.launch("other.toml", &check("till", &service.server.url("/"), ""));
    signal(nix::sys::signal::SIGSTOP);
    let run = watchdog.ask(&["status"]);
    assert!(
        run.out.contains("till") && run.out.contains("was stopped by a signal"),
        "{run:?}"
    );
    let run = watchdog.ask(&["reload"]);
    assert_eq!(run.code, Some(3), "one did not reload: {run:?}");
    signal(nix::sys::signal::SIGCONT);
}

#[test]
fn two_watchdogs_share_a_state_directory_after_one_is_killed() {
    let service = Service::start();
    let (shop, till) = (
        check("shop", &service.server.url("/"), ""),
        check("till", &service.server.url("/"), ""),
    );
    let mut watchdogs = Watchdog::start(&shop);
    watchdogs.launch(
        "other.toml",
        &format!("{till}\n{}", check("both", &service.server.url("/"), "")),
    );
    let sockets = watchdogs.sockets();
    assert_eq!(sockets.len(), 2);
    for socket in &sockets {
        let mode = std::fs::metadata(socket).expect("a socket").permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }
    let mode = std::fs::metadata(watchdogs.state()).expect("a directory");
    assert_eq!(mode.permissions().mode() & 0o777, 0o700);

    // each check is found at the watchdog that has it
    watchdogs.done(&["pause", "shop"]);
    watchdogs.done(&["pause", "till"]);
    assert_eq!(watchdogs.done(&["status", "till"]).lines().count(), 2);

    // killed, the first one leaves its socket behind; nobody minds, and its next run takes it over
    watchdogs.end(nix::sys::signal::Signal::SIGKILL);
    assert_eq!(watchdogs.sockets().len(), 2);
    let run = watchdogs.ask(&["resume", "shop"]);
    assert_eq!(run.code, Some(3), "{run:?}");
    watchdogs.done(&["resume", "till"]);
    watchdogs.launch("httpok.toml", &shop);
    assert_eq!(watchdogs.sockets(), sockets);
    watchdogs.done(&["status", "shop"]);

    // a check that two have is asked for at one of them
    let again = check("shop", &service.server.url("/"), "");
    watchdogs.launch("third.toml", &again);
    let run = watchdogs.ask(&["pause", "shop"]);
    assert_eq!(run.code, Some(3), "{run:?}");
    assert!(run.err.contains("choose one with --socket"), "{run:?}");
    let socket = sockets[0].to_str().expect("text");
    let status = self::run(&["status", "--json", "--socket", socket]);
    assert_eq!(status.out.lines().count(), 1, "{status:?}");
}

#[test]
fn control_socket_speaks_lines_and_survives_garbage() {
    let service = Service::start();
    let watchdog = Watchdog::start(&check("shop", &service.server.url("/"), ""));
    let socket = &watchdog.sockets()[0];
    let stream = UnixStream::connect(socket).expect("it listens");
    stream.set_read_timeout(Some(LIMIT)).expect("set");
    let mut lines = BufReader::new(stream.try_clone().expect("a copy")).lines();
    let mut ask = |text: &str| -> Value {
        (&stream)
            .write_all(format!("{text}\n").as_bytes())
            .expect("sent");
        let line = lines.next().expect("an answer").expect("text");
        serde_json::from_str(&line).expect("JSON")
    };
    for (text, fault) in [
        ("nonsense", "bad_request"),
        ("{\"version\":7,\"ask\":\"status\"}", "version"),
        ("{\"version\":1,\"ask\":\"dance\"}", "bad_request"),
        (
            "{\"version\":1,\"ask\":\"pause\",\"check\":\"nosuch\"}",
            "unknown_check",
        ),
    ] {
        let answer = ask(text);
        assert_eq!(
            (&answer["answer"], &answer["fault"]),
            (&json!("error"), &json!(fault)),
            "{text}"
        );
    }
    let unknown = ask("{\"version\":1,\"ask\":\"reset\",\"check\":\"nosuch\"}");
    assert_eq!(unknown["checks"], json!(["shop"]));
    let status = ask("{\"version\":1,\"ask\":\"status\"}");
    assert_eq!(
        (&status["version"], &status["answer"]),
        (&json!(1), &json!("status"))
    );
    assert_eq!(status["pid"], watchdog.children[0].id());

    // a line without an end is bounded; whoever sends it is told, and hung up on
    let endless = UnixStream::connect(socket).expect("it listens");
    endless.set_read_timeout(Some(LIMIT)).expect("set");
    let _ = (&endless).write_all(&[b'x'; 100_000]);
    let mut answer = String::new();
    let _ = BufReader::new(&endless).read_line(&mut answer);
    assert!(
        answer.contains("no longer than") || answer.is_empty(),
        "{answer}"
    );

    // a crowd that says nothing keeps nobody out, while it is there and when it goes
    let crowd: Vec<_> = (0..40)
        .filter_map(|_| UnixStream::connect(socket).ok())
        .collect();
    assert_eq!(crowd.len(), 40);
    watchdog.wait("it answers in the crowd", |check| check["status"] == "up");
    drop(crowd);
    watchdog.wait("it goes on", |check| check["status"] == "up");
}

#[test]
fn unusable_control_socket_is_reported_and_stops_nothing() {
    let service = Service::start();
    let dir = tempfile::tempdir().expect("a directory");
    let state = dir.path().join("a".repeat(120));
    let config = dir.path().join("httpok.toml");
    let text = format!(
        "state_dir = {state:?}\n{}",
        check("shop", &service.server.url("/"), "")
    );
    std::fs::write(&config, text).expect("written");
    let log = dir.path().join("log");
    let mut child = Command::new(env!("CARGO_BIN_EXE_httpok"))
        .args(["watch", "--config"])
        .arg(&config)
        .env_clear()
        .stdin(Stdio::null())
        .stderr(std::fs::File::create(&log).expect("a log"))
        .spawn()
        .expect("the program starts");
    wait_until("it asks", LIMIT, || service.server.asked().len() > 2);
    child.kill().expect("it lives");
    child.wait().expect("it ends");
    let log = std::fs::read_to_string(&log).expect("text");
    assert_eq!(log.matches("cannot be controlled").count(), 1, "{log}");
}
