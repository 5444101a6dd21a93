//! Commands that read or write files: configuration, manual pages, completions.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::run;
use super::server::Server;

fn write(dir: &Path, text: &str) -> String {
    let path = dir.join("httpok.toml");
    std::fs::write(&path, text).expect("a file");
    path.to_str().expect("text").to_owned()
}

#[test]
fn configured_checks_are_asked_by_name() {
    let server = Server::usual();
    let dir = tempfile::tempdir().expect("a directory");
    let file = write(
        dir.path(),
        &format!(
            "[[check]]\nname = \"good\"\nurl = \"{}\"\nbody = \"fine\"\n\
             [[check]]\nname = \"bad\"\nurl = \"{}\"\nstatus = [\"2xx\"]\n",
            server.url("/"),
            server.url("/500")
        ),
    );
    let all = run(&["check", "--config", &file]);
    assert_eq!(all.code, Some(2), "{all:?}");
    let starts: Vec<_> = all
        .out
        .lines()
        .map(|line| line.split(" in ").next())
        .collect();
    assert_eq!(
        starts,
        [
            Some("pass good 200 Whatever"),
            Some("fail bad status: expected status 2xx, got 500 Whatever"),
        ]
    );
    let one = run(&["check", "--config", &file, "good"]);
    assert_eq!((one.code, one.out.lines().count()), (Some(0), 1), "{one:?}");
    let unknown = run(&["check", "--config", &file, "ugly", "good"]);
    assert_eq!(unknown.code, Some(3));
    assert!(
        unknown.err.contains("\"ugly\"") && unknown.err.contains("expected good, bad"),
        "{unknown:?}"
    );
    let mixed = run(&["check", "--config", &file, "-t", "5"]);
    assert_eq!(
        mixed.code,
        Some(3),
        "what the file says is not said twice: {mixed:?}"
    );
}

#[test]
fn configuration_is_valid_or_all_diagnostics_are_printed() {
    let dir = tempfile::tempdir().expect("a directory");
    let right = write(
        dir.path(),
        "[[check]]\nname = \"a\"\nurl = \"http://h/\"\n[[webhook]]\nurl = \"http://h/\"\n",
    );
    let run_right = run(&["config", "check", &right]);
    assert_eq!(run_right.code, Some(0), "{run_right:?}");
    assert_eq!(run_right.out, format!("{right} is valid: 1 check\n"));
    let invalid = write(
        dir.path(),
        "evry = \"60s\"\n[[check]]\nname = \"a\"\nurl = \"nonsense\"\n",
    );
    for words in [
        &["config", "check", &invalid][..],
        &["check", "--config", &invalid],
        &["watch", "--config", &invalid],
    ] {
        let run = run(words);
        assert_eq!(
            (run.code, run.out.as_str()),
            (Some(3), ""),
            "{words:?}: {run:?}"
        );
        assert!(
            run.err.contains("evry") && run.err.contains("nonsense"),
            "{words:?}: {run:?}"
        );
        assert!(!run.err.contains('\x1b'), "no terminal, no colour: {run:?}");
    }
}

/// What cannot be restarted, or started, is found when the file is checked, and not in the outage.
#[test]
fn config_check_refuses_what_can_never_be_restarted_or_started() {
    let dir = tempfile::tempdir().expect("a directory");
    let check = "[[check]]\nname = \"a\"\nurl = \"http://h/\"\n";
    let program = "[[program]]\nname = \"app\"\ncommand = \"sleep 9\"\n";
    for (text, says) in [
        (format!("{check}restart = [\"dcoker/web\"]\n"), "docker/web"),
        (
            format!("{check}restart = [\"kubernetes/x\"]\n"),
            "kubernetes",
        ),
        (format!("{check}restart = [\"web\"]\n"), "no supervisord"),
        (
            format!("{program}{check}restart = [\"app\"]\n"),
            "program/app",
        ),
        (program.replace('9', "${env:X}"), "${env:X}"),
    ] {
        let file = write(dir.path(), &text);
        let run = run(&["config", "check", &file]);
        assert_eq!(run.code, Some(3), "{text}: {run:?}");
        assert!(run.err.contains(says), "{text}: {run:?}");
    }
}

#[test]
fn config_check_warns_about_a_degraded_assertion_that_every_pass_fails() {
    let dir = tempfile::tempdir().expect("a directory");
    for (assertion, warns) in [
        ("certificate expires < 14d", true),
        ("certificate expires > 14d", false),
        ("duration > 2s", true),
        ("duration < 2s", false),
        ("status != 200", true),
        ("status == 200", false),
        ("jsonpath \"$.queue\" < 100", false),
        ("header \"warning\" not exists", false),
    ] {
        let check =
            format!("[[check]]\nname = \"a\"\nurl = \"https://h/\"\ndegraded = ['{assertion}']\n");
        let run = run(&["config", "check", &write(dir.path(), &check)]);
        assert_eq!(run.code, Some(0), "{run:?}");
        let warned = run.err.contains("warning: this warns of every good answer");
        assert_eq!(warned, warns, "{assertion}: {run:?}");
    }
}

#[test]
fn wrong_flags_of_watch_are_3() {
    for words in [
        &["watch"][..],
        &["watch", "h:80"],
        &["watch", "--every", "0", "http://h/"],
    ] {
        let run = run(words);
        assert_eq!(
            (run.code, run.out.as_str()),
            (Some(3), ""),
            "{words:?}: {run:?}"
        );
    }
}

#[test]
fn requested_help_exits_with_success() {
    for words in [
        &["help"][..],
        &["help", "check"],
        &["check", "--help"],
        &["watch", "-h"],
        &["generate", "man", "--help"],
    ] {
        let run = run(words);
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{words:?}");
        assert!(run.out.contains("Usage: httpok"), "{words:?}");
    }
    assert_eq!(run(&["config"]).code, Some(3));
}

#[test]
fn manual_pages_are_flawless() {
    let dir = tempfile::tempdir().expect("a directory");
    let man = dir.path().join("man1");
    let made = run(&["generate", "man", man.to_str().expect("text")]);
    assert_eq!(
        (made.code, made.out.as_str(), made.err.as_str()),
        (Some(0), "", "")
    );
    let mut pages = 0;
    for page in std::fs::read_dir(&man).expect("the directory was made") {
        let path = page.expect("a page").path();
        let lint = Command::new("mandoc")
            .args(["-T", "lint"])
            .arg(&path)
            .output()
            .expect("mandoc is provisioned");
        let found = String::from_utf8_lossy(&lint.stdout).into_owned();
        assert!(lint.status.success() && found.is_empty(), "{found}");
        let man = Command::new("man")
            .args(["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"])
            .arg(&path)
            .env("MANWIDTH", "80")
            .output()
            .expect("man is provisioned");
        let said = String::from_utf8_lossy(&man.stderr).into_owned();
        assert!(man.status.success() && said.is_empty(), "{path:?}: {said}");
        pages += 1;
    }
    let committed = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/man"));
    assert_eq!(pages, committed.expect("man is there").count());
    let nowhere = run(&["generate", "man", "/dev/null/man"]);
    assert_eq!(nowhere.code, Some(3), "{nowhere:?}");
    assert!(nowhere.err.contains("/dev/null/man"));
}

#[test]
fn completions_are_scripts() {
    let script = run(&["generate", "completions", "bash"]);
    assert_eq!(script.code, Some(0));
    let mut bash = Command::new("bash")
        .arg("-n")
        .stdin(Stdio::piped())
        .spawn()
        .expect("bash starts");
    let mut input = bash.stdin.take().expect("piped");
    input.write_all(script.out.as_bytes()).expect("bash reads");
    drop(input);
    assert!(bash.wait().expect("it ends").success());
    assert_eq!(run(&["generate", "completions", "tcsh"]).code, Some(3));
}

/// What lies in man/ is what the program writes.
#[test]
fn the_committed_pages_are_the_generated_ones() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().display().to_string();
    assert_eq!(run(&["generate", "man", &path]).code, Some(0));
    let committed = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    let read = |dir: &std::path::Path| -> std::collections::BTreeMap<_, _> {
        let entries = std::fs::read_dir(dir).expect("a directory of pages");
        let pages = entries.map(|entry| entry.expect("a page"));
        pages
            .map(|page| {
                (
                    page.file_name(),
                    std::fs::read(page.path()).expect("a page"),
                )
            })
            .collect()
    };
    assert!(
        read(dir.path()) == read(&committed),
        "man/ is old: run `cargo run -- generate man man`"
    );
}
