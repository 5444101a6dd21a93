//! Descendants of a program: which are signalled, waited for, killed, or left running.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use httpok::health::ProcessState;
use httpok::supervisor::Supervisor;
use httpok::supervisor::embedded::{Autorestart, Embedded, Program};
use nix::unistd::Pid;
use tempfile::{TempDir, tempdir};

use super::{line, lives, named, reaches, script, until};

/// A program in a directory of its own, which says in `pid` which process its `child` is.
struct Stage {
    dir: TempDir,
    embedded: Embedded,
    child: u32,
}

/// A child that writes `asked` on SIGTERM, and takes a second to write `clean`.
const SERVER: &str = "trap 'echo > asked; sleep 1; echo > clean; exit' TERM; echo > up; while :; do sleep 0.02; done";

/// Runs what follows in a group of its own, in the same session (as job control does, which needs a terminal).
const OWN_GROUP: &str =
    "python3 -c 'import os, sys; os.setpgid(0, 0); os.execvp(sys.argv[1], sys.argv[1:])'";

impl Stage {
    /// Starts `leader`, in which `SERVER` stands for a child's script, and waits until both are there.
    async fn start(leader: &str, child: &str, program: Program) -> Self {
        let dir = tempdir().unwrap();
        let path = dir.path().join("child.sh");
        fs::write(&path, format!("echo $$ > pid; {child}\n")).unwrap();
        let text = leader.replace("CHILD", "sh ./child.sh");
        let embedded = Embedded::new(vec![Program {
            directory: Some(dir.path().to_owned()),
            command: script("web", &text).command,
            ..program
        }]);
        embedded.begin(vec![]).await;
        let child = line(&dir.path().join("pid")).await.parse().unwrap();
        Self {
            dir,
            embedded,
            child,
        }
    }

    fn has(&self, file: &str) -> bool {
        self.path().join(file).exists()
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    async fn stop(&self) {
        self.embedded.stop(&named("web")).await.unwrap();
        let state = self.embedded.info(&named("web")).unwrap().state;
        assert_eq!(state, ProcessState::Stopped);
    }
}

fn program() -> Program {
    Program {
        autorestart: Autorestart::Never,
        stopwaitsecs: Duration::from_secs(60),
        ..script("web", "")
    }
}

#[tokio::test]
async fn stopasgroup_signals_and_awaits_the_whole_group() {
    let group = Program {
        stopasgroup: true,
        ..program()
    };
    let stage = Stage::start("CHILD; true", SERVER, group).await;
    until("it listens", || stage.has("up")).await;
    stage.stop().await;
    assert!(stage.has("clean"), "it had its time");
    assert!(!lives(stage.child));
}

/// As Celery's warm shutdown: the first process lets the others finish what they are doing.
#[tokio::test]
async fn by_default_only_the_leader_is_signalled() {
    let busy = "trap 'echo > asked' TERM; sleep 2; echo > done";
    let leader = "trap 'exit 0' TERM; CHILD & while :; do sleep 0.02; done";
    let stage = Stage::start(leader, busy, program()).await;
    stage.stop().await;
    assert!(stage.has("done") && !stage.has("asked"));
    assert!(!lives(stage.child));
}

#[tokio::test]
async fn leftovers_of_a_wrapper_are_terminated_before_they_are_killed() {
    let quick = Program {
        stopwaitsecs: Duration::from_secs(8),
        ..program()
    };
    let stage = Stage::start("CHILD; true", SERVER, quick).await;
    until("it listens", || stage.has("up")).await;
    stage.stop().await;
    assert!(stage.has("asked") && stage.has("clean"));
    assert!(!lives(stage.child));
}

#[tokio::test]
async fn leftovers_are_killed_after_stopwaitsecs() {
    let deaf = "trap '' TERM; while :; do sleep 0.02; done";
    for stopasgroup in [false, true] {
        let quick = Program {
            stopasgroup,
            stopwaitsecs: Duration::from_millis(600),
            ..program()
        };
        let stage = Stage::start("CHILD; true", deaf, quick).await;
        let begun = Instant::now();
        stage.stop().await;
        assert!(begun.elapsed() >= Duration::from_millis(600));
        assert!(!lives(stage.child));
    }
}

#[tokio::test]
async fn without_killasgroup_only_the_leader_is_awaited() {
    let alone = Program {
        killasgroup: false,
        ..program()
    };
    let stage = Stage::start("CHILD; true", "exec sleep 1000", alone).await;
    stage.stop().await;
    assert!(lives(stage.child));
    kill(stage.child);
}

#[tokio::test]
async fn processes_that_left_the_group_are_stopped_with_it() {
    let leader = format!("{OWN_GROUP} CHILD & exec sleep 1000");
    let stage = Stage::start(&leader, "exec sleep 1000", program()).await;
    let web = stage.embedded.info(&named("web")).unwrap().pid.unwrap();
    let group = |pid: u32| nix::unistd::getpgid(Some(Pid::from_raw(pid.cast_signed()))).unwrap();
    assert_ne!(group(stage.child), group(web), "it has left");
    let quick = Instant::now();
    stage.stop().await;
    assert!(quick.elapsed() < Duration::from_secs(50), "it is asked");
    assert!(!lives(stage.child));
}

#[tokio::test]
async fn leftovers_of_a_crash_are_killed() {
    let leader = format!("{OWN_GROUP} CHILD & echo > up; exec sleep 1000");
    for autorestart in [Autorestart::Never, Autorestart::Always] {
        let crashes = Program {
            autorestart,
            ..program()
        };
        let stage = Stage::start(&leader, "exec sleep 1000", crashes).await;
        let web = named("web");
        let before = stage.embedded.info(&web).unwrap().pid;
        stage.embedded.signal(&web, "KILL").await.unwrap();
        let child = stage.child;
        until("it is gone", || !lives(child)).await;
        match autorestart {
            Autorestart::Never => reaches(&stage.embedded, "web", ProcessState::Exited).await,
            _ => reaches(&stage.embedded, "web", ProcessState::Running).await,
        };
        assert_ne!(stage.embedded.info(&web).unwrap().pid, before);
        stage.embedded.shutdown(Duration::ZERO).await;
    }
}

/// As gunicorn's USR2: a new master in the group, and the old one exits with 0.
#[tokio::test]
async fn a_successor_lives_on_until_the_next_start_or_stop() {
    for start in [false, true] {
        let leader = "CHILD & until [ -e pid ]; do sleep 0.02; done; exit 0";
        let upgraded = Program {
            startsecs: Duration::ZERO,
            ..program()
        };
        let stage = Stage::start(leader, "exec sleep 1000", upgraded).await;
        reaches(&stage.embedded, "web", ProcessState::Exited).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(lives(stage.child), "it serves");
        let first = stage.child;
        if start {
            fs::remove_file(stage.path().join("pid")).unwrap();
            stage.embedded.start(&named("web")).await.unwrap();
            assert!(!lives(first), "its port is free before the next one starts");
            let second: u32 = line(&stage.path().join("pid")).await.parse().unwrap();
            reaches(&stage.embedded, "web", ProcessState::Exited).await;
            stage.embedded.shutdown(Duration::from_secs(20)).await;
            assert!(!lives(second));
        } else {
            stage.stop().await;
            assert!(!lives(first));
        }
    }
}

/// The next watchdog knows what the last one's program left.
#[tokio::test]
async fn next_watchdog_knows_the_successor() {
    let dir = tempdir().unwrap();
    let notes = dir.path().join("notes");
    let text = "sleep 1000 & echo $! > pid; exit 0";
    let web = Program {
        directory: Some(dir.path().to_owned()),
        autostart: false,
        ..script("web", text)
    };
    let embedded = Embedded::noting(vec![web.clone()], notes.clone()).unwrap();
    embedded.begin(vec![]).await;
    embedded.start(&named("web")).await.unwrap();
    let child: u32 = line(&dir.path().join("pid")).await.parse().unwrap();
    reaches(&embedded, "web", ProcessState::Exited).await;
    let read = || httpok::supervisor::embedded::read_notes(&notes).unwrap();
    until("it is noted", || read().iter().any(|record| record.ended)).await;
    let records = read();
    drop(embedded);

    let embedded = Embedded::noting(vec![web], notes.clone()).unwrap();
    embedded.begin(records).await;
    let state = embedded.info(&named("web")).unwrap().state;
    assert_eq!(state, ProcessState::Stopped, "it is not due");
    assert!(lives(child));
    embedded.start(&named("web")).await.unwrap();
    assert!(!lives(child));
    embedded.shutdown(Duration::from_secs(20)).await;
    until("nothing is noted", || read().is_empty()).await;
}

fn kill(pid: u32) {
    use nix::sys::signal::{Signal, kill};
    kill(
        nix::unistd::Pid::from_raw(pid.cast_signed()),
        Signal::SIGKILL,
    )
    .unwrap();
}
