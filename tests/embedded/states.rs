//! Start, stop, restart; states and faults; order.

use httpok::supervisor::Supervisor;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use httpok::health::{ProcessName, ProcessState};
use httpok::supervisor::embedded::{Autorestart, Embedded, Program};
use nix::sys::signal::Signal;
use tempfile::tempdir;

use super::{LIMIT, code, line, lives, named, reaches, script, until, words};

#[tokio::test]
async fn start_and_stop_are_refused_in_the_wrong_state() {
    let embedded = Embedded::new(vec![Program {
        autostart: false,
        ..script("web", "exec sleep 1000")
    }]);
    let web = named("web");
    embedded.begin(vec![]).await;

    let before = embedded.info(&web).unwrap();
    assert_eq!(before.state, ProcessState::Stopped);
    assert_eq!((before.pid, before.uptime), (None, None));
    assert_eq!(before.detail, "Not started");
    assert_eq!(code(embedded.stop(&web).await), 70);
    assert_eq!(code(embedded.signal(&web, "HUP").await), 70);

    embedded.start(&web).await.unwrap();
    let up = embedded.info(&web).unwrap();
    let pid = up.pid.unwrap();
    assert_eq!(up.state, ProcessState::Running);
    assert!(lives(pid));
    assert!(up.uptime.unwrap() < 20);
    assert!(up.detail.starts_with(&format!("pid {pid}, uptime 0:00:")));
    assert_eq!(code(embedded.start(&web).await), 60);
    assert_eq!(code(embedded.signal(&web, "NONSENSE").await), 11);

    embedded.stop(&web).await.unwrap();
    let after = embedded.info(&web).unwrap();
    assert_eq!((after.state, after.pid), (ProcessState::Stopped, None));
    assert_eq!(after.detail, "terminated by SIGTERM");
    assert!(!lives(pid));

    let nobody = named("nobody");
    assert_eq!(code(embedded.stop(&nobody).await), 10);
    assert_eq!(code(embedded.start(&nobody).await), 10);
    let error = embedded.info(&nobody).unwrap_err();
    assert_eq!(error.to_string(), "no such process (BAD_NAME): nobody");
}

/// A script that ignores SIGTERM, and makes `ready` when it does.
fn deaf(name: &str, ready: &std::path::Path) -> Program {
    let ready = ready.display();
    let text = format!("trap '' TERM; echo > {ready}; while :; do sleep 0.02; done");
    script(name, &text)
}

#[tokio::test]
async fn program_that_ignores_the_stop_signal_is_killed() {
    let directory = tempdir().unwrap();
    let ready = directory.path().join("ready");
    let embedded = Embedded::new(vec![Program {
        stopwaitsecs: Duration::from_millis(100),
        ..deaf("deaf", &ready)
    }]);
    embedded.begin(vec![]).await;
    line(&ready).await;
    let pid = embedded.info(&named("deaf")).unwrap().pid.unwrap();
    embedded.stop(&named("deaf")).await.unwrap();
    let after = embedded.info(&named("deaf")).unwrap();
    assert_eq!(after.detail, "terminated by SIGKILL");
    assert!(!lives(pid));
}

#[tokio::test]
async fn configured_stop_signal_is_sent() {
    let directory = tempdir().unwrap();
    let ready = directory.path().join("ready");
    let text = format!(
        "trap 'exit 42' USR2; echo > {}; while :; do sleep 0.02; done",
        ready.display()
    );
    let embedded = Embedded::new(vec![Program {
        stopsignal: Signal::SIGUSR2,
        ..script("web", &text)
    }]);
    embedded.begin(vec![]).await;
    line(&ready).await;
    embedded.stop(&named("web")).await.unwrap();
    let info = embedded.info(&named("web")).unwrap();
    assert_eq!(info.detail, "exit status 42");
    assert_eq!(embedded.exit_code(&named("web")), Some(42));
}

#[tokio::test]
async fn group_members_are_stopped_with_their_leader() {
    // One child, and a grandchild whose parent has gone. Both are deaf to the stop signal.
    let text = "trap '' TERM; sleep 1000 & one=$!; two=$(sleep 1000 >/dev/null & echo $!); \
                trap - TERM; echo $one $two > pids; exec sleep 1000";
    for by_itself in [false, true] {
        let directory = tempdir().unwrap();
        let embedded = Embedded::new(vec![Program {
            autorestart: Autorestart::Never,
            directory: Some(directory.path().to_owned()),
            ..script("web", text)
        }]);
        embedded.begin(vec![]).await;
        let pids = line(&directory.path().join("pids")).await;
        let pids: Vec<u32> = pids.split(' ').map(|pid| pid.parse().unwrap()).collect();
        assert!(pids.len() == 2 && pids.iter().all(|pid| lives(*pid)));
        if by_itself {
            embedded.signal(&named("web"), "KILL").await.unwrap();
            reaches(&embedded, "web", ProcessState::Exited).await;
        } else {
            embedded.stop(&named("web")).await.unwrap();
        }
        until("the group's end", || !pids.iter().any(|pid| lives(*pid))).await;
    }
}

#[tokio::test]
async fn exitcodes_decide_whether_an_exit_is_expected() {
    use Autorestart::{Always, Never, Unexpected};
    for (exit, autorestart, restarts, detail) in [
        ("exit 0", Unexpected, false, "exit status 0; expected"),
        ("exit 3", Unexpected, false, "exit status 3; expected"),
        ("exit 1", Never, false, "exit status 1; not expected"),
        (
            "kill -9 $$",
            Never,
            false,
            "terminated by SIGKILL; not expected",
        ),
        ("exit 1", Unexpected, true, ""),
        ("exit 0", Always, true, ""),
    ] {
        let directory = tempdir().unwrap();
        let count = directory.path().join("count");
        let embedded = Embedded::new(vec![Program {
            autorestart,
            exitcodes: vec![0, 3],
            ..script("one", &format!("echo >> {}; {exit}", count.display()))
        }]);
        embedded.begin(vec![]).await;
        let starts = || fs::read(&count).unwrap_or_default().len();
        if restarts {
            until("a restart", || starts() >= 2).await;
        } else {
            embedded.over(&named("one")).await.unwrap();
            let info = embedded.info(&named("one")).unwrap();
            assert_eq!(info.state, ProcessState::Exited);
            assert_eq!(info.detail, detail, "{exit}");
            assert_eq!(starts(), 1);
        }
    }
}

#[tokio::test]
async fn startsecs_decides_between_running_and_a_retry() {
    let embedded = Embedded::new(vec![
        Program {
            autostart: false,
            startsecs: Duration::from_millis(300),
            ..script("slow", "exec sleep 1000")
        },
        Program {
            autostart: false,
            startsecs: Duration::from_secs(60),
            startretries: 1,
            ..script("quick", "exit 5")
        },
    ]);
    embedded.begin(vec![]).await;

    let begun = Instant::now();
    embedded.start(&named("slow")).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(300));
    embedded.stop(&named("slow")).await.unwrap();

    let error = embedded.start(&named("quick")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "ended while it was starting (ABNORMAL_TERMINATION): quick: exited too quickly (exit status 5)"
    );
    let info = embedded.info(&named("quick")).unwrap();
    assert_eq!(info.state, ProcessState::Backoff);
    assert_eq!(code(embedded.start(&named("quick")).await), 60);
    let info = reaches(&embedded, "quick", ProcessState::Fatal).await;
    assert_eq!(info.detail, "exited too quickly (exit status 5)");
    embedded.stop(&named("quick")).await.unwrap();
    let info = embedded.info(&named("quick")).unwrap();
    assert_eq!(info.state, ProcessState::Stopped, "an operator's stop");
    assert_eq!(embedded.exit_code(&named("quick")), Some(5));
}

#[tokio::test]
async fn stop_cancels_retries_and_a_waiting_start() {
    let embedded = Embedded::new(vec![
        Program {
            startsecs: Duration::from_secs(60),
            ..script("quick", "exit 5")
        },
        Program {
            autostart: false,
            startsecs: Duration::from_secs(60),
            ..script("slow", "exec sleep 1000")
        },
    ]);
    embedded.begin(vec![]).await;
    reaches(&embedded, "quick", ProcessState::Backoff).await;
    embedded.stop(&named("quick")).await.unwrap();
    let info = embedded.info(&named("quick")).unwrap();
    assert_eq!(info.state, ProcessState::Stopped);

    let other = embedded.clone();
    let start = tokio::spawn(async move { other.start(&named("slow")).await });
    reaches(&embedded, "slow", ProcessState::Starting).await;
    embedded.stop(&named("slow")).await.unwrap();
    assert_eq!(
        start.await.unwrap().unwrap_err().to_string(),
        "ended while it was starting (ABNORMAL_TERMINATION): slow: stopped before it was up"
    );
}

#[tokio::test]
async fn command_that_cannot_run_is_reported_with_its_fault_code() {
    let directory = tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    fs::write(path("plain"), "text").unwrap();
    fs::write(path("orphan"), "#!/nonexistent/interpreter\n").unwrap();
    fs::set_permissions(path("orphan"), fs::Permissions::from_mode(0o755)).unwrap();
    let missing = |what: &str| format!("can't find command \"{what}\"");
    let inert = |what: &str| format!("command at \"{what}\" is not executable");
    let table = [
        (vec![], 20, missing("")),
        (words(&["nonexistent"]), 20, missing("nonexistent")),
        (vec![path("none")], 20, missing(&path("none"))),
        (vec![path("plain")], 21, inert(&path("plain"))),
        (words(&["/usr"]), 21, inert("/usr")),
        (
            vec![path("orphan")],
            50,
            "cannot run it: its interpreter is missing".to_owned(),
        ),
    ];
    for (command, fault, words) in table {
        let embedded = Embedded::new(vec![Program {
            startretries: 0,
            ..Program::new("x", command)
        }]);
        let error = embedded.start(&named("x")).await.unwrap_err();
        assert!(error.is_fault(fault), "{error}");
        let said = error.to_string();
        assert!(said.ends_with(&format!(": x: {words}")), "{said}");
        let info = embedded.info(&named("x")).unwrap();
        assert_eq!((info.state, info.detail), (ProcessState::Fatal, words));
    }
}

#[tokio::test]
async fn restart_replaces_the_process() {
    let embedded = Embedded::new(vec![script("web", "exec sleep 1000")]);
    embedded.begin(vec![]).await;
    let web = named("web");
    let first = embedded.info(&web).unwrap().pid.unwrap();
    let mut changes = embedded.changes();
    changes.mark_unchanged();
    embedded.stop(&web).await.unwrap();
    assert!(changes.has_changed().unwrap());
    assert_eq!(embedded.records(), []);
    embedded.start(&web).await.unwrap();
    let second = embedded.info(&web).unwrap().pid.unwrap();
    assert_ne!(first, second);
    assert_eq!(embedded.records()[0].pid, second);
    embedded.signal(&web, "9").await.unwrap();
    until("a restart", || {
        let pid = embedded.info(&web).unwrap().pid;
        pid.is_some_and(|pid| pid != second)
    })
    .await;
    embedded.shutdown(LIMIT).await;
}

#[tokio::test]
async fn low_priorities_start_first_and_stop_last() {
    let directory = tempdir().unwrap();
    let log = directory.path().join("log");
    let program = |name: &str, priority| {
        let text = format!(
            "trap 'echo -{name} >> log; exit' TERM; echo +{name} >> log; \
             while :; do sleep 0.02; done"
        );
        Program {
            priority,
            directory: Some(directory.path().to_owned()),
            ..script(name, &text)
        }
    };
    let embedded = Embedded::new(vec![program("a", 30), program("b", 10), program("c", 20)]);
    embedded.begin(vec![]).await;
    // Ticks are coarse; within one the pids grow (but for the day when they begin anew).
    let start = |name: &str| {
        let records = embedded.records();
        let record = records.iter().find(|record| record.name == named(name));
        record.map(|record| (record.started, record.pid)).unwrap()
    };
    assert!(start("b") < start("c") && start("c") < start("a"));
    let lines = || fs::read_to_string(&log).unwrap_or_default();
    until("all three", || lines().lines().count() == 3).await;
    embedded.shutdown(LIMIT).await;
    let lines = lines();
    let ends: Vec<_> = lines.lines().filter(|line| line.starts_with('-')).collect();
    assert_eq!(ends, ["-a", "-c", "-b"]);
    assert_eq!(code(embedded.start(&named("a")).await), 6);
}

#[tokio::test]
async fn shutdown_kills_after_its_deadline() {
    let directory = tempdir().unwrap();
    let ready = |name: &str| directory.path().join(name);
    let program = |name: &str, priority| Program {
        priority,
        stopwaitsecs: Duration::from_secs(600),
        ..deaf(name, &ready(name))
    };
    let embedded = Embedded::new(vec![program("a", 1), program("b", 2)]);
    embedded.begin(vec![]).await;
    line(&ready("a")).await;
    line(&ready("b")).await;
    let pids: Vec<_> = embedded.records().iter().map(|record| record.pid).collect();
    embedded.shutdown(Duration::from_millis(100)).await;
    assert!(pids.len() == 2 && !pids.iter().any(|pid| lives(*pid)));
}

#[tokio::test]
async fn a_reload_touches_only_what_changed() {
    let embedded = Embedded::new(vec![
        script("same", "exec sleep 1000"),
        script("other", "exec sleep 1000"),
        script("gone", "exec sleep 1000"),
    ]);
    embedded.begin(vec![]).await;
    let pid = |name: &str| embedded.info(&named(name)).ok().and_then(|p| p.pid);
    let (same, other, gone) = (pid("same"), pid("other").unwrap(), pid("gone").unwrap());
    embedded
        .update(vec![
            Program {
                stopwaitsecs: Duration::from_secs(3),
                ..script("same", "exec sleep 1000")
            },
            script("other", "exec sleep 999"),
            script("new", "exec sleep 1000"),
        ])
        .await;
    until("the new one", || pid("new").is_some()).await;
    until("the changed one", || {
        pid("other").is_some_and(|pid| pid != other)
    })
    .await;
    until("the old one's end", || {
        embedded.info(&named("gone")).is_err()
    })
    .await;
    assert_eq!(pid("same"), same);
    assert!(!lives(other) && !lives(gone));
    embedded.shutdown(LIMIT).await;
}

#[tokio::test]
async fn members_of_a_group_have_two_names() {
    let embedded = Embedded::new(vec![Program {
        group: "app".to_owned(),
        ..script("web", "exec sleep 1000")
    }]);
    embedded.begin(vec![]).await;
    let listed = embedded.list().remove(0).name;
    assert_eq!(listed, ProcessName::embedded("app", "web"));
    let error = embedded.start(&listed).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "already started (ALREADY_STARTED): app:web"
    );
    embedded.shutdown(LIMIT).await;
}
