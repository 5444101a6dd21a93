//! SIGHUP with programs in the file.

use nix::sys::signal::Signal;

use crate::fixture::{QUICK, Stage, is_gone, unwatched};
use crate::lives;
use crate::program::{LIMIT, Program};
use crate::support::wait_until;

fn reload(watchdog: &Program, said: &str, times: usize) {
    watchdog.signal(Signal::SIGHUP);
    watchdog
        .err
        .wait(said, |text| text.matches(said).count() == times);
}

#[test]
fn reload_touches_only_changed_programs() {
    let stage = Stage::new();
    let keys = |value: &str| format!("environment = {{ A = \"{value}\" }}");
    let (same, gone) = (unwatched("same", ":", ""), unwatched("gone", ":", ""));
    let changed = |value| unwatched("changed", "echo $A >> changed.values", &keys(value));
    stage.configure(&[QUICK, &same, &gone, &changed("1")]);
    let watchdog = stage.watch();
    let before = ["same", "gone", "changed"].map(|name| stage.started(name, 1));
    // a wrong file changes nothing
    stage.configure(&[QUICK, &same, "[[program]]\nname = \"new\"\n"]);
    reload(&watchdog, "the old one stays", 1);
    assert!(before.into_iter().all(lives));
    // what decides only when to start and stop does not replace a process
    let same = unwatched("same", ":", "stopwaitsecs = 7\nautorestart = true");
    stage.configure(&[QUICK, &same, &changed("2"), &unwatched("new", ":", "")]);
    reload(&watchdog, "configuration is taken", 1);
    let [new, second] = [stage.started("new", 1), stage.started("changed", 2)];
    is_gone(before[1]);
    is_gone(before[2]);
    wait_until("its value", LIMIT, || {
        stage.file("changed.values") == "1\n2\n"
    });
    assert_eq!(stage.pids("same"), [before[0]]);
    assert!([before[0], new, second].into_iter().all(lives));
    // the last of them go, too
    stage.configure(&[QUICK, "[[check]]\nname = \"a\"\nurl = \"URL/ok\"\n"]);
    reload(&watchdog, "configuration is taken", 2);
    [before[0], new, second].into_iter().for_each(is_gone);
    // and the first comes
    stage.configure(&[QUICK, &same]);
    reload(&watchdog, "configuration is taken", 3);
    stage.started("same", 2);
}

/// A watchdog that never had a program gets its first.
#[test]
fn reload_may_add_the_first_program() {
    let stage = Stage::new();
    let check = "[[check]]\nname = \"a\"\nurl = \"URL/ok\"\n";
    stage.configure(&[QUICK, check]);
    let watchdog = stage.watch();
    wait_until("it runs", LIMIT, || stage.site.count("/ok") > 0);
    stage.configure(&[QUICK, check, &unwatched("web", ":", "")]);
    reload(&watchdog, "configuration is taken", 1);
    let pid = stage.started("web", 1);
    wait_until("it is shown", LIMIT, || stage.shows_running("web", pid));
    watchdog.signal(Signal::SIGTERM);
    assert_eq!(watchdog.wait().status.code(), Some(0));
    assert!(!lives(pid));
}

/// A rename under the same port: the old name has to let go of it first.
#[test]
fn new_programs_start_after_removed_ones_have_stopped() {
    let stage = Stage::new();
    let text = |name: &str| {
        let script = "[ -e port ] && exit 1; echo > port; trap 'sleep 1; rm port; exit' TERM; \
                      while :; do sleep 0.02; done";
        unwatched(name, script, "startretries = 0\nstartsecs = \"500ms\"")
    };
    stage.configure(&[QUICK, &text("before")]);
    let watchdog = stage.watch();
    let first = stage.started("before", 1);
    wait_until("it has the port", LIMIT, || {
        stage.dir().join("port").exists()
    });
    stage.configure(&[QUICK, &text("after")]);
    reload(&watchdog, "configuration is taken", 1);
    let second = stage.started("after", 1);
    assert!(!lives(first));
    wait_until("it runs", LIMIT, || stage.shows_running("after", second));
    assert_eq!(stage.pids("after"), [second]);
}

/// What it lacked is there now.
#[test]
fn reload_starts_failed_programs() {
    let stage = Stage::new();
    let text = unwatched(
        "web",
        "[ -e it ] || exit 1",
        "startretries = 0\nstartsecs = \"300ms\"",
    );
    stage.configure(&[QUICK, &text]);
    let watchdog = stage.watch();
    watchdog
        .err
        .wait("it is FATAL", |text| text.contains("is FATAL"));
    std::fs::write(stage.dir().join("it"), "").unwrap();
    reload(&watchdog, "configuration is taken", 1);
    let pid = stage.started("web", 2);
    wait_until("it runs", LIMIT, || stage.shows_running("web", pid));
}
