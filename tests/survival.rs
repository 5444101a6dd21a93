//! kill -9 at random moments: whatever the moment, what the watchdog stopped runs again after its next
//! start, what an operator stopped stays stopped, and every restart that was begun is told.
//!
//! `make survival` plays 1,000 rounds against a scripted supervisord, 100 under real ones and 200 with programs of
//! our own, and 2,000 in seven modes (`modes`), `make test` a few.
//! A failing round prints its moment; another `SURVIVAL_SEED` makes other moments.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test, too")]

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

#[path = "support/eventlistener.rs"]
#[allow(dead_code, reason = "only some of it is needed here")]
mod eventlistener;
#[path = "survival/late_stops.rs"]
mod late_stops;
#[path = "survival/modes.rs"]
mod modes;
#[path = "survival/other_supervisor.rs"]
mod other_supervisor;
#[path = "support/program.rs"]
#[allow(dead_code, reason = "only some of it is needed here")]
mod program;
#[path = "survival/programs.rs"]
mod programs;
#[path = "support/scripted.rs"]
#[allow(dead_code, reason = "only some of it is needed here")]
mod scripted;
#[path = "support/site.rs"]
#[allow(dead_code, reason = "only some of it is needed here")]
mod site;
mod support;

use eventlistener::EventListener;
use scripted::{Mishap, Scripted};
use support::supervisord::Supervisord;
use support::wait_until;

/// Rounds that are played at the same time.
const THREADS: u64 = 8;

/// How long a stop and a start take in the scripted supervisord.
const STOP: Duration = Duration::from_millis(40);
const START: Duration = Duration::from_millis(20);

/// A restart is over so long after its tick, on a quiet machine.
const SPAN: u64 = 200;

#[test]
fn every_fault_ends_with_services_up_and_reports_sent() {
    let rounds = number("SURVIVAL", 48);
    let seed = number("SURVIVAL_SEED", 1);
    println!("SURVIVAL={rounds} SURVIVAL_SEED={seed}");
    let (next, begun) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let round = next.fetch_add(1, Ordering::Relaxed);
                    let Some(span) = span_of(round, rounds, begun.load(Ordering::Relaxed)) else {
                        return;
                    };
                    let moment = Duration::from_millis(random(seed, round) % span);
                    begun.fetch_add(u64::from(play(round, moment)), Ordering::Relaxed);
                }
            });
        }
    });
    let begun = begun.into_inner();
    println!("{begun} of {rounds} rounds were killed after a stop had been asked for");
    assert!(
        begun > 0,
        "no round came as far as a stop: the moments are badly chosen"
    );
}

/// Within how many milliseconds of the start the watchdog of a round is killed; `None`: there are no more rounds. On a
/// machine so busy that none has come far there are some more, and later moments.
fn span_of(round: u64, rounds: u64, begun: u64) -> Option<u64> {
    let pass = round / rounds.max(1);
    (pass == 0 || begun == 0 && pass < 4).then_some(SPAN * (1 + 2 * pass))
}

/// The same under real supervisords, one for each thread; their program takes a while to stop.
#[test]
fn every_fault_ends_with_services_up_under_a_real_supervisord() {
    let rounds = number("SURVIVAL_REAL", 16);
    let seed = number("SURVIVAL_SEED", 1);
    println!("SURVIVAL_REAL={rounds} SURVIVAL_SEED={seed}");
    let (next, begun) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let supervisord = Supervisord::with()
                    .program("web", "command=sh -c \"trap 'sleep 0.1; exit' TERM; while :; do sleep 0.02; done\"\nstartsecs=1\n")
                    .program("theirs", "command=sleep 1000\nautostart=false\n")
                    .start();
                loop {
                    let round = next.fetch_add(1, Ordering::Relaxed);
                    let Some(span) = span_of(round, rounds, begun.load(Ordering::Relaxed)) else {
                        return;
                    };
                    // its program is STARTING for a second
                    let moment = Duration::from_millis(random(seed, round) % (span * 8));
                    let came_far = play_for_real(&supervisord, round, moment);
                    begun.fetch_add(u64::from(came_far), Ordering::Relaxed);
                }
            });
        }
    });
    let begun = begun.into_inner();
    println!("{begun} of {rounds} rounds were killed after a restart had begun");
    assert!(begun > 0, "no round came as far as a restart");
}

/// One round. Returns whether a restart had begun when the watchdog was killed.
fn play_for_real(supervisord: &Supervisord, round: u64, moment: Duration) -> bool {
    let dir = tempfile::tempdir().unwrap();
    supervisord.wait_for("web", "RUNNING");
    let mut first = EventListener::start(&mut command(&supervisord.url(), dir.path()));
    first.tick();
    thread::sleep(moment);
    first.signal(Signal::SIGKILL);
    let begun = first.wait().err.contains("is in RUNNING state, restarting");
    let second = EventListener::start(&mut command(&supervisord.url(), dir.path()));
    supervisord.wait_for("web", "RUNNING");
    if begun {
        let what = format!("round {round}, killed after {moment:?}: a mail tells of it");
        wait_until(&what, Duration::from_secs(30), || {
            reported(&dir.path().join("mails"))
        });
    }
    judge(second, |name| supervisord.state(name), round, moment);
    begun
}

/// One round. Returns whether a restart had begun when the watchdog was killed.
fn play(round: u64, moment: Duration) -> bool {
    let supervisord = Scripted::with("web=RUNNING theirs=STOPPED listener=RUNNING");
    let dir = tempfile::tempdir().unwrap();
    let mails = dir.path().join("mails");
    for (method, span) in [("stop", STOP), ("start", START)] {
        supervisord.mishap(method, Mishap::Slow(span));
    }
    let mut first = EventListener::start(&mut command(&supervisord.url(), dir.path()));
    first.tick();
    thread::sleep(moment);
    first.signal(Signal::SIGKILL);
    first.wait();
    let begun = supervisord.count("stop") > 0;

    let second = EventListener::start(&mut command(&supervisord.url(), dir.path()));
    let what = format!("round {round}, killed after {moment:?}: web is RUNNING");
    wait_until(&what, Duration::from_secs(30), || {
        supervisord.state("web") == "RUNNING"
    });
    if begun {
        let what = format!("round {round}, killed after {moment:?}: a mail tells of it");
        wait_until(&what, Duration::from_secs(30), || reported(&mails));
    }
    judge(
        second,
        |name| supervisord.state(name).to_owned(),
        round,
        moment,
    );
    begun
}

/// Ends the second watchdog: ours runs, and what somebody else had stopped is as they left it.
fn judge(second: EventListener, state: impl Fn(&str) -> String, round: u64, moment: Duration) {
    let end = second.close();
    let about = format!("round {round}, killed after {moment:?}: {}", end.err);
    assert_eq!(state("theirs"), "STOPPED", "{about}");
    assert_eq!(state("web"), "RUNNING", "{about}");
}

fn command(supervisord: &str, dir: &Path) -> Command {
    let mut command = Command::new(httpok());
    command
        .args([
            "-p",
            "web",
            "-p",
            "theirs",
            "-t",
            "5",
            "-m",
            "ops@example.org",
            "-s",
        ])
        .arg(format!("cat >> {}", dir.join("mails").display()))
        .arg("--state-dir")
        .arg(dir.join("state"))
        // nobody listens there
        .arg("http://127.0.0.1:1/")
        .env("SUPERVISOR_SERVER_URL", supervisord)
        .env("SUPERVISOR_PROCESS_NAME", "listener")
        .env("SUPERVISOR_GROUP_NAME", "listener")
        .env("SUPERVISOR_ENABLED", "1");
    command
}

/// The program, or another build of it, such as a release.
fn httpok() -> OsString {
    let other = std::env::var_os("SURVIVAL_HTTPOK");
    other.unwrap_or_else(|| env!("CARGO_BIN_EXE_httpok").into())
}

/// Whether a mail says what became of the process, and not only whom the listener is to restart.
fn reported(mails: &Path) -> bool {
    fs::read_to_string(mails).is_ok_and(|text| text.lines().any(|line| line.starts_with("web ")))
}

fn number(variable: &str, usual: u64) -> u64 {
    let value = std::env::var(variable).ok();
    value.map_or(usual, |value| value.parse().expect("a number"))
}

/// A number from a seed and a round: splitmix64's finalizer.
fn random(seed: u64, round: u64) -> u64 {
    let mut z = (seed ^ round.rotate_left(32)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
