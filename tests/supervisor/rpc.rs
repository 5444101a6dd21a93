//! The RPC client against a real supervisord, and against servers that are none.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use httpok::health::{CallError, Process, ProcessName, ProcessState};
use httpok::secret::Secret;
use httpok::supervisor::supervisord::{Deadlines, SupervisordClient, SupervisordSpec};
use httpok::supervisor::{OutputStream, Supervisor};
use tempfile::TempDir;

use crate::hostile::{Act, counting, scripted};
use crate::support::supervisord::Supervisord;
use crate::support::wait_until;

/// Only a failing test waits for so long.
const LIMIT: Duration = Duration::from_secs(60);

/// A program that runs for long and is up at once.
const SLEEPER: &str = "command=sleep 1000\nstartsecs=0";

fn client_with(url: &str, username: &str, password: &str) -> SupervisordClient {
    let deadlines = Deadlines {
        question: LIMIT,
        action: LIMIT,
    };
    let spec = SupervisordSpec::new(url, username, password.into()).unwrap();
    SupervisordClient::new(spec, deadlines)
}

fn client(supervisord: &Supervisord) -> SupervisordClient {
    client_with(&supervisord.url(), "", "")
}

fn name(namespec: &str) -> ProcessName {
    let (group, name) = namespec.split_once(':').unwrap_or((namespec, namespec));
    ProcessName::supervisord(group, name)
}

fn fault(code: i64, text: &str) -> CallError {
    CallError::Fault {
        code,
        text: text.to_owned(),
    }
}

#[tokio::test]
async fn processes_are_listed_by_group_and_name() {
    let supervisord = Supervisord::with()
        .program("caf\u{e9}", SLEEPER)
        .program("off", &format!("{SLEEPER}\nautostart=false"))
        .program("gone", "command=/nonexistent\nstartretries=0")
        .program("b", SLEEPER)
        .program("a", SLEEPER)
        .section("group:app", "programs=b,a")
        .program(
            "many",
            &format!("{SLEEPER}\nnumprocs=2\nprocess_name=%(program_name)s_%(process_num)02d"),
        )
        .start();
    supervisord.wait_for("gone", "FATAL");
    supervisord.wait_for("many:many_01", "RUNNING");
    let found = client(&supervisord).list(None).await.unwrap();
    let summary: Vec<_> = found
        .iter()
        .map(|process| (process.name.namespec(), process.state))
        .collect();
    let expected = [
        ("app:a", ProcessState::Running),
        ("app:b", ProcessState::Running),
        ("caf\u{e9}", ProcessState::Running),
        ("gone", ProcessState::Fatal),
        ("many:many_00", ProcessState::Running),
        ("many:many_01", ProcessState::Running),
        ("off", ProcessState::Stopped),
    ];
    assert_eq!(
        summary,
        expected.map(|(name, state)| (name.to_owned(), state))
    );
    let one = |namespec: &str| -> &Process {
        let wanted = name(namespec);
        found.iter().find(|process| process.name == wanted).unwrap()
    };
    assert_eq!(one("app:a").pid, Some(supervisord.pid("app:a")));
    assert!(one("app:a").uptime.is_some_and(|seconds| seconds < 60));
    assert!(one("app:a").detail.starts_with("pid "));
    assert_eq!((one("off").pid, one("off").uptime), (None, None));
    assert_eq!(one("gone").pid, None);
    assert_eq!(one("gone").detail, "can't find command '/nonexistent'");
}

#[tokio::test]
async fn processes_are_stopped_and_started() {
    let supervisord = Supervisord::with()
        .program("web", SLEEPER)
        .program("caf\u{e9}", SLEEPER)
        .section("group:app", "programs=caf\u{e9}")
        .start();
    let client = client(&supervisord);
    for namespec in ["web", "app:caf\u{e9}"] {
        let process = name(namespec);
        supervisord.wait_for(namespec, "RUNNING");
        let before = client.info(&process).await.unwrap();
        assert_eq!(before.name, process);

        client.stop(&process).await.unwrap();
        let stopped = client.info(&process).await.unwrap();
        assert_eq!((stopped.state, stopped.pid), (ProcessState::Stopped, None));
        let refused = client.stop(&process).await.unwrap_err();
        assert_eq!(refused, fault(70, &format!("NOT_RUNNING: {namespec}")));

        client.start(&process).await.unwrap();
        let after = client.info(&process).await.unwrap();
        assert_eq!(after.state, ProcessState::Running);
        assert_ne!(after.pid, before.pid);
        let refused = client.start(&process).await.unwrap_err();
        assert_eq!(refused, fault(60, &format!("ALREADY_STARTED: {namespec}")));
    }
}

#[tokio::test]
async fn refused_calls_are_faults() {
    let supervisord = Supervisord::with()
        .program("gone", "command=/nonexistent\nautostart=false")
        .program(
            "plain",
            "command=%(here)s/supervisord.conf\nautostart=false",
        )
        .program("quick", "command=false\nautostart=false\nstartretries=0")
        .program("off", &format!("{SLEEPER}\nautostart=false"))
        .start();
    let client = client(&supervisord);
    let dir = supervisord.dir().display();
    let faults = [
        (
            client.info(&name("nosuch")).await.err(),
            10,
            "BAD_NAME: nosuch",
        ),
        (
            client.stop(&name("nosuch")).await.err(),
            10,
            "BAD_NAME: nosuch",
        ),
        (
            client.start(&name("g:nosuch")).await.err(),
            10,
            "BAD_NAME: g:nosuch",
        ),
        (
            client.start(&name("gone")).await.err(),
            20,
            "NO_FILE: can't find command '/nonexistent'",
        ),
        (
            client.start(&name("plain")).await.err(),
            21,
            &format!("NOT_EXECUTABLE: command at '{dir}/supervisord.conf' is not executable"),
        ),
        (
            client.start(&name("quick")).await.err(),
            50,
            "SPAWN_ERROR: quick",
        ),
    ];
    for (found, code, text) in faults {
        assert_eq!(found, Some(fault(code, text)));
    }
}

#[tokio::test]
async fn the_tail_of_a_log_is_read() {
    let supervisord = Supervisord::with()
        .program(
            "web",
            "command=sh -c 'printf \"\\n caf\\303\\251 \\360\\237\\230\\200<&>\\n\\n\"; echo err >&2; \
             exec sleep 1000'\nstartsecs=0",
        )
        .program("silent", &format!("{SLEEPER}\nstdout_logfile=NONE"))
        .start();
    let whole = "\n caf\u{e9} \u{1f600}<&>\n\n";
    wait_until("all is written", LIMIT, || {
        supervisord.stdout("web") == whole && supervisord.stderr("web") == "err\n"
    });
    let client = client(&supervisord);
    let web = name("web");
    assert_eq!(
        client
            .log_tail(&web, OutputStream::Stderr, 100)
            .await
            .unwrap(),
        "err\n"
    );
    // Also where it begins within a character.
    for bytes in 0..20 {
        let expected = (0..=whole.len())
            .find(|&at| whole.is_char_boundary(at) && whole.len() - at <= usize::from(bytes))
            .map(|at| &whole[at..]);
        let found = client
            .log_tail(&web, OutputStream::Stdout, bytes)
            .await
            .unwrap();
        assert_eq!(Some(found.as_str()), expected, "{bytes}");
    }
    let silent = client
        .log_tail(&name("silent"), OutputStream::Stdout, 100)
        .await;
    assert_eq!(silent.unwrap(), "");
    let nobody = client
        .log_tail(&name("nosuch"), OutputStream::Stdout, 100)
        .await;
    assert_eq!(nobody.unwrap_err(), fault(10, "BAD_NAME: nosuch"));
}

#[tokio::test]
async fn tcp_connection_requires_the_password() {
    let supervisord = Supervisord::with()
        .program("web", SLEEPER)
        .inet("user", "p:\u{e4}ss")
        .start();
    let url = supervisord.inet_url();
    let found = client_with(url, "user", "p:\u{e4}ss")
        .list(None)
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    for (username, password) in [("", ""), ("user", "wrong"), ("other", "p:\u{e4}ss")] {
        let refused = client_with(url, username, password)
            .list(None)
            .await
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("not authorized: {url} wants another username or password")
        );
    }
}

#[tokio::test]
async fn stopped_supervisord_is_unreachable_at_once() {
    let mut supervisord = Supervisord::with()
        .program("web", SLEEPER)
        .inet("user", "password")
        .start();
    let unix = client(&supervisord);
    let tcp = client_with(supervisord.inet_url(), "user", "password");
    unix.list(None).await.unwrap();
    tcp.list(None).await.unwrap();
    supervisord.kill();

    let started = Instant::now();
    let refused = unix.list(None).await.unwrap_err();
    let url = supervisord.url();
    assert_eq!(refused.to_string(), format!("connection refused: {url}"));
    let refused = tcp.list(None).await.unwrap_err();
    let url = supervisord.inet_url();
    let address = url.strip_prefix("http://").unwrap();
    assert_eq!(
        refused.to_string(),
        format!("connection refused ({address}): {url}")
    );
    assert!(started.elapsed() < LIMIT);

    supervisord.restart();
    unix.list(None).await.unwrap();
    tcp.list(None).await.unwrap();

    supervisord.stop();
    let missing = unix.list(None).await.unwrap_err();
    assert_eq!(
        missing.to_string(),
        format!("no such socket: {}", supervisord.url())
    );
    assert!(missing.is_passing());
}

#[tokio::test]
async fn supervisord_death_during_a_stop_is_reported() {
    let mut supervisord = Supervisord::with()
        .program(
            "web",
            "command=sh -c 'trap \"\" TERM; echo set; while :; do sleep 0.1; done'\nstartsecs=0\nstopwaitsecs=600",
        )
        .start();
    wait_until("the program is deaf", LIMIT, || {
        supervisord.stdout("web") == "set\n"
    });
    let client = client(&supervisord);
    let stopping = tokio::spawn(async move { client.stop(&name("web")).await });
    while supervisord.state("web") != "STOPPING" {
        assert!(!stopping.is_finished());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    supervisord.kill();
    let stopped = stopping.await.unwrap();
    assert!(
        matches!(stopped, Err(CallError::Unreachable { .. })),
        "{stopped:?}"
    );
}

/// A server that reads one request per connection, gives it to `answer`, and says what that returns.
fn server(answer: impl Fn(String) -> Vec<u8> + Send + 'static) -> (TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let request = request(&mut stream);
            // The client may have enough before all is written.
            let _ = stream.write_all(&answer(request));
        }
    });
    (dir, format!("unix://{}", path.display()))
}

/// Reads one request with its body.
fn request(stream: &mut UnixStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).unwrap();
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&bytes);
        if count == 0 || text.ends_with("</methodCall>\n") {
            return text.into_owned();
        }
    }
}

#[tokio::test]
async fn requests_equal_those_of_the_original_client() {
    let (sender, requests) = std::sync::mpsc::channel();
    let (_dir, url) = server(move |request| {
        sender.send(request).unwrap();
        Vec::new()
    });
    for (username, password, authorization) in [("", "", "Og=="), ("u", "p:w", "dTpwOnc=")] {
        let client = client_with(&url, username, password);
        client.stop(&name("web")).await.unwrap_err();
        let request = requests.recv_timeout(LIMIT).unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let mut lines: Vec<_> = head.lines().map(str::to_lowercase).collect();
        assert_eq!(lines.remove(0), "post /rpc2 http/1.1");
        lines.sort();
        assert_eq!(
            lines,
            [
                "accept: text/xml".to_owned(),
                format!("authorization: basic {}", authorization.to_lowercase()),
                format!("content-length: {}", body.len()),
                "content-type: text/xml".to_owned(),
                "host: localhost".to_owned(),
                "user-agent: httpok".to_owned(),
            ]
        );
        assert!(head.contains(&format!("Basic {authorization}")));
        assert_eq!(
            body,
            "<?xml version='1.0'?>\n<methodCall><methodName>supervisor.stopProcess</methodName>\
             <params><param><value><string>web</string></value></param></params></methodCall>\n"
        );
    }
}

#[tokio::test]
async fn invalid_responses_are_classified() {
    let ok = |body: &str| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let endless = "HTTP/1.1 200 OK\r\n\r\n".to_owned() + &"x".repeat(9 << 20);
    for (answer, unreachable, said) in [
        (
            "garbage\r\n\r\n".to_owned(),
            false,
            "not HTTP: the answer begins with \"garbage\": URL",
        ),
        (ok("hello"), false, "not an XML-RPC answer: \"hello\""),
        (
            ok(
                "<methodResponse><params><param><value><int>1</int></value></param></params></methodResponse>",
            ),
            false,
            "an unexpected answer: ",
        ),
        (
            "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n".to_owned(),
            false,
            "HTTP status 500 Internal Server Error: URL",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n".to_owned(),
            false,
            "HTTP status 302 Found: URL",
        ),
        (endless, false, "an answer of more than 8388608 bytes: URL"),
        (
            String::new(),
            true,
            "connection closed without a complete answer: URL",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Le".to_owned(),
            true,
            "connection closed without a complete answer: URL",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<meth".to_owned(),
            true,
            "the body broke off: URL",
        ),
    ] {
        let shown: String = answer.chars().take(50).collect();
        let (_dir, url) = server(move |_| answer.clone().into_bytes());
        let error = client_with(&url, "", "").list(None).await.unwrap_err();
        assert_eq!(
            matches!(error, CallError::Unreachable { .. }),
            unreachable,
            "{shown:?}: {error:?}"
        );
        let found = error.to_string().replace(&url, "URL");
        assert!(found.starts_with(said), "{shown:?}: {found}");
    }
}

/// What a hostile supervisord makes of a call, and how much it could send meanwhile.
async fn hostile(script: Vec<Act>) -> (CallError, u64) {
    let (server, sent) = counting(script).await;
    let client = client_with(&server.url(""), "", "");
    let error = client.list(None).await.unwrap_err();
    (error, sent.load(Ordering::Relaxed))
}

/// Were an answer read for as long as there is some, nobody else would have a turn: every call here ends by a bound
/// of its own, long before its deadline.
#[tokio::test]
async fn endless_responses_are_aborted() {
    const MANY: usize = 64 << 20;
    let times = |bytes: &'static [u8]| Act::Times(MANY / bytes.len(), bytes);
    let ok = Act::Say(b"HTTP/1.1 200 OK\r\n");
    let chunked = Act::Say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (script, says) in [
        (
            vec![times(b"HTTP/1.1 103 E\r\n\r\n")],
            "more than 512 KiB before the answer",
        ),
        (vec![times(b"rrrrrrrrrrrrrrrrrrrrrrrr")], "not HTTP"),
        (
            vec![Act::Say(b"HTTP/1.1 500 "), times(b"rrrrrrrrrrrrrrrr")],
            "head has more than 512 KiB",
        ),
        (
            vec![ok, Act::Say(b"X: "), times(b"xxxxxxxxxxxxxxxx")],
            "head has more than 512 KiB",
        ),
        (vec![ok, times(b"A: b\r\n")], "head has more than 512 KiB"),
        (
            vec![chunked, times(b"0000000000000000")],
            "a chunk's size is a line without end",
        ),
        (
            vec![chunked, Act::Say(b"zz\r\n"), Act::Hang],
            "not the size of a chunk",
        ),
        (
            vec![chunked, Act::Say(b"0\r\n"), times(b"A: b\r\n")],
            "trailers without end",
        ),
        (
            vec![chunked, times(b"8\r\nxxxxxxxx\r\n")],
            "an answer of more than 8388608 bytes",
        ),
        (
            vec![ok, Act::Say(b"\r\n"), times(b"xxxxxxxxxxxxxxxx")],
            "an answer of more than 8388608 bytes",
        ),
        (vec![Act::Reset], "connection reset"),
        (vec![ok, Act::Reset], "connection reset"),
    ] {
        let (error, sent) = hostile(script).await;
        let said = error.to_string();
        assert!(said.contains(says), "{says}: {said}");
        assert!(said.len() < 300, "{said}");
        // what is read, and what the sockets' buffers take besides
        assert!(sent < MANY as u64 / 2, "{says}: {sent} bytes");
    }
}

#[tokio::test]
async fn dripping_response_ends_at_the_deadline() {
    let server = scripted(vec![Act::Drip(b"HTTP/1.1 103 E\r\n\r\n")]).await;
    let deadlines = Deadlines {
        question: Duration::from_millis(300),
        action: LIMIT,
    };
    let spec = SupervisordSpec::new(&server.url(""), "", Secret::default()).unwrap();
    let after = deadlines.question;
    let answer = SupervisordClient::new(spec, deadlines).list(None).await;
    assert_eq!(answer, Err(CallError::TimedOut { after }));
}

#[tokio::test]
async fn hung_server_times_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    // The kernel accepts for it.
    let _listener = UnixListener::bind(&path).unwrap();
    let url = format!("unix://{}", path.display());
    let deadlines = Deadlines {
        question: Duration::from_millis(100),
        action: 10 * LIMIT,
    };
    let spec = SupervisordSpec::new(&url, "", Secret::default()).unwrap();
    let client = SupervisordClient::new(spec, deadlines);
    let after = deadlines.question;
    assert_eq!(client.list(None).await, Err(CallError::TimedOut { after }));
    // it is given up after one question, long before a process may take to stop
    for answer in [
        client.stop(&name("web")).await,
        client.start(&name("web")).await,
    ] {
        let Err(CallError::TimedOut { after }) = answer else {
            panic!("{answer:?}");
        };
        assert!(
            after >= deadlines.question && after < LIMIT / 2,
            "{after:?}"
        );
    }
}

#[tokio::test]
async fn slow_stop_is_waited_for_while_supervisord_answers() {
    const STUBBORN: &str = "command=/bin/sh -c \"trap '' TERM; while :; do sleep 0.1; done\"\nstartsecs=1\n\
                            stopwaitsecs=4";
    let supervisord = Supervisord::with().program("web", STUBBORN).start();
    supervisord.wait_for("web", "RUNNING");
    let deadlines = Deadlines {
        question: Duration::from_secs(4),
        action: LIMIT,
    };
    let spec = SupervisordSpec::new(&supervisord.url(), "", Secret::default()).unwrap();
    let client = SupervisordClient::new(spec, deadlines);
    let begun = Instant::now();
    let answer = client.stop(&name("web")).await;
    assert_eq!(answer, Ok(()), "{:?}", begun.elapsed());
    assert!(begun.elapsed() >= Duration::from_secs(4));
}
