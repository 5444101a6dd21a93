//! Reports on their way to people: what is told survives kills, corrected settings and damaged rows, in order. The
//! watchdog as a process, with a real service and real commands as sendmail; nothing is restarted here.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test, too")]

#[path = "reports/interrupted.rs"]
mod interrupted;
#[path = "support/program.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
mod program;
#[path = "support/site.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
mod site;
mod support;

use std::fs;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::Signal;
use program::{LIMIT, Program};
use site::{Site, says};
use support::wait_until;
use tempfile::TempDir;

const SENDMAIL: &str = "cat >> mails";
const BROKEN: &str = "cat > /dev/null; exit 75";

/// A service that is well or not, and the directory of its watchdog.
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
        stage
    }

    fn is_well(&self, well: bool) {
        self.well.store(well, Ordering::SeqCst);
    }

    /// One check, which restarts nothing, and mails through this command; with more of the file.
    fn configure(&self, sendmail: &str, more: &str) {
        let url = self.site.origin();
        let text = format!(
            "[defaults]\nevery = \"100ms\"\nfail_after = 2\ngrace = 0\n\
             [[check]]\nname = \"web\"\nurl = \"{url}/web\"\n\
             [mail]\nto = [\"ops@example.org\"]\nsendmail = {sendmail:?}\n{more}\n"
        );
        fs::write(self.dir.path().join("httpok.toml"), text).unwrap();
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

    fn watch(&self) -> Program {
        Program::start(&mut self.command(&["watch", "--config", "httpok.toml"]))
    }

    fn ask(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    fn kill(watchdog: Program) {
        watchdog.signal(Signal::SIGKILL);
        watchdog.wait();
    }

    fn mails(&self) -> String {
        fs::read_to_string(self.dir.path().join("mails")).unwrap_or_default()
    }

    fn subjects(&self) -> Vec<String> {
        let mails = self.mails();
        let subjects = mails
            .lines()
            .filter_map(|line| line.strip_prefix("Subject: "));
        subjects.map(str::to_owned).collect()
    }

    fn wait_for_mails(&self, watchdog: &Program, count: usize) -> Vec<String> {
        let said = || watchdog.err.text();
        let deadline = std::time::Instant::now() + LIMIT;
        while self.subjects().len() < count {
            let left = deadline > std::time::Instant::now();
            assert!(left, "{:?}; it says: {}", self.subjects(), said());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        self.subjects()
    }

    /// Waits until the check was probed so many times more.
    fn probed(&self, times: usize) {
        let before = self.site.count("/web");
        wait_until("it is probed", LIMIT, || {
            self.site.count("/web") >= before + times
        });
    }

    fn store(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.dir.path().join("state/httpok.db")).unwrap()
    }

    fn waiting(&self) -> u32 {
        let conn = self.store();
        let count = "SELECT count(*) FROM outbox WHERE state = 'pending'";
        conn.query_row(count, [], |row| row.get(0)).unwrap_or(0)
    }
}

/// What a report rests on is as safe as the report: a kill right behind it makes the next run neither tell it again
/// nor forget that people wait for the end.
#[test]
fn down_is_reported_once_and_recovered_follows_despite_kills() {
    let stage = Stage::new();
    stage.configure(SENDMAIL, "");
    for _ in 0..3 {
        let watchdog = stage.watch();
        stage.probed(4);
        stage.wait_for_mails(&watchdog, 1);
        Stage::kill(watchdog);
    }
    stage.is_well(true);
    let watchdog = stage.watch();
    let subjects = stage.wait_for_mails(&watchdog, 2);
    stage.probed(5);
    assert_eq!(stage.subjects().len(), 2, "{:?}", stage.subjects());
    assert!(subjects[0].contains("web is down"), "{subjects:?}");
    assert!(subjects[1].contains("web recovered"), "{subjects:?}");
    assert_eq!(stage.mails().matches("Message-ID:").count(), 2);
    let open = "SELECT count(*) FROM incidents WHERE ended IS NULL";
    let ended = || {
        let conn = stage.store();
        conn.query_row(open, [], |row| row.get::<_, u32>(0))
            .unwrap()
            == 0
    };
    wait_until("no incident is left open", LIMIT, ended);
}

/// A notifier has a name that outlives its settings: another server, another path, one recipient more.
#[test]
fn corrected_mail_settings_deliver_what_waits() {
    let stage = Stage::new();
    stage.configure(BROKEN, "");
    let watchdog = stage.watch();
    watchdog
        .err
        .wait("it is tried", |said| said.contains("it is tried again"));
    let file = stage.dir.path().join("httpok.toml");
    let text = fs::read_to_string(&file).unwrap();
    let text = text.replace(&format!("{BROKEN:?}"), &format!("{SENDMAIL:?}"));
    let more = text.replace(
        "\"ops@example.org\"",
        "\"ops@example.org\", \"boss@example.org\"",
    );
    fs::write(&file, more).unwrap();
    watchdog.signal(Signal::SIGHUP);
    stage.wait_for_mails(&watchdog, 1);
    assert!(stage.mails().contains("boss@example.org"));
    wait_until("nothing waits", LIMIT, || stage.waiting() == 0);
}

/// The same over a kill.
#[test]
fn corrected_mail_settings_deliver_what_waits_in_the_next_run() {
    let stage = Stage::new();
    stage.configure(BROKEN, "");
    let watchdog = stage.watch();
    watchdog
        .err
        .wait("it is tried", |said| said.contains("it is tried again"));
    Stage::kill(watchdog);
    stage.configure(SENDMAIL, "from = \"watch@example.org\"");
    let watchdog = stage.watch();
    stage.wait_for_mails(&watchdog, 1);
}

#[test]
fn messages_of_a_removed_webhook_are_reported_and_can_be_sent_or_dropped() {
    let stage = Stage::new();
    let hooks = "[[webhook]]\nurl = \"http://127.0.0.1:1/secret-token\"\n\
                 [[webhook]]\nurl = \"http://127.0.0.1:1/other-token\"\n";
    stage.configure(SENDMAIL, hooks);
    let watchdog = stage.watch();
    watchdog.err.wait("both are tried", |said| {
        said.matches("it is tried again").count() == 2
    });
    // one webhook fewer of two: what waits for it goes to no other
    let (first, _) = hooks
        .split_once("[[webhook]]\nurl = \"http://127.0.0.1:1/other")
        .unwrap();
    stage.configure(SENDMAIL, first);
    watchdog.signal(Signal::SIGHUP);
    let said = watchdog.err.wait("it is said", |said| {
        said.contains("which is not configured")
    });
    assert!(!said.contains("token"), "{said}");
    assert_eq!(said.matches("which is not configured").count(), 1);
    let json = String::from_utf8(stage.ask(&["status", "--json"]).stdout).unwrap();
    let status: serde_json::Value = serde_json::from_str(json.trim()).unwrap();
    let notifiers = status["notifiers"].as_array().unwrap();
    let gone: Vec<_> = notifiers
        .iter()
        .filter(|known| known["configured"] == false)
        .collect();
    assert_eq!(
        (gone.len(), gone[0]["pending"].as_u64()),
        (1, Some(1)),
        "{json}"
    );
    let name = gone[0]["name"].as_str().unwrap();
    let table = String::from_utf8(stage.ask(&["status"]).stdout).unwrap();
    assert!(table.contains(name), "{table}");
    // it is said at the start, too
    Stage::kill(watchdog);
    let watchdog = stage.watch();
    watchdog.err.wait("it is said again", |said| {
        said.contains("which is not configured")
    });
    let before = stage.subjects().len();
    let sent = stage.ask(&["notify", "send", name, "pager"]);
    assert_eq!(sent.status.code(), Some(3), "there is no such notifier");
    let sent = stage.ask(&["notify", "send", name, "mail"]);
    assert!(sent.status.success(), "{sent:?}");
    // the same report was mailed before: it is one and the same row, or a mail more
    wait_until("it does not wait any more", LIMIT, || {
        let json = String::from_utf8(stage.ask(&["status", "--json"]).stdout).unwrap();
        !json.contains("\"configured\":false")
    });
    stage.wait_for_mails(&watchdog, before + 1);
    stage.configure(SENDMAIL, "");
    watchdog.signal(Signal::SIGHUP);
    watchdog.err.wait("the other one is said", |said| {
        said.matches("which is not configured").count() == 2
    });
    let json = String::from_utf8(stage.ask(&["status", "--json"]).stdout).unwrap();
    let status: serde_json::Value = serde_json::from_str(json.trim()).unwrap();
    let gone = status["notifiers"].as_array().unwrap().iter();
    let name = gone
        .filter(|known| known["configured"] == false)
        .find_map(|known| known["name"].as_str())
        .unwrap();
    let dropped = stage.ask(&["notify", "drop", name]);
    assert!(dropped.status.success(), "{dropped:?}");
    assert_eq!(stage.waiting(), 0);
}

/// The last word is the newest one, also when the mail server was away in between.
#[test]
fn waiting_messages_arrive_in_order() {
    let stage = Stage::new();
    stage.configure("test -e open && cat >> mails || exit 75", "");
    let watchdog = stage.watch();
    for round in 0..3 {
        let said = move |what: &'static str| move |said: &str| said.matches(what).count() > round;
        stage.is_well(false);
        watchdog.err.wait("it is down", said("is down (incident"));
        stage.is_well(true);
        watchdog.err.wait("it is up", said("passes again"));
    }
    let shown = String::from_utf8(stage.ask(&["status"]).stdout).unwrap();
    assert!(shown.contains("6 reports wait for mail"), "{shown}");
    fs::write(stage.dir.path().join("open"), "").unwrap();
    let subjects = stage.wait_for_mails(&watchdog, 6);
    for pair in subjects.chunks(2) {
        assert!(
            pair[0].contains("is down") && pair[1].contains("recovered"),
            "{subjects:?}"
        );
    }
}

/// One row that cannot be read is set aside, and said; the others are delivered.
#[test]
fn unreadable_row_delays_no_other() {
    let stage = Stage::new();
    stage.configure(BROKEN, "");
    let watchdog = stage.watch();
    watchdog
        .err
        .wait("it is tried", |said| said.contains("it is tried again"));
    Stage::kill(watchdog);
    let damage = "UPDATE outbox SET message = CAST(x'ff' AS TEXT)";
    stage.store().execute(damage, []).unwrap();
    stage.configure(SENDMAIL, "");
    stage.is_well(true);
    let watchdog = stage.watch();
    let subjects = stage.wait_for_mails(&watchdog, 1);
    assert!(subjects[0].contains("recovered"), "{subjects:?}");
    watchdog.err.wait("it is said", |said| {
        said.contains("cannot be read and were set aside")
    });
}

#[test]
fn second_watchdog_of_one_file_refuses_to_start_and_names_the_first() {
    let stage = Stage::new();
    stage.configure(SENDMAIL, "");
    let first = stage.watch();
    stage.probed(1);
    let pid = format!("process {}", first.id());
    for words in [
        &["watch", "--config", "httpok.toml"][..],
        &["watch", "--once", "--config", "httpok.toml"],
    ] {
        let second = stage.ask(words);
        let said = String::from_utf8(second.stderr).unwrap();
        assert!(said.contains(&pid), "{words:?}: {said}");
        assert!(!second.status.success());
    }
    stage.wait_for_mails(&first, 1);
    Stage::kill(first);
    // a killed one holds nothing
    let next = stage.watch();
    stage.probed(3);
    assert!(!next.err.text().contains("another watchdog"));
}

/// Adds `millis` to every moment in what a run remembered; everything of that size is one.
fn move_moments(value: &mut serde_json::Value, millis: i64) {
    match value {
        serde_json::Value::Number(number) => {
            if let Some(moment) = number.as_i64().filter(|number| *number > 1_700_000_000_000) {
                *value = (moment + millis).into();
            }
        }
        serde_json::Value::Array(values) => {
            values
                .iter_mut()
                .for_each(|value| move_moments(value, millis));
        }
        serde_json::Value::Object(values) => {
            values
                .values_mut()
                .for_each(|value| move_moments(value, millis));
        }
        _ => {}
    }
}

/// The run before had a clock that was years ahead: what it remembered counts from now on.
#[test]
fn memory_of_a_run_with_a_wrong_clock_counts_from_now() {
    const TEN_YEARS: i64 = 10 * 365 * 24 * 3600 * 1000;
    let stage = Stage::new();
    stage.configure(BROKEN, "");
    let watchdog = stage.watch();
    watchdog
        .err
        .wait("it is tried", |said| said.contains("it is tried again"));
    let paused = stage.ask(&["pause", "web", "--for", "30m"]);
    assert!(paused.status.success(), "{paused:?}");
    watchdog.signal(Signal::SIGTERM);
    watchdog.wait();
    let conn = stage.store();
    let memory: String = conn
        .query_row("SELECT memory FROM memories", [], |row| row.get(0))
        .unwrap();
    let mut memory: serde_json::Value = serde_json::from_str(&memory).unwrap();
    move_moments(&mut memory, TEN_YEARS);
    conn.execute("UPDATE memories SET memory = ?1", [memory.to_string()])
        .unwrap();
    conn.execute(
        "UPDATE outbox SET created = created + ?1, next_attempt = next_attempt + ?1, \
         reserved_until = reserved_until + ?1",
        [TEN_YEARS],
    )
    .unwrap();
    drop(conn);
    stage.configure(SENDMAIL, "");
    let watchdog = stage.watch();
    stage.wait_for_mails(&watchdog, 1);
    watchdog
        .err
        .wait("it is said", |said| said.contains("ahead of this one"));
    let json = String::from_utf8(stage.ask(&["status", "--json"]).stdout).unwrap();
    let status: serde_json::Value = serde_json::from_str(json.trim()).unwrap();
    let until = status["snapshot"]["checks"][0]["pause"]["until"].clone();
    let until = humantime::parse_rfc3339(until.as_str().unwrap()).unwrap();
    let left = until.duration_since(std::time::SystemTime::now()).unwrap();
    let minutes = left.as_secs() / 60;
    assert!((20..=30).contains(&minutes), "{minutes} minutes are left");
}

/// No thread can be started for a while: that costs the tries of that time, and nothing after it.
#[test]
fn shortage_of_threads_ends_without_a_restart() {
    use std::os::unix::process::CommandExt;
    assert!(
        nix::unistd::geteuid().is_root(),
        "another user's limit takes root"
    );
    // processes and threads are counted by user: one that nobody else is
    let uid = 61_000 + std::process::id() % 1000;
    let stage = Stage::new();
    stage.is_well(true);
    let hook = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = hook.local_addr().unwrap().port();
    let hooked = Arc::new(AtomicBool::new(false));
    let posted = Arc::clone(&hooked);
    std::thread::spawn(move || {
        for mut stream in hook.incoming().flatten() {
            use std::io::{Read, Write};
            let mut chunk = [0; 4096];
            let _ = stream.read(&mut chunk);
            posted.store(true, Ordering::SeqCst);
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    let hook = format!("[[webhook]]\nurl = \"http://localhost:{port}/\"\n");
    stage.configure("true", &hook);
    // a state directory that others could change would not be trusted
    let user = nix::unistd::Uid::from_raw(uid);
    let group = nix::unistd::Gid::from_raw(uid);
    for path in [
        stage.dir.path().to_owned(),
        stage.dir.path().join("httpok.toml"),
    ] {
        nix::unistd::chown(&path, Some(user), Some(group)).unwrap();
    }
    let binary = stage.dir.path().join("httpok");
    fs::copy(env!("CARGO_BIN_EXE_httpok"), &binary).unwrap();
    let mut command = Command::new(&binary);
    command
        .args(["watch", "--config", "httpok.toml"])
        .env("STATE_DIRECTORY", stage.dir.path().join("state"))
        .current_dir(stage.dir.path())
        .uid(uid)
        .gid(uid);
    let watchdog = Program::start(&mut command);
    stage.probed(2);
    let resource = nix::sys::resource::Resource::RLIMIT_NPROC;
    let (soft, _) = nix::sys::resource::getrlimit(resource).unwrap();
    // by the same user: for another one's process it takes a capability that not every root has
    let limit = |most: u64| {
        let mut command = Command::new("prlimit");
        let most = match most {
            nix::libc::RLIM_INFINITY => "unlimited".to_owned(),
            most => most.to_string(),
        };
        command
            .args(["--pid", &watchdog.id().to_string()])
            .arg(format!("--nproc={most}:"))
            .uid(uid)
            .gid(uid);
        assert!(command.status().unwrap().success());
    };
    limit(1);
    stage.is_well(false);
    watchdog
        .err
        .wait("it is down", |said| said.contains("is down (incident"));
    stage.probed(5);
    assert!(!hooked.load(Ordering::SeqCst));
    limit(soft);
    wait_until("the webhook is called", LIMIT, || {
        hooked.load(Ordering::SeqCst)
    });
    stage.probed(5);
    watchdog.signal(Signal::SIGTERM);
    assert!(watchdog.wait().status.success());
}
