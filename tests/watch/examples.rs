//! The examples work as they stand, but for the places they name.

use std::fs;
use std::path::Path;

use crate::fixture::Stage;
use crate::program::{LIMIT, Program};
use crate::site::says;
use crate::support::supervisord::Supervisord;
use crate::support::wait_until;

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name);
    fs::read_to_string(path).unwrap()
}

fn replaced(text: &str, pairs: &[(&str, &str)]) -> String {
    let replace = |text: String, (from, to): &(&str, &str)| {
        assert!(text.contains(from), "{from} is not in the example");
        text.replace(from, to)
    };
    pairs.iter().fold(text.to_owned(), replace)
}

#[test]
fn the_first_configuration_watches_and_restarts() {
    let stage = Stage::with(&["shop"]);
    stage.ill_until("shop", 2, says("200 OK", "all gone"));
    let url = format!("{}/shop", stage.site.origin());
    let text = replaced(
        &example("minimal.toml"),
        &[
            ("http://127.0.0.1:8080/health", &url),
            ("unix:///run/supervisor.sock", &stage.supervisord.url()),
            // what a test cannot wait for
            ("# every = \"10s\"", "every = \"200ms\""),
            ("# grace = \"2m\"", "grace = 0"),
            (
                "to = [\"ops@example.org\"]",
                "to = [\"ops@example.org\"]\nsendmail = \"cat >> mails\"",
            ),
        ],
    );
    // keys of the check have to stand in its table
    let lines = ["every = \"200ms\"", "grace = 0"];
    assert!(
        lines
            .iter()
            .all(|line| text.contains(&format!("\n{line}\n")))
    );
    fs::write(stage.dir().join("httpok.toml"), text).unwrap();
    let watchdog = stage.watch_file();
    wait_until("it is cured and told", LIMIT, || {
        let mails = stage.supervisord.file("mails");
        mails.contains("shop was down: assertion, restarted, back after")
    });
    assert_eq!(stage.lives("shop"), 2, "{}", watchdog.err.text());
}

#[test]
fn example_configurations_are_valid() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/minimal.toml");
    let mut check = std::process::Command::new(env!("CARGO_BIN_EXE_httpok"));
    let end = Program::start(check.args(["config", "check"]).arg(file)).wait();
    assert_eq!(end.status.code(), Some(0), "{}", end.err);
}

/// The sections of `examples/supervisord.conf`, in a supervisord of the test's own.
#[test]
fn the_drop_in_runs_under_supervisord() {
    let stage = Stage::with(&[]);
    stage.site.answer("/health", || says("200 OK", "all gone"));
    let url = format!("{}/health", stage.site.origin());
    let httpok = format!("{} -p shop -t 5", env!("CARGO_BIN_EXE_httpok"));
    let text = replaced(
        &example("supervisord.conf"),
        &[
            ("http://127.0.0.1:8080/health", &url),
            ("httpok -p shop -t 5", &httpok),
            ("-m ops@example.org", "-m ops@example.org -s \"cat > mail\""),
            ("/srv/shop/bin/server", "sleep 1000"),
            ("startsecs=5", "startsecs=1"),
            ("TICK_60", "TICK_5"),
        ],
    );
    let mut builder = Supervisord::with();
    for (header, body) in text.split("\n[").filter_map(|part| part.split_once("]\n")) {
        let body = body.split("\n\n").next().unwrap();
        match header.split_once(':') {
            Some(("program", name)) => builder = builder.program(name, body),
            Some(("eventlistener", name)) => builder = builder.listener(name, body),
            // the test's supervisord has these already
            _ => assert!(
                header == "unix_http_server" || header == "rpcinterface:supervisor",
                "{header}"
            ),
        }
    }
    let supervisord = builder.start();
    supervisord.wait_for("shop", "RUNNING");
    wait_until("a mail", LIMIT, || {
        supervisord.file("mail").contains("shop restarted")
    });
    let mail = supervisord.file("mail");
    assert!(
        mail.contains(&format!("Subject: httpok: {url}: bad body returned")),
        "{mail}"
    );
    // the first tick may come before anybody could have asked for the first pid
    let log = supervisord.log();
    assert!(log.matches("spawned: 'shop'").count() > 1, "{log}");
}
