//! A watchdog is killed between its stop and its start, and the next run has another word for the supervisord: another
//! spelling of its URL, another way to it, or none at all.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::late_stops::{LIMIT, Watchdogs, heals_after, kill, read};
use crate::scripted::{Mishap, Scripted};
use crate::site::Site;
use crate::support::wait_until;

/// A supervisord in which a watchdog that was killed has stopped `web`, which its check passes without.
fn left_stopped() -> (Arc<Scripted>, Site, Watchdogs) {
    let supervisord = Arc::new(Scripted::with("theirs=STOPPED web=RUNNING"));
    let site = Site::start();
    heals_after(&site, &supervisord, 1);
    supervisord.mishap("stop", Mishap::Slow(Duration::from_millis(300)));
    let watchdogs = Watchdogs::of(supervisord.tcp_url());
    let first = watchdogs.watch("shop", &format!("{}/", site.origin()), "");
    wait_until("a stop was asked for", LIMIT, || {
        supervisord.count("stop") > 0
    });
    kill(first);
    wait_until("it is stopped", LIMIT, || {
        supervisord.state("web") == "STOPPED"
    });
    site.answer("/", || crate::site::says("200 OK", "fine"));
    (supervisord, site, watchdogs)
}

#[test]
fn another_spelling_of_a_supervisord_is_the_same_supervisord() {
    type Spelling = fn(&Scripted) -> String;
    let table: [(&str, Spelling); 5] = [
        ("a slash", |it| format!("{}/", it.tcp_url())),
        ("upper case and a path", |it| {
            it.tcp_url().replace("http", "HTTP") + "/RPC2"
        }),
        ("a name", |it| {
            it.tcp_url().replace("127.0.0.1", "localhost")
        }),
        ("a login", |it| it.tcp_url().replace("//", "//user:word@")),
        ("its socket", |it| it.url()),
    ];
    for (what, spelling) in table {
        let (supervisord, site, mut watchdogs) = left_stopped();
        watchdogs.supervisor = spelling(&supervisord);
        let second = watchdogs.watch("shop", &format!("{}/", site.origin()), "");
        wait_until(&format!("{what}: it runs again"), LIMIT, || {
            supervisord.state("web") == "RUNNING"
        });
        watchdogs.wait_for_mail(&second);
        watchdogs.settle();
        assert_eq!(supervisord.state("theirs"), "STOPPED", "{what}");
        second.signal(Signal::SIGTERM);
        let said = second.wait().err;
        let moved = said.contains("which is not the supervisord of this configuration");
        assert_eq!(moved, what == "its socket", "{what}: {said}");
    }
}

fn status(watchdogs: &Watchdogs, words: &[&str]) -> String {
    let status = Command::new(crate::httpok())
        .args(["status", "--config", "shop.toml"])
        .args(words)
        .env("STATE_DIRECTORY", watchdogs.dir.path().join("state"))
        .current_dir(watchdogs.dir.path())
        .output()
        .unwrap();
    String::from_utf8_lossy(&status.stdout).into_owned()
}

/// What cannot be started is said: in the log, in the status and in the mail; and it is started when there is a
/// supervisord again.
#[test]
fn a_process_that_waits_for_a_supervisord_that_is_not_configured_is_named() {
    let (supervisord, site, mut watchdogs) = left_stopped();
    let url = format!("{}/", site.origin());
    let tcp = std::mem::take(&mut watchdogs.supervisor);
    let second = watchdogs.watch("shop", &url, "");
    let lacks = "no supervisord is configured";
    let said = second.err.wait("the trouble", |said| said.contains(lacks));
    assert!(said.contains(&tcp) && said.contains("web"), "{said}");
    wait_until("the mail names it", LIMIT, || {
        read(&watchdogs.mails()).contains("restarted but for web")
    });
    for words in [&["--json"][..], &[]] {
        let status = status(&watchdogs, words);
        assert!(status.contains(lacks), "{status}");
    }
    assert_eq!(supervisord.state("web"), "STOPPED");
    second.signal(Signal::SIGTERM);
    second.wait();

    // also when its check is gone, too
    let third = watchdogs.watch_in("shop", "other", &url, "");
    third
        .err
        .wait("the trouble again", |said| said.contains(lacks));
    let shown = status(&watchdogs, &[]);
    let line = format!("the restart of web is not finished: {lacks}");
    assert!(shown.contains(&line), "{shown}");
    third.signal(Signal::SIGTERM);
    third.wait();

    watchdogs.supervisor = tcp;
    let fourth = watchdogs.watch("shop", &url, "");
    wait_until("it runs again", LIMIT, || {
        supervisord.state("web") == "RUNNING"
    });
    watchdogs.settle();
    fourth.signal(Signal::SIGTERM);
    fourth.wait();
}
