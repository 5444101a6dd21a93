//! The line protocol and the agent-check, as their clients ask them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use crate::fixture::{Stage, exchange, free_port, half_closed};
use crate::program::LIMIT;
use crate::site::says;

#[test]
fn the_line_protocol_is_on_the_port_80_above() {
    let stage = Stage::settled("line = true");
    let ask = |line: &str| String::from_utf8(exchange(stage.port + 80, line.as_bytes())).unwrap();
    assert_eq!(ask("health_check\r\n"), "Error: checks down: db\n");
    stage.site.answer("/db", || says("200 OK", "fine"));
    stage.wait("all is well", |_| ask("health_check\n") == "OK\n");
    assert!(ask("help\n").starts_with("Supported commands:\n  "));
    assert_eq!(ask("nope\n"), "Invalid command 'nope'\nTry \"help\".\n");
    assert_eq!(ask("warmup_state\n"), "1 0\n");
    assert_eq!(ask("status shop\n"), "shop up\n");
    assert!(ask("monitor\n").contains("VmRSS:"));
    assert_eq!(half_closed(stage.port + 80, b"health_check\r\n"), "OK\n");
    // lines that come in pieces, and blank ones before them
    let mut stream = TcpStream::connect(("127.0.0.1", stage.port + 80)).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    for piece in ["\r\n", "heal", "th_check", "\r", "\n"] {
        stream.write_all(piece.as_bytes()).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text, "OK\n");
}

#[test]
fn interactive_mode_goes_on_until_quit() {
    let stage = Stage::start("line = true");
    let stream = TcpStream::connect(("127.0.0.1", stage.port + 80)).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut stream = stream;
    let mut say = |text: &str| {
        stream.write_all(text.as_bytes()).unwrap();
        lines.next().unwrap().unwrap()
    };
    assert_eq!(
        say("interactive\n"),
        "Interactive mode on.  Use \"quit\" To exit."
    );
    assert_eq!(say("help quit\n"), "Help for quit:");
    assert_eq!(say(""), "");
    assert_eq!(say(""), "Quit the monitor");
    assert_eq!(say("quit\n"), "Goodbye.");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}

#[test]
fn a_line_without_an_end_is_bounded() {
    let stage = Stage::start("line = true");
    let answer = exchange(stage.port + 80, &[b'x'; 6000]);
    assert!(
        String::from_utf8(answer)
            .unwrap()
            .starts_with("A line has at most")
    );
}

#[test]
fn the_monitor_command_is_a_client() {
    let stage = Stage::settled("line = true");
    let ask = |words: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_httpok"))
            .arg("monitor")
            .arg(format!("127.0.0.1:{}", stage.port + 80))
            .args(words)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (
            output.status.code(),
            text,
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, text, _) = ask(&[]);
    assert_eq!(code, Some(0));
    assert!(text.starts_with("Supported commands:\n"), "{text}");
    let (code, text, _) = ask(&["status", "db"]);
    assert_eq!(
        (code, text.starts_with("db down ")),
        (Some(0), true),
        "{text}"
    );
    let nobody = free_port();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_httpok"))
        .args(["monitor", &format!("127.0.0.1:{nobody}")])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn the_agent_names_a_check_and_says_the_whole_state() {
    let agent = free_port();
    let _stage = Stage::settled(&format!("agent = \"127.0.0.1:{agent}\""));
    let ask = |name: &str| String::from_utf8(exchange(agent, name.as_bytes())).unwrap();
    assert_eq!(ask("shop\n"), "ready up 100%\n");
    assert_eq!(
        ask("shop"),
        "ready up 100%\n",
        "agent-send without a line end"
    );
    let down = ask("db\n");
    assert!(
        down.starts_with("down #db: expected status 200, got 500"),
        "{down}"
    );
    assert_eq!(ask(""), down, "without a name all are meant");
    assert!(ask("nope\n").starts_with("down #no such check"));
    assert_eq!(half_closed(agent, b"shop\n"), "ready up 100%\n");
}
