//! Evidence before a restart, of real processes under a real supervisord, with gdb to read the cores.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test, too")]

#[path = "capture/bounds.rs"]
mod bounds;
#[path = "capture/cores.rs"]
mod cores;
#[path = "capture/pieces.rs"]
mod pieces;
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use httpok::action::{self, ActionTools, CaptureSpec, Dumper, Intents};
use httpok::clock::Clock;
use httpok::exec::CommandLine;
use httpok::health::{
    ActionStep, Backend, Capture, Outcome, Plan, PlanAction, ProcessName, ProcessState, Remedy,
    Selection, Target,
};
use httpok::store::Store;
use httpok::supervisor::Supervisors;
use httpok::supervisor::supervisord::{self, SupervisordSpec};
use support::supervisord::{Supervisord, provisioned};
use support::wait_until;

/// Only a failing test waits for so long.
const LIMIT: Duration = Duration::from_secs(60);

const INCIDENT: &str = "0a1b2c3d-1";

/// A program with threads, a socket and a heap, that says when it is ready.
const APP: &str = r#"
import socket, sys, threading, time
heap = bytearray(b"x" * (16 << 20))
listener = socket.create_server(("127.0.0.1", 0))
for _ in range(3):
    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
print("listening on", listener.getsockname()[1], flush=True)
print("the last complaint", file=sys.stderr, flush=True)
time.sleep(1000)
"#;

/// A supervisord with one program, and what is kept of it.
struct CaptureStage {
    supervisord: Supervisord,
    dir: tempfile::TempDir,
    check: String,
}

impl CaptureStage {
    fn of(command: &str) -> Self {
        Self::inside(tempfile::tempdir().unwrap(), command)
    }

    fn inside(dir: tempfile::TempDir, command: &str) -> Self {
        let program = format!("command={command}\nstartsecs=0");
        let supervisord = Supervisord::with().program("web", &program).start();
        supervisord.wait_for("web", "RUNNING");
        Self {
            supervisord,
            dir,
            check: "shop".to_owned(),
        }
    }

    fn sleeping() -> Self {
        Self::of("sleep 1000")
    }

    /// With [`APP`], which is ready.
    fn app() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("app.py");
        fs::write(&script, APP).unwrap();
        let python = provisioned("python3");
        let scene = Self::inside(dir, &format!("{} {}", python.display(), script.display()));
        wait_until("the program is ready", LIMIT, || {
            scene.supervisord.stderr("web").contains("complaint")
        });
        scene
    }

    /// Where the evidence goes; not there yet.
    fn evidence(&self) -> PathBuf {
        self.dir.path().join("evidence")
    }

    /// No tool, no core, no limit that matters.
    fn spec(&self) -> CaptureSpec {
        CaptureSpec {
            original: false,
            dir: None,
            core: None,
            run: Vec::new(),
            timeout: LIMIT,
            keep: 5,
            max_bytes: 1 << 40,
            min_free: 0,
        }
    }

    fn builtin(&self) -> CaptureSpec {
        CaptureSpec {
            core: Some(Dumper::Builtin(env!("CARGO_BIN_EXE_httpok").into())),
            ..self.spec()
        }
    }

    fn gcore(&self, command: impl Into<String>) -> CaptureSpec {
        CaptureSpec {
            core: Some(Dumper::Command(command.into())),
            ..self.spec()
        }
    }

    /// A program of the test's own, such as a stand-in for gcore.
    fn script(&self, text: &str) -> String {
        let path = self.dir.path().join("script");
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    }

    /// Restarts the program with evidence as `spec` says. Whatever became of that, it must run again.
    async fn restart(&self, spec: &CaptureSpec) -> Vec<Capture> {
        let old = self.supervisord.pid("web");
        let captures = captures(&self.perform(spec).await);
        assert_eq!(self.supervisord.state("web"), "RUNNING", "{captures:?}");
        assert_ne!(self.supervisord.pid("web"), old, "{captures:?}");
        captures
    }

    async fn perform(&self, spec: &CaptureSpec) -> Outcome {
        let server = SupervisordSpec::new(&self.supervisord.url(), "", "".into()).unwrap();
        let client = supervisord::SupervisordClient::new(server, supervisord::Deadlines::default());
        let mut supervisors = Supervisors::default();
        supervisors.insert(Backend::Supervisord, client);
        let plan = Plan {
            answer: "HTTP/1.1 500 Internal Server Error\nServer: t\n\nno database".to_owned(),
            check: self.check.clone(),
            manual: false,
            incident: INCIDENT.to_owned(),
            remedy: Remedy {
                selection: Selection::Targets(vec![Target::new("web")]),
                ..Remedy::NONE
            },
            action: PlanAction::Restart,
            scope: httpok::health::Scope::All,
            listed: None,
            unfinished: Vec::new(),
            dry_run: false,
            capture: true,
        };
        let tools = ActionTools {
            supervisors: &supervisors,
            clock: &Clock::start(),
            capture: Some(spec),
            commands: &BTreeMap::new(),
            evidence: &self.evidence(),
            intents: &Intents::new(Store::new(self.dir.path().join("state")), "test"),
            record: &action::ActionRecord::default(),
            shutdown: &action::Shutdown::default(),
        };
        action::perform(&plan, &tools, &mut |_| {}).await.outcome
    }

    /// The names of the files in the directory with evidence, sorted.
    fn files(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.evidence()) else {
            return Vec::new();
        };
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn captures(outcome: &Outcome) -> Vec<Capture> {
    let actions = outcome.steps.iter().map(|step| {
        assert!(
            step.process.is_none() || step.process == Some(ProcessName::supervisord("web", "web"))
        );
        step.action.clone()
    });
    let (captures, others): (Vec<_>, Vec<_>) =
        actions.partition(|action| matches!(action, ActionStep::Captured(_)));
    let captures: Vec<_> = captures
        .into_iter()
        .filter_map(|action| match action {
            ActionStep::Captured(capture) => Some(capture),
            _ => None,
        })
        .collect();
    assert!(
        matches!(
            &others[..],
            [
                ActionStep::Restarting { .. },
                ActionStep::Stopped { error: None },
                ActionStep::Started { error: None },
                ActionStep::Settled {
                    state: ProcessState::Running,
                    ..
                }
            ]
        ),
        "{others:?}"
    );
    captures
}

/// The capture called `what`.
fn one<'a>(captures: &'a [Capture], what: &str) -> &'a Capture {
    let found: Vec<_> = captures.iter().filter(|one| one.what == what).collect();
    assert_eq!(found.len(), 1, "{what} in {captures:?}");
    found[0]
}

/// The only file of `capture`, with the size that it has.
fn file(capture: &Capture) -> &Path {
    assert_eq!(capture.failure, None, "{capture:?}");
    let [(path, bytes)] = &capture.files[..] else {
        panic!("not one file: {capture:?}");
    };
    let path = Path::new(path);
    assert_eq!(fs::metadata(path).unwrap().len(), *bytes);
    path
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn words(words: &[&str]) -> CommandLine {
    CommandLine::Argv(words.iter().map(|word| (*word).to_owned()).collect())
}

fn shell(text: &str) -> CommandLine {
    CommandLine::Shell(text.to_owned())
}

/// gdb's table of the threads in `core`.
fn threads(core: &Path) -> String {
    let python = fs::canonicalize(provisioned("python3")).unwrap();
    let output = Command::new("gdb")
        .args(["-nx", "-batch", "-ex", "info threads"])
        .args([&python, core])
        .output()
        .expect("gdb is needed to read cores: install it");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match text.split_once("Target Id") {
        Some((_, table)) => table.to_owned(),
        None => panic!("no table of threads: {text}"),
    }
}
