//! Deliveries and starts that something comes in between: a reload, a second signal, another URL after a kill.

use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::program::{LIMIT, Program};
use super::support::wait_until;
use super::{SENDMAIL, Stage};

/// A reload with other mail settings in the middle of a delivery: it ends as it began, once, and the next report waits for
/// nothing but it.
#[test]
fn reload_during_a_delivery_neither_ends_nor_delays_it() {
    let stage = Stage::new();
    let slow = "touch begun; while [ ! -e go ]; do sleep 0.05; done; cat >> mails";
    stage.configure(slow, "from = \"old@example.org\"");
    let watchdog = stage.watch();
    let begun = stage.dir.path().join("begun");
    wait_until("a delivery is under way", LIMIT, || begun.exists());
    stage.configure(SENDMAIL, "from = \"new@example.org\"");
    watchdog.signal(Signal::SIGHUP);
    watchdog.err.wait("the reload is over", |said| {
        said.contains("the new configuration is taken")
    });
    assert_eq!(stage.mails(), "", "it goes on as it began");
    fs::write(stage.dir.path().join("go"), "").unwrap();
    // far less than the lease of a delivery whose end nobody saw
    let subjects = stage.wait_for_mails(&watchdog, 1);
    assert!(subjects[0].contains("web is down"), "{subjects:?}");
    assert!(stage.mails().contains("old@example.org"));
    stage.is_well(true);
    let subjects = stage.wait_for_mails(&watchdog, 2);
    assert!(subjects[1].contains("web recovered"), "{subjects:?}");
    assert!(stage.mails().contains("new@example.org"));
    wait_until("nothing waits", LIMIT, || stage.waiting() == 0);
    stage.probed(3);
    assert_eq!(stage.subjects().len(), 2, "each report once");
}

/// Whether the process takes SIGTERM itself.
fn catches_sigterm(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigCgt:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (Signal::SIGTERM as u64 - 1)) != 0)
}

/// A start that waits (here for another run, which holds the lock) is ended by a second signal, and after one it ends as
/// soon as it can.
#[test]
fn second_sigterm_during_the_start_ends_the_watchdog() {
    let stage = Stage::new();
    stage.configure(SENDMAIL, "");
    let _first = stage.watch();
    stage.probed(1);
    let second = stage.watch();
    let pid = second.id();
    wait_until("it takes signals", LIMIT, || catches_sigterm(pid));
    second.signal(Signal::SIGTERM);
    // two signals that wait are one
    std::thread::sleep(Duration::from_millis(200));
    second.signal(Signal::SIGTERM);
    let end = Program::wait(second);
    assert_eq!(end.status.code(), Some(1), "{}", end.err);
    assert!(
        !end.err.contains("another watchdog of this configuration"),
        "{}",
        end.err
    );
}

/// The service moves to another port while its watchdog is dead: what the killed run had to say is said.
#[test]
fn a_changed_url_still_gets_the_mail_of_a_killed_run() {
    let stage = Stage::new();
    stage.configure("test -e open && cat >> mails || exit 75", "");
    let watchdog = stage.watch();
    watchdog
        .err
        .wait("it is tried", |said| said.contains("it is tried again"));
    Stage::kill(watchdog);
    fs::write(stage.dir.path().join("open"), "").unwrap();
    let file = stage.dir.path().join("httpok.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("/web\"", "/moved\"")).unwrap();
    stage
        .site
        .answer("/moved", || super::says("200 OK", "all fine"));
    let watchdog = stage.watch();
    let subjects = stage.wait_for_mails(&watchdog, 2);
    assert!(subjects[0].contains("web is down"), "{subjects:?}");
    assert!(subjects[1].contains("web recovered"), "{subjects:?}");
}

/// The command that takes a mail outlives a watchdog that is killed: the next run waits for it, and sends the mail again only
/// when it was not taken.
#[test]
fn mail_that_a_killed_run_was_sending_is_sent_once_unless_it_failed() {
    for (end, tries) in [("cat >> mails", 1), ("exit 75", 2)] {
        let stage = Stage::new();
        // the first try waits for a word, and ends then; a later one takes the mail
        let slow = format!(
            "echo >> tries; [ $(wc -l < tries) -gt 1 ] && {{ cat >> mails; exit; }}; \
             while [ ! -e go ]; do sleep 0.02; done; {end}"
        );
        stage.configure(&slow, "");
        let watchdog = stage.watch();
        let begun = stage.dir.path().join("tries");
        wait_until("a delivery is under way", LIMIT, || begun.exists());
        Stage::kill(watchdog);
        let watchdog = stage.watch();
        stage.probed(5);
        let tried = || fs::read_to_string(&begun).unwrap().lines().count();
        assert_eq!(tried(), 1, "the first one is still under way");
        fs::write(stage.dir.path().join("go"), "").unwrap();
        stage.wait_for_mails(&watchdog, 1);
        wait_until("nothing waits", LIMIT, || stage.waiting() == 0);
        stage.probed(5);
        assert_eq!((tried(), stage.subjects().len()), (tries, 1), "{end}");
        let mails = stage.mails();
        assert!(
            mails.contains("is down") && mails.contains("Message-ID:"),
            "{mails}"
        );
        wait_until("no receipt is left", LIMIT, || {
            let dir = fs::read_dir(stage.dir.path().join("state"))
                .unwrap()
                .flatten();
            let dirs = dir.filter(|entry| {
                entry
                    .file_name()
                    .to_string_lossy()
                    .starts_with("deliveries-")
            });
            dirs.flat_map(|dir| fs::read_dir(dir.path()).unwrap())
                .count()
                == 0
        });
    }
}
