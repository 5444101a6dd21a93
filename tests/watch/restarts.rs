//! From the first fail to the last mail.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::fixture::Stage;
use crate::program::LIMIT;
use crate::site::{Answer, says};
use crate::smtp::{SmtpServer, Taken};
use crate::support::wait_until;

const DEFAULTS: &str = r#"
[defaults]
every = "200ms"
timeout = "500ms"
fail_after = 3
grace = 0
backoff = { min = "300ms", max = "300ms" }
"#;

fn mail(server: &SmtpServer) -> String {
    let port = server.port;
    format!("[mail]\nto = [\"ops@example.org\"]\nsmtp = \"smtp://127.0.0.1:{port}\"\n")
}

fn subjects(taken: &[Taken]) -> Vec<&str> {
    taken.iter().map(|mail| mail.header("Subject")).collect()
}

#[test]
fn hung_service_is_restarted_once_and_reported_in_one_thread() {
    let stage = Stage::with(&["shop"]);
    let server = SmtpServer::start(&[]);
    stage.ill_until("shop", 2, Answer::Hang(Vec::new()));
    let check = "[[check]]\nname = \"shop\"\nurl = \"URL/shop\"\nbody = \"all fine\"\nrestart = [\"shop\"]\n";
    stage.configure(&[DEFAULTS, check, &mail(&server), "down_after = 0\n"].concat());
    let watchdog = stage.watch_file();
    wait_until("both mails", LIMIT, || server.taken().len() == 2);
    let looks = stage.site.count("/shop");
    wait_until("it is watched on", LIMIT, || {
        stage.site.count("/shop") > looks + 2
    });
    watchdog.signal(Signal::SIGTERM);
    let end = watchdog.wait();
    assert_eq!(end.status.code(), Some(0), "{}", end.err);
    assert!(end.took < Duration::from_secs(5), "{:?}", end.took);
    assert_eq!(stage.lives("shop"), 2);
    let taken = server.taken();
    let shown = subjects(&taken);
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert!(
        shown[0].contains("shop is down: first_byte_timeout, being restarted"),
        "{shown:?}"
    );
    assert!(shown[1].contains("shop recovered after"), "{shown:?}");
    assert_eq!(
        taken[1].header("In-Reply-To"),
        taken[0].header("Message-ID")
    );
    let references = taken[1].header("References");
    assert!(
        references.contains(taken[0].header("References")),
        "{references}"
    );
    for fail in [
        "[fail 1 of 3]",
        "[fail 2 of 3]",
        "[fail 3 of 3]",
        "is down",
        "attempt 1",
        "passes again",
    ] {
        assert!(end.err.contains(fail), "{fail}: {}", end.err);
    }
    // three fails of half a second each, and no restart before the third
    assert!(stage.site.count("/shop") >= 4);
    // also of an incident that is over it is remembered who was told
    let shown = stage.explained("shop");
    for line in [
        "report 1 (down) was delivered",
        "report 2 (recovered) was delivered",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
}

/// The fails of an incident that is over do not count towards the next one.
#[test]
fn single_fail_after_a_recovery_opens_no_incident_with_fail_within() {
    let stage = Stage::with(&[]);
    let server = SmtpServer::start(&[]);
    let mut probes = 0;
    stage.site.answer("/shop", move || {
        probes += 1;
        match probes {
            2 | 3 | 5 => says("500 Oh", ""),
            _ => says("200 OK", "fine"),
        }
    });
    let check = "[[check]]\nname = \"shop\"\nurl = \"URL/shop\"\nevery = \"200ms\"\ngrace = 0\n\
                 fail_within = \"2/3\"\n";
    stage.configure(&[check, &mail(&server)].concat());
    let watchdog = stage.watch_file();
    wait_until("it is watched on", LIMIT, || stage.site.count("/shop") > 12);
    watchdog
        .err
        .wait("it recovered", |said| said.contains("passes again"));
    watchdog.signal(Signal::SIGTERM);
    let end = watchdog.wait();
    assert_eq!(
        end.err.matches("is down (incident").count(),
        1,
        "{}",
        end.err
    );
}

/// The original's words are for those who read its mails and lines already.
#[test]
fn a_restart_is_told_in_our_own_words_outside_the_drop_in() {
    let stage = Stage::with(&["shop"]);
    let server = SmtpServer::start(&[]);
    stage.ill_until("shop", 2, says("500 Oh", ""));
    let check = "[[check]]\nname = \"shop\"\nurl = \"URL/shop\"\nrestart = [\"shop\"]\n";
    stage.configure(&[DEFAULTS, check, &mail(&server)].concat());
    let watchdog = stage.watch_file();
    let is_over = || {
        let taken = server.taken();
        taken.iter().any(|mail| mail.body.contains("RUNNING"))
    };
    wait_until("a mail after the restart", LIMIT, is_over);
    let mut told = watchdog.err.text();
    for mail in server.taken() {
        told += &mail.body;
    }
    for words in ["is in RUNNING state", "Exception", "selected processes"] {
        assert!(!told.contains(words), "{words}: {told}");
    }
    watchdog.signal(Signal::SIGTERM);
    watchdog.wait();
}

#[test]
fn quick_cure_is_one_mail_and_a_slow_one_is_two() {
    let stage = Stage::with(&["shop"]);
    let server = SmtpServer::start(&[]);
    stage.ill_until("shop", 2, says("500 Oh", ""));
    let quick = "[[check]]\nname = \"shop\"\nurl = \"URL/shop\"\nrestart = [\"shop\"]\n";
    stage.configure(&[DEFAULTS, quick, &mail(&server)].concat());
    let watchdog = stage.watch_file();
    wait_until("a mail", LIMIT, || !server.taken().is_empty());
    let probes = stage.site.count("/shop");
    wait_until("it is watched on", LIMIT, || {
        stage.site.count("/shop") > probes + 5
    });
    let taken = server.taken();
    let reported = subjects(&taken);
    assert_eq!(reported.len(), 1, "{reported:?}");
    assert!(
        reported[0].contains("shop was down: status 500, restarted, back after"),
        "{reported:?}"
    );
    let said = watchdog.err.text();
    drop(watchdog);
    assert!(said.contains("notified mail"), "{said}");

    // from now on it needs longer than the second for which the report is held
    let file = stage.dir().join("until");
    let until = file.clone();
    stage.site.answer("/shop", move || match until.exists() {
        true => says("200 OK", ""),
        false => says("500 Oh", ""),
    });
    let slow = quick.to_owned() + "grace = \"1m\"\n";
    stage.configure(&[DEFAULTS, &slow, &mail(&server), "down_after = 1\n"].concat());
    let _watchdog = stage.watch_file();
    wait_until("it is reported", LIMIT, || server.taken().len() == 2);
    std::fs::write(&file, "").unwrap();
    wait_until("it is over", LIMIT, || server.taken().len() == 3);
    let taken = server.taken();
    let reported = subjects(&taken);
    assert!(
        reported[1].contains("shop is down: status 500, being restarted"),
        "{reported:?}"
    );
    assert!(reported[2].contains("shop recovered after"), "{reported:?}");
}

#[test]
fn service_that_stays_down_is_given_up() {
    let stage = Stage::with(&["shop"]);
    let server = SmtpServer::start(&[]);
    stage.ill_until("shop", usize::MAX, says("500 Oh", "stack trace here"));
    let check = "[[check]]\nname = \"shop\"\nurl = \"URL/shop\"\nrestart = [\"shop\"]\nfail_after = 1\nrestarts = \"2/1h\"\n";
    stage.configure(&[DEFAULTS, check, &mail(&server)].concat());
    let watchdog = stage.watch_file();
    let gave_up = |taken: &[Taken]| {
        subjects(taken)
            .iter()
            .any(|shown| shown.contains("gave up"))
    };
    wait_until("it gives up", LIMIT, || gave_up(&server.taken()));
    let looks = stage.site.count("/shop");
    wait_until("it is watched on", LIMIT, || {
        stage.site.count("/shop") > looks + 10
    });
    assert_eq!(stage.lives("shop"), 3, "the first life and two restarts");
    let taken = server.taken();
    let shown = subjects(&taken);
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert!(
        shown[0].contains("shop is NOT back after 2 restarts: status 500, gave up"),
        "{shown:?}"
    );
    assert!(
        taken[0].body.contains("stack trace here"),
        "{}",
        taken[0].body
    );
    // the pause between two attempts was kept
    let stops = watchdog.err.text();
    assert_eq!(stops.matches("restarting, attempt").count(), 2, "{stops}");
    assert_eq!(
        stops.matches("gave up: the restarts are used up").count(),
        1,
        "{stops}"
    );
}

#[test]
fn dry_run_changes_nothing_and_logs_its_decisions() {
    let stage = Stage::with(&["shop"]);
    let words = [
        "--dry-run",
        "--every",
        "200ms",
        "--fail-after",
        "1",
        "--grace",
        "0",
        "-p",
        "shop",
        "URL/nope",
    ];
    let watchdog = stage.watch(&words);
    let line = "shop left alone: dry run; it would have been restarted";
    watchdog.err.wait("it says so", |said| said.contains(line));
    wait_until("it is watched on", LIMIT, || stage.site.count("/nope") > 5);
    assert_eq!(stage.lives("shop"), 1);
}

/// SIGTERM comes while the process is down: it is up again before the watchdog ends.
#[test]
fn a_restart_under_way_is_ended_first() {
    let stage = Stage::with(&[]);
    let slow = "command=/bin/sh -c \"echo up >> %(here)s/slow.lives; trap 'sleep 1; exit' TERM; while :; do sleep 0.1; done\"\nstartsecs=0";
    let supervisord = crate::support::supervisord::Supervisord::with()
        .program("slow", slow)
        .start();
    let stage = Stage {
        supervisord,
        ..stage
    };
    stage.supervisord.wait_for("slow", "RUNNING");
    let words = [
        "--every",
        "200ms",
        "--fail-after",
        "1",
        "--grace",
        "0",
        "-p",
        "slow",
        "URL/nope",
    ];
    let watchdog = stage.watch(&words);
    stage.supervisord.wait_for("slow", "STOPPING");
    watchdog.signal(Signal::SIGTERM);
    let end = watchdog.wait();
    assert_eq!(end.status.code(), Some(0), "{}", end.err);
    assert_eq!(stage.supervisord.state("slow"), "RUNNING");
    // to its supervisord it runs before it has done anything
    wait_until("its second life", LIMIT, || stage.lives("slow") == 2);
    assert!(end.err.contains("slow started"), "{}", end.err);
}

#[test]
fn mail_server_with_private_roots_is_trusted_with_cacert() {
    let stage = Stage::with(&["shop"]);
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (stage.dir().join("cert.pem"), stage.dir().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let (cert, key) = (cert.to_str().unwrap(), key.to_str().unwrap());
    let server = SmtpServer::start(&["--cert", cert, "--key", key, "--implicit"]);
    stage.ill_until("shop", 2, says("500 Oh", ""));
    let check = "[[check]]\nname = \"shop\"\nurl = \"URL/shop\"\nrestart = [\"shop\"]\n";
    let mail = format!(
        "[mail]\nto = [\"ops@example.org\"]\nsmtp = \"smtps://localhost:{}\"\ncacert = {cert:?}\n",
        server.port
    );
    stage.configure(&[DEFAULTS, check, &mail].concat());
    let _watchdog = stage.watch_file();
    wait_until("a mail", LIMIT, || server.taken().len() == 1);
    assert!(server.taken().iter().all(|mail| mail.facts["tls"] == true));
}
