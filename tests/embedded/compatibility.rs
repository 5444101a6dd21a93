//! The same programs under a real supervisord and under our own supervisor: they end in the same states.

use std::fs;
use std::path::Path;
use std::time::Duration;

use httpok::supervisor::Supervisor;
use httpok::supervisor::embedded::{Autorestart, Embedded, Program};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::tempdir;

use super::{LIMIT, line, lives, named, script, until};
use crate::support::supervisord::Supervisord;

/// What is done to a program that runs.
#[derive(Clone, Copy)]
enum CommandKind {
    Nothing,
    Stop,
    Send(Signal),
}

/// How a program is defined: a shell script, and what differs from the usual in both worlds.
struct Row {
    name: &'static str,
    script: &'static str,
    keys: &'static str,
    change: fn(Program) -> Program,
    command: CommandKind,
    state: &'static str,
    /// Whether the process in the file `NAME.child` lives in the end.
    child: Option<bool>,
}

const SLEEP: &str = "exec sleep 1000";

fn rows() -> Vec<Row> {
    let row = |name, script, keys, change, command, state| Row {
        name,
        script,
        keys,
        change,
        command,
        state,
        child: None,
    };
    let never: fn(Program) -> Program = |program| Program {
        autorestart: Autorestart::Never,
        ..program
    };
    let quick: fn(Program) -> Program = |program| Program {
        // supervisord itself may need a second to see that one has ended
        startsecs: Duration::from_secs(5),
        startretries: 1,
        ..program
    };
    let same: fn(Program) -> Program = |program| program;
    use CommandKind::{Nothing, Send, Stop};
    let rows = vec![
        row("exit-0", "exit 0", "", same, Nothing, "EXITED"),
        row(
            "exit-7",
            "exit 7",
            "autorestart=false",
            never,
            Nothing,
            "EXITED",
        ),
        row(
            "exit-2",
            "exit 2",
            "exitcodes=0,2",
            |p| Program {
                exitcodes: vec![0, 2],
                ..p
            },
            Nothing,
            "EXITED",
        ),
        row(
            "quick-0",
            "exit 0",
            "startsecs=5\nstartretries=1",
            quick,
            Nothing,
            "FATAL",
        ),
        row(
            "quick-7",
            "exit 7",
            "startsecs=5\nstartretries=1",
            quick,
            Nothing,
            "FATAL",
        ),
        row(
            "forks",
            "sleep 60 & exit 0",
            "startsecs=5\nstartretries=1",
            quick,
            Nothing,
            "FATAL",
        ),
        row("killed", SLEEP, "", same, Send(Signal::SIGKILL), "RUNNING"),
        row(
            "terminated",
            SLEEP,
            "",
            same,
            Send(Signal::SIGTERM),
            "RUNNING",
        ),
        row(
            "not-again",
            SLEEP,
            "autorestart=false",
            never,
            Send(Signal::SIGKILL),
            "EXITED",
        ),
        row(
            "stopped",
            SLEEP,
            "autorestart=true",
            |p| Program {
                autorestart: Autorestart::Always,
                ..p
            },
            Stop,
            "STOPPED",
        ),
        row(
            "traps",
            "trap 'exit 7' TERM; while :; do sleep 0.1; done",
            "",
            same,
            Stop,
            "STOPPED",
        ),
        row(
            "deaf",
            "trap '' TERM; while :; do sleep 0.1; done",
            "stopwaitsecs=1",
            |p| Program {
                stopwaitsecs: Duration::from_secs(1),
                ..p
            },
            Stop,
            "STOPPED",
        ),
        row(
            "interrupts",
            "trap 'exit 0' INT; while :; do sleep 0.1; done",
            "stopsignal=INT",
            |p| Program {
                stopsignal: Signal::SIGINT,
                ..p
            },
            Stop,
            "STOPPED",
        ),
        Row {
            child: Some(false),
            ..row(
                "group",
                "sleep 1000 & echo $! > group.child; wait",
                "stopasgroup=true",
                |p| Program {
                    stopasgroup: true,
                    ..p
                },
                Stop,
                "STOPPED",
            )
        },
        Row {
            child: Some(false),
            ..row(
                "kills-group",
                "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > kills-group.child; while :; do sleep 0.1; done'; true",
                "killasgroup=true\nstopwaitsecs=1",
                |p| Program {
                    stopwaitsecs: Duration::from_secs(1),
                    ..p
                },
                Stop,
                "STOPPED",
            )
        },
        Row {
            child: Some(true),
            ..row(
                "alone",
                "sleep 60 & echo $! > alone.child; wait",
                "",
                |p| Program {
                    killasgroup: false,
                    ..p
                },
                Stop,
                "STOPPED",
            )
        },
        // as gunicorn's USR2: the new master is there, and the old one ends
        Row {
            child: Some(true),
            ..row(
                "upgrade",
                "sleep 60 & echo $! > upgrade.child; exit 0",
                "",
                same,
                Nothing,
                "EXITED",
            )
        },
    ];
    rows
}

fn child(directory: &Path, name: &str) -> Option<u32> {
    let text = fs::read_to_string(directory.join(format!("{name}.child")));
    text.ok()?.trim().parse().ok()
}

fn shoot(directory: &Path) {
    for row in rows() {
        if let Some(pid) = child(directory, row.name) {
            let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
        }
    }
}

/// The states, and which children live, under supervisord.
async fn theirs() -> Vec<(String, Option<bool>)> {
    let mut builder = Supervisord::with();
    for row in rows() {
        let path = format!("%(here)s/{}.sh", row.name);
        let zero = match row.keys.contains("startsecs") {
            true => "",
            false => "startsecs=0\n",
        };
        let text = format!(
            "command=sh {path}\ndirectory=%(here)s\nautostart=false\n{zero}{}",
            row.keys
        );
        builder = builder.program(row.name, &text);
    }
    let supervisord = builder.start();
    let mut found = Vec::new();
    for row in rows() {
        fs::write(
            supervisord.dir().join(format!("{}.sh", row.name)),
            row.script,
        )
        .unwrap();
        supervisord.ctl(&["start", row.name]);
    }
    for row in rows() {
        ready(&row, supervisord.dir()).await;
        match row.command {
            CommandKind::Nothing => {}
            CommandKind::Stop => drop(supervisord.ctl(&["stop", row.name])),
            CommandKind::Send(signal) => {
                let pid = supervisord.pid(row.name);
                kill(Pid::from_raw(pid.cast_signed()), signal).unwrap();
                until("another process", || supervisord.pid(row.name) != pid).await;
            }
        }
    }
    for row in rows() {
        let what = format!("supervisord: {} is {}", row.name, row.state);
        until(&what, || supervisord.state(row.name) == row.state).await;
        let child = row.child.and_then(|_| child(supervisord.dir(), row.name));
        found.push((supervisord.state(row.name), child.map(lives)));
    }
    shoot(supervisord.dir());
    found
}

/// The same under our own supervisor.
async fn ours() -> Vec<(String, Option<bool>)> {
    let directory = tempdir().unwrap();
    let programs = rows().into_iter().map(|row| {
        (row.change)(Program {
            directory: Some(directory.path().to_owned()),
            autostart: false,
            ..script(row.name, row.script)
        })
    });
    let embedded = Embedded::new(programs.collect());
    embedded.begin(vec![]).await;
    let info = |name: &str| embedded.info(&named(name)).unwrap();
    for row in rows() {
        let _ = embedded.start(&named(row.name)).await;
    }
    for row in rows() {
        ready(&row, directory.path()).await;
        match row.command {
            CommandKind::Nothing => {}
            CommandKind::Stop => embedded.stop(&named(row.name)).await.unwrap(),
            CommandKind::Send(signal) => {
                let pid = info(row.name).pid.unwrap();
                kill(Pid::from_raw(pid.cast_signed()), signal).unwrap();
                until("another process", || info(row.name).pid != Some(pid)).await;
            }
        }
    }
    let mut found = Vec::new();
    for row in rows() {
        let what = format!("ours: {} is {}", row.name, row.state);
        until(&what, || info(row.name).state.to_string() == row.state).await;
        let child = row.child.and_then(|_| child(directory.path(), row.name));
        found.push((info(row.name).state.to_string(), child.map(lives)));
    }
    embedded.shutdown(LIMIT).await;
    shoot(directory.path());
    found
}

/// A shell needs a moment to set its traps.
async fn ready(row: &Row, directory: &Path) {
    if row.child.is_some() {
        line(&directory.join(format!("{}.child", row.name))).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
}

#[tokio::test]
async fn programs_end_in_the_same_states_as_under_supervisord() {
    let (ours, theirs) = (ours().await, theirs().await);
    for ((row, ours), theirs) in rows().iter().zip(&ours).zip(&theirs) {
        let expected = (row.state.to_owned(), row.child);
        assert_eq!((ours, theirs), (&expected, &expected), "{}", row.name);
    }
}
