//! SIGTERM and SIGKILL in the middle of an action: nothing new is begun, nothing that collects evidence is left, and the
//! end comes before supervisord loses its patience.

use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::eventlistener::EventListener;
use crate::fixture::Stage;
use crate::program::LIMIT;
use crate::scripted::Mishap;
use crate::support::{alive, wait_until};

/// supervisord sends SIGKILL so long after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(10);

/// A listener whose `gcore` hangs with a child of its own, in the middle of that; and the child.
fn with_hung_gcore(stage: &Stage) -> (EventListener, u32) {
    stage.script(
        "gcore",
        "sleep 1000 & echo $! > $DIR/part && mv $DIR/part $DIR/pid; wait",
    );
    let words = ["-p", "web", "-d", "DIR", "-g", "DIR/gcore -o", "URL/500"];
    let mut listener = stage.listen(&words);
    listener.tick();
    let file = stage.dir().join("pid");
    wait_until("gcore hangs", LIMIT, || file.exists());
    let pid = fs::read_to_string(file).unwrap().trim().parse().unwrap();
    assert!(alive(pid));
    (listener, pid)
}

#[test]
fn sigterm_during_a_restart_leaves_the_next_process_alone() {
    let stage = Stage::with("httpok=RUNNING a=RUNNING b=RUNNING");
    let slow = Mishap::Slow(Duration::from_secs(1));
    stage.supervisord.mishap("stop", slow);
    let mut listener = stage.listen(&["-p", "a", "-p", "b", "URL/500"]);
    listener.tick();
    wait_until("a is stopped", LIMIT, || {
        stage.supervisord.count("stop") > 0
    });
    listener.signal(Signal::SIGTERM);
    let end = listener.wait();
    assert_eq!(end.status.code(), Some(0), "{}", end.err);
    assert_eq!(
        stage.supervisord.actions(),
        "stop a, start a",
        "{}",
        end.err
    );
    let why = "b left alone, NOT restarting: the watchdog is shutting down";
    assert!(end.err.contains(why), "{}", end.err);
}

#[test]
fn sigterm_during_evidence_kills_the_tool_and_stops_nothing() {
    let stage = Stage::with("httpok=RUNNING web=RUNNING");
    let (listener, pid) = with_hung_gcore(&stage);
    listener.signal(Signal::SIGTERM);
    let end = listener.wait();
    assert_eq!(end.status.code(), Some(0), "{}", end.err);
    assert!(end.took < PATIENCE, "{:?}: {}", end.took, end.err);
    assert!(!alive(pid), "gcore's child lives on");
    assert_eq!(stage.supervisord.actions(), "", "{}", end.err);
}

#[test]
fn sigkill_during_evidence_kills_the_tool_with_its_children() {
    let stage = Stage::with("httpok=RUNNING web=RUNNING");
    let (listener, pid) = with_hung_gcore(&stage);
    listener.signal(Signal::SIGKILL);
    listener.wait();
    wait_until("gcore's child is gone", LIMIT, || !alive(pid));
}

/// A stop that takes longer than supervisord waits for us: it goes on without us, and the next run starts the process.
#[test]
fn long_stop_does_not_delay_the_end_and_the_next_run_starts_the_process() {
    let stage = Stage::with("httpok=RUNNING web=RUNNING");
    stage
        .supervisord
        .mishap("stop", Mishap::Slow(Duration::from_secs(40)));
    let words = ["-p", "web", "URL/500"];
    let mut listener = stage.listen(&words);
    listener.tick();
    wait_until("web is stopped", LIMIT, || {
        stage.supervisord.count("stop") > 0
    });
    listener.signal(Signal::SIGTERM);
    let end = listener.wait();
    assert_eq!(end.status.code(), Some(0), "{}", end.err);
    assert!(end.took < PATIENCE, "{:?}: {}", end.took, end.err);
    assert!(
        end.err.contains("the next run goes on with it"),
        "{}",
        end.err
    );
    let next = stage.listen(&words);
    wait_until("web runs again", LIMIT, || {
        stage.supervisord.state("web") == "RUNNING"
    });
    assert_eq!(next.close().status.code(), Some(0));
}
