//! Whatever goes wrong between the listener and supervisord: it lives, says it, and works as before at the next
//! tick; and what it has stopped runs again.

use std::thread;
use std::time::Duration;

use crate::eventlistener::EventListener;
use crate::fixture::{RESTARTED, Stage};
use crate::program::LIMIT;
use crate::scripted::{Mishap, set};
use crate::support::wait_until;

const WEB: &str = "httpok=RUNNING web=RUNNING";
const WORDS: [&str; 3] = ["-p", "web", "URL/500"];
const FINE: Mishap = Mishap::Slow(Duration::ZERO);

/// A tick that goes wrong; then one that goes as the first should have.
#[test]
fn every_failure_of_every_call_is_survived() {
    let mishaps = [
        Mishap::Fault(1, "UNKNOWN_METHOD"),
        Mishap::Status(500),
        Mishap::Status(401),
        Mishap::DropBefore,
        Mishap::Garbage,
        Mishap::NoHttp,
    ];
    let calls = [
        "first list",
        "second list",
        "both lists",
        "stop",
        "start",
        "info",
    ];
    thread::scope(|scope| {
        for call in calls {
            scope.spawn(move || mishaps.iter().for_each(|mishap| survives(call, *mishap)));
        }
        // it takes as long as an answer may take
        for call in ["first list", "second list", "info"] {
            scope.spawn(move || survives(call, Mishap::Hang));
        }
    });
}

fn survives(call: &str, mishap: Mishap) {
    let stage = Stage::with(WEB);
    let supervisord = &stage.supervisord;
    match call {
        "first list" => supervisord.mishap("list", mishap),
        "second list" => {
            supervisord.mishap("list", FINE);
            supervisord.mishap("list", mishap);
        }
        "both lists" => {
            supervisord.mishap("list", mishap);
            supervisord.mishap("list", mishap);
        }
        other => supervisord.mishap(other, mishap),
    }
    let what = format!("{mishap:?} at {call}");
    let mut listener = stage.listen(&WORDS);
    listener.tick();
    let done = |said: &str| {
        said.contains("not acting")
            || said.contains("\nweb restarted\n")
            || said.contains("Failed to start")
    };
    let said = stage.neutral(&listener.err.wait(&what, done));
    let blind = ["second list", "both lists"].contains(&call);
    let unlisted = "httpok: URL/500: cannot list processes: ";
    assert_eq!(
        said.starts_with(unlisted),
        call.contains("first") || call.contains("both"),
        "{what}: {said}"
    );
    assert_eq!(
        said.contains("Exception retrieving process info"),
        blind,
        "{what}: {said}"
    );
    assert_eq!(
        said.contains("Failed to stop process web: "),
        call == "stop",
        "{what}: {said}"
    );
    if stage.supervisord.state("web") == "STOPPED" {
        // the start was refused, and an operator helps
        assert!(
            call == "start" && matches!(mishap, Mishap::Fault(..)),
            "{what}"
        );
        stage
            .supervisord
            .change(|processes| set(processes, "web", "RUNNING"));
    }
    // the second tick: nothing of the first one is left
    let before = listener.err.text().len();
    let err = listener.err.clone();
    listener.tick_until(&what, || {
        let said = stage.neutral(&err.text()[before..]);
        said.ends_with(RESTARTED)
    });
    let end = listener.close();
    assert_eq!(end.status.code(), Some(0), "{what}");
    assert_eq!(supervisord.state("web"), "RUNNING", "{what}");
}

#[test]
fn absent_supervisord_is_survived() {
    let stage = Stage::with(WEB);
    let (socket, away) = (stage.supervisord.socket(), stage.dir().join("away"));
    std::fs::rename(&socket, &away).unwrap();
    let mut listener = stage.listen(&WORDS);
    listener.tick();
    let said = listener
        .err
        .wait("it says so", |said| said.contains("not acting"));
    assert!(said.contains("no such socket"), "{said}");
    std::fs::rename(&away, &socket).unwrap();
    listener.tick_until("it works again", || stage.supervisord.count("start") == 1);
    assert_eq!(listener.close().status.code(), Some(0));
}

#[test]
fn supervisord_shutting_down_is_left_alone() {
    let stage = Stage::with(WEB);
    stage.supervisord.shut_down(true);
    let mut listener = stage.listen(&WORDS);
    listener.tick();
    wait_until("it asked", LIMIT, || stage.supervisord.count("list") == 1);
    stage.supervisord.shut_down(false);
    listener.tick_until("it works again", || stage.supervisord.count("start") == 1);
    let end = listener.close();
    assert_eq!(
        stage.neutral(&end.err),
        RESTARTED,
        "and nothing was said about the first tick"
    );
}

#[test]
fn shutdown_between_probe_and_action_is_reported() {
    let stage = Stage::with(WEB);
    stage.supervisord.mishap("list", FINE);
    stage
        .supervisord
        .mishap("list", Mishap::Fault(6, "SHUTDOWN_STATE"));
    let words = ["-m", "a@b", "-s", "DIR/sendmail", "-p", "web", "URL/500"];
    let end = stage.one_tick(&words);
    assert_eq!(
        end.err,
        "status contacting URL/500: 500 Internal Server Error\n\
         Exception retrieving process info <Fault 6: 'SHUTDOWN_STATE'>, not acting\n"
    );
    assert_eq!(stage.mails(), [""; 0]);
}

/// Without the list nobody knows whether one of them runs: then nothing is asked, and that is said.
#[test]
fn listener_without_a_process_list_reports_it_once() {
    let stage = Stage::with(WEB);
    stage.supervisord.want("Basic dTpw");
    let mut listener = stage.listen(&["-E", "-p", "web", "URL/500"]);
    for tick in 1..=3 {
        listener.tick();
        wait_until("it asked", LIMIT, || {
            stage.supervisord.count("list") == tick
        });
        listener.err.wait("it says so", |said| said.ends_with('\n'));
    }
    let said = listener.close().err;
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.contains("wants another username or password"),
        "{said}"
    );
    assert_eq!(stage.site.asked().len(), 0);
}

#[test]
fn credentials_are_sent_and_never_said() {
    let stage = Stage::with(WEB);
    stage.supervisord.want("Basic dTpzM2NyZXQ=");
    for url in [stage.supervisord.url(), stage.supervisord.tcp_url()] {
        let mut command = stage.httpok(&WORDS);
        command
            .env("SUPERVISOR_SERVER_URL", url)
            .env("SUPERVISOR_USERNAME", "u")
            .env("SUPERVISOR_PASSWORD", "s3cret");
        let mut listener = EventListener::start(&mut command);
        listener.tick();
        assert_eq!(stage.neutral(&listener.close().err), RESTARTED);
    }
    let heads: String = stage
        .supervisord
        .calls()
        .into_iter()
        .map(|call| call.head)
        .collect();
    assert!(heads.starts_with("POST /RPC2 HTTP/1.1\r\n"), "{heads}");
    // without any, empty ones are sent: so does supervisor's own client
    let stage = Stage::with(WEB);
    stage.supervisord.want("Basic Og==");
    assert_eq!(stage.one_tick(&WORDS).err, RESTARTED);
}
