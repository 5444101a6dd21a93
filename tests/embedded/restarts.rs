//! A faulty embedded program leads to the same outcome as under supervisord.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::Signal;

use crate::fixture::{QUICK, Stage, ends_after, is_gone, watched};
use crate::lives;
use crate::program::LIMIT;
use crate::site::{Answer, says};
use crate::support::wait_until;

const MAIL: &str = "[mail]\nto = \"ops@example.org\"\nsendmail = \"cat >> mails\"\n";

#[test]
fn hung_or_failed_program_is_restarted_with_evidence_and_a_report() {
    let stage = Stage::new();
    stage.ill_until("hangs", 2, Answer::Hang(Vec::new()));
    stage.ill_until("fails", 2, says("500 Oh", "stack trace here"));
    let evidence = "[check.capture]\nrun = [\"echo seen {pid}\"]\nmin_free = 0\n";
    let (hangs, fails) = (
        watched("hangs", ":", "", evidence),
        watched("fails", ":", "", ""),
    );
    stage.configure(&[QUICK, MAIL, &hangs, &fails]);
    let watchdog = stage.watch();
    wait_until("both are told", LIMIT, || {
        let mails = stage.file("mails");
        mails.contains("hangs was down") && mails.contains("fails was down")
    });
    let mails = stage.file("mails");
    assert!(mails.contains("hangs was down: first_byte_timeout, restarted, back after"));
    assert!(mails.contains("fails was down: status 500, restarted, back after"));
    for name in ["hangs", "fails"] {
        let pids = stage.pids(name);
        assert_eq!(pids.len(), 2, "{}", watchdog.err.text());
        assert!(!lives(pids[0]) && lives(pids[1]));
        assert!(stage.shows_running(name, pids[1]));
    }
    let kept = std::process::Command::new("grep")
        .args(["-rl", &format!("seen {}", stage.pids("hangs")[0])])
        .arg(stage.dir().join("state/evidence"))
        .output()
        .unwrap();
    assert_ne!(kept.stdout, b"", "what was seen is kept");
    // without a table, too: what is cheap
    let files = fs::read_dir(stage.dir().join("state/evidence")).unwrap();
    let texts = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    let first = stage.pids("fails")[0];
    let found: Vec<_> = texts
        .filter(|text| text.contains(&format!("fails, pid {first}, ")))
        .collect();
    assert_eq!(found.len(), 1, "{}", watchdog.err.text());
    for part in [
        "==== facts",
        &format!("/proc/{first}/status"),
        "==== last lines",
    ] {
        assert!(found[0].contains(part), "{part}: {}", found[0]);
    }
}

#[test]
fn a_crash_loop_ends_in_fatal_and_the_check_gives_up() {
    let stage = Stage::new();
    stage.site.answer("/loops", || says("500 Oh", ""));
    let program = "startsecs = 1\nstartretries = 1\n";
    let check = "start_stopped = true\nrestarts = \"1/1h\"\n";
    stage.configure(&[QUICK, &watched("loops", "exit 3", program, check)]);
    let watchdog = stage.watch();
    let said = watchdog.err.wait("it is given up", |said| {
        said.contains("gave up: the restarts are used up")
    });
    // its supervisor's tries, and then those of the one restart that the check may make
    let mut rest = said.as_str();
    for line in [
        "program \"loops\" is BACKOFF: exited too quickly (exit status 3)",
        "program \"loops\" is FATAL: exited too quickly (exit status 3)",
        "program \"loops\" is BACKOFF: exited too quickly (exit status 3)",
        "gave up: the restarts are used up",
    ] {
        let at = rest.find(line);
        let at = at.unwrap_or_else(|| panic!("{line:?} is not said in its turn: {said}"));
        rest = &rest[at + line.len()..];
    }
    assert!(said.contains("is down"), "{said}");
    wait_until("it is FATAL again", LIMIT, || {
        watchdog
            .err
            .text()
            .matches("program \"loops\" is FATAL")
            .count()
            == 2
    });
    assert_eq!(stage.pids("loops").len(), 4, "twice two tries");
    let probes = stage.site.count("/loops");
    wait_until("it is probed on", LIMIT, || {
        stage.site.count("/loops") > probes + 10
    });
    assert_eq!(stage.pids("loops").len(), 4, "nothing more is tried");
}

#[test]
fn program_that_does_not_stop_is_killed_with_its_descendants() {
    let stage = Stage::new();
    stage.ill_until("deaf", 2, says("500 Oh", ""));
    // what it has started does not listen either
    let script = "trap \"\" TERM; sleep 1000 & echo $! >> child.lives; wait";
    stage.configure(&[QUICK, &watched("deaf", script, "stopwaitsecs = 1", "")]);
    let watchdog = stage.watch();
    let (first, child) = (stage.started("deaf", 1), stage.started("child", 1));
    let second = stage.started("deaf", 2);
    assert!(!lives(first) && lives(second));
    // it was told at the same time, and nobody waits for it
    is_gone(child);
    let said = watchdog
        .err
        .wait("it passes", |said| said.contains("passes again"));
    assert!(said.contains("program \"deaf\" is STOPPING"), "{said}");
}

#[test]
fn failed_start_is_retried_until_it_works() {
    let stage = Stage::new();
    stage.ill_until("late", 1, says("500 Oh", ""));
    let text = "[[check]]\nname = \"late\"\nurl = \"URL/late\"\nrestart = \"program/late\"\n\
                start_stopped = true\n\
                [[program]]\nname = \"late\"\ncommand = \"./late\"\nstartsecs = 0\nstartretries = 0\n\
                stdout_logfile = \"NONE\"\n";
    stage.configure(&[QUICK, text]);
    let end = stage.run(&["config", "check", "httpok.toml"]);
    assert_eq!(end.status.code(), Some(0), "it may come later");
    assert!(
        end.out.contains(" is valid: 1 check, 1 program\n"),
        "{}",
        end.out
    );
    assert!(
        end.err.contains("program \"late\": can't find command"),
        "{}",
        end.err
    );
    let watchdog = stage.watch();
    watchdog.err.wait("it is told", |said| {
        said.contains("program \"late\" is FATAL: can't find command") && said.contains("NO_FILE")
    });
    let path = stage.dir().join("late");
    fs::write(&path, "#!/bin/sh\necho $$ >> late.lives\nexec sleep 1000\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let pid = stage.started("late", 1);
    watchdog
        .err
        .wait("it passes", |said| said.contains("passes again"));
    assert!(stage.shows_running("late", pid));
}

/// The stop was asked for, and nobody was there any more to see its end and to start it: neither a program
/// that is still on its way down when the next watchdog comes, nor one that has gone by then, stays down.
#[test]
fn watchdog_killed_during_a_restart_leaves_no_process_stopped() {
    for (seconds, gone) in [("3", false), ("0.5", true)] {
        let stage = Stage::new();
        stage.ill_until("slow", 2, says("500 Oh", ""));
        // nothing but the restart brings this one up again
        let program = "autorestart = false\nstopwaitsecs = 20\n";
        stage.configure(&[
            QUICK,
            MAIL,
            &watched("slow", &ends_after(seconds), program, ""),
        ]);
        let watchdog = stage.watch();
        let first = stage.started("slow", 1);
        watchdog.err.wait("it is stopped", |said| {
            said.contains("program \"slow\" is STOPPING")
        });
        watchdog.signal(Signal::SIGKILL);
        watchdog.wait();
        // it looks well on its way down: no check brings it up again
        stage.ill_until("slow", 0, Answer::Hang(Vec::new()));
        if gone {
            is_gone(first);
        } else {
            assert!(lives(first), "it takes its time");
        }
        let watchdog = stage.watch();
        let second = stage.started("slow", 2);
        is_gone(first);
        watchdog
            .err
            .wait("it passes", |said| said.contains("passes again"));
        assert!(stage.shows_running("slow", second));
        wait_until("it is told", LIMIT, || {
            stage.file("mails").contains("slow was down")
        });
        assert_eq!(stage.pids("slow"), [first, second], "{gone}");
    }
}

/// One tick supervises no program: nothing may follow from what it finds about one.
#[test]
fn once_only_probes_the_checks_of_programs_and_says_so() {
    let stage = Stage::new();
    stage.site.answer("/web", || says("500 Oh", ""));
    let quick = QUICK.replace("fail_after = 2", "fail_after = 1");
    stage.configure(&[&quick, MAIL, &watched("web", ":", "", "")]);
    let words = ["watch", "--once", "--config", "httpok.toml"];
    let end = crate::program::Program::start(&mut stage.httpok(&words)).wait();
    assert_eq!(end.status.code(), Some(2), "{}", end.err);
    let said = "are probed, and neither restart nor report: web";
    assert!(end.err.contains(said), "{}", end.err);
    assert!(
        !end.err.contains("is down") && !end.err.contains("cannot list"),
        "{}",
        end.err
    );
    assert_eq!(stage.site.count("/web"), 1);
    assert!(!stage.dir().join("mails").exists(), "no report");
}
