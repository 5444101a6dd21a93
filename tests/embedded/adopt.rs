//! Programs outlive a killed watchdog, and the next one supervises them.

use httpok::supervisor::Supervisor;
use std::fs;
use std::path::Path;

use httpok::health::{CallError, ProcessState};
use httpok::supervisor::embedded::{Autorestart, Embedded, ProcessRecord, Program, read_notes};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::tempdir;

use super::logs::SmallDisk;
use super::test_host::{Host, NOTES};
use super::{LIMIT, code, line, lives, named, reaches, script, until};

const TEXT: &str = "echo $$ >> starts; exec sleep 1000";

/// The pids with which the program was started, in order.
fn starts(directory: &Path) -> Vec<u32> {
    let text = fs::read_to_string(directory.join("starts")).unwrap_or_default();
    text.lines().map(|pid| pid.parse().unwrap()).collect()
}

/// A program whose watchdog was killed, and what that one remembered.
async fn left(directory: &Path) -> ProcessRecord {
    let mut host = Host::start(&[], "supervise", TEXT, directory);
    // The first thing that the program does may be the last that its watchdog sees.
    until("its start", || starts(directory).len() == 1).await;
    host.kill();
    let mut records = read_notes(&directory.join(NOTES)).unwrap();
    assert_eq!(records.len(), 1);
    let record = records.remove(0);
    assert_eq!(starts(directory), [record.pid]);
    assert!(lives(record.pid));
    record
}

/// The same program, to be started from here, where the directory is another. That alone makes it
/// another definition. Another test of this process, whose program has the same name, must not take a process that
/// nobody supervises for an orphan of its own.
fn here(directory: &Path) -> Program {
    let mark = (
        "HTTPOK_PROGRAM".to_owned(),
        directory.display().to_string().into(),
    );
    Program {
        directory: Some(directory.to_owned()),
        environment: [mark].into(),
        ..script("web", TEXT)
    }
}

/// As if it had been started with the definition `program`.
fn fitting(record: &ProcessRecord, program: &Program) -> ProcessRecord {
    ProcessRecord {
        fingerprint: program.fingerprint(),
        ..record.clone()
    }
}

fn shoot(pid: u32) {
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).unwrap();
}

#[tokio::test]
async fn running_program_is_adopted_watched_and_stopped() {
    let directory = tempdir().unwrap();
    let record = left(directory.path()).await;
    let embedded = Embedded::new(vec![script("web", TEXT)]);
    embedded.begin(vec![record.clone()]).await;
    let info = embedded.info(&named("web")).unwrap();
    assert_eq!(info.state, ProcessState::Running);
    assert_eq!(info.pid, Some(record.pid));
    assert_eq!(embedded.records()[0], record);

    embedded.stop(&named("web")).await.unwrap();
    assert!(!lives(record.pid));
    let info = embedded.info(&named("web")).unwrap();
    assert_eq!(info.state, ProcessState::Stopped);
    assert_eq!(info.detail, "ended, exit status unknown");
    assert_eq!(embedded.records(), []);
    assert_eq!(starts(directory.path()), [record.pid]);
}

#[tokio::test]
async fn adopted_program_that_exits_is_restarted() {
    let directory = tempdir().unwrap();
    let record = left(directory.path()).await;
    let program = here(directory.path());
    let record = fitting(&record, &program);
    let embedded = Embedded::new(vec![program]);
    embedded.begin(vec![record.clone()]).await;
    assert_eq!(embedded.records()[0], record);
    shoot(record.pid);
    until("a new start", || starts(directory.path()).len() == 2).await;
    let info = reaches(&embedded, "web", ProcessState::Running).await;
    assert_eq!(info.pid, starts(directory.path()).last().copied());
    embedded.shutdown(LIMIT).await;
}

#[tokio::test]
async fn program_that_died_between_runs_is_started_unless_autorestart_is_never() {
    for (autostart, autorestart, started) in [
        (true, Autorestart::Never, true),
        (false, Autorestart::Unexpected, true),
        (false, Autorestart::Never, false),
    ] {
        let directory = tempdir().unwrap();
        let record = left(directory.path()).await;
        shoot(record.pid);
        until("its end", || !lives(record.pid)).await;
        let embedded = Embedded::new(vec![Program {
            autostart,
            autorestart,
            ..here(directory.path())
        }]);
        embedded.begin(vec![record.clone()]).await;
        let pid = embedded.info(&named("web")).unwrap().pid;
        assert_eq!(pid.is_some(), started);
        assert_ne!(pid, Some(record.pid));
        embedded.shutdown(LIMIT).await;
    }
}

#[tokio::test]
async fn process_with_a_reused_pid_is_left_alone() {
    let directory = tempdir().unwrap();
    let record = left(directory.path()).await;
    for stranger in [
        ProcessRecord {
            started: record.started + 1,
            ..record.clone()
        },
        ProcessRecord {
            boot: "another life".to_owned(),
            ..record.clone()
        },
    ] {
        let embedded = Embedded::new(vec![here(directory.path())]);
        embedded.begin(vec![stranger]).await;
        let pid = embedded.info(&named("web")).unwrap().pid.unwrap();
        assert_ne!(pid, record.pid);
        embedded.shutdown(LIMIT).await;
        assert!(lives(record.pid));
    }
    shoot(record.pid);
}

#[tokio::test]
async fn note_is_deleted_with_its_process() {
    let directory = tempdir().unwrap();
    let place = directory.path().join(NOTES);
    let notes = || read_notes(&place).unwrap();
    let lost = Program {
        directory: Some("/nonexistent".into()),
        startretries: 0,
        ..script("lost", TEXT)
    };
    let programs = vec![here(directory.path()), lost];
    let embedded = Embedded::noting(programs.clone(), place.clone()).unwrap();
    embedded.begin(vec![]).await;
    assert_eq!(notes(), embedded.records());
    assert_eq!(notes().len(), 1);
    until("its start", || starts(directory.path()).len() == 1).await;
    drop(embedded);
    assert_eq!(notes().len(), 1);

    let embedded = Embedded::noting(programs, place.clone()).unwrap();
    embedded.begin(notes()).await;
    assert_eq!(notes(), embedded.records());
    embedded.stop(&named("web")).await.unwrap();
    assert_eq!(notes(), []);
    embedded.start(&named("web")).await.unwrap();
    assert_eq!(notes(), embedded.records());
    until("its start", || starts(directory.path()).len() == 2).await;
    embedded.shutdown(LIMIT).await;
    assert_eq!(notes(), []);
    drop(Embedded::noting(vec![], place.clone()).unwrap());
    assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
}

/// A program that has run has room for its note, however full the disk is by then; one that has none is noted when there
/// is some.
#[tokio::test]
async fn process_is_noted_on_a_full_disk() {
    let disk = SmallDisk::new();
    let place = disk.path().join("notes");
    let full = disk.path().join("full");
    let notes = || read_notes(&place).unwrap();
    let directory = tempdir().unwrap();
    let late = Program {
        autostart: false,
        ..Program {
            name: "late".to_owned(),
            group: "late".to_owned(),
            ..here(directory.path())
        }
    };
    let programs = vec![here(directory.path()), late];
    let embedded = Embedded::noting(programs, place.clone()).unwrap();
    embedded.begin(vec![]).await;
    assert_eq!(notes(), embedded.records());
    let filled = fs::write(&full, vec![b'x'; 2 << 20]);
    assert!(filled.is_err());
    embedded.stop(&named("web")).await.unwrap();
    assert_eq!(notes(), []);
    let filled = fs::write(disk.path().join("fuller"), vec![b'x'; 2 << 20]);
    assert!(filled.is_err());
    embedded.start(&named("web")).await.unwrap();
    assert_eq!(notes(), embedded.records());
    embedded.start(&named("late")).await.unwrap();
    assert_eq!((notes().len(), embedded.records().len()), (1, 2));
    fs::remove_file(&full).unwrap();
    until("the other one is noted", || notes().len() == 2).await;
    let by_name = |mut records: Vec<ProcessRecord>| {
        records.sort_by(|a, b| a.name.cmp(&b.name));
        records
    };
    assert_eq!(by_name(notes()), by_name(embedded.records()));
    embedded.shutdown(LIMIT).await;
}

#[tokio::test]
async fn a_changed_definition_replaces_the_process_and_a_removed_one_stops_it() {
    let directory = tempdir().unwrap();
    let record = left(directory.path()).await;
    let embedded = Embedded::new(vec![here(directory.path())]);
    embedded.begin(vec![record.clone()]).await;
    until("another process", || starts(directory.path()).len() == 2).await;
    assert!(!lives(record.pid));
    reaches(&embedded, "web", ProcessState::Running).await;

    let record = embedded.records().remove(0);
    drop(embedded);
    assert!(lives(record.pid));
    let embedded = Embedded::new(vec![]);
    embedded.begin(vec![record.clone()]).await;
    until("its end", || embedded.list().is_empty()).await;
    assert!(!lives(record.pid));
    assert_eq!(starts(directory.path()).len(), 2);
}

/// Whoever asks for it while it winds down, as a restart under way does, must not bring it back: nobody would
/// look after it any more.
#[tokio::test]
async fn removed_program_is_not_started_again() {
    let directory = tempdir().unwrap();
    let text = "trap 'sleep 0.3; exit' TERM; echo > ready; while :; do sleep 0.02; done";
    let program = Program {
        directory: Some(directory.path().to_owned()),
        ..script("web", text)
    };
    let embedded = Embedded::new(vec![program]);
    embedded.begin(vec![]).await;
    line(&directory.path().join("ready")).await;
    let pid = embedded.info(&named("web")).unwrap().pid.unwrap();
    embedded.update(vec![]).await;
    assert_eq!(
        code(embedded.start(&named("web")).await),
        CallError::BAD_NAME
    );
    until("its end", || embedded.list().is_empty()).await;
    assert!(!lives(pid));
}

/// What has ended, or was never to be started, is when its new definition says so; and not before.
#[tokio::test]
async fn new_definition_starts_a_program_that_does_not_run() {
    let directory = tempdir().unwrap();
    let program = |name: &str, word: &str, autostart| Program {
        directory: Some(directory.path().to_owned()),
        autostart,
        autorestart: Autorestart::Never,
        startsecs: std::time::Duration::ZERO,
        ..script(
            name,
            &format!("echo {word} >> {name}; test {name} != failed"),
        )
    };
    let said = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap_or_default();
    let embedded = Embedded::new(vec![
        program("once", "a", true),
        program("failed", "a", true),
        program("later", "a", false),
    ]);
    embedded.begin(vec![]).await;
    embedded.over(&named("once")).await.unwrap();
    embedded.over(&named("failed")).await.unwrap();
    // the same again is no reason
    let same = vec![
        program("once", "a", true),
        program("failed", "a", true),
        program("later", "b", false),
    ];
    embedded.update(same).await;
    // one update after the other
    let other = vec![
        program("once", "b", true),
        program("failed", "b", true),
        program("later", "b", true),
    ];
    embedded.update(other).await;
    until("all", || {
        said("once") == "a\nb\n" && said("failed") == "a\nb\n" && said("later") == "b\n"
    })
    .await;
}
