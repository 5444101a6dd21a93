//! One restart in detail: a start and a stop that fail in every way, and people who do something at the same time.
//! What we have stopped runs again; what they have stopped or replaced is theirs.

use std::time::Duration;

use crate::fixture::{RESTARTED, Stage};
use crate::program::LIMIT;
use crate::scripted::{Call, Mishap, set};
use crate::support::wait_until;

const WEB: &str = "httpok=RUNNING web=RUNNING";
const WORDS: [&str; 3] = ["-p", "web", "URL/500"];

#[test]
fn start_is_retried_until_supervisord_responds() {
    for mishap in [
        Mishap::Status(500),
        Mishap::DropBefore,
        Mishap::Garbage,
        Mishap::DropAfter,
    ] {
        let stage = Stage::with(WEB);
        (0..3).for_each(|_| stage.supervisord.mishap("start", mishap));
        let end = stage.one_tick(&WORDS);
        assert_eq!(end.err, RESTARTED, "{mishap:?}");
        assert_eq!(stage.supervisord.count("stop"), 1);
        assert_eq!(stage.supervisord.state("web"), "RUNNING", "{mishap:?}");
        let mut starts = stage.supervisord.calls();
        starts.retain(|call| call.method == "start");
        let pause = |pair: &[Call]| pair[1].at - pair[0].at;
        let least = Duration::from_millis(150);
        assert!(
            starts.windows(2).all(|pair| pause(pair) > least),
            "not without a pause"
        );
        // an answer that was lost is found at the second try
        let tries = if matches!(mishap, Mishap::DropAfter) {
            2..=4
        } else {
            4..=4
        };
        assert!(
            tries.contains(&stage.supervisord.count("start")),
            "{mishap:?}"
        );
    }
}

#[test]
fn stop_with_a_lost_response_is_followed_by_a_start() {
    for mishap in [Mishap::DropAfter, Mishap::StatusAfter(500)] {
        let stage = Stage::with(WEB);
        stage.supervisord.mishap("stop", mishap);
        let said = stage.one_tick(&WORDS).err;
        assert!(said.contains("\nFailed to stop process web: "), "{said}");
        assert!(said.ends_with("\nweb restarted\n"), "{said}");
        assert_eq!(stage.supervisord.actions(), "stop web, start web");
        assert_eq!(stage.supervisord.state("web"), "RUNNING");
    }
}

/// The link breaks while the process takes its time to stop: a start in that moment would fail for good.
#[test]
fn stop_that_outlives_the_call_is_waited_for() {
    let stage = Stage::with(WEB);
    let stop = Mishap::DropWhile(Duration::from_millis(700));
    stage.supervisord.mishap("stop", stop);
    let said = stage.one_tick(&WORDS).err;
    assert!(said.ends_with("\nweb restarted\n"), "{said}");
    assert_eq!(stage.supervisord.actions(), "stop web, start web");
    assert_eq!(stage.supervisord.state("web"), "RUNNING");
}

/// The stop did not get through, so the process is the same as before: that is no restart.
#[test]
fn process_never_stopped_is_not_reported_as_restarted() {
    let stage = Stage::with(WEB);
    stage.supervisord.mishap("stop", Mishap::DropBefore);
    let said = stage.one_tick(&WORDS).err;
    assert!(said.contains("\nFailed to stop process web: "), "{said}");
    assert!(
        said.ends_with("\nFailed to start process web: <Fault 60: 'ALREADY_STARTED: web'>\n"),
        "{said}"
    );
}

#[test]
fn faults_are_reported_as_by_the_original() {
    let table = [
        (
            "stop",
            30,
            "FAILED: it's odd",
            "\"FAILED: it's odd\"",
            "web restarted\n",
        ),
        ("start", 50, "SPAWN_ERROR: web", "'SPAWN_ERROR: web'", ""),
        (
            "start",
            40,
            "ABNORMAL_TERMINATION: web",
            "'ABNORMAL_TERMINATION: web'",
            "",
        ),
        (
            "start",
            20,
            "NO_FILE: can't find command '/x'",
            "\"NO_FILE: can't find command '/x'\"",
            "",
        ),
    ];
    for (call, code, text, repr, rest) in table {
        let stage = Stage::with(WEB);
        stage.supervisord.mishap(call, Mishap::Fault(code, text));
        if call == "stop" {
            // refused, but it has ended nevertheless
            stage
                .supervisord
                .before("start", |processes| set(processes, "web", "EXITED"));
        }
        let said = stage.one_tick(&WORDS).err;
        let line = format!(
            "web is in RUNNING state, restarting\nFailed to {call} process web: <Fault {code}: {repr}>\n{rest}"
        );
        assert!(said.ends_with(&line), "{said}");
        assert_eq!(stage.supervisord.actions(), "stop web, start web");
    }
}

/// A file that is missing for a moment, as in a deployment: supervisord refuses the start and the process is as we
/// left it. So it is ours to start.
#[test]
fn refused_start_is_retried() {
    let stage = Stage::with(WEB);
    let no_file = Mishap::Fault(20, "NO_FILE: can't find command '/x'");
    stage.supervisord.mishap("start", no_file);
    let mut listener = stage.listen(&WORDS);
    listener.tick();
    wait_until("it runs again", LIMIT, || {
        stage.supervisord.state("web") == "RUNNING" && stage.supervisord.count("start") == 2
    });
    let said = listener.close().err;
    assert!(
        said.contains("Failed to start process web: <Fault 20: "),
        "{said}"
    );
    assert_eq!(
        stage.supervisord.actions(),
        "stop web, start web, start web"
    );
}

/// After a start that failed supervisord has it FATAL: told, and left alone.
#[test]
fn failed_start_is_reported_again_at_the_next_tick() {
    let stage = Stage::with(WEB);
    stage
        .supervisord
        .before("start", |processes| set(processes, "web", "FATAL"));
    stage
        .supervisord
        .mishap("start", Mishap::Fault(50, "SPAWN_ERROR: web"));
    let mut listener = stage.listen(&WORDS);
    listener.tick();
    listener
        .err
        .wait("it failed", |said| said.contains("SPAWN_ERROR"));
    let second = "web not in RUNNING state, NOT restarting\n";
    let err = listener.err.clone();
    listener.tick_until("the second tick", || err.text().ends_with(second));
    assert_eq!(stage.supervisord.actions(), "stop web, start web");
}

#[test]
fn vanished_group_is_reported() {
    let stage = Stage::with(WEB);
    stage.supervisord.before("stop", |processes| {
        processes.retain(|entry| entry.name != "web")
    });
    let said = stage.one_tick(&WORDS).err;
    let reported = "Failed to stop process web: <Fault 10: 'BAD_NAME: web'>\n\
                Failed to start process web: <Fault 10: 'BAD_NAME: web'>\n";
    assert!(said.ends_with(reported), "{said}");
}

#[test]
fn start_by_an_operator_ends_the_restart() {
    let stage = Stage::with(WEB);
    stage
        .supervisord
        .before("start", |processes| set(processes, "web", "RUNNING"));
    assert_eq!(stage.one_tick(&WORDS).err, RESTARTED);
}

#[test]
fn process_replaced_during_the_probe_is_not_touched() {
    let stage = Stage::with(WEB);
    stage.supervisord.before("list", |_| {});
    stage
        .supervisord
        .before("list", |processes| set(processes, "web", "RUNNING"));
    let said = stage.one_tick(&WORDS).err;
    assert!(
        said.contains("web was replaced since the check (pid "),
        "{said}"
    );
    assert_eq!(stage.supervisord.actions(), "");
}

#[test]
fn process_stopped_by_an_operator_stays_stopped() {
    // during the look
    let stage = Stage::with(WEB);
    stage.supervisord.before("list", |_| {});
    stage
        .supervisord
        .before("list", |processes| set(processes, "web", "STOPPED"));
    let said = stage.one_tick(&WORDS).err;
    assert!(
        said.ends_with("web not in RUNNING state, NOT restarting\n"),
        "{said}"
    );
    assert_eq!(stage.supervisord.actions(), "");
    // in the very last moment
    let stage = Stage::with(WEB);
    stage
        .supervisord
        .before("stop", |processes| set(processes, "web", "STOPPED"));
    let said = stage.one_tick(&WORDS).err;
    assert!(
        said.ends_with("web not in RUNNING state, NOT restarting\n"),
        "{said}"
    );
    assert_eq!(stage.supervisord.actions(), "stop web");
    assert_eq!(stage.supervisord.state("web"), "STOPPED");
}

#[test]
fn process_that_crashes_before_the_stop_is_started() {
    let stage = Stage::with(WEB);
    stage
        .supervisord
        .before("stop", |processes| set(processes, "web", "EXITED"));
    let said = stage.one_tick(&WORDS).err;
    assert!(
        said.contains("Failed to stop process web: <Fault 70: 'NOT_RUNNING: web'>\n"),
        "{said}"
    );
    assert!(said.ends_with("web restarted\n"), "{said}");
    assert_eq!(stage.supervisord.state("web"), "RUNNING");
}
