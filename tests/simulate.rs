//! `httpok simulate`: traces with the decisions that they lead to, one file each; journals; what is wrong.
//!
//! `tests/fixtures/traces/NAME.txt` is what the trace beside it prints, and in `tests/fixtures/fleet` what a trace or a
//! recorded journal with a fleet does, run through `NAME.toml` or `watchdog.toml`. Each of them stands for a mistake that
//! some watchdog makes; the trace's first line says which rule it is about. `UPDATE=1` writes them anew: look
//! at the difference before you believe it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use httpok::daemon::journal::{JournalEntry, JournalStart};
use httpok::daemon::wiring::{RunOptions, wire};
use httpok::health::{
    Backend, CheckTick, Effect, Event, Moment, Monitor, Process, ProcessName, ProcessState,
};

/// What a run left behind.
#[derive(Debug)]
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

fn traces() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/traces")
}

/// Runs the program with `trace` on its standard input.
fn simulate(config: &Path, trace: &str, more: &[&str]) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_httpok"))
        .args(["simulate", "--config"])
        .arg(config)
        .args(more)
        .arg("-")
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // a configuration that is wrong is said before the trace is read
    let _ = stdin.write_all(trace.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("text"),
        err: String::from_utf8(output.stderr).expect("text"),
    }
}

fn decided(trace: &str) -> String {
    let run = simulate(&traces().join("watchdog.toml"), trace, &[]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{run:?}");
    run.out
}

#[test]
fn traces_lead_to_their_decisions() {
    let mut count = 0;
    let dirs = [traces(), traces().with_file_name("fleet")];
    let entries = dirs
        .iter()
        .flat_map(|dir| std::fs::read_dir(dir).expect("traces"));
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|ext| ext != "jsonl") {
            continue;
        }
        count += 1;
        let trace = std::fs::read_to_string(&path).expect("a trace");
        let own = path.with_extension("toml");
        let config = match own.exists() {
            true => own,
            false => path.with_file_name("watchdog.toml"),
        };
        let run = simulate(&config, &trace, &[]);
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{run:?}");
        let found = run.out;
        let expected = path.with_extension("txt");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&expected, &found).expect("written");
        }
        let expected = std::fs::read_to_string(&expected).expect("its decisions");
        assert_eq!(found, expected, "{}", path.display());
    }
    assert!(count >= 12, "{count} traces");
}

#[test]
fn same_trace_gives_the_same_decisions() {
    let trace = std::fs::read_to_string(traces().join("wall_time.jsonl")).expect("a trace");
    assert_eq!(decided(&trace), decided(&trace));
}

#[test]
fn decisions_are_machine_readable() {
    let trace = std::fs::read_to_string(traces().join("consecutive.jsonl")).expect("a trace");
    let run = simulate(&traces().join("watchdog.toml"), &trace, &["--json"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let lines: Vec<serde_json::Value> = run
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 9);
    assert_eq!(lines[1]["at"], 10.0);
    assert_eq!(
        lines[1]["decision"]["judged"]["counted"]["towards"]["fails"],
        2
    );
    assert_eq!(lines[1]["side"], "same");
}

#[test]
fn invalid_input_is_reported_and_not_simulated() {
    let config = traces().join("watchdog.toml");
    let trace = "{\"at\":0,\"check\":\"shop\",\"verdict\":\"fial\"}\n{\"at\":1,\"check\":\"shoop\",\"code\":1}\n";
    let run = simulate(&config, trace, &[]);
    assert_eq!((run.code, run.out.as_str()), (Some(3), ""), "{run:?}");
    for words in [
        "-:1: \"verdict\" is \"fial\": expected one of pass",
        "-:2: there is no check \"shoop\": did you mean \"shop\"?",
        "-:2: \"code\" is 1: expected a status code",
    ] {
        assert!(run.err.contains(words), "{words}\n{}", run.err);
    }

    // a value that is wrong is an error, never a silent default
    let dir = tempfile::tempdir().expect("a directory");
    let config = dir.path().join("wrong.toml");
    let text = "[[check]]\nname = \"shop\"\nurl = \"http://127.0.0.1:1/\"\nfail_after = \"many\"\n";
    std::fs::write(&config, text).expect("written");
    let run = simulate(
        &config,
        "{\"at\":0,\"check\":\"shop\",\"verdict\":\"fail\"}",
        &[],
    );
    assert_eq!((run.code, run.out.as_str()), (Some(3), ""), "{run:?}");
    assert!(run.err.contains("fail_after"), "{}", run.err);
}

/// A manual restart takes the place of a probe whose list of processes comes late: the record says that the list was
/// not used, and so does the replay.
#[test]
fn journal_with_a_late_answer_leads_to_the_same_decisions() {
    let path = traces().join("watchdog.toml");
    let text = std::fs::read_to_string(&path).expect("a configuration");
    let settings = httpok::config::parse(&text, "watchdog.toml", &|_| None).expect("it is right");
    let parts = wire(&settings, &RunOptions::default()).expect("parts");
    let mut monitor = Monitor::of_shared(parts.limits, 1, parts.checks);
    let mut journal = serde_json::to_string(&JournalStart {
        journal: 1,
        at: Moment::from_secs(100),
        seed: 1,
        memories: std::collections::BTreeMap::new(),
    })
    .expect("it serializes");
    let mut at = Moment::from_secs(100);
    let mut happens = |event: Event| {
        at = at + Duration::from_secs(1);
        let effects = monitor.handle(at, event.clone());
        let ticket = effects.iter().find_map(|effect| match effect {
            Effect::List { ticket, .. } => Some(*ticket),
            _ => None,
        });
        let acts = effects
            .iter()
            .any(|effect| matches!(effect, Effect::Act { .. }));
        let entry = JournalEntry { at, event, effects };
        journal += "\n";
        journal += &serde_json::to_string(&entry).expect("it serializes");
        (ticket, acts)
    };
    let check = || "shop".to_owned();
    let process = Process {
        name: ProcessName::alone(Backend::Supervisord, "shop"),
        state: ProcessState::Running,
        pid: Some(7),
        uptime: Some(900),
        detail: String::new(),
        instance: None,
        aliases: Vec::new(),
    };
    let listed = |ticket| Event::Listed {
        check: check(),
        ticket,
        processes: Ok(vec![process.clone()]),
        unasked: Vec::new(),
    };
    let (late, _) = happens(Event::Tick(CheckTick {
        check: check(),
        age: None,
        period: None,
    }));
    let (list, _) = happens(Event::Restart { check: check() });
    assert_eq!(happens(listed(late.expect("a list"))), (None, false));
    assert_eq!(happens(listed(list.expect("another list"))), (None, true));
    let replayed = simulate(&path, &journal, &[]);
    assert_eq!(replayed.code, Some(0), "{replayed:?}");
    assert!(replayed.out.contains("restarting manually"), "{replayed:?}");
    assert!(!replayed.out.contains("+ now"), "{replayed:?}");
}

/// A journal that a real watchdog wrote with a real etcd: the same decisions, and what held it back says who it was.
#[test]
fn recorded_journal_of_a_fleet_leads_to_the_same_decisions_and_says_who_has_the_slot() {
    let dir = traces().with_file_name("fleet");
    for (name, words) in [
        (
            "waits",
            &[
                "every slot is taken, by web-1 (shop)",
                "has a slot of group shop",
                "restarting without a slot of group shop, which cannot be asked",
                "gives back its slot of group shop",
            ][..],
        ),
        (
            "loses",
            &["has lost its slot of group shop: it has expired"],
        ),
    ] {
        let journal =
            std::fs::read_to_string(dir.join(format!("{name}.jsonl"))).expect("a journal");
        let run = simulate(&dir.join(format!("{name}.toml")), &journal, &[]);
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{run:?}");
        assert!(
            !run.out.contains("+ now") && !run.out.contains("- then"),
            "{run:?}"
        );
        for words in words {
            assert!(run.out.contains(words), "{words}: {}", run.out);
        }
        // another policy is another run, and the record answers what it can
        let text = std::fs::read_to_string(dir.join(format!("{name}.toml"))).expect("a file");
        let alone = tempfile::NamedTempFile::new().expect("a file");
        let text = text.replace("[[check]]", "[[check]]\nfleet = false");
        std::fs::write(alone.path(), text).expect("written");
        let run = simulate(alone.path(), &journal, &[]);
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(run.out.contains("- then"), "{run:?}");
    }
}
