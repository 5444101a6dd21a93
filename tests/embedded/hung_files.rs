//! File systems that do not answer: the start of a program, and its note, are delayed, and nothing else is. What hangs
//! is a lease on the command's file, which the kernel has openers wait for, and a guard of fanotify on the directory of
//! the notes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use httpok::health::ProcessState;
use httpok::supervisor::Supervisor;
use httpok::supervisor::embedded::{Embedded, Program, read_notes};
use tempfile::tempdir;

use super::lease::{HungDirectory, Lease};
use super::{LIMIT, lives, named, reaches, script, until, words};

/// Far less than anything that hangs here does, and enough for a busy machine.
const AT_ONCE: Duration = Duration::from_secs(4);

/// A command that notes its process id in `starts` and goes on for long.
fn command(directory: &Path) -> PathBuf {
    let path = directory.join("command");
    let starts = directory.join("starts");
    let text = format!(
        "#!/bin/sh\necho $$ >> {}\nexec sleep 1000\n",
        starts.display()
    );
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn starts(directory: &Path) -> Vec<u32> {
    let text = fs::read_to_string(directory.join("starts")).unwrap_or_default();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

#[tokio::test]
async fn hung_exec_delays_no_other_program_and_no_timer() {
    let directory = tempdir().unwrap();
    let slow = Program::new(
        "slow",
        vec![command(directory.path()).display().to_string()],
    );
    let slow = Program {
        startsecs: Duration::ZERO,
        autostart: false,
        ..slow
    };
    let other = Program {
        autostart: false,
        ..script("other", "exec sleep 1000")
    };
    let embedded = Embedded::new(vec![slow, other]);
    embedded.begin(vec![]).await;
    let lease = Lease::on(&directory.path().join("command"));
    let started = Instant::now();
    let starting = tokio::spawn({
        let embedded = embedded.clone();
        async move { embedded.start(&named("slow")).await }
    });
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    embedded.start(&named("other")).await.unwrap();
    embedded.stop(&named("other")).await.unwrap();
    assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
    assert!(!starting.is_finished());
    assert!(starts(directory.path()).is_empty());

    drop(lease);
    starting.await.unwrap().unwrap();
    until("its start", || starts(directory.path()).len() == 1).await;
    embedded.shutdown(LIMIT).await;
}

#[tokio::test]
async fn exec_that_hangs_for_too_long_fails_and_leaves_one_process() {
    let directory = tempdir().unwrap();
    let path = command(directory.path()).display().to_string();
    let program = Program {
        startsecs: Duration::ZERO,
        ..Program::new("web", vec![path])
    };
    let lease = Lease::on(&directory.path().join("command"));
    let embedded = Embedded::new(vec![program]);
    embedded.begin(vec![]).await;
    let failed = reaches(&embedded, "web", ProcessState::Backoff).await;
    let expected = "it has not become its command within 10 s";
    assert!(failed.detail.contains(expected), "{}", failed.detail);

    drop(lease);
    let running = reaches(&embedded, "web", ProcessState::Running).await;
    let pid = running.pid.unwrap();
    until("its start", || starts(directory.path()).contains(&pid)).await;
    let living = starts(directory.path())
        .into_iter()
        .filter(|pid| lives(*pid));
    assert_eq!(living.collect::<Vec<_>>(), [pid]);
    embedded.shutdown(LIMIT).await;
}

#[tokio::test]
async fn hung_notes_delay_no_timer_and_keep_no_program_from_running() {
    let directory = tempdir().unwrap();
    let notes = directory.path().join("notes");
    let embedded = Embedded::noting(
        vec![Program {
            command: words(&["sleep", "1000"]),
            ..script("web", "")
        }],
        notes.clone(),
    )
    .unwrap();
    let hung = HungDirectory::on(&notes);
    let started = Instant::now();
    let begun = tokio::spawn({
        let embedded = embedded.clone();
        async move { embedded.begin(vec![]).await }
    });
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!begun.is_finished(), "the directory does not hang");
    begun.await.unwrap();
    let running = reaches(&embedded, "web", ProcessState::Running).await;
    assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
    embedded.stop(&named("web")).await.unwrap();
    assert!(!lives(running.pid.unwrap()));

    // what was asked of the notes is done in order, so that none is left
    drop(hung);
    until("its note's end", || read_notes(&notes).unwrap().is_empty()).await;
    embedded.start(&named("web")).await.unwrap();
    assert_eq!(read_notes(&notes).unwrap(), embedded.records());
    embedded.shutdown(LIMIT).await;
}
