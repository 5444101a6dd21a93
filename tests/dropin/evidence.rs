//! Mail and core files: what other programs are handed, and that none of them can do harm, whatever it does.

use std::fs;
use std::time::{Duration, Instant};

use crate::fixture::{RESTARTED, Stage};
use crate::program::LIMIT;
use crate::site::{Site, says};
use crate::smtp::SmtpServer;
use crate::support::{alive, wait_until};

const WEB: &str = "httpok=RUNNING web=RUNNING";
const MAIL: &str = "\
To: a@b
Subject: httpok: URL/500: bad status returned

status contacting URL/500: 500 Internal Server Error
Restarting selected processes ['web']
web is in RUNNING state, restarting
web restarted";

fn words<'a>(options: &[&'a str]) -> Vec<&'a str> {
    [options, &["-p", "web", "URL/500"]].concat()
}

#[test]
fn every_failing_tick_is_mailed_and_each_mail_ends_its_line() {
    let stage = Stage::with(WEB);
    let mut listener = stage.listen(&words(&["-m", "a@b", "-s", "DIR/sendmail"]));
    for mails in 1..=2 {
        listener.tick();
        let told = |said: &str| said.matches("Mailed:").count() == mails;
        listener.err.wait("a mail", told);
    }
    let end = listener.close();
    let told = format!("{RESTARTED}Mailed:\n\n{MAIL}\n");
    let said = stage.neutral(&end.err);
    assert_eq!(said, told.repeat(2));
    assert_eq!(stage.mails(), [MAIL, MAIL]);
}

#[test]
fn mail_is_sent_without_a_restart() {
    let stage = Stage::with("web=STOPPED");
    let end = stage.one_tick(&words(&["-m", "a@b", "-s", "DIR/sendmail", "-n", "Shop"]));
    let mail = "To: a@b\nSubject: httpok [Shop]: URL/500: bad status returned\n\n\
        status contacting URL/500: 500 Internal Server Error\nRestarting selected processes ['web']\n\
        web not in RUNNING state, NOT restarting";
    assert_eq!(stage.mails(), [mail]);
    assert!(
        end.err.ends_with(&format!("Mailed:\n\n{mail}\n")),
        "{}",
        end.err
    );
}

#[test]
fn a_bad_body_has_a_subject_of_its_own() {
    let stage = Stage::with(WEB);
    stage.one_tick(&[
        "-b",
        "zzz",
        "-m",
        "a@b",
        "-s",
        "DIR/sendmail",
        "-p",
        "web",
        "URL/ok",
    ]);
    let mails = stage.mails().concat();
    assert!(mails.contains(
        "Subject: httpok: URL/ok: bad body returned\n\nstatus contacting URL/ok: 200 OK\n"
    ));
}

#[test]
fn no_option_adds_a_header() {
    let stage = Stage::with(WEB);
    let name = "x\nBcc: victim@example.com\n\nhello";
    stage.one_tick(&words(&[
        "-n",
        name,
        "-m",
        "a@b\nCc: c@d",
        "-s",
        "DIR/sendmail",
    ]));
    let mail = stage.mails().concat();
    let headers = mail.split_once("\n\n").unwrap().0;
    assert_eq!(headers.lines().count(), 2, "{headers}");
}

/// What sendmail prints must not get into the protocol; it is ours to say when it goes wrong.
#[test]
fn misbehaving_sendmail_is_survived() {
    for (script, says) in [
        (
            "cat > $DIR/mail.1; echo To: x@y; echo READY; echo RESULT 2; echo oh >&2",
            "Mailed:",
        ),
        (
            "cat > $DIR/mail.1; echo no such user >&2; exit 67",
            "no such user",
        ),
        ("exec < /dev/null; sleep 0.1; exit 0", "Mailed:"),
        ("cat > $DIR/mail.1; echo queue full; exit 75", "queue full"),
        ("kill -9 $$", "Killed"),
    ] {
        let stage = Stage::with(WEB);
        stage.script("odd", script);
        let mut listener = stage.listen(&words(&["-m", "a@b", "-s", "DIR/odd"]));
        listener.tick();
        let said = listener.err.wait(script, |said| said.contains(says));
        assert_eq!(
            said.contains("Mailed:"),
            says == "Mailed:",
            "{script}: {said}"
        );
        // and the next tick is as good as the first
        listener.tick_until(script, || stage.supervisord.count("start") >= 2);
    }
}

#[test]
fn missing_sendmail_is_reported() {
    let stage = Stage::with(WEB);
    let mut listener = stage.listen(&words(&["-m", "a@b", "-s", "/no/such/sendmail -t"]));
    listener.tick();
    let said = listener
        .err
        .wait("it says so", |said| said.contains("/no/such/sendmail"));
    assert!(!said.contains("Mailed:"), "{said}");
    listener.tick_until("the next restart", || stage.supervisord.count("start") >= 2);
}

#[test]
fn hung_sendmail_delays_nothing() {
    let stage = Stage::with(WEB);
    stage.script("slow", "echo $$ > $DIR/slow.pid; exec sleep 1000");
    let mut listener = stage.listen(&words(&["-m", "a@b", "-s", "DIR/slow"]));
    for restarts in 1..=3 {
        listener.tick_until("a restart", || stage.supervisord.count("start") >= restarts);
    }
    let mut pid = 0;
    wait_until("sendmail runs", LIMIT, || {
        let text = fs::read_to_string(stage.dir().join("slow.pid")).unwrap_or_default();
        pid = text.trim().parse().unwrap_or(0);
        pid != 0
    });
    let asked = Instant::now();
    listener.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(listener.wait().status.code(), Some(0));
    assert!(
        asked.elapsed() < Duration::from_secs(8),
        "supervisord's patience is 10 s"
    );
    wait_until("nothing is left behind", LIMIT, || !alive(pid));
}

#[test]
fn smtp_and_webhook_deliver_reports() {
    let server = SmtpServer::start(&[]);
    let hooks = Site::start();
    hooks.answer("/hook", || says("200 OK", ""));
    let stage = Stage::with(WEB);
    let smtp = format!("smtp://127.0.0.1:{}", server.port);
    let hook = format!("{}/hook", hooks.origin());
    let end = stage.one_tick(&words(&[
        "-m",
        "a@b.example",
        "--smtp",
        &smtp,
        "--from",
        "w@b.example",
        "--webhook",
        &hook,
    ]));
    assert!(end.err.starts_with(RESTARTED), "{}", end.err);
    let taken = server.taken();
    assert_eq!(taken.len(), 1);
    assert!(
        taken[0]
            .header("Subject")
            .ends_with("/500: bad status returned")
    );
    assert_eq!(taken[0].facts["from"], "w@b.example");
    assert!(taken[0].body.contains("web restarted"), "{}", taken[0].body);
    assert_eq!(hooks.count("/hook"), 1);
}

#[test]
fn gcore_gets_a_path_and_a_pid_and_no_shell_reads_a_name() {
    let stage = Stage::with("httpok=RUNNING");
    let evil = "a:$(touch$IFS'x')`reboot`;\"'&";
    stage.supervisord.add(evil, "RUNNING");
    stage.script(
        "gcore",
        "for word; do echo \"<$word>\"; done >> $DIR/args; echo here is the core",
    );
    let end = stage.one_tick(&[
        "-d",
        "DIR/cores",
        "-g",
        "DIR/gcore -o",
        "-p",
        "a:*",
        "URL/500",
    ]);
    let args = stage.neutral(&fs::read_to_string(stage.dir().join("args")).unwrap());
    assert_eq!(args, format!("<-o>\n<DIR/cores/{evil}>\n<5002>\n"));
    let said = format!(
        "Restarting selected processes ['a:*']\ngcore output for {evil}:\n\n here is the core\n\n\
         {evil} is in RUNNING state, restarting\n{evil} restarted\n"
    );
    assert!(end.err.ends_with(&said), "{}", end.err);
    assert!(!stage.dir().join("x").exists());
}

/// The original kept none: what is printed and mailed stays the same, byte for byte.
#[test]
fn cheap_evidence_is_kept_and_neither_printed_nor_mailed() {
    let stage = Stage::with(WEB);
    let end = stage.one_tick(&words(&["-m", "a@b", "-s", "DIR/sendmail"]));
    assert_eq!(end.err, format!("{RESTARTED}Mailed:\n\n{MAIL}\n"));
    let files = fs::read_dir(stage.dir().join("state/evidence")).unwrap();
    let names: Vec<_> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        matches!(&names[..], [name] if name.contains("web") && name.ends_with(".txt")),
        "{names:?}"
    );
}

#[test]
fn no_core_without_a_directory() {
    let stage = Stage::with(WEB);
    stage.script("gcore", "echo > $DIR/called");
    assert_eq!(stage.one_tick(&words(&["-g", "DIR/gcore"])).err, RESTARTED);
    assert!(!stage.dir().join("called").exists());
}

/// Whatever gcore does, the restart comes, supervisord's events stay ours, and what it printed is told.
#[test]
fn misbehaving_gcore_is_survived() {
    for (script, says) in [
        (
            "exit 3",
            "gcore output for web:\n\n \nFailed to capture gcore of web: exit status: 3\n",
        ),
        ("cat; echo read", "gcore output for web:\n\n read\n\n"),
        (
            "echo RESULT 2; echo oh >&2",
            "oh\ngcore output for web:\n\n RESULT 2\n\n",
        ),
    ] {
        let stage = Stage::with(WEB);
        stage.script("gcore", script);
        let end = stage.one_tick(&words(&["-d", "DIR", "-g", "DIR/gcore -o"]));
        assert!(end.err.contains(says), "{script}: {}", end.err);
        assert!(
            end.err
                .ends_with("web is in RUNNING state, restarting\nweb restarted\n")
        );
    }
    let stage = Stage::with(WEB);
    let end = stage.one_tick(&words(&["-d", "DIR", "-g", "/no/such/gcore -o"]));
    assert!(end.err.contains("/no/such/gcore"), "{}", end.err);
    assert!(end.err.ends_with("web restarted\n"));
}

#[test]
fn process_replaced_during_its_core_is_left_alone() {
    let stage = Stage::with(WEB);
    stage.script("gcore", "exit 0");
    stage.supervisord.before("info", |processes| {
        crate::scripted::set(processes, "web", "RUNNING")
    });
    let end = stage.one_tick(&words(&["-d", "DIR", "-g", "DIR/gcore -o"]));
    assert!(
        end.err.contains("web was replaced since the check"),
        "{}",
        end.err
    );
    assert_eq!(stage.supervisord.actions(), "");
}
