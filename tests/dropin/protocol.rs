//! The event protocol, signals and exit statuses: how supervisord sees the listener.

use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::eventlistener::{EventListener, event, now};
use crate::fixture::{RESTARTED, Stage};
use crate::program::LIMIT;
use crate::scripted::Mishap;
use crate::site::{Answer, says};
use crate::support::wait_until;

const WEB: &str = "httpok=RUNNING web=RUNNING";
const WORDS: [&str; 3] = ["-p", "web", "URL/500"];

/// Events of every kind, well-formed and not; in the end the listener still works.
#[test]
fn unexpected_events_are_ignored() {
    let stage = Stage::with(WEB);
    let mut listener = stage.listen(&["-p", "web", "URL/ok"]);
    listener.event(
        "PROCESS_STATE_RUNNING",
        "processname:web groupname:web from_state:STARTING pid:7",
    );
    listener.event("REMOTE_COMMUNICATION", "type:TICK_5\nTICK_5");
    // supervisord counts characters
    listener.event(
        "PROCESS_STATE_STARTING",
        "processname:café groupname:café from_state:STOPPED tries:0",
    );
    listener.event(
        "PROCESS_LOG_STDOUT",
        "processname:ü groupname:ü pid:7\n\u{1f600} and\nmore\n",
    );
    listener.event("TICK_5", "");
    wait_until("a tick without a date is one", LIMIT, || {
        stage.site.asked().len() == 1
    });
    // an identifier of any kind
    let header =
        "ver:3.0 server:na:me x len:3 serial:7 pool:httpok poolserial:7 eventname:EVENT len:0\n";
    listener.raw(header.as_bytes(), 1);
    // one header that is none, and the event after it
    listener.raw(
        format!("garbage\n{}", event("EVENT", "abc", 3)).as_bytes(),
        1,
    );
    // byte by byte
    let slow = event("PROCESS_STATE_EXITED", "processname:café", 16);
    let bytes = slow.as_bytes();
    for at in 0..bytes.len() {
        listener.raw(&bytes[at..=at], usize::from(at + 1 == bytes.len()));
    }
    assert_eq!(stage.site.asked().len(), 1, "none of these was a tick");
    for (count, name) in [(2, "TICK_3600"), (3, "TICKLE")] {
        listener.tick_until_named(name, || stage.site.asked().len() == count);
    }
    let end = listener.close();
    assert_eq!(end.status.code(), Some(0));
    assert_eq!(
        end.err.lines().count(),
        1,
        "only the garbage is worth a word: {}",
        end.err
    );
}

impl EventListener {
    fn tick_until_named(&mut self, name: &str, done: impl Fn() -> bool) {
        // the answer to the last one may be on its way still, and then this one is dropped
        while !done() {
            self.event(name, &format!("when:{}", now() + 1));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// An event that never becomes whole is given up, and acknowledged, lest supervisord waits for ever.
#[test]
fn incomplete_event_is_abandoned() {
    let stage = Stage::with(WEB);
    let mut listener = stage.listen(&["-p", "web", "URL/ok"]);
    listener.raw(event("PROCESS_LOG", "short", 500).as_bytes(), 1);
    listener.tick();
    wait_until("it looks", LIMIT, || stage.site.asked().len() == 1);
    listener.raw(b"ver:3.0 eventname:TICK_5 len:soon\n", 1);
    assert_eq!(listener.close().status.code(), Some(0));
}

#[test]
fn stale_ticks_are_dropped() {
    let stage = Stage::with(WEB);
    let mut listener = stage.listen(&["-p", "web", "URL/ok"]);
    for late in [6, 60, 100_000] {
        listener.event("TICK_5", &format!("when:{}", now() - late));
    }
    listener.tick();
    wait_until("it looks", LIMIT, || stage.site.asked().len() == 1);
    assert_eq!(listener.close().err, "");
    assert_eq!(stage.site.asked().len(), 1);
}

/// Ticks pile up while a process is restarted; the fresh process is not checked by any of them.
#[test]
fn ticks_from_before_a_restart_do_not_restart_again() {
    let stage = Stage::with(WEB);
    stage
        .supervisord
        .mishap("stop", Mishap::Slow(Duration::from_millis(1500)));
    let mut listener = stage.listen(&["-p", "web", "URL/500"]);
    listener.tick();
    wait_until("it stops web", LIMIT, || {
        stage.supervisord.count("stop") == 1
    });
    for _ in 0..30 {
        // acknowledged at once, all the time
        listener.tick();
    }
    let stale = now();
    listener
        .err
        .wait("web is restarted", |said| said.contains("web restarted"));
    wait_until("the restart is over", LIMIT, || {
        stage.supervisord.count("info") > 0
    });
    std::thread::sleep(Duration::from_millis(100));
    listener.event("TICK_60", &format!("when:{}", stale - 1));
    let end = listener.close();
    assert_eq!(stage.neutral(&end.err), RESTARTED);
    assert_eq!(stage.supervisord.actions(), "stop web, start web");
}

#[test]
fn a_tick_for_a_busy_check_is_skipped() {
    let stage = Stage::with(WEB);
    stage.site.answer("/slow", || {
        std::thread::sleep(Duration::from_millis(500));
        says("200 OK", "")
    });
    let mut listener = stage.listen(&["-p", "web", "URL/slow"]);
    (0..20).for_each(|_| listener.tick());
    wait_until("it looks", LIMIT, || stage.site.asked().len() == 1);
    (0..20).for_each(|_| listener.tick());
    assert_eq!(listener.close().err, "");
    assert_eq!(stage.site.asked().len(), 1);
}

/// Reads no tick for a long time, as a supervisord that is busy itself.
#[test]
fn end_of_input_ends_the_listener_after_the_check() {
    let stage = Stage::with(WEB);
    stage.site.answer("/slow", || {
        std::thread::sleep(Duration::from_millis(700));
        says("500 Internal Server Error", "")
    });
    stage
        .supervisord
        .mishap("stop", Mishap::Slow(Duration::from_millis(300)));
    let said = stage.one_tick(&["-p", "web", "URL/slow"]).err;
    assert!(said.ends_with("web restarted\n"), "{said}");
}

#[test]
fn unread_output_ends_the_listener() {
    let stage = Stage::with(WEB);
    let mut child = stage
        .httpok(&["-p", "web", "URL/ok"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    use std::io::Write;
    let mut stdin = child.stdin.take().unwrap();
    // it may be gone before it has read this
    let _ = stdin.write_all(event("TICK_5", "when:1", 6).as_bytes());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("cannot write to standard output"), "{said}");
}

#[test]
fn sigterm_ends_the_listener_at_once() {
    for path in ["URL/ok", "URL/hang"] {
        let stage = Stage::with(WEB);
        let mut listener = stage.listen(&["-t", "60", "-p", "web", path]);
        listener.tick();
        wait_until("it looks", LIMIT, || stage.site.asked().len() == 1);
        listener.signal(Signal::SIGTERM);
        let end = listener.wait();
        assert_eq!(
            (end.status.code(), end.err.as_str()),
            (Some(0), ""),
            "{path}"
        );
        assert!(end.took < Duration::from_secs(10), "{path}: {:?}", end.took);
        assert_eq!(stage.supervisord.actions(), "", "{path}");
    }
}

#[test]
fn a_restart_under_way_is_finished_before_the_end() {
    let stage = Stage::with(WEB);
    stage
        .supervisord
        .mishap("stop", Mishap::Slow(Duration::from_secs(1)));
    stage.supervisord.mishap("start", Mishap::DropBefore);
    let words = ["-m", "a@b", "-s", "DIR/sendmail", "-p", "web", "URL/500"];
    let mut listener = stage.listen(&words);
    listener.tick();
    wait_until("it stops web", LIMIT, || {
        stage.supervisord.count("stop") == 1
    });
    listener.signal(Signal::SIGTERM);
    let end = listener.wait();
    assert_eq!(end.status.code(), Some(0));
    assert!(
        stage.neutral(&end.err).starts_with(RESTARTED),
        "{}",
        end.err
    );
    assert_eq!(stage.supervisord.state("web"), "RUNNING");
    assert_eq!(stage.mails().len(), 1, "and the mail is out");
}

#[test]
fn second_sigterm_ends_the_listener_at_once() {
    let stage = Stage::with(WEB);
    stage.supervisord.mishap("stop", Mishap::Hang);
    let mut listener = stage.listen(&WORDS);
    listener.tick();
    wait_until("it stops web", LIMIT, || {
        stage.supervisord.count("stop") == 1
    });
    listener.signal(Signal::SIGTERM);
    let asked = Instant::now();
    std::thread::sleep(Duration::from_millis(300));
    listener.signal(Signal::SIGTERM);
    let end = listener.wait();
    assert_eq!(end.status.code(), Some(1));
    assert!(asked.elapsed() < Duration::from_secs(5));
}

#[test]
fn sighup_does_not_end_the_listener() {
    let stage = Stage::with(WEB);
    let mut listener = stage.listen(&["-p", "web", "URL/ok"]);
    listener.signal(Signal::SIGHUP);
    listener
        .err
        .wait("it says so", |said| said.contains("nothing to reload"));
    listener.tick();
    wait_until("it looks", LIMIT, || stage.site.asked().len() == 1);
    assert_eq!(listener.close().status.code(), Some(0));
}

/// A service that never stops talking and a supervisord that waits: neither holds up the events.
#[test]
fn events_are_acknowledged_while_everything_hangs() {
    let stage = Stage::with(WEB);
    stage.site.answer("/endless", || {
        Answer::Drip(
            b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
            Duration::from_millis(5),
            100_000,
        )
    });
    let mut listener = stage.listen(&["-t", "30", "-p", "web", "URL/endless"]);
    listener.tick();
    wait_until("it looks", LIMIT, || stage.site.asked().len() == 1);
    let begun = Instant::now();
    (0..50).for_each(|_| listener.tick());
    assert!(begun.elapsed() < Duration::from_secs(5));
    listener.signal(Signal::SIGTERM);
    assert_eq!(listener.wait().status.code(), Some(0));
}

/// Words, environment to unset, exit status, beginning of standard output, beginning of standard error.
type Refusal = (
    &'static [&'static str],
    &'static [&'static str],
    i32,
    &'static str,
    &'static str,
);

#[rustfmt::skip]
const REFUSALS: &[Refusal] = &[
    (&["-h"], &["SUPERVISOR_ENABLED"], 0, "Usage: httpok [-p NAME]...", ""),
    (&["-h"], &[], 0, "", "Usage: httpok [-p NAME]..."),
    (&["--help", "--nonsense"], &["SUPERVISOR_ENABLED"], 255, "Usage: ", ""),
    (&["-a", "-h", "URL"], &["SUPERVISOR_ENABLED"], 0, "Usage: ", ""),
    (&[], &["SUPERVISOR_ENABLED"], 255, "Usage: ", ""),
    (&[], &[], 255, "", "Usage: "),
    (&["URL", "-p", "x"], &[], 255, "", "Usage: "),
    (&["--e", "URL"], &[], 255, "", "Usage: "),
    (&["-x", "URL"], &[], 255, "", "Usage: "),
    (&["-t", "0", "URL"], &[], 255, "", "Usage: "),
    (&["-t", "-5", "URL"], &[], 255, "", "Usage: "),
    (&["-t", "abc", "URL"], &[], 255, "", "Usage: "),
    (&["-c", "ok", "URL"], &[], 255, "", "Usage: "),
    (&["-p", "web", "URL/ok"], &["SUPERVISOR_SERVER_URL"], 1, "",
        "httpok must be run as a supervisor event listener\nTo ask once from a shell: httpok check URL\n"),
    (&["ftp://h/"], &[], 1, "", "Bad scheme ftp"),
    (&["http://h:abc/"], &[], 1, "", ""),
];

#[test]
fn unusable_options_are_refused_before_ready() {
    for (words, unset, code, out, err) in REFUSALS {
        let stage = Stage::with("");
        let mut command = stage.httpok(words);
        unset.iter().for_each(|name| _ = command.env_remove(name));
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = |bytes| stage.neutral(&String::from_utf8(bytes).unwrap());
        let (printed, said) = (text(output.stdout), text(output.stderr));
        assert_eq!(
            output.status.code(),
            Some(*code),
            "{words:?}: {printed}{said}"
        );
        for (found, wanted) in [(printed, out), (said, err)] {
            assert!(found.starts_with(wanted), "{words:?}: {found}");
        }
        // standard output belongs to the protocol, if anybody listens there
        assert!(unset.contains(&"SUPERVISOR_ENABLED") || out.is_empty());
    }
    let stage = Stage::with("");
    let mut command = stage.httpok(&["URL"]);
    command.env("SUPERVISOR_SERVER_URL", "tcp://me:pw@x");
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.starts_with("Unknown protocol for serverurl tcp://***@x"),
        "{said}"
    );
    assert!(output.stdout.is_empty());
}

#[test]
fn the_longest_timeouts_are_taken() {
    let stage = Stage::with(WEB);
    for words in [
        ["-t", " 5 "],
        ["-t", "1_0"],
        ["-t", "+5"],
        ["-t", "1.5"],
        ["-t", "500ms"],
        ["-t", "2m"],
    ] {
        let end = stage.one_tick(&[words[0], words[1], "URL/ok"]);
        assert_eq!(end.err, "", "{words:?}");
    }
}
