//! What people see: the real program on terminals of several widths, with and without colour, and in files.

#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "terminal/completions.rs"]
mod completions;
#[path = "support/pty.rs"]
mod pty;
#[allow(dead_code, reason = "not all of it is used here")]
#[path = "cli/server.rs"]
mod server;
mod support;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::signal::Signal;
use unicode_width::UnicodeWidthStr;

use pty::Terminal;
use server::{Server, refusing, response};
use support::wait_until;

const LIMIT: Duration = Duration::from_secs(60);

/// The program as a shell on a colour terminal starts it.
fn httpok(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_httpok"));
    command
        .args(words)
        .env_clear()
        .env("TERM", "xterm-256color")
        .env("PATH", "/usr/bin:/bin");
    command
}

/// What a run on a terminal of this width wrote, without colour, and its exit code.
fn shown(words: &[&str], columns: u16) -> (Option<i32>, String) {
    let (status, text) = Terminal::start(httpok(words), columns, 50).end();
    (status.code(), plain(&text))
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

fn assert_fits(text: &str, columns: usize) {
    for line in text.lines() {
        assert!(line.width() <= columns, "{columns}: {line:?} in\n{text}");
    }
}

/// A watchdog in the background, and its log.
struct Watchdog {
    child: Option<Child>,
    dir: tempfile::TempDir,
}

impl Watchdog {
    fn start(config: &str) -> Self {
        let mut watchdog = Self {
            child: None,
            dir: tempfile::tempdir().unwrap(),
        };
        watchdog.write(config);
        let log = std::fs::File::create(watchdog.path("log")).unwrap();
        let child = httpok(&["watch", "--config", &watchdog.config()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        watchdog.child = Some(child.unwrap());
        watchdog
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn config(&self) -> String {
        self.path("httpok.toml").to_str().unwrap().to_owned()
    }

    fn write(&self, config: &str) {
        let text = format!("state_dir = {:?}\n{config}", self.path("state"));
        std::fs::write(self.path("httpok.toml"), text).unwrap();
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap()
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // told to end, it stops its programs
        if let Some(child) = &mut self.child {
            let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
            let _ = nix::sys::signal::kill(pid, Signal::SIGTERM);
            let _ = child.wait();
        }
    }
}

fn check(name: &str, url: &str, more: &str) -> String {
    format!(
        "[[check]]\nname = {name:?}\nurl = {url:?}\nevery = \"200ms\"\ngrace = \"0s\"\n{more}\n"
    )
}

#[test]
fn help_lists_every_command_in_groups_and_fits() {
    for (words, columns) in [(["--help"], 80), (["-h"], 120), (["help"], 80)] {
        let (code, text) = shown(&words, columns);
        assert_eq!(code, Some(0), "{words:?}");
        assert_fits(&text, columns.into());
        for command in [
            "Try it:\n  check ",
            "\n  watch ",
            "\n  status ",
            "\n  pause ",
            "\n  config check ",
            "\n  generate completions ",
            "Event listener under supervisord:",
            "-p, --program NAME",
        ] {
            assert!(text.contains(command), "{command:?} in {text}");
        }
    }
    let (_, coloured) = Terminal::start(httpok(&["--help"]), 80, 50).end();
    assert!(coloured.contains("\x1b[1mTry it:"), "{coloured}");
}

#[test]
fn mistyped_words_are_corrected() {
    let url = "http://127.0.0.1:1/";
    let table: [(&[&str], &str); 19] = [
        (&["stauts"], "did you mean \"status\"?"),
        (&["chekc", url], "did you mean \"check\"?"),
        (&["wacth", "--config", "x"], "did you mean \"watch\"?"),
        (&["localhost"], "neither a command nor a URL"),
        (&["config", "chekc", "x"], "'check'"),
        (
            &["generate", "mna", "x"],
            "expected one of: generate man, generate completions",
        ),
        (&["help", "stauts"], "did you mean \"status\"?"),
        (&["check", "--tmeout", "3", url], "'--timeout'"),
        (&["check", "--format", "jsn", url], "'json'"),
        (&["check", "localhost:80"], "\"http://localhost:80\""),
        (&["watch", "--confg", "x"], "'--config'"),
        (&["status", "--jsn"], "'--json'"),
        (&["pause", "shop", "--resaon", "x"], "'--reason'"),
        (&["generate", "completions", "bsh"], "'bash'"),
        (&["check", "--preset", "roadruner", url], "'roadrunner'"),
        (&["check", "htp://127.0.0.1/"], "expected http, https"),
        (
            &["check", "http//127.0.0.1/"],
            "did you mean \"http://127.0.0.1/\"?",
        ),
        (
            &["check", "https:/h.test/x"],
            "did you mean \"https://h.test/x\"?",
        ),
        (&["run", "--evry", "1s"], "'--every'"),
    ];
    for (words, hint) in table {
        let output = httpok(words).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(hint), "{words:?}: {said}");
        assert_eq!(output.status.code(), Some(3), "{words:?}: {said}");
        assert!(output.stdout.is_empty() && !said.contains('\x1b'), "{said}");
    }
    // the listener's usage goes to standard output, as the original's
    let output = httpok(&["--tmeout", "3", url]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("did you mean --timeout?"), "{said}");
    assert_eq!(output.status.code(), Some(255));
}

#[test]
fn status_fits_the_terminal_and_degraded_is_yellow() {
    let server = Server::usual();
    let nobody = refusing();
    let config = [
        check("shop", &server.url("/"), "restart = [\"program/worker\"]"),
        check(
            "a-name-that-is-longer-than-anybody-would-choose-for-a-check",
            &server.url("/500"),
            "",
        ),
        check(
            "店舗の検査",
            &server.url("/"),
            "degraded = ['status == 201']",
        ),
        check("gone", &nobody.url, ""),
        "[[program]]\nname = \"worker\"\ncommand = [\"sleep\", \"1000\"]\n".to_owned(),
    ];
    let watchdog = Watchdog::start(&config.concat());
    let config = watchdog.config();
    let piped = || {
        let output = httpok(&["status", "--config", &config]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    wait_until("all are judged", LIMIT, || {
        let text = piped();
        text.matches("✗ down").count() == 2 && text.contains("! degraded")
    });
    let all = ["CHECK", "STATUS", "SINCE", "RESTARTS", "LAST PROBE", "NEXT"];
    for (columns, headings) in [
        (80, &all[..2]),
        (120, &all[..]),
        (200, &all[..]),
        (40, &all[..2]),
        // a terminal that does not say how wide it is
        (0, &all[..2]),
    ] {
        let words = ["status", "--config", &config];
        let (status, text) = Terminal::start(httpok(&words), columns, 50).end();
        let columns = if columns == 0 { 80 } else { columns };
        assert_eq!(status.code(), Some(0));
        let seen = plain(&text);
        assert_fits(&seen, columns.into());
        let first = seen.lines().next().unwrap();
        for heading in headings {
            assert!(first.contains(heading), "{heading}: {first}");
        }
        assert_eq!(seen.contains('…'), columns < 200, "{seen}");
        assert!(text.contains("\x1b[33m! degraded"), "{text:?}");
        assert!(text.contains("\x1b[31m✗ down"), "{text:?}");
        // NO_COLOR is for colours alone
        let mut command = httpok(&words);
        command.env("NO_COLOR", "1");
        let (_, text) = Terminal::start(command, columns, 50).end();
        assert!(!text.contains('\x1b'), "{text:?}");
    }
    let text = piped();
    assert!(!text.contains('\x1b') && !text.contains('…'), "{text}");
    assert!(text.contains("a-name-that-is-longer-than-anybody-would-choose-for-a-check"));

    watched_in_place(&config);
}

/// `status --watch` redraws the screen, at every size, and gives it back at the end.
fn watched_in_place(config: &str) {
    let words = [
        "status",
        "--watch",
        "--interval",
        "300ms",
        "--config",
        config,
    ];
    let terminal = Terminal::start(httpok(&words), 100, 20);
    terminal.wait("a few frames", |text| text.matches("\x1b[H").count() > 2);
    let text = terminal.text();
    assert!(text.starts_with("\x1b[?1049h"), "{text:?}");
    assert!(!text.contains("\x1b[?1049l"), "{text:?}");
    let last_frame = |text: &str| {
        let frames: Vec<_> = text.split("\x1b[H").collect();
        // the newest one may not be complete
        plain(frames[frames.len() - 2])
    };
    assert_fits(&last_frame(&text), 100);
    terminal.resize(60, 6);
    terminal.wait("smaller frames", |text| {
        let frame = last_frame(text);
        frame.lines().all(|line| line.width() <= 60) && frame.lines().count() <= 6
    });
    assert!(last_frame(&terminal.text()).contains(" more lines"));
    terminal.signal(Signal::SIGINT);
    let (status, text) = terminal.end();
    assert_eq!(status.code(), Some(0));
    assert!(text.ends_with("\x1b[?1049l"), "{text:?}");

    // in a pipe there is no screen: one table after the other
    let mut child = httpok(&words).stdout(Stdio::piped()).spawn().unwrap();
    let mut text = String::new();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap());
    while text.matches("LAST PROBE").count() < 3 {
        std::io::BufRead::read_line(&mut lines, &mut text).unwrap();
    }
    drop(lines);
    wait_until("it ends when nobody reads", LIMIT, || {
        child.try_wait().unwrap().is_some()
    });
    assert!(!text.contains('\x1b'), "{text:?}");
}

/// Whether `line` begins with a local time of day, to the second.
fn begins_with_a_time(line: &str) -> bool {
    let time = line.get(..10).unwrap_or_default();
    let digits = time.chars().filter(char::is_ascii_digit).count();
    digits == 6 && time.ends_with("  ") && time.matches(':').count() == 2
}

#[test]
fn run_output_is_plain_text_on_a_terminal_and_structured_elsewhere() {
    let well = Arc::new(AtomicBool::new(true));
    let says = Arc::clone(&well);
    let server = Server::answering(move |_| match says.load(Ordering::SeqCst) {
        true => response(200, "all fine"),
        false => response(500, "out of order"),
    });
    let url = server.url("/");
    for (colour, columns) in [(true, 60), (false, 120)] {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().to_str().unwrap();
        let mut command = httpok(&[
            "run",
            "--url",
            &url,
            "--every",
            "200ms",
            "--fail-after",
            "2",
            "--grace",
            "0",
            "--backoff",
            "1s",
            "--state-dir",
            state,
            "--",
            "sleep",
            "1000",
        ]);
        if !colour {
            command.env("NO_COLOR", "1");
        }
        let terminal = Terminal::start(command, columns, 50);
        terminal.wait("it is up", |text| plain(text).contains("✓ sleep  is up"));
        well.store(false, Ordering::SeqCst);
        terminal.wait("it was restarted", |text| text.contains("restarted sleep"));
        well.store(true, Ordering::SeqCst);
        terminal.wait("it is up again", |text| text.contains("passes again after"));
        terminal.signal(Signal::SIGTERM);
        let (_, text) = terminal.end();
        assert_eq!(text.contains('\x1b'), colour, "{text:?}");
        if colour {
            assert!(text.contains("\x1b[31mfail 1 of 2"), "{text:?}");
            assert!(text.contains("\x1b[32mis up"), "{text:?}");
        }
        let seen = plain(&text);
        assert_fits(&seen, columns.into());
        let restart: Vec<_> = seen
            .lines()
            .filter(|line| line.contains("restarted sleep (pid "))
            .collect();
        assert_eq!(restart.len(), 1, "{seen}");
        let flat = seen.split_whitespace().collect::<Vec<_>>().join(" ");
        for step in [
            "): evidence kept ",
            "s, stop ",
            "s, start ",
            "s, RUNNING after ",
        ] {
            assert!(flat.contains(step), "{step}: {seen}");
        }
        for event in [
            "✗ sleep  fail 2 of 2",
            "✗ sleep  is down",
            "↻ sleep  restarted",
        ] {
            let line = seen.lines().find(|line| line.contains(event));
            assert!(line.is_some_and(begins_with_a_time), "{event}: {seen}");
        }
    }

    // to a file: a date in UTC, a level, and no escape code
    let dir = tempfile::tempdir().unwrap();
    let (state, log) = (dir.path().join("state"), dir.path().join("log"));
    let mut child = httpok(&[
        "run",
        "--url",
        &url,
        "--every",
        "200ms",
        "--state-dir",
        state.to_str().unwrap(),
        "--",
        "sleep",
        "1000",
    ])
    .stderr(std::fs::File::create(&log).unwrap())
    .spawn()
    .unwrap();
    let text = || std::fs::read_to_string(&log).unwrap();
    wait_until("it is up", LIMIT, || {
        text().contains("INFO passes check=\"sleep\"")
    });
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, Signal::SIGTERM).unwrap();
    child.wait().unwrap();
    assert!(!text().contains('\x1b'), "{}", text());
}

#[test]
fn failed_reload_writes_no_escape_code_to_a_log() {
    let server = Server::usual();
    let watchdog = Watchdog::start(&check("shop", &server.url("/"), ""));
    wait_until("it asks", LIMIT, || !server.asked().is_empty());
    watchdog.write("[[check]]\nname = \"shop\"\nurl = \"no url\"\n");
    // the answer on a terminal is for a person, and may have colours
    let mut answer = httpok(&[
        "reload",
        "--state-dir",
        watchdog.path("state").to_str().unwrap(),
    ]);
    answer.env("CLICOLOR_FORCE", "1");
    let said = answer.output().unwrap();
    assert_eq!(said.status.code(), Some(3));
    wait_until("it is said", LIMIT, || watchdog.log().contains("stays"));
    let log = watchdog.log();
    assert!(log.contains("no url") && !log.contains('\x1b'), "{log:?}");
    assert!(!log.contains("\\x1b"), "{log:?}");
}

#[test]
fn check_wraps_between_words_marks_the_failed_phase_and_names_the_url() {
    let server = Server::answering(|request| match request.contains("/jobs") {
        true => response(200, "[]"),
        false => response(
            500,
            "a service that is out of order says why in rather many words",
        ),
    });
    let bad = server.url("/bad");
    let text = "a text that is long enough to be wrapped between its words";
    for columns in [60, 80, 120, 200] {
        let (code, seen) = shown(&["check", "-b", text, &bad], columns);
        assert_eq!(code, Some(2), "{seen}");
        assert_fits(&seen, columns.into());
        let flat = seen.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(text), "{seen}");
        assert!(
            flat.contains("status: expected status 200, got 500 Whatever in "),
            "{seen}"
        );
    }

    let nobody = refusing();
    let (code, seen) = shown(&["check", &nobody.url], 80);
    assert_eq!(code, Some(2), "{seen}");
    let failed = seen
        .lines()
        .find(|line| line.trim_start().starts_with("connect "));
    assert!(failed.is_some_and(|line| line.ends_with('✗')), "{seen}");
    let hangs = Server::usual().url("/slow");
    let (_, seen) = shown(&["check", "-t", "500ms", &hangs], 80);
    let failed = seen
        .lines()
        .find(|line| line.trim_start().starts_with("first byte "));
    assert!(failed.is_some_and(|line| line.ends_with('✗')), "{seen}");

    let fine = Server::usual();
    let (code, seen) = shown(&["check", "-v", &fine.url("/")], 80);
    assert_eq!(code, Some(0), "{seen}");
    assert!(
        seen.to_lowercase().contains("content-length: 8") && seen.contains("│ all fine"),
        "{seen}"
    );
    let (_, quiet) = shown(&["check", &fine.url("/")], 80);
    assert!(
        !quiet.contains("HTTP/1.1") && !quiet.contains("│"),
        "{quiet}"
    );

    let base = server.url("");
    let (_, seen) = shown(&["check", "--preset", "roadrunner", &base], 80);
    assert!(seen.contains(&format!("    asked {base}/health")), "{seen}");
}

#[test]
fn explain_without_a_name_lists_incidents_newest_first() {
    let server = Server::usual();
    let config = [
        check("shop", &server.url("/500"), "fail_after = 1"),
        check("till", &server.url("/503"), "fail_after = 3"),
    ];
    let watchdog = Watchdog::start(&config.concat());
    let config = watchdog.config();
    let listed = |columns| shown(&["explain", "--config", &config], columns).1;
    wait_until("both are down", LIMIT, || {
        let text = listed(200);
        text.contains("shop") && text.contains("till")
    });
    let text = listed(80);
    assert_fits(&text, 80);
    assert!(
        text.lines().next().unwrap().starts_with("SINCE (UTC)"),
        "{text}"
    );
    let json = httpok(&["explain", "--json", "--config", &config])
        .output()
        .unwrap();
    let json = String::from_utf8(json.stdout).unwrap();
    let opened: Vec<String> = json
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| line["incident"]["opened"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(opened.len(), 2, "{json}");
    assert!(opened[0] >= opened[1], "{opened:?}");
    assert!(humantime::parse_rfc3339(&opened[0]).is_ok(), "{opened:?}");
    // another watchdog of this state directory with a check of that name, which ended before its first probe
    let state = watchdog.path("state");
    let ended = httpok(&["run", "--url", &server.url("/"), "--state-dir"])
        .arg(&state)
        .args(["--", "/nosuch/shop"])
        .output()
        .unwrap();
    assert!(!String::from_utf8(ended.stderr).unwrap().contains("is up"));
    let text = shown(
        &["explain", "shop", "--state-dir", state.to_str().unwrap()],
        80,
    )
    .1;
    assert!(text.contains("shop: incident "), "{text}");
}

/// `text` with each number that has a point, and each port, made the same.
fn timeless(text: &str, server: &Server) -> String {
    let text = text.replace(&server.port.to_string(), "PORT");
    let number = regex::Regex::new(r"\d+\.\d+(e-\d+)?").unwrap();
    number.replace_all(&text, "N").into_owned()
}

/// What scripts read: one form for each format, to the letter.
#[test]
fn piped_formats_are_unchanged() {
    let server = Server::usual();
    let (fine, bad) = (server.url("/"), server.url("/500"));
    let table = [
        (
            "plain",
            "pass http://N.N:PORT/ 200 Whatever in Ns\n\
             fail http://N.N:PORT/500 status: expected status 200, got 500 Whatever in Ns\n",
        ),
        (
            "nagios",
            "HTTPOK CRITICAL - 1 of 2 not well, http://N.N:PORT/500: status: expected status 200, got 500 Whatever in Ns | \
             'http://N.N:PORT/ time'=Ns;;;0; 'http://N.N:PORT/ size'=8B;;;0 'http://N.N:PORT/500 time'=Ns;;;0; 'http://N.N:PORT/500 size'=27B;;;0\n\
             CRITICAL http://N.N:PORT/500: status: expected status 200, got 500 Whatever in Ns\n\
             OK http://N.N:PORT/: 200 Whatever in Ns\n",
        ),
        (
            "json",
            "{\"name\":\"http://N.N:PORT/\",\"url\":\"http://N.N:PORT/\",\"verdict\":\"pass\",\"reason\":null,\"phase\":null,\"detail\":\"status 200 Whatever\",\"status\":200,\"version\":\"HTTP/N\",\"duration\":N,\"phases\":{\"dns\":null,\"connect\":N,\"tls\":null,\"first_byte\":N,\"body\":N},\"looks\":1,\"peer\":\"N.N:PORT\",\"redirects\":0,\"final_url\":\"http://N.N:PORT/\",\"size\":8,\"excerpt\":null,\"headers\":[[\"Content-Length\",\"8\"],[\"Connection\",\"close\"]],\"expectations\":[{\"expected\":\"status 200\",\"actual\":\"200 Whatever\",\"met\":true}],\"certificate\":null}\n",
        ),
    ];
    for (format, expected) in table {
        let urls: &[&str] = match format {
            "json" => &[&fine],
            _ => &[&fine, &bad],
        };
        let output = httpok(&[&["check", "--format", format], urls].concat())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(timeless(&text, &server), expected, "{format}");
        assert_eq!(
            output.status.code(),
            Some(if urls.len() == 1 { 0 } else { 2 })
        );
    }
    // without --format a pipe gets plain
    let output = httpok(&["check", &fine]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        timeless(&text, &server),
        "pass http://N.N:PORT/ 200 Whatever in Ns\n"
    );
    let metrics = httpok(&["check", "--format", "openmetrics", &fine])
        .output()
        .unwrap();
    let metrics = String::from_utf8(metrics.stdout).unwrap();
    assert!(
        metrics.contains("\nprobe_success{") && metrics.ends_with("# EOF\n"),
        "{metrics}"
    );
}

#[test]
fn incident_timeline_fits_the_terminal() {
    let server = Server::usual();
    let watchdog = Watchdog::start(&check("shop", &server.url("/500"), "fail_after = 2"));
    let config = watchdog.config();
    let words = ["explain", "shop", "--config", &config];
    wait_until("it is down", LIMIT, || {
        shown(&words, 200).1.contains("the threshold is reached")
    });
    for columns in [60, 80, 120] {
        let (code, seen) = shown(&words, columns);
        assert_eq!(code, Some(0), "{seen}");
        assert_fits(&seen, columns.into());
        let flat = seen.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            flat.contains("expected status 200, got 500 Whatever [fail 1 of 2]"),
            "{seen}"
        );
    }
    // in a pipe each entry has one line
    let piped = httpok(&words).output().unwrap();
    let piped = String::from_utf8(piped.stdout).unwrap();
    let entry = |line: &str| line.contains("got 500 Whatever [fail 1 of 2]");
    assert!(piped.lines().any(entry), "{piped}");
}
