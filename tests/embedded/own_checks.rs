//! A program that no check names is not left alone with its failure: somebody gets a mail, and every view shows it.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::fixture::{QUICK, Stage, unwatched, watched};
use crate::program::{LIMIT, Program};
use crate::site::says;
use crate::smtp::{SmtpServer, Taken};
use crate::support::wait_until;

/// `[mail]` to `server`.
fn mail(server: &SmtpServer) -> String {
    let port = server.port;
    format!(
        "[mail]\nto = [\"ops@example.org\"]\nfrom = \"httpok@example.org\"\nsmtp = \"smtp://127.0.0.1:{port}\"\n"
    )
}

/// A program that writes to its log and fails, or exits so as soon as it is up.
fn fails(name: &str, script: &str, keys: &str) -> String {
    format!(
        "[[program]]\nname = \"{name}\"\ncommand = ['sh', '-c', '''echo $$ >> {name}.lives; {script}''']\n\
         stdout_logfile = \"{name}.log\"\nredirect_stderr = true\n{keys}\n"
    )
}

/// What `httpok events` prints from now on.
fn follow(stage: &Stage) -> Program {
    let asked = [
        "events",
        "--follow",
        "--format",
        "json",
        "--config",
        "httpok.toml",
    ];
    Program::start(&mut stage.httpok(&asked))
}

fn subject(mail: &Taken) -> String {
    mail.header("Subject").to_owned()
}

fn wait_for_mail(server: &SmtpServer, words: &str) -> Taken {
    let has_words = |mail: &Taken| subject(mail).contains(words);
    wait_until(&format!("a mail says {words:?}"), LIMIT, || {
        server.taken().iter().any(has_words)
    });
    server.taken().into_iter().find(has_words).unwrap()
}

fn check<'a>(status: &'a Value, name: &str) -> &'a Value {
    let checks = status["snapshot"]["checks"].as_array();
    let mut checks = checks.into_iter().flatten();
    checks
        .find(|check| check["name"] == name)
        .unwrap_or(&Value::Null)
}

#[test]
fn a_fatal_program_without_a_check_is_mailed_shown_and_explained() {
    let server = SmtpServer::start(&[]);
    let stage = Stage::new();
    let keys = "startsecs = \"10s\"\nstartretries = 1\n";
    let broken = fails("broken", "echo no database; exit 7", keys);
    let listen = "[serve]\nlisten = \"127.0.0.1:0\"\n";
    stage.configure(&[QUICK, &mail(&server), listen, &broken]);
    let watchdog = stage.watch();
    wait_until("the watchdog answers", LIMIT, || stage.status().is_some());
    let events = follow(&stage);

    let report = wait_for_mail(&server, "program/broken is down");
    assert!(
        subject(&report).contains("fatal: 2 starts failed, the last: exited too quickly"),
        "{}",
        subject(&report)
    );
    for part in [
        "exit code 7",
        "  | no database",
        "to do  fix the cause, then: httpok start program/broken",
        "it is not started again by itself",
    ] {
        assert!(report.body.contains(part), "{part}: {}", report.body);
    }
    let status = stage.status().unwrap();
    let shown = check(&status, "program/broken");
    assert_eq!(shown["status"], "down", "{status}");
    assert_eq!(shown["last"]["reason"], "fatal");
    assert_eq!(shown["program"]["state"], "FATAL");
    let text = stage.run(&["status", "--config", "httpok.toml"]).out;
    assert!(text.contains("httpok start program/broken"), "{text}");
    let explain = || stage.run(&["explain", "broken", "--config", "httpok.toml"]);
    wait_until("the delivery is noted", LIMIT, || {
        explain().out.contains("was delivered to mail")
    });
    let explained = explain();
    for part in [
        "program broken did not start: exited too quickly (exit status 7)",
        "program broken is FATAL",
        "httpok start broken",
    ] {
        assert!(explained.out.contains(part), "{part}: {}", explained.out);
    }
    let pids = stage.pids("broken");
    assert_eq!(pids.len(), 2, "nothing but its supervisor starts it");

    let said = watchdog
        .err
        .wait("its port", |text| text.contains("serving http on"));
    let port = port_of(&said);
    let metrics = get(port, "/metrics");
    for line in [
        "httpok_check_status{check=\"program/broken\",status=\"down\"} 1",
        "probe_failure_reason{check=\"program/broken\",reason=\"fatal\"} 1",
        "httpok_program_state{program=\"broken\",state=\"FATAL\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    assert!(get(port, "/healthy").contains("program/broken"));
    assert!(get(port, "/").contains("program/broken"));

    let stopped = stage.run(&["stop", "broken", "--config", "httpok.toml"]);
    assert_eq!(stopped.status.code(), Some(0), "{}", stopped.err);
    let closing = wait_for_mail(&server, "program/broken was stopped by request");
    assert!(closing.body.contains("nothing, if that was on purpose"));
    wait_until("it is up", LIMIT, || {
        stage
            .status()
            .is_some_and(|status| check(&status, "program/broken")["status"] == "up")
    });
    assert_eq!(server.taken().len(), 2, "{}", watchdog.err.text());
    let seen = events.out.text();
    assert!(seen.contains("program_changed"), "{seen}");
}

#[test]
fn a_crash_loop_without_a_check_is_mailed_once_and_its_ends_are_events() {
    let server = SmtpServer::start(&[]);
    let stage = Stage::new();
    let keys = "startsecs = 0\nstartretries = 1\n";
    let loops = fails("loops", "sleep 1.2; kill -9 $$", keys);
    stage.configure(&[QUICK, &mail(&server), &loops]);
    let _watchdog = stage.watch();
    wait_until("the watchdog answers", LIMIT, || stage.status().is_some());
    let events = follow(&stage);

    let report = wait_for_mail(&server, "program/loops is down");
    assert!(
        subject(&report).contains("crash_loop"),
        "{}",
        subject(&report)
    );
    assert!(report.body.contains("exit code 137"), "{}", report.body);
    stage.started("loops", 5);
    assert_eq!(server.taken().len(), 1, "once, though it goes on");
    wait_until("its ends are events", LIMIT, || {
        let text = events.out.text();
        let mut lines = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.any(|event| {
            event["kind"] == "program_ended"
                && event["check"] == "program/loops"
                && event["text"]
                    .as_str()
                    .is_some_and(|text| text.contains("SIGKILL"))
        })
    });
}

/// The log has the first ends, and says which of those that follow it will have.
#[test]
fn a_crash_loop_does_not_fill_the_log() {
    let stage = Stage::new();
    let loops = fails("loops", "exit 3", "startsecs = 0\n");
    stage.configure(&[QUICK, &loops]);
    let watchdog = stage.watch();
    stage.started("loops", 15);
    let said = watchdog.err.text();
    let ends = said.lines().filter(|line| line.contains("exited: 3"));
    let ends = ends.filter(|line| line.contains("(pid "));
    assert_eq!(ends.count(), 10, "{said}");
    let next = "the 20th, 50th, 100th and so on are logged";
    assert_eq!(said.matches(next).count(), 1, "{said}");
}

#[test]
fn an_expected_end_and_a_stop_are_no_failures() {
    let server = SmtpServer::start(&[]);
    let stage = Stage::new();
    let once = fails("once", "exit 0", "startsecs = 0\n");
    let stays = unwatched("stays", ":", "");
    stage.configure(&[QUICK, &mail(&server), &once, &stays]);
    let _watchdog = stage.watch();
    stage.started("stays", 1);
    let stopped = stage.run(&["stop", "stays", "--config", "httpok.toml"]);
    assert_eq!(stopped.status.code(), Some(0), "{}", stopped.err);
    wait_until("both are over and up", LIMIT, || {
        let Some(status) = stage.status() else {
            return false;
        };
        let is = |name: &str, state: &str| {
            let shown = check(&status, name);
            shown["program"]["state"] == state && shown["status"] == "up"
        };
        is("program/once", "EXITED") && is("program/stays", "STOPPED")
    });
    let text = stage.run(&["status", "--config", "httpok.toml"]).out;
    assert!(text.contains("stopped"), "{text}");
    assert_eq!(server.taken().len(), 0);
}

#[test]
fn the_report_of_a_check_says_that_its_program_was_given_up() {
    let server = SmtpServer::start(&[]);
    let stage = Stage::new();
    stage.site.answer("/web", || says("500 Oh", ""));
    let keys = "startsecs = \"10s\"\nstartretries = 0\n";
    let web = watched(
        "web",
        "exit 4",
        keys,
        "start_stopped = true\nrestarts = \"1/1h\"\n",
    );
    stage.configure(&[QUICK, &mail(&server), &web]);
    let _watchdog = stage.watch();
    let report = wait_for_mail(&server, "web ");
    assert!(
        report
            .body
            .contains("web is FATAL: exited too quickly (exit status 4)"),
        "{}",
        report.body
    );
    let status = stage.status().unwrap();
    assert_eq!(
        check(&status, "program/web"),
        &Value::Null,
        "it has a check"
    );
    let explained = stage
        .run(&["explain", "web", "--config", "httpok.toml"])
        .out;
    assert!(explained.contains("program web is FATAL"), "{explained}");
    let explained = stage
        .run(&["explain", "program/web", "--config", "httpok.toml"])
        .out;
    assert!(
        explained.contains("program/web: FATAL since"),
        "{explained}"
    );
    assert!(
        explained.contains("httpok start program/web"),
        "{explained}"
    );
}

/// The port in `serving http on 127.0.0.1:PORT`.
fn port_of(text: &str) -> u16 {
    let (_, after) = text.split_once("serving http on 127.0.0.1:").unwrap();
    let port = after.split(|c: char| !c.is_ascii_digit()).next().unwrap();
    port.parse().unwrap()
}

/// What the watchdog serves at `path`.
fn get(port: u16, path: &str) -> String {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        socket,
        "GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    text
}
