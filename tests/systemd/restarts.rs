//! From the first fail to the recovery, with `httpok watch` over units: the same outcomes as under supervisord.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::manager::Manager;
use crate::program::{LIMIT, Program};
use crate::site::{Answer, Site, says};
use crate::support::wait_until;

const SIMPLE: &str = "[Service]\nExecStart=LIFE\n";

const HEAD: &str = r#"
[defaults]
every = "200ms"
timeout = "500ms"
fail_after = 2
grace = 0
backoff = { min = "300ms", max = "300ms" }
restarts = "unlimited"

[supervisor]
default = "systemd"

[supervisor.systemd]
scope = "user"
"#;

struct Stage {
    manager: Manager,
    site: Site,
}

impl Stage {
    /// With these units, each started and watched: `/NAME` is ill until its second life.
    fn with(units: &[(&str, &str)], ill: &Answer) -> Self {
        let stage = Self {
            manager: Manager::with(units),
            site: Site::start(),
        };
        let mut text = HEAD.to_owned();
        for (unit, _) in units {
            let (origin, ill) = (stage.site.origin(), ill.clone());
            text += &format!(
                "[[check]]\nname = \"{unit}\"\nurl = \"{origin}/{unit}\"\nrestart = [\"{unit}\"]\n"
            );
            let lives = stage.manager.dir().join(format!("{unit}.lives"));
            stage.site.answer(&format!("/{unit}"), move || {
                let had = fs::read_to_string(&lives).unwrap_or_default();
                match had.lines().count() {
                    ..2 => ill.clone(),
                    _ => says("200 OK", "fine"),
                }
            });
            stage.manager.systemctl(&["start", unit]);
        }
        fs::write(stage.manager.dir().join("httpok.toml"), text).unwrap();
        stage
    }

    fn watch(&self) -> Program {
        let mut command = Command::new(env!("CARGO_BIN_EXE_httpok"));
        command
            .args(["watch", "--config", "httpok.toml"])
            .env("STATE_DIRECTORY", self.manager.dir().join("state"))
            .current_dir(self.manager.dir());
        self.manager.under(&mut command);
        Program::start(&mut command)
    }

    fn is_cured(&self, watchdog: &Program, unit: &str) -> String {
        let said = watchdog
            .err
            .wait("it passes again", |said| said.contains("passes again"));
        assert_eq!(self.manager.lives(unit), 2, "{said}");
        assert_eq!(self.manager.property(unit, "ActiveState"), "active");
        said
    }
}

fn end(watchdog: Program) {
    watchdog.signal(Signal::SIGTERM);
    let end = watchdog.wait();
    assert_eq!(end.status.code(), Some(0), "{}", end.err);
}

#[test]
fn hung_unit_is_restarted_once() {
    let stage = Stage::with(&[("shop.service", SIMPLE)], &Answer::Hang(Vec::new()));
    let watchdog = stage.watch();
    let said = stage.is_cured(&watchdog, "shop.service");
    assert!(said.contains("shop.service is RUNNING"), "{said}");
    let requests = stage.site.count("/shop.service");
    wait_until("it is watched on", LIMIT, || {
        stage.site.count("/shop.service") > requests + 4
    });
    assert_eq!(stage.manager.lives("shop.service"), 2);
    end(watchdog);
}

#[test]
fn a_unit_that_answers_500_is_restarted_once() {
    let stage = Stage::with(
        &[("app@1.service", SIMPLE)],
        &says("500 Internal Server Error", "no"),
    );
    let watchdog = stage.watch();
    let said = stage.is_cured(&watchdog, "app@1.service");
    assert!(said.contains("got 500 Internal"), "{said}");
    end(watchdog);
}

/// A rung that sends a signal, and one that restarts.
const LADDER: &str =
    "[[check.ladder]]\nsignal = \"QUIT\"\n[[check.ladder]]\nrestart = [\"dump.service\"]\n";

/// The stage with one unit that does `on_quit` on SIGQUIT, and the ladder.
fn signalled(on_quit: &str, keys: &str) -> Stage {
    let text = format!(
        "[Service]\n{keys}ExecStart=/bin/sh -c 'echo up >> DIR/dump.service.lives; \
         trap \"{on_quit}\" QUIT; while :; do sleep 0.1; done'\n"
    );
    let stage = Stage::with(&[("dump.service", &text)], &says("500 Oh", ""));
    let file = stage.manager.dir().join("httpok.toml");
    let config = fs::read_to_string(&file).unwrap();
    fs::write(&file, config + LADDER).unwrap();
    stage
}

#[test]
fn signal_of_a_ladder_reaches_the_main_process_which_goes_on_running() {
    let stage = signalled("echo asked >> DIR/dumps", "");
    let watchdog = stage.watch();
    let said = stage.is_cured(&watchdog, "dump.service");
    assert!(said.contains("dump.service was sent SIGQUIT"), "{said}");
    let dumps = fs::read_to_string(stage.manager.dir().join("dumps")).unwrap();
    assert_eq!(dumps, "asked\n", "{said}");
    end(watchdog);
}

#[test]
fn unit_that_ends_with_its_signal_is_started_again() {
    let stage = signalled("exit 3", "");
    let watchdog = stage.watch();
    let said = stage.is_cured(&watchdog, "dump.service");
    for part in ["dump.service ended with the signal", "dump.service started"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(stage.manager.property("dump.service", "NRestarts"), "0");
    end(watchdog);
}

/// systemd starts it again by itself: nothing is started a second time.
#[test]
fn unit_that_systemd_restarts_after_the_signal_is_left_to_it() {
    let stage = signalled("exit 3", "Restart=always\nRestartSec=100ms\n");
    let watchdog = stage.watch();
    let said = stage.is_cured(&watchdog, "dump.service");
    assert!(
        said.contains("dump.service ended with the signal"),
        "{said}"
    );
    assert!(!said.contains("dump.service started"), "{said}");
    assert_eq!(stage.manager.property("dump.service", "NRestarts"), "1");
    end(watchdog);
}

/// systemd restarts the unit itself: httpok leaves it alone.
#[test]
fn crash_looping_unit_is_left_to_systemd() {
    let text = "[Service]\nExecStart=/bin/sh -c 'echo up >> DIR/loop.service.lives; exit 1'\n\
                Restart=always\nRestartSec=1h\n";
    let stage = Stage::with(&[("loop.service", text)], &Answer::Bytes(Vec::new()));
    stage
        .manager
        .wait_for("loop.service", "SubState", "auto-restart");
    let watchdog = stage.watch();
    let line = "loop.service left alone: it is";
    watchdog.err.wait("it is left alone, twice", |said| {
        said.matches(line).count() > 1
    });
    assert_eq!(stage.manager.lives("loop.service"), 1);
    assert_eq!(
        stage.manager.property("loop.service", "SubState"),
        "auto-restart"
    );
    end(watchdog);
}

#[test]
fn unstoppable_unit_is_killed_by_systemd() {
    let text = "[Service]\nTimeoutStopSec=1s\nExecStart=/bin/sh -c 'trap \"\" TERM; \
                echo up >> DIR/deaf.service.lives; while :; do sleep 0.1; done'\n";
    let stage = Stage::with(&[("deaf.service", text)], &Answer::Hang(Vec::new()));
    wait_until("it is deaf", LIMIT, || {
        stage.manager.lives("deaf.service") == 1
    });
    let watchdog = stage.watch();
    stage.is_cured(&watchdog, "deaf.service");
    end(watchdog);
}

/// Told, and tried again until it starts.
#[test]
fn failed_unit_is_started_as_soon_as_it_can() {
    let stage = Stage::with(
        &[("shop.service", "[Service]\nExecStart=DIR/program\n")],
        &Answer::Hang(Vec::new()),
    );
    let program = stage.manager.dir().join("program");
    let install = || {
        let lives = stage.manager.dir().join("shop.service.lives");
        let text = format!(
            "#!/bin/sh\necho up >> {}\nexec sleep 1000\n",
            lives.display()
        );
        let new = program.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(&new, &program).unwrap();
    };
    install();
    stage.manager.systemctl(&["start", "shop"]);
    wait_until("it is up", LIMIT, || {
        stage.manager.lives("shop.service") == 1
    });
    fs::remove_file(&program).unwrap();
    let watchdog = stage.watch();
    let said = watchdog.err.wait("it says so", |said| {
        said.contains("shop.service does not run again yet")
            || said.contains("shop.service NOT started")
    });
    assert!(
        said.contains("systemd cannot run it (exit-code, status 203)"),
        "{said}"
    );
    install();
    stage.is_cured(&watchdog, "shop.service");
    end(watchdog);
}

/// kill -9 between stop and start: the next run starts what we stopped, and nothing else.
#[test]
fn next_watchdog_finishes_the_restart_of_a_killed_one() {
    let slow = "[Service]\nExecStart=LIFE\nExecStop=/bin/sh -c 'until [ -e DIR/go ]; do sleep 0.05; done'\n";
    let stage = Stage::with(
        &[("slow.service", slow), ("theirs.service", SIMPLE)],
        &Answer::Hang(Vec::new()),
    );
    for unit in ["slow.service", "theirs.service"] {
        wait_until("its first life", LIMIT, || stage.manager.lives(unit) == 1);
    }
    stage.manager.systemctl(&["stop", "theirs"]);
    let first = stage.watch();
    stage
        .manager
        .wait_for("slow.service", "ActiveState", "deactivating");
    first.signal(Signal::SIGKILL);
    let said = first.wait().err;
    assert!(said.contains("slow.service is RUNNING"), "{said}");
    fs::write(stage.manager.dir().join("go"), "").unwrap();
    stage
        .manager
        .wait_for("slow.service", "ActiveState", "inactive");
    assert_eq!(stage.manager.lives("slow.service"), 1);
    let second = stage.watch();
    second.err.wait("it is made good", |said| {
        said.contains("slow.service is STOPPED: an interrupted restart is brought to its end")
    });
    stage
        .manager
        .wait_for("slow.service", "ActiveState", "active");
    end(second);
    assert_eq!(stage.manager.lives("slow.service"), 2);
    assert_eq!(
        stage.manager.property("theirs.service", "ActiveState"),
        "inactive"
    );
    assert_eq!(stage.manager.lives("theirs.service"), 1);
}

/// What requires the unit falls with it and is started again, also by the next run.
#[test]
fn dependents_of_a_unit_are_started_again_with_it() {
    let needs = "[Unit]\nRequires=db.service\nAfter=db.service\n";
    for killed in [false, true] {
        let slow = "ExecStop=/bin/sh -c 'until [ -e DIR/go ]; do sleep 0.05; done'\n";
        let db = [SIMPLE, if killed { slow } else { "" }].concat();
        let stage = Stage::with(&[("db.service", &db)], &Answer::Hang(Vec::new()));
        let manager = &stage.manager;
        for unit in ["shop.service", "idle.service"] {
            manager.unit(unit, &[needs, SIMPLE].concat());
        }
        manager.systemctl(&["start", "shop"]);
        // it is enough to start it again once, also when it is to be restarted itself
        let file = manager.dir().join("httpok.toml");
        let text = fs::read_to_string(&file).unwrap();
        let (one, both) = ("[\"db.service\"]", "[\"db\", \"shop\"]");
        assert!(text.contains(one));
        fs::write(&file, text.replace(one, both)).unwrap();
        let mut watchdog = stage.watch();
        if killed {
            manager.wait_for("db.service", "ActiveState", "deactivating");
            watchdog.signal(Signal::SIGKILL);
            watchdog.wait();
            assert_eq!(manager.property("shop.service", "ActiveState"), "inactive");
            fs::write(manager.dir().join("go"), "").unwrap();
            manager.wait_for("db.service", "ActiveState", "inactive");
            watchdog = stage.watch();
        }
        for unit in ["db.service", "shop.service"] {
            let what = format!("{unit} is back");
            wait_until(&what, LIMIT, || manager.lives(unit) == 2);
            manager.wait_for(unit, "ActiveState", "active");
        }
        let said = watchdog.err.wait("both are told", |said| {
            said.matches("shop.service").count() > 1 && said.contains("passes again")
        });
        assert_eq!(manager.lives("shop.service"), 2, "{said}");
        assert_eq!(manager.lives("idle.service"), 0, "{said}");
        end(watchdog);
    }
}

/// systemd does not answer for a while: probes continue, and httpok acts as soon as it answers.
#[test]
fn hung_systemd_is_retried() {
    let stage = Stage::with(&[("shop.service", SIMPLE)], &Answer::Hang(Vec::new()));
    stage.manager.signal(Signal::SIGSTOP);
    let watchdog = stage.watch();
    watchdog
        .err
        .wait("nobody answers", |said| said.contains("no answer within"));
    let requests = stage.site.count("/shop.service");
    stage.manager.signal(Signal::SIGCONT);
    stage.is_cured(&watchdog, "shop.service");
    assert!(stage.site.count("/shop.service") > requests);
    end(watchdog);
}

/// A job that is over within its first second, before it was seen running or after that, was not stopped by anybody: it
/// is tried again, by the budget.
#[test]
fn unit_that_exits_after_our_restart_is_started_again() {
    for lasts in ["", "sleep 0.5; "] {
        let text = format!(
            "[Service]\nExecStart=/bin/sh -c 'echo up >> DIR/brief.service.lives; \
             [ $(wc -l < DIR/brief.service.lives) = 2 ] && {{ {lasts}exit 0; }}; exec sleep 1000'\n"
        );
        let stage = Stage::with(&[("brief.service", &text)], &Answer::Hang(Vec::new()));
        // nobody answers before its third life
        let lives = stage.manager.dir().join("brief.service.lives");
        stage.site.answer("/brief.service", move || {
            let had = fs::read_to_string(&lives).unwrap_or_default();
            match had.lines().count() {
                ..3 => Answer::Hang(Vec::new()),
                _ => says("200 OK", "fine"),
            }
        });
        let watchdog = stage.watch();
        wait_until("it is started again", LIMIT, || {
            stage.manager.lives("brief.service") >= 3
        });
        stage
            .manager
            .wait_for("brief.service", "ActiveState", "active");
        end(watchdog);
    }
}
