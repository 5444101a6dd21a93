//! Ports that are taken, configurations that change, sockets and certificates.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::process::Command;

use crate::fixture::{Answer, Stage, free_port};

#[test]
fn a_taken_port_ends_the_start_and_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("httpok.toml");
    let text = format!(
        "[[check]]\nname = \"a\"\nurl = \"http://127.0.0.1:9/\"\n[serve]\nlisten = \"{address}\"\n"
    );
    std::fs::write(&file, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_httpok"))
        .args(["watch", "--config"])
        .arg(&file)
        .env("STATE_DIRECTORY", dir.path().join("state"))
        .output()
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(
        err.contains(&format!("cannot listen on {address}")),
        "{err}"
    );
    assert!(!output.status.success());
}

#[test]
fn port_taken_on_reload_keeps_the_old_listener_and_is_reported() {
    let stage = Stage::settled("");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    stage.reconfigure(address.port(), "unavailable_status_code = 500");
    stage.watchdog.err.wait("it is said", |text| {
        text.contains(&format!("cannot listen on {address}"))
    });
    stage.wait("the rest is taken, on the old port", |stage| {
        stage.get("/health").status == 500
    });
    let (code, out, err) = stage.local(&["reload"]);
    assert_eq!((code, out.as_str()), (Some(3), ""), "{err}");
    for says in [
        "has the new configuration: 2 checks; but ",
        &format!("cannot listen on {address}"),
        "what was served before goes on",
    ] {
        assert!(err.contains(says), "{err}");
    }
    let free = free_port();
    stage.reconfigure(free, "");
    let moved = || std::net::TcpStream::connect(("127.0.0.1", free)).is_ok();
    stage.wait("it moves", |_| moved());
    stage.wait("the old port is closed", |stage| {
        std::net::TcpStream::connect(("127.0.0.1", stage.port)).is_err()
    });
}

#[test]
fn a_unix_socket_is_served_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("serve.sock");
    let stage = Stage::settled(&format!("line = {:?}", path.to_str().unwrap()));
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.write_all(b"status shop\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text, "shop up\n");
    stage.watchdog.signal(nix::sys::signal::Signal::SIGTERM);
    assert!(stage.watchdog.wait().status.success());
    assert!(!path.exists(), "it is removed at the end");
}

#[test]
fn tls_is_served_with_the_configured_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&cert, own.cert.pem()).unwrap();
    std::fs::write(&key, own.signing_key.serialize_pem()).unwrap();
    let stage = Stage::start(&format!("[serve.tls]\ncert = {cert:?}\nkey = {key:?}"));
    let url = format!("https://localhost:{}/ready", stage.port);
    let curl = || {
        Command::new("curl")
            .args(["-s", "--max-time", "20", "--cacert"])
            .arg(&cert)
            .arg(&url)
            .output()
            .unwrap()
    };
    stage.wait("ready", |_| {
        String::from_utf8_lossy(&curl().stdout).starts_with("[{\"plugin_name\":\"shop\"")
    });
    let plain = stage.raw("GET / HTTP/1.0\r\n\r\n");
    assert!(!plain.starts_with(b"HTTP/1.1 200"), "{plain:?}");
}

#[test]
fn certificate_that_cannot_be_used_is_reported_in_place() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (
        rcgen::generate_simple_self_signed(vec!["a".to_owned()]).unwrap(),
        rcgen::generate_simple_self_signed(vec!["b".to_owned()]).unwrap(),
    );
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("cert.pem", &one.cert.pem());
    write("other.key", &other.signing_key.serialize_pem());
    write("empty.pem", "");
    let file = dir.path().join("httpok.toml");
    for (cert, key, place, says) in [
        (
            "nope.pem",
            "other.key",
            "9:8: serve.tls.cert: cannot read cert ",
            "No such file",
        ),
        (
            "empty.pem",
            "other.key",
            "9:8: serve.tls.cert: cannot read cert ",
            "no certificate in it",
        ),
        (
            "cert.pem",
            "nope.key",
            "10:7: serve.tls.key: cannot read key ",
            "No such file",
        ),
        (
            "cert.pem",
            "empty.pem",
            "10:7: serve.tls.key: cannot read key ",
            "no private key in it",
        ),
        (
            "cert.pem",
            "other.key",
            "10:7: serve.tls.key: cannot read key ",
            "expected a PEM file with the private key of cert",
        ),
    ] {
        // a check that names the same file by a key whose name ends alike
        let text = format!(
            "[[check]]\nname = \"a\"\nurl = \"https://h/\"\ncert = \"cert.pem\"\nkey = \"cert.key\"\n\
             [serve]\nlisten = \"127.0.0.1:1\"\n[serve.tls]\ncert = {cert:?}\nkey = {key:?}\n"
        );
        write("cert.key", &one.signing_key.serialize_pem());
        std::fs::write(&file, text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_httpok"))
            .args(["config", "check"])
            .arg(&file)
            .output()
            .unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{cert} {key}: {err}");
        let place = format!("error: {}:{place}", file.display());
        assert!(
            err.contains(&place) && err.contains(says),
            "{cert} {key}: {err}"
        );
    }
}

#[test]
fn invalid_section_is_reported_in_place() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("httpok.toml");
    for (serve, expected) in [
        ("listen = \"nowhere\"", "not an address to listen on"),
        (
            "listen = \"127.0.0.1:99999\"",
            "not an address to listen on",
        ),
        ("line = true", "no port of listen"),
        (
            "listen = \"127.0.0.1:65500\"\nline = true",
            "no port 80 above",
        ),
        ("unavailable_status_code = 100", "out of range"),
        ("unavailable_status_code = 600", "out of range"),
        ("check_timeout = \"0s\"", "check_timeout"),
        ("api_keys = [\"\"]", "an empty secret"),
        ("environment = \"yes\"", "a boolean"),
        ("lissten = \"127.0.0.1:1\"", "did you mean \"listen\""),
        (
            "[serve.healthy]\noutbox = { upper = 1, lower = 2 }",
            "a lower bound above",
        ),
        ("[serve.healthy]\noutbox = { upper = 1 }", "lower"),
        (
            "[serve.healthy]\nstate_free_bytes = { upper = \"x\", lower = 1 }",
            "upper",
        ),
        ("[serve.tls]\ncert = \"c\"", "key"),
    ] {
        let text = format!("[[check]]\nname = \"a\"\nurl = \"http://h/\"\n[serve]\n{serve}\n");
        std::fs::write(&file, text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_httpok"))
            .args(["config", "check"])
            .arg(&file)
            .output()
            .unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(err.contains(expected), "{serve}: {err}");
        assert!(!output.status.success());
    }
}

#[test]
fn test_client_parses_responses_strictly() {
    let answer = Answer::parse(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nc");
    assert_eq!(
        (answer.status, answer.header("a"), answer.body.as_str()),
        (200, Some("b"), "c")
    );
}
