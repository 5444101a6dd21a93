//! kill -9 in seven modes: in a restart, in the run that takes over, while the store is created, in a delivery, with cut
//! connections to the supervisor, behind SIGTERM, and of two watchdogs of the same process. In each nothing is left down,
//! every restart is named in a mail, and no report is lost. Duplicates are counted: a message that was handed over in the
//! moment of the kill is sent again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::program::Program;
use crate::scripted::{Mishap, Scripted};
use crate::site::{Site, says};
use crate::{number, random};

/// What the last run of a round has to do is done within so long, on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// How long a stop and a start take.
const STOP: Duration = Duration::from_millis(40);
const START: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mode {
    Restart,
    Recovery,
    NewStore,
    Delivery,
    CutLinks,
    Sigterm,
    Two,
}

const MODES: [Mode; 7] = [
    Mode::Restart,
    Mode::Recovery,
    Mode::NewStore,
    Mode::Delivery,
    Mode::CutLinks,
    Mode::Sigterm,
    Mode::Two,
];

/// What came of the rounds of a mode.
#[derive(Debug, Default)]
struct Tally {
    rounds: u64,
    /// Those in which a stop had been asked for when the first run was killed.
    begun: u64,
    down: u64,
    unnamed: u64,
    lost: u64,
    /// Messages that came more than once, and all messages.
    duplicates: u64,
    messages: u64,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.rounds += other.rounds;
        self.begun += other.begun;
        self.down += other.down;
        self.unnamed += other.unnamed;
        self.lost += other.lost;
        self.duplicates += other.duplicates;
        self.messages += other.messages;
    }
}

#[test]
fn nothing_is_left_down_unnamed_or_lost_in_any_mode() {
    let rounds = number("SURVIVAL_MODES", 21);
    let seed = number("SURVIVAL_SEED", 1);
    println!("SURVIVAL_MODES={rounds} SURVIVAL_SEED={seed}");
    let next = AtomicU64::new(0);
    let tallies: Mutex<BTreeMap<Mode, Tally>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..number("SURVIVAL_THREADS", 6) {
            scope.spawn(|| {
                loop {
                    let round = next.fetch_add(1, Ordering::Relaxed);
                    if round >= rounds {
                        return;
                    }
                    let mode = MODES[usize::try_from(round % 7).unwrap()];
                    let mut stage = Stage::new(mode, seed, round);
                    stage.play();
                    let tally = stage.judge();
                    tallies.lock().unwrap().entry(mode).or_default().add(&tally);
                }
            });
        }
    });
    let tallies = tallies.into_inner().unwrap();
    let mut faults = 0;
    for (mode, tally) in &tallies {
        println!("{mode:?}: {tally:?}");
        faults += tally.down + tally.unnamed + tally.lost;
    }
    let sum = |of: fn(&Tally) -> u64| tallies.values().map(of).sum::<u64>();
    let (twice, messages) = (sum(|tally| tally.duplicates), sum(|tally| tally.messages));
    assert!(
        twice * 10 <= messages,
        "{twice} of {messages} were sent twice"
    );
    let begun: u64 = tallies.values().map(|tally| tally.begun).sum();
    assert!(begun > 0, "no round came as far as a stop");
    assert_eq!(faults, 0, "see above");
}

/// One round.
struct Stage {
    mode: Mode,
    round: u64,
    chance: u64,
    supervisord: Arc<Scripted>,
    site: Site,
    dir: TempDir,
    begun: bool,
}

impl Stage {
    fn new(mode: Mode, seed: u64, round: u64) -> Self {
        let supervisord = Arc::new(Scripted::with("web=RUNNING theirs=STOPPED"));
        let site = Site::start();
        let known = Arc::clone(&supervisord);
        site.answer("/", move || match known.count("start") {
            0 => says("500 Oh", "no"),
            _ => says("200 OK", "all fine"),
        });
        let stage = Self {
            mode,
            round,
            chance: random(seed, round),
            supervisord,
            site,
            dir: tempfile::tempdir().unwrap(),
            begun: false,
        };
        // a late stop comes before the start, after it, or after its answer
        let late = u32::try_from(stage.chance % 13).unwrap();
        let mishaps: &[_] = match mode {
            Mode::CutLinks => &[
                match round % 2 {
                    0 => ("stop", Mishap::DropWhile(STOP)),
                    _ => ("stop", Mishap::DropLate(STOP * late)),
                },
                ("start", Mishap::DropBefore),
                ("start", Mishap::DropAfter),
            ],
            // performed also when the run that asked for it is gone, and after another watchdog's start
            _ => &[("stop", Mishap::Slow(STOP)), ("start", Mishap::Slow(START))],
        };
        for (method, mishap) in mishaps {
            stage.supervisord.mishap(method, *mishap);
        }
        for name in ["one", "two"] {
            stage.configure(name);
        }
        stage
    }

    fn configure(&self, name: &str) {
        let text = format!(
            "panic_threshold = false\n[[check]]\nname = {name:?}\nurl = \"{}/\"\nevery = \"50ms\"\ntimeout = \"2s\"\n\
             fail_after = 1\ngrace = 0\nbackoff = {{ min = \"100ms\", max = \"500ms\" }}\nrestarts = false\n\
             restart = [\"web\", \"theirs\"]\n[supervisor.supervisord]\nurl = {:?}\n\
             [mail]\nto = [\"ops@example.org\"]\ndown_after = 0\n\
             sendmail = \"touch sending; cat > new.$$; cat new.$$ >> mails\"\n",
            self.site.origin(),
            self.supervisord.url(),
        );
        fs::write(self.dir.path().join(format!("{name}.toml")), text).unwrap();
    }

    fn watch(&self, name: &str) -> Program {
        let mut command = Command::new(crate::httpok());
        command
            .args(["watch", "--config", &format!("{name}.toml")])
            .env("STATE_DIRECTORY", self.dir.path().join("state"))
            .env_remove("SUPERVISOR_SERVER_URL")
            .current_dir(self.dir.path());
        Program::start(&mut command)
    }

    /// A moment within so many milliseconds, another one for every `salt`.
    fn moment(&self, span: u64, salt: u64) {
        let millis = random(self.chance, salt) % span;
        thread::sleep(Duration::from_millis(millis));
    }

    /// Waits, but not for long: a round in which it does not come is one like the others.
    fn wait(fits: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while !fits() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn is_stopping(&self) -> bool {
        self.supervisord.count("stop") > 0
    }

    fn kill(watchdog: Program) {
        watchdog.signal(Signal::SIGKILL);
        watchdog.wait();
    }

    fn play(&mut self) {
        let first = self.watch("one");
        match self.mode {
            Mode::Restart | Mode::CutLinks => {
                Self::wait(|| self.site.count("/") > 0);
                self.moment(250, 1);
                Self::kill(first);
            }
            Mode::Recovery => {
                Self::wait(|| self.is_stopping());
                self.moment(60, 1);
                Self::kill(first);
                let second = self.watch("one");
                self.moment(200, 2);
                Self::kill(second);
            }
            Mode::NewStore => {
                self.moment(80, 1);
                Self::kill(first);
            }
            Mode::Delivery => {
                Self::wait(|| self.dir.path().join("sending").exists());
                self.moment(40, 1);
                Self::kill(first);
            }
            Mode::Sigterm => {
                Self::wait(|| self.is_stopping());
                first.signal(Signal::SIGTERM);
                self.moment(150, 1);
                Self::kill(first);
            }
            Mode::Two => {
                let second = self.watch("two");
                Self::wait(|| self.is_stopping());
                self.moment(150, 1);
                Self::kill(first);
                self.moment(50, 2);
                Self::kill(second);
            }
        }
        self.begun = self.is_stopping();
    }

    /// The next runs finish all that the killed ones have begun.
    fn judge(&self) -> Tally {
        let mut tally = Tally {
            rounds: 1,
            begun: u64::from(self.begun),
            ..Tally::default()
        };
        let mut watchdogs = vec![self.watch("one")];
        if self.mode == Mode::Two {
            watchdogs.push(self.watch("two"));
        }
        let deadline = Instant::now() + LIMIT;
        let up =
            || self.supervisord.state("web") == "RUNNING" && self.supervisord.count("start") > 0;
        let mails = || fs::read_to_string(self.dir.path().join("mails")).unwrap_or_default();
        // a restart that another watchdog finishes has an incident of its own only then
        let is_named = || !self.is_stopping() || mails().contains("web ");
        while Instant::now() < deadline && !(up() && self.is_all_sent() && is_named()) {
            thread::sleep(Duration::from_millis(20));
        }
        let said: Vec<_> = watchdogs.iter().map(|one| one.err.text()).collect();
        let about = format!("{:?}, round {}", self.mode, self.round);
        if !up() || self.supervisord.state("theirs") != "STOPPED" {
            tally.down += 1;
            println!(
                "{about}: left down: {} {said:?}",
                self.supervisord.actions()
            );
        }
        let mails = mails();
        if self.is_stopping() && !mails.contains("web ") {
            tally.unnamed += 1;
            println!("{about}: no mail names it: {mails} {said:?}");
        }
        let mut sent: BTreeMap<String, u64> = BTreeMap::new();
        for line in mails.lines() {
            if let Some(id) = line.strip_prefix("Message-ID: <") {
                let id = id.split(".httpok@").next().unwrap_or(id);
                *sent.entry(id.to_owned()).or_default() += 1;
            }
        }
        tally.messages += sent.len() as u64;
        tally.duplicates += sent.values().filter(|times| **times > 1).count() as u64;
        for id in self.made() {
            if !sent.contains_key(&id) {
                tally.lost += 1;
                println!("{about}: report {id} is lost: {sent:?} {said:?}");
            }
        }
        for watchdog in watchdogs {
            watchdog.signal(Signal::SIGTERM);
            watchdog.wait();
        }
        tally
    }

    /// The first and the last report of every incident, as INCIDENT.NUMBER: what comes between is an update, which a mail
    /// that is sent at once has said already.
    fn made(&self) -> Vec<String> {
        let read = || {
            let conn = self.store()?;
            let mut select = conn.prepare("SELECT incident FROM incidents")?;
            let rows = select.query_map([], |row| row.get::<_, String>(0))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let texts = read().unwrap_or_default();
        let reports = texts.iter().flat_map(|text| {
            let incident: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
            let id = incident["id"].as_str().unwrap_or_default().to_owned();
            let reports = incident["reports"].as_u64().unwrap_or_default();
            let ends = [1, reports].into_iter().filter(move |_| reports > 0);
            ends.map(move |number| format!("{id}.{number}"))
        });
        reports.collect()
    }

    /// No incident and no intent is open, and nothing waits to be sent.
    fn is_all_sent(&self) -> bool {
        let count = |sql: &str| {
            let conn = self.store().ok()?;
            conn.query_row(sql, [], |row| row.get::<_, u32>(0)).ok()
        };
        let open = count("SELECT count(*) FROM incidents WHERE ended IS NULL");
        let waiting = count(
            "SELECT (SELECT count(*) FROM outbox WHERE state = 'pending') + (SELECT count(*) FROM intents)",
        );
        let sent = self.dir.path().join("mails").exists();
        open == Some(0) && waiting == Some(0) && sent
    }

    fn store(&self) -> rusqlite::Result<rusqlite::Connection> {
        let path: &Path = &self.dir.path().join("state/httpok.db");
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        rusqlite::Connection::open_with_flags(path, flags)
    }
}
