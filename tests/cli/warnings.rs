//! Warnings of a configuration, as people see them: `config check`, the log of a watchdog that starts, and the file of an
//! event listener outside of supervisord.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use super::{httpok, run};

const WARNED: &str = "[[check]]\nname = \"shop\"\nurl = \"http://127.0.0.1:1/\"\n\
                      [[maintenance]]\nchecks = \"shpo\"\nat = \"daily\"\nfor = \"2h\"\n";
const SAYS: &str = "\"shpo\" matches no check";
const HINT: &str = "nobody is notified: the file has no [mail], [[webhook]] or [[notify]]";

fn write(dir: &std::path::Path, text: &str) -> String {
    let path = dir.join("httpok.toml");
    fs::write(&path, text).expect("written");
    path.display().to_string()
}

#[test]
fn config_check_prints_warnings_with_their_lines_and_exits_with_success() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = write(dir.path(), WARNED);
    let checked = run(&["config", "check", &file]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert_eq!(
        checked.out,
        format!("{file} is valid: 1 check\nhint: {HINT}\n")
    );
    for part in [
        format!("warning: {SAYS}"),
        format!("{file}:5:10"),
        "did you mean \"shop\"?".to_owned(),
        format!("1 warning in {file}"),
    ] {
        assert!(checked.err.contains(&part), "{part}: {checked:?}");
    }
}

#[test]
fn watchdog_logs_warnings_once_at_its_start_and_a_single_tick_does_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = write(dir.path(), WARNED);
    let state = dir.path().join("state").display().to_string();
    let words = ["watch", "--config", &file, "--state-dir", &state];
    let mut watchdog = httpok(&words)
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let lines = BufReader::new(watchdog.stderr.take().expect("piped")).lines();
    let mut said = Vec::new();
    for line in lines {
        said.push(line.expect("text"));
        // by then it has begun
        if said.last().is_some_and(|line| line.contains("refused")) {
            break;
        }
    }
    let _ = watchdog.kill();
    let _ = watchdog.wait();
    for says in [SAYS, HINT] {
        let found: Vec<_> = said.iter().filter(|line| line.contains(says)).collect();
        assert_eq!(found.len(), 1, "{said:?}");
        assert!(found[0].contains("WARN"), "{said:?}");
    }
    let placed = format!("{file}:5:10: maintenance[0].checks: {SAYS}");
    assert!(said.iter().any(|line| line.contains(&placed)), "{said:?}");
    let once = run(&[&words[..], &["--once"]].concat());
    assert_eq!(once.code, Some(2), "{once:?}");
    assert!(!once.err.contains(SAYS), "{once:?}");
}

#[test]
fn file_of_an_event_listener_is_checked_without_its_supervisord() {
    let dir = tempfile::tempdir().expect("a directory");
    let text = "[[check]]\nname = \"shop\"\nurl = \"http://127.0.0.1:1/\"\nrestart = [\"shop\"]\n";
    let file = write(dir.path(), text);
    let plain = run(&["config", "check", &file]);
    assert_eq!(plain.code, Some(3), "{plain:?}");
    assert!(plain.err.contains("config check --listener"), "{plain:?}");
    let listener = run(&["config", "check", "--listener", &file]);
    assert_eq!(
        (listener.code, listener.err.as_str()),
        (Some(0), ""),
        "{listener:?}"
    );
    let shown = run(&["config", "show", "--listener", &file]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    // what restarts nothing needs no supervisord
    let checked = run(&["check", "--config", &file]);
    assert_eq!(checked.code, Some(2), "{checked:?}");
    let trace = dir.path().join("trace.jsonl");
    fs::write(&trace, "{\"at\":0,\"check\":\"shop\",\"code\":500}\n").expect("written");
    let simulated = run(&["simulate", "--config", &file, &trace.display().to_string()]);
    assert_eq!(simulated.code, Some(0), "{simulated:?}");
}

/// What a watchdog loads when it starts is loaded by `config check`, too.
#[test]
fn certificates_that_a_watchdog_refuses_are_faults_with_their_place() {
    let dir = tempfile::tempdir().expect("a directory");
    // to open it would wait for a writer
    nix::unistd::mkfifo(&dir.path().join("fifo"), nix::sys::stat::Mode::S_IRWXU).expect("made");
    for (keys, key, why) in [
        ("cacert = \"/nonexistent\"", "cacert", "No such file"),
        ("cacert = \"/etc/passwd\"", "cacert", "no certificate in it"),
        ("cacert = \"/tmp\"", "cacert", "directory"),
        (
            "cacert = \"/dev/zero\"",
            "cacert",
            "it is a device, not a file",
        ),
        ("cacert = \"fifo\"", "cacert", "it is a FIFO, not a file"),
        (
            "cert = \"/etc/passwd\"\nkey = \"/etc/passwd\"",
            "cert",
            "no certificate",
        ),
    ] {
        let text = format!("[[check]]\nname = \"a\"\nurl = \"https://127.0.0.1:1/\"\n{keys}\n");
        let file = write(dir.path(), &text);
        let checked = run(&["config", "check", &file]);
        assert_eq!(
            (checked.code, checked.out.as_str()),
            (Some(3), ""),
            "{keys}: {checked:?}"
        );
        let place = format!("error: {file}:4:");
        assert!(checked.err.starts_with(&place), "{keys}: {checked:?}");
        assert!(
            checked.err.contains(key) && checked.err.contains(why),
            "{keys}: {checked:?}"
        );
        let state = dir.path().join("state").display().to_string();
        let watch = run(&["watch", "--config", &file, "--state-dir", &state, "--once"]);
        assert!(
            watch.code != Some(0) && watch.err.contains(why),
            "{keys}: {watch:?}"
        );
    }
    let text = "[[check]]\nname = \"a\"\nurl = \"http://h/\"\nrestart = [\"docker//x\"]\n";
    let checked = run(&["config", "check", &write(dir.path(), text)]);
    assert_eq!(checked.code, Some(3), "{checked:?}");
    assert!(checked.err.contains("a slash stands once"), "{checked:?}");
}
