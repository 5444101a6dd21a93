//! `httpok check` over plain HTTP.

use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::server::{Server, refusing, response};
use super::{httpok, ran, run};

#[test]
fn the_exit_status_is_the_worst_verdict() {
    let server = Server::usual();
    let (fine, bad, nobody) = (server.url("/"), server.url("/500"), refusing());
    let table: [(&[&str], i32); 6] = [
        (&[&fine], 0),
        (&[&fine, &fine], 0),
        (&[&bad], 2),
        (&[&fine, &bad], 2),
        (&[&nobody.url], 2),
        (&["-c", "500", &bad], 0),
    ];
    for (words, code) in table {
        let run = run(&[&["check"], words].concat());
        assert_eq!(run.code, Some(code), "{words:?}: {run:?}");
        assert_eq!(run.err, "", "{words:?}");
    }
}

#[test]
fn unusable_url_exits_3_with_the_reason() {
    let url = "http://127.0.0.1:1/";
    let table: [(&[&str], &str); 20] = [
        (&[], "<URL>"),
        (&["localhost:8080"], "\"http://localhost:8080\""),
        (&["ftp://h/"], "expected http, https"),
        (&["http://h:99999/"], "invalid port"),
        (&["http://u:hunter2@h:99999/"], "http://***@h"),
        (&["--bogus", url], "--bogus"),
        (&["-t", "0", url], "leaves no time"),
        (&["-t", "soon", url], "not a duration"),
        (&["-c", "20", url], "not a status"),
        (&["-b", "", url], "empty"),
        (&["--header", "nonsense", url], "'Name: value'"),
        (&["--resolve", "h:1", url], "HOST:PORT:ADDRESS"),
        (&["--max-body", "1MB", url], "not a size"),
        (&["--max-parsed", "1MB", url], "not a size"),
        (&["--interval", "1s", url], "--wait"),
        (&["--warn", "1", url], "--format nagios"),
        (&["--format", "nagios", "--crit", "x", url], "not a range"),
        (&["-4", "-6", url], "--ipv6"),
        (&["-6", url], "IPv6"),
        (&["--config", "/nonexistent.toml"], "/nonexistent.toml"),
    ];
    for (words, expected) in table {
        let run = run(&[&["check"], words].concat());
        assert_eq!(run.code, Some(3), "{words:?}: {run:?}");
        assert!(run.err.contains(expected), "{words:?}: {run:?}");
        assert!(
            !run.err.contains("hunter2") && run.out.is_empty(),
            "{run:?}"
        );
    }
    // a plugin's trouble has to stand where Nagios looks
    let nagios = run(&["check", "--format", "nagios", "localhost:80"]);
    assert!(
        nagios.out.starts_with("HTTPOK UNKNOWN - ") && nagios.code == Some(3),
        "{nagios:?}"
    );
}

#[test]
fn every_error_of_a_command_line_is_printed_at_once() {
    let run = run(&["check", "one", "http://127.0.0.1:1/", "two"]);
    assert!(
        run.err.contains("\"one\"") && run.err.contains("\"two\""),
        "{run:?}"
    );
    assert_eq!(run.err.lines().count(), 2);
}

#[test]
fn options_shape_the_request() {
    let server = Server::usual();
    let resolved = format!("name.invalid:{}:127.0.0.1", server.port);
    let elsewhere = format!("http://name.invalid:{}/", server.port);
    let with_user = server.url("/").replace("//", "//me:pw%40@");
    let url = server.url("/x?y=z");
    let table: [(&[&str], &str); 10] = [
        (&[&url], "GET /x?y=z HTTP/1.1\r\n"),
        (&[&url], "user-agent: httpok/"),
        (
            &["--header", "X-Key: a:b", "--header=Y:z", &url],
            "x-key: a:b\r\n",
        ),
        (
            // as curl has it
            &["-H", "User-Agent: other", &url],
            "user-agent: other\r\n",
        ),
        (&["--method", "HEAD", &url], "HEAD /x"),
        (&["--data", "a=b", &url], "POST /x"),
        (&["--data", "a=b", "--method", "PUT", &url], "\r\n\r\na=b"),
        (
            &["--user", "me:pw@", &url],
            "authorization: Basic bWU6cHdA\r\n",
        ),
        (&[&with_user], "authorization: Basic bWU6cHdA\r\n"),
        (
            &["-4", "--resolve", &resolved, &elsewhere],
            "host: name.invalid:",
        ),
    ];
    for (words, expected) in table {
        let run = run(&[&["check"], words].concat());
        assert_eq!(run.code, Some(0), "{words:?}: {run:?}");
        let asked = server.asked().pop().unwrap_or_default();
        let found = asked.to_lowercase().contains(&expected.to_lowercase());
        assert!(found, "{words:?}: {asked}");
    }
}

#[test]
fn options_define_the_expectation() {
    let server = Server::usual();
    let (fine, moved) = (server.url("/"), server.url("/moved"));
    let created = server.url("/204");
    let table: [(&[&str], i32, &str); 13] = [
        (&["-b", "all", "-b", "fine", &fine], 0, "200 Whatever"),
        (
            &["-b", "all", "-b", "missing", &fine],
            2,
            "assertion: expected body contains \"missing\"",
        ),
        (&["--not-body", "error", &fine], 0, "200"),
        (
            &["--not-body", "fine", &fine],
            2,
            "body not contains \"fine\"",
        ),
        (&["-c", "2xx", &created], 0, "204"),
        (
            &["-c", "200-203", &created],
            2,
            "expected status 200-203, got 204",
        ),
        (&["-c", "301", "-c", "302", &moved], 0, "302 Found"),
        (&[&moved], 2, "got 302 Found"),
        (&["--follow", &moved], 0, "200"),
        (&["--max-body", "4", &fine], 2, "too_large"),
        (&["--max-body", "1KiB", &fine], 0, "200"),
        (
            &["--invert", &fine],
            2,
            "assertion: expected a failure, got status 200",
        ),
        (
            &["--invert", &moved],
            0,
            "failed as expected: status: expected status 200",
        ),
    ];
    for (words, code, expected) in table {
        let run = run(&[&["check"], words].concat());
        assert_eq!(run.code, Some(code), "{words:?}: {run:?}");
        assert!(run.out.contains(expected), "{words:?}: {run:?}");
    }
}

#[test]
fn a_socket_is_asked_by_option_and_by_url() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("app.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            use std::io::{Read, Write};
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(response(200, "by socket").as_bytes());
        }
    });
    let path = path.to_str().expect("text");
    let url = format!("http+unix://{}/x", path.replace('/', "%2F"));
    let table: [&[&str]; 2] = [&["--unix-socket", path, "http://any/x"], &[&url]];
    for words in table {
        let run = run(&[&["check", "-b", "by socket"], words].concat());
        assert_eq!(run.code, Some(0), "{run:?}");
    }
}

#[test]
fn hung_urls_share_one_deadline_and_results_keep_their_order() {
    let server = Server::usual();
    let (slow, fine) = (server.url("/slow"), server.url("/"));
    let begun = Instant::now();
    let run = run(&["check", "-t", "2", &slow, &slow, &slow, &fine]);
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    let lines: Vec<_> = run.out.lines().collect();
    assert_eq!((run.code, lines.len()), (Some(2), 4), "{run:?}");
    for line in &lines[..3] {
        assert!(
            line.starts_with(&format!("fail {slow} first_byte_timeout: ")),
            "{line}"
        );
    }
    assert!(
        lines[3].starts_with(&format!("pass {fine} 200")),
        "{}",
        lines[3]
    );
}

#[test]
fn wait_ends_with_the_first_pass_or_the_deadline() {
    let asked = AtomicU32::new(0);
    let server = Server::answering(move |_| {
        let code = if asked.fetch_add(1, Ordering::SeqCst) < 3 {
            503
        } else {
            200
        };
        response(code, "")
    });
    let up = run(&[
        "check",
        "--wait",
        "20s",
        "--interval",
        "10ms",
        &server.url("/"),
    ]);
    assert_eq!(up.code, Some(0), "{up:?}");
    assert!(up.out.trim_end().ends_with("after 4 probes"), "{up:?}");

    let nobody = refusing();
    let begun = Instant::now();
    let gone = run(&[
        "check",
        "--wait",
        "300ms",
        "--interval",
        "50ms",
        &nobody.url,
    ]);
    assert_eq!(gone.code, Some(2), "{gone:?}");
    assert!(
        begun.elapsed() < Duration::from_secs(8) && gone.out.contains(" probes"),
        "{gone:?}"
    );

    // the last probe is cut off soon after the wait
    let begun = Instant::now();
    let hung = run(&["check", "--wait", "300ms", &Server::usual().url("/slow")]);
    assert_eq!(hung.code, Some(2), "{hung:?}");
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn values_of_options_may_begin_with_a_dash() {
    let server = Server::usual();
    let url = server.url("/");
    let table: [(&[&str], i32); 6] = [
        (&["--not-body", "-ERR"], 0),
        (&["--body", "-ERR"], 2),
        (&["--data", "-x"], 0),
        (&["--user", "-me:x"], 0),
        (&["--not-body", "--quiet"], 0),
        (&["--header", "-X: y"], 0),
    ];
    for (words, code) in table {
        let run = run(&[&["check"], words, &[&url]].concat());
        assert_eq!(run.code, Some(code), "{words:?}: {run:?}");
    }
}

#[test]
fn nagios_explains_the_option_for_c() {
    let server = Server::usual();
    let url = server.url("/");
    let warned = run(&["check", "--format", "nagios", "-w", "60:", &url]);
    assert_eq!(warned.code, Some(1), "{warned:?}");
    let refused = run(&["check", "--format", "nagios", "-w", "1", "-c", "2", &url]);
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(refused.err.contains("--crit 2"), "{refused:?}");
}

#[test]
fn wait_probes_once_more_when_its_time_is_over() {
    for (wait, interval) in [("1s", "1s"), ("2s", "30s"), ("1500ms", "1s")] {
        let probed = AtomicU32::new(0);
        let server = Server::answering(move |_| match probed.fetch_add(1, Ordering::SeqCst) {
            0 => response(503, ""),
            _ => response(200, ""),
        });
        let url = server.url("/");
        let up = run(&["check", "--wait", wait, "--interval", interval, &url]);
        assert_eq!(up.code, Some(0), "{wait} {interval}: {up:?}");
        assert!(up.out.trim_end().ends_with("after 2 probes"), "{up:?}");
    }
}

#[test]
fn wait_goes_on_while_a_socket_cannot_be_used() {
    use std::os::unix::net::{UnixDatagram, UnixListener};
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("s");
    // the wrong type of socket, like a missing permission, is an error of the configuration that can go away
    let invalid = UnixDatagram::bind(&path).expect("a socket");
    let replaced = path.clone();
    let replacing = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(1));
        drop(invalid);
        std::fs::remove_file(&replaced).expect("removed");
        UnixListener::bind(&replaced).expect("a listener")
    });
    let url = format!("unix://{}", path.display());
    let up = run(&["check", "--wait", "60s", "--interval", "50ms", &url]);
    drop(replacing.join());
    assert_eq!(up.code, Some(0), "{up:?}");
    assert!(up.out.contains(" probes"), "{up:?}");
}

#[test]
fn every_format_shows_the_same_result() {
    let server = Server::usual();
    let (fine, bad) = (server.url("/"), server.url("/500"));
    let reported = |format: &str| run(&["check", "--format", format, &fine, &bad]);
    let human = reported("human");
    assert!(
        human.out.contains("✓ pass") && human.out.contains("│ out of order"),
        "{human:?}"
    );
    assert!(
        human.out.contains("Traceback\\x1b[31m") && !human.out.contains('\x1b'),
        "{human:?}"
    );
    let plain = reported("plain");
    let starts: Vec<_> = plain.out.lines().map(|line| &line[..4]).collect();
    assert_eq!(starts, ["pass", "fail"], "{plain:?}");
    let json = reported("json");
    let lines: Vec<serde_json::Value> = json
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(
        (&lines[0]["name"], &lines[0]["verdict"]),
        (&fine.clone().into(), &"pass".into())
    );
    assert_eq!(
        (&lines[1]["status"], &lines[1]["reason"]),
        (&500.into(), &"status".into())
    );
    let nagios = reported("nagios");
    assert!(
        nagios
            .out
            .starts_with("HTTPOK CRITICAL - 1 of 2 not well, "),
        "{nagios:?}"
    );
    assert_eq!(
        [human.code, plain.code, json.code, nagios.code],
        [Some(2); 4]
    );
}

#[test]
fn nagios_ranges_decide_the_exit_status() {
    let server = Server::usual();
    let url = server.url("/");
    let table: [(&[&str], &str, i32); 4] = [
        (&["--warn", "60", "--crit", "90"], "OK", 0),
        (&["--warn", "60:"], "WARNING", 1),
        (&["--warn", "60:", "--crit", "@0:60"], "CRITICAL", 2),
        (&["-b", "missing"], "CRITICAL", 2),
    ];
    for (words, word, code) in table {
        let run = run(&[&["check", "--format", "nagios"], words, &[&url]].concat());
        assert!(
            run.out.starts_with(&format!("HTTPOK {word} - ")),
            "{words:?}: {run:?}"
        );
        assert!(
            run.out.contains(" | time=0.") && run.out.contains("; size=8B;;;0\n"),
            "{run:?}"
        );
        assert_eq!(run.code, Some(code), "{words:?}");
    }
}

#[test]
fn colour_is_used_on_terminals_and_on_request() {
    let server = Server::usual();
    let words = ["check", "--format", "human", &server.url("/")];
    let forced = ran(httpok(&words).env("CLICOLOR_FORCE", "1"));
    assert!(
        forced.out.contains("\x1b[") && !run(&words).out.contains("\x1b["),
        "{forced:?}"
    );
}

#[test]
fn quiet_says_nothing() {
    let server = Server::usual();
    let run = run(&["check", "-q", &server.url("/"), &server.url("/500")]);
    assert_eq!(
        (run.code, run.out.as_str(), run.err.as_str()),
        (Some(2), "", "")
    );
}

#[test]
fn closed_output_is_ignored() {
    let server = Server::usual();
    for (path, code) in [("/", 0), ("/500", 2)] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let child = httpok(&["check", &server.url(path)])
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(code));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}
