//! Command lines that are wrong: what is said names the fault and what would be right, and the exit status is 3.

use std::io::Read;
use std::net::TcpListener;
use std::process::Stdio;

use super::{httpok, run};

#[test]
fn a_negative_number_is_judged_as_a_value() {
    for (words, expected) in [
        (
            &["check", "-t", "-1", "http://127.0.0.1:1/"][..],
            "\"-1\" is not a duration",
        ),
        (
            &["check", "--warn", "-1", "http://127.0.0.1:1/"],
            "'-1' for '--warn",
        ),
        (
            &["pause", "--for", "-1", "shop"],
            "\"-1\" is not a duration",
        ),
        (
            &["watch", "--fail-after", "-1", "http://127.0.0.1:1/"],
            "\"-1\" is not a count",
        ),
        (&["events", "-n", "-1"], "'-1' for '--last"),
    ] {
        let ran = run(words);
        assert_eq!(ran.code, Some(3), "{words:?}: {ran:?}");
        assert!(ran.err.contains(expected), "{words:?}: {}", ran.err);
    }
}

/// Two dashes make a name of it, which no URL and hardly any check has.
#[test]
fn an_unknown_option_is_not_to_be_passed_as_a_value() {
    for words in [
        &["check", "--zzz", "http://127.0.0.1:1/"][..],
        &["explain", "-1"],
        &["pause", "shop", "--zzz"],
    ] {
        let ran = run(words);
        assert_eq!(ran.code, Some(3), "{words:?}: {ran:?}");
        assert!(ran.err.contains("unexpected argument"), "{}", ran.err);
        assert!(!ran.err.contains("tip:"), "{}", ran.err);
    }
    let near = run(&["check", "--tiemout", "5", "http://127.0.0.1:1/"]);
    assert!(near.err.contains("'--timeout'"), "{}", near.err);
}

#[test]
fn health_set_says_both_that_it_can_be() {
    let ran = run(&["health", "set"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.err.contains("--unhealthy|--healthy"), "{}", ran.err);
    let ran = run(&["health", "set", "--healthy", "--unhealthy"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
}

#[test]
fn sample_names_the_port_that_is_taken_and_the_one_that_it_got() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let ran = run(&["sample", "--listen", &address]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    for part in [
        format!("cannot listen on {address}: another program listens there"),
        "--listen 127.0.0.1:0".to_owned(),
    ] {
        assert!(ran.err.contains(&part), "{part}: {}", ran.err);
    }
    let ran = run(&["sample", "--listen", "8399"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(
        ran.err.contains("expected such as 127.0.0.1:8399"),
        "{}",
        ran.err
    );

    let mut sample = httpok(&["sample", "--listen", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let mut said = Vec::new();
    let mut stderr = sample.stderr.take().expect("a pipe");
    while !said.contains(&b'\n') {
        let mut byte = [0];
        stderr
            .read_exact(&mut byte)
            .expect("it says where it listens");
        said.extend(byte);
    }
    let _ = sample.kill();
    let _ = sample.wait();
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("http://127.0.0.1:"), "{said}");
    assert!(!said.contains(":0/"), "{said}");
}
