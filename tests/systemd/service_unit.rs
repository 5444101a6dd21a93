//! systemd supervises the watchdog: httpok as the unit of `examples/httpok.service`, under a real manager.

use std::fs;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::manager::Manager;
use crate::program::LIMIT;
use crate::site::{Site, says};
use crate::support::wait_until;

const EXAMPLE: &str = include_str!("../../examples/httpok.service");
const UNIT: &str = "httpok.service";

/// The example's unit, with our program and file, a short patience, and no core file.
fn unit() -> String {
    let line = "/usr/bin/httpok watch --config /etc/httpok/httpok.toml";
    assert!(EXAMPLE.contains(line) && EXAMPLE.contains("WatchdogSec=30s"));
    let ours = format!(
        "{} watch --config DIR/httpok.toml",
        env!("CARGO_BIN_EXE_httpok")
    );
    let text = EXAMPLE
        .replace(line, &ours)
        .replace("WatchdogSec=30s", "WatchdogSec=2s\nLimitCORE=0");
    // what a user's manager cannot do
    let lines = text.lines().filter(|line| !line.starts_with("Protect"));
    lines.collect::<Vec<_>>().join("\n")
}

fn check(name: &str, url: &str) -> String {
    format!("[[check]]\nname = \"{name}\"\nurl = \"{url}\"\nevery = \"200ms\"\nfail_after = 2\n")
}

fn configure(manager: &Manager, checks: &[String]) {
    let dir = manager.dir().join("state");
    let text = format!("state_dir = {dir:?}\n{}", checks.concat());
    fs::write(manager.dir().join("httpok.toml"), text).unwrap();
}

fn main_pid(manager: &Manager) -> Pid {
    Pid::from_raw(manager.property(UNIT, "MainPID").parse().unwrap())
}

#[test]
fn watchdog_notifies_readiness_and_status() {
    let manager = Manager::with(&[(UNIT, &unit())]);
    let site = Site::start();
    site.answer("/shop", || says("200 OK", ""));
    let shop = check("shop", &format!("{}/shop", site.origin()));
    let spy = "[[check]]\nname = \"spy\"\nurl = \"exec:\"\ncommand = \"env > DIR/env; echo; true\"\nevery = \"1h\"\n";
    let spy = spy.replace("DIR", &manager.dir().display().to_string());
    configure(&manager, &[shop.clone(), spy.clone()]);
    // returns when it is ready
    manager.systemctl(&["start", UNIT]);
    assert_eq!(manager.property(UNIT, "ActiveState"), "active");
    manager.wait_for(UNIT, "StatusText", "2 checks: 2 up");
    site.answer("/shop", || says("500 Oh", ""));
    manager.wait_for(UNIT, "StatusText", "2 checks: 1 up, 1 down (shop)");
    // what it asks through commands cannot speak in its name
    let env = fs::read_to_string(manager.dir().join("env")).unwrap();
    assert!(env.contains("INVOCATION_ID="), "{env}");
    assert!(
        !env.contains("NOTIFY_SOCKET") && !env.contains("WATCHDOG_"),
        "{env}"
    );
    // a file that is wrong changes nothing; one that is right is taken
    let before = main_pid(&manager);
    fs::write(manager.dir().join("httpok.toml"), "[[check]]\n").unwrap();
    manager.systemctl(&["reload", UNIT]);
    manager.wait_for(UNIT, "ActiveState", "active");
    configure(
        &manager,
        &[shop, spy, check("more", &format!("{}/ok", site.origin()))],
    );
    manager.systemctl(&["reload", UNIT]);
    manager.wait_for(UNIT, "StatusText", "3 checks: 2 up, 1 down (shop)");
    assert_eq!(
        (
            main_pid(&manager),
            manager.property(UNIT, "ActiveState").as_str()
        ),
        (before, "active")
    );
    manager.systemctl(&["stop", UNIT]);
    assert_eq!(manager.property(UNIT, "Result"), "success");
    assert_eq!(manager.property(UNIT, "ActiveState"), "inactive");
}

#[test]
fn hung_watchdog_is_killed_and_restarted() {
    let manager = Manager::with(&[(UNIT, &unit())]);
    let site = Site::start();
    configure(&manager, &[check("shop", &format!("{}/ok", site.origin()))]);
    manager.systemctl(&["start", UNIT]);
    manager.wait_for(UNIT, "StatusText", "1 check: 1 up");
    // as long as its loop runs nobody kills it: it has outlived the patience twice
    let first = main_pid(&manager);
    let requests = site.count("/ok");
    wait_until("it is watched for a while", LIMIT, || {
        site.count("/ok") > requests + 22
    });
    assert_eq!(
        (
            main_pid(&manager),
            manager.property(UNIT, "NRestarts").as_str()
        ),
        (first, "0")
    );
    kill(first, Signal::SIGSTOP).unwrap();
    manager.wait_for(UNIT, "NRestarts", "1");
    manager.wait_for(UNIT, "ActiveState", "active");
    assert_ne!(main_pid(&manager), first);
    manager.wait_for(UNIT, "StatusText", "1 check: 1 up");
}

/// A check that restarts the unit it is in would end it half way.
/// The unit's own promise: [[program]]s outlive it, however it goes, where they are to.
#[test]
fn programs_outlive_a_restart_and_a_kill_of_the_unit() {
    let manager = Manager::with(&[(UNIT, &unit())]);
    let starts = manager.dir().join("starts");
    let command = format!("echo $$ >> {}; exec sleep 1000", starts.display());
    let program =
        format!("[[program]]\nname = \"shop\"\ncommand = [\"sh\", \"-c\", {command:?}]\n");
    let beat = "[[check]]\nname = \"shop\"\nheartbeat = \"1h\"\n";
    let leave = "[embedded]\non_exit = \"leave\"\n";
    configure(&manager, &[leave.to_owned(), program, beat.to_owned()]);
    manager.systemctl(&["start", UNIT]);
    let lives = || fs::read_to_string(&starts).unwrap_or_default();
    wait_until("the program runs", LIMIT, || lives().lines().count() == 1);
    let pid = Pid::from_raw(lives().trim().parse().unwrap());
    manager.systemctl(&["restart", UNIT]);
    kill(pid, None).expect("it outlives the restart");
    let before = main_pid(&manager);
    kill(before, Signal::SIGKILL).unwrap();
    wait_until("the unit is back", LIMIT, || {
        let now = main_pid(&manager);
        now != before && now.as_raw() != 0 && manager.property(UNIT, "ActiveState") == "active"
    });
    kill(pid, None).expect("it outlives the kill");
    assert_eq!(lives().lines().count(), 1, "it was taken over, not started");
    // what is configured no more is stopped, and with it the test's last process
    configure(&manager, &[beat.to_owned()]);
    manager.systemctl(&["reload", UNIT]);
    wait_until("the program is gone", LIMIT, || kill(pid, None).is_err());
}

#[test]
fn watchdog_does_not_stop_itself() {
    let text = unit().replace("LimitCORE=0", "LimitCORE=0\nStandardError=file:DIR/err");
    let manager = Manager::with(&[(UNIT, &text)]);
    let site = Site::start();
    let own = check("own", &format!("{}/500", site.origin()))
        + "restart = [\"systemd/httpok\"]\ngrace = 0\n";
    configure(
        &manager,
        &[own, "[supervisor.systemd]\nscope = \"user\"\n".to_owned()],
    );
    manager.systemctl(&["start", UNIT]);
    let first = main_pid(&manager);
    let err = manager.dir().join("err");
    wait_until("it is refused", LIMIT, || {
        let said = fs::read_to_string(&err).unwrap_or_default();
        said.contains("with it this watchdog would be stopped")
    });
    assert_eq!(main_pid(&manager), first);
}

/// It is up when it watches, and not before.
#[test]
fn watchdog_that_cannot_start_is_never_ready() {
    let manager = Manager::with(&[(UNIT, &unit().replace("Restart=always", "Restart=no"))]);
    configure(&manager, &[]);
    let mut command = Command::new("systemctl");
    manager.under(command.args(["--user", "start", UNIT]));
    assert!(!command.output().unwrap().status.success());
    assert_eq!(manager.property(UNIT, "ActiveState"), "failed");
    assert_eq!(manager.property(UNIT, "ActiveEnterTimestampMonotonic"), "0");
    assert_eq!(manager.property(UNIT, "ExecMainStatus"), "3");
}

/// `run` speaks for itself; its command does not hear of it.
#[test]
fn run_notifies_systemd_too() {
    let dir = tempfile::tempdir().unwrap();
    let socket = std::os::unix::net::UnixDatagram::bind(dir.path().join("notify")).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let site = Site::start();
    let env = dir.path().join("env");
    let line = format!(
        "env > {0}.new; mv {0}.new {0}; exec sleep 1000",
        env.display()
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_httpok"));
    command
        .args(["run", "--every", "1h", "--url"])
        .arg(format!("{}/ok", site.origin()))
        .args(["--", "sh", "-c", &line])
        .env("STATE_DIRECTORY", dir.path().join("state"))
        .env("NOTIFY_SOCKET", dir.path().join("notify"))
        .env("WATCHDOG_USEC", "200000");
    let run = crate::program::Program::start(&mut command);
    let hear = || {
        let mut bytes = [0; 256];
        let count = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    };
    assert_eq!(hear(), "READY=1");
    for word in ["STATUS=1 check: 1 up", "WATCHDOG=1", "WATCHDOG=1"] {
        while hear() != word {}
    }
    wait_until("the command runs", LIMIT, || env.exists());
    let env = fs::read_to_string(env).unwrap();
    assert!(
        !env.contains("NOTIFY_SOCKET") && !env.contains("WATCHDOG_"),
        "{env}"
    );
    run.signal(Signal::SIGTERM);
    while hear() != "STOPPING=1" {}
    run.wait();
}

/// A notify socket that nobody reads, or that is none, is no reason to wait.
#[test]
fn missing_notify_socket_is_not_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::start();
    for socket in ["/nonexistent/notify", "@nobody-here", "vsock:2:1234", ""] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_httpok"));
        command
            .args(["watch", "--once"])
            .arg(format!("{}/ok", site.origin()))
            .env("STATE_DIRECTORY", dir.path())
            .env("NOTIFY_SOCKET", socket)
            .env("WATCHDOG_USEC", "1000");
        let end = crate::program::Program::start(&mut command).wait();
        assert_eq!(end.status.code(), Some(0), "{socket}: {}", end.err);
    }
}
