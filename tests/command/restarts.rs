//! The whole table of outcomes, with the watchdog as a process: hang, bad answers, crash loop, a service that refuses
//! to stop or to start, a watchdog that is killed, scripts that go away.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::program::LIMIT;
use crate::script::Script;
use crate::site::{Answer, says};
use crate::support::wait_until;
use crate::watched::Watched;

struct Stage {
    script: Script,
    watched: Watched,
}

impl Stage {
    /// The service `web`, which runs, and a check with these keys.
    fn with(keys: &str) -> Self {
        let watched = Watched::new("command/web", keys, "");
        let script = Script::new(watched.path());
        watched.configure("command/web", keys, &script.section());
        script.run("web", "start");
        Self { script, watched }
    }
}

#[test]
fn hung_service_is_restarted_with_evidence_of_its_process() {
    let stage = Stage::with("[check.capture]\nrun = [\"cat /proc/{pid}/cmdline\"]\nmin_free = 0");
    stage.watched.ill_until(2, Answer::Hang(Vec::new()));
    let watchdog = stage.watched.watch();
    stage.watched.reported(
        &watchdog,
        &["web was down: first_byte_timeout, restarted, back after"],
    );
    stage.watched.reported(&watchdog, &["cmdline", "sleep"]);
    stage.watched.watched_on(5);
    assert_eq!(stage.watched.lives(), 2, "{}", watchdog.err.text());
}

#[test]
fn service_that_stays_unhealthy_is_given_up() {
    let stage = Stage::with("fail_after = 1\nrestarts = \"2/1h\"");
    stage
        .watched
        .ill_until(usize::MAX, says("500 Oh", "stack trace"));
    let watchdog = stage.watched.watch();
    let words = ["web is NOT back after 2 restarts: status 500, gave up"];
    stage.watched.reported(&watchdog, &words);
    stage.watched.watched_on(5);
    assert_eq!(stage.watched.lives(), 3, "the first life and two restarts");
}

#[test]
fn crashed_service_is_started_when_configured() {
    let stage = Stage::with("start_stopped = true");
    stage.watched.ill_until(2, says("502 Oh", ""));
    let pid = stage.script.pid("web").unwrap();
    kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGKILL).unwrap();
    let watchdog = stage.watched.watch();
    stage.watched.reported(
        &watchdog,
        &["web was down: status 502, restarted, back after"],
    );
    assert_eq!(stage.watched.lives(), 2);
}

/// A rung that sends a signal, and one that restarts. What a script starts in its background ignores SIGQUIT.
const LADDER: &str =
    "[[check.ladder]]\nsignal = \"USR1\"\n[[check.ladder]]\nrestart = [\"command/web\"]\n";

#[test]
fn signal_of_a_ladder_reaches_the_process_which_goes_on_running() {
    let stage = Stage::with("");
    // written before its next life
    stage.script.run("web", "stop");
    stage.script.spoil("dumps");
    stage.script.run("web", "start");
    stage
        .watched
        .configure("command/web", LADDER, &stage.script.section());
    stage.watched.ill_until(3, says("502 Oh", ""));
    let watchdog = stage.watched.watch();
    stage.watched.reported(
        &watchdog,
        &[
            "web was sent SIGUSR1",
            "web was down: status 502, restarted",
        ],
    );
    assert_eq!(stage.script.file("dumps"), "asked\n");
    assert_eq!(stage.watched.lives(), 3, "a signal is no restart");
}

#[test]
fn process_that_ends_with_its_signal_is_started_again() {
    let stage = Stage::with(LADDER);
    stage.watched.ill_until(2, says("502 Oh", ""));
    let watchdog = stage.watched.watch();
    let words = [
        "web ended with the signal",
        "web was down: status 502, restarted, back after",
    ];
    stage.watched.reported(&watchdog, &words);
    assert_eq!(stage.watched.lives(), 2, "{}", watchdog.err.text());
    assert!(stage.script.is_alive("web"));
}

/// It ends right after each start. Every start is counted, the pauses between them grow, and it is given up.
#[test]
fn crash_loop_is_restarted_with_growing_pauses_and_given_up() {
    let keys = "fail_after = 1\nrestarts = \"3/1h\"\n\
                backoff = { min = \"500ms\", max = \"1m\", factor = 4 }";
    let stage = Stage::with(keys);
    stage.watched.ill_until(usize::MAX, says("502 Oh", ""));
    stage.script.spoil("crash");
    let watchdog = stage.watched.watch();
    stage.watched.reported(
        &watchdog,
        &["web is NOT back after 3 restarts: status 502, gave up"],
    );
    let said = watchdog.err.text();
    assert!(said.contains("it is EXITED"), "{said}");
    stage.watched.watched_on(5);
    let starts: Vec<u64> = stage
        .script
        .file("lives")
        .lines()
        .map(|at| at.parse().unwrap())
        .collect();
    assert_eq!(
        starts.len(),
        4,
        "the first life and three restarts: {starts:?}"
    );
    let pauses: Vec<_> = starts[1..]
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .collect();
    // half of a pause is left to chance, so that no two watchdogs act together
    assert!(pauses[0] >= 250 && pauses[1] >= 1000, "{pauses:?}");
    assert!(!stage.script.is_alive("web"));
}

/// It ends right after each start until it is mended: the next start within the budget brings it up.
#[test]
fn crash_loop_that_is_mended_in_time_recovers() {
    let stage = Stage::with("fail_after = 1");
    stage.watched.ill_until(3, says("502 Oh", ""));
    stage.script.spoil("crash");
    let watchdog = stage.watched.watch();
    watchdog
        .err
        .wait("it does not stay up", |said| said.contains("it is EXITED"));
    stage.script.mend("crash");
    stage.watched.reported(&watchdog, &["web recovered"]);
    assert!(stage.script.is_alive("web"));
}

#[test]
fn service_that_does_not_stop_is_not_counted_as_restarted() {
    let stage = Stage::with("fail_after = 1\nrestarts = \"1/1h\"");
    stage.script.run("web", "stop");
    stage.script.spoil("deaf");
    stage.script.run("web", "start");
    stage.watched.ill_until(usize::MAX, says("500 Oh", ""));
    let pid = stage.script.pid("web");
    let watchdog = stage.watched.watch();
    watchdog.err.wait("the stop is not believed", |said| {
        said.contains("no answer within 5s")
    });
    watchdog
        .err
        .wait("nor is a start", |said| said.contains("ALREADY_STARTED"));
    assert!(!stage.watched.mails().contains("restarted, back"));
    assert_eq!((stage.watched.lives(), stage.script.pid("web")), (2, pid));
}

#[test]
fn failed_start_is_retried_until_it_works() {
    let stage = Stage::with("");
    stage.watched.ill_until(2, says("500 Oh", ""));
    stage.script.spoil("fail-start");
    let watchdog = stage.watched.watch();
    watchdog.err.wait("the start is refused", |said| {
        said.contains("start: no such luck")
    });
    assert!(!stage.script.is_alive("web"));
    // the subject says what is, and not that nothing was done
    stage.watched.reported(
        &watchdog,
        &["web is down: stopped for a restart and does not start: "],
    );
    stage.script.mend("fail-start");
    stage.watched.reported(&watchdog, &["web recovered"]);
    assert_eq!(stage.watched.lives(), 2);
}

/// That we could not start it is remembered: it is not taken for what an operator stopped.
#[test]
fn reload_keeps_the_memory_of_a_failed_start() {
    let keys = "start_stopped = true\nfail_after = 1\nrestarts = \"50/1h\"";
    let stage = Stage::with(keys);
    stage.watched.ill_until(2, says("500 Oh", ""));
    stage.script.spoil("crash");
    let watchdog = stage.watched.watch();
    watchdog
        .err
        .wait("it does not stay up", |said| said.contains("it is EXITED"));
    // everything but the supervisor changes
    let keys = format!("{keys}\nbody = \"all\"");
    let section = stage.script.section();
    stage.watched.configure("command/web", &keys, &section);
    watchdog.signal(Signal::SIGHUP);
    watchdog
        .err
        .wait("it is taken", |said| said.contains("is taken"));
    let taken = watchdog.err.text().len();
    stage.script.mend("crash");
    stage.watched.reported(&watchdog, &["web recovered"]);
    let said = watchdog.err.text();
    let operator = "is STOPPED: it is left alone";
    assert!(!said[taken..].contains(operator), "{said}");
}

/// Its stop command goes on without it. Until that is done the service runs, and is even well: the next watchdog is
/// not deceived.
#[test]
fn watchdog_killed_during_a_restart_leaves_no_process_stopped() {
    let stage = Stage::with("");
    stage.watched.ill_until(2, says("500 Oh", ""));
    stage.script.spoil("slow-stop");
    let first = stage.watched.watch();
    let asked = stage.watched.path().join("asked");
    wait_until("it is being stopped", LIMIT, || asked.exists());
    first.signal(Signal::SIGKILL);
    first.wait();
    let well = || says("200 OK", "still fine");
    stage.watched.site.answer("/web", well);
    let second = stage.watched.watch();
    wait_until("it is started again", LIMIT, || stage.watched.lives() == 2);
    wait_until("it runs", LIMIT, || stage.script.is_alive("web"));
    drop(second);
}

#[test]
fn service_runs_on_while_its_scripts_are_missing_and_is_restarted_when_they_are_back() {
    let stage = Stage::with("");
    stage.watched.ill_until(2, says("500 Oh", ""));
    stage.script.remove();
    let watchdog = stage.watched.watch();
    watchdog
        .err
        .wait("it says so", |said| said.contains("cannot run"));
    let pid = stage.script.pid("web");
    stage.watched.watched_on(3);
    assert!(stage.script.is_alive("web"));
    assert_eq!((stage.watched.lives(), stage.script.pid("web")), (1, pid));
    stage.script.install();
    stage.watched.reported(&watchdog, &["web recovered"]);
    assert_eq!(stage.watched.lives(), 2, "one restart was enough");
    assert!(stage.script.is_alive("web") && stage.script.pid("web") != pid);
}

#[test]
fn process_stopped_by_an_operator_stays_stopped() {
    let stage = Stage::with("start_stopped = true");
    stage.watched.ill_until(usize::MAX, says("500 Oh", ""));
    stage.script.run("web", "stop");
    let watchdog = stage.watched.watch();
    let line = "web is STOPPED: it is left alone";
    watchdog
        .err
        .wait("it is left alone", |said| said.contains(line));
    stage.watched.watched_on(5);
    assert_eq!(stage.watched.lives(), 1, "{}", watchdog.err.text());
}
