//! Units that ignore a stop or fail to start, and stops that httpok refuses.

use httpok::supervisor::Supervisor;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use httpok::health::{CallError, ProcessState};
use httpok::supervisor::systemd::{ManagerScope, SystemdClient, SystemdSpec};

use crate::manager::{Manager, named};
use crate::program::LIMIT;
use crate::support::wait_until;

fn fault(result: Result<(), CallError>) -> (i64, String) {
    match result {
        Ok(()) => (0, String::new()),
        Err(CallError::Fault { code, text }) => (code, text),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn unit_that_ignores_the_stop_is_killed_and_starts_again() {
    let text = "[Service]\nTimeoutStopSec=1s\nExecStart=/bin/sh -c 'trap \"\" TERM; echo >> DIR/up; \
                while :; do sleep 0.1; done'\n";
    let manager = Manager::with(&[("deaf.service", text)]);
    let (client, deaf) = (manager.client(), named("deaf.service"));
    assert_eq!(fault(client.start(&deaf).await).0, 0);
    wait_until("it is deaf", LIMIT, || manager.dir().join("up").exists());
    assert_eq!(fault(client.stop(&deaf).await).0, 0);
    let info = client.info(&deaf).await.unwrap();
    // it failed only because it was stopped
    assert_eq!(manager.property("deaf.service", "ActiveState"), "failed");
    assert_eq!((info.state, info.pid), (ProcessState::Stopped, None));
    assert_eq!(fault(client.stop(&deaf).await).0, CallError::NOT_RUNNING);
    assert_eq!(fault(client.start(&deaf).await).0, 0);
    assert_eq!(
        client.info(&deaf).await.unwrap().state,
        ProcessState::Running
    );
}

/// Many end with an exit code when they are stopped. systemd calls that failed; someone stopped it all the same.
#[tokio::test]
async fn unit_stopped_by_an_operator_is_stopped() {
    let loops = "echo > DIR/%n.up; while :; do sleep 0.05; done";
    let units = [
        (
            "java.service",
            format!("[Service]\nExecStart=/bin/sh -c 'trap \"exit 143\" TERM; {loops}'\n"),
        ),
        (
            "falls.service",
            "[Service]\nExecStart=/bin/sh -c 'sleep 0.2; exit 7'\n".to_owned(),
        ),
        // what nothing refers to is forgotten
        ("keeps.target", "[Unit]\nWants=ends.service\n".to_owned()),
        (
            "ends.service",
            "[Service]\nExecStart=/bin/sh -c 'sleep 0.2; exit 0'\n".to_owned(),
        ),
    ];
    let units = units.each_ref().map(|(name, text)| (*name, text.as_str()));
    let manager = Manager::with(&units);
    let client = manager.client();
    manager.systemctl(&["start", "java", "falls", "keeps.target"]);
    wait_until("it listens", LIMIT, || {
        manager.dir().join("java.service.up").exists()
    });
    manager.systemctl(&["stop", "java"]);
    manager.wait_for("falls.service", "ActiveState", "failed");
    manager.wait_for("ends.service", "ActiveState", "inactive");
    assert_eq!(manager.property("java.service", "ActiveState"), "failed");
    let state = async |unit| client.info(&named(unit)).await.unwrap().state;
    assert_eq!(state("java.service").await, ProcessState::Stopped);
    assert_eq!(state("falls.service").await, ProcessState::Fatal);
    assert_eq!(state("ends.service").await, ProcessState::Exited);
}

#[tokio::test]
async fn failed_start_says_how_the_unit_ended() {
    let manager = Manager::with(&[
        (
            "ends.service",
            "[Service]\nExecStart=/bin/sh -c 'sleep 0.1; exit 3'\n",
        ),
        (
            "notify.service",
            "[Service]\nType=notify\nExecStart=/bin/sh -c 'exit 4'\n",
        ),
        (
            "nofile.service",
            "[Service]\nExecStart=/nonexistent/program\n",
        ),
        (
            "unmet.service",
            "[Unit]\nConditionPathExists=/nonexistent\n[Service]\nExecStart=LIFE\n",
        ),
        ("broken.service", "[Service]\nNonsense\n"),
        (
            "needy.service",
            "[Unit]\nRequires=notify.service\nAfter=notify.service\n[Service]\nExecStart=LIFE\n",
        ),
        (
            "loop.service",
            "[Service]\nExecStart=/bin/false\nRestart=always\nRestartSec=1h\n",
        ),
    ]);
    let client = manager.client();
    for (unit, code, message) in [
        ("ends.service", 40, "it failed (exit-code, status 3)"),
        ("notify.service", 40, "it failed (exit-code, status 4)"),
        (
            "nofile.service",
            50,
            "systemd cannot run it (exit-code, status 203)",
        ),
        ("unmet.service", 30, "its conditions are not met"),
        (
            "broken.service",
            30,
            "broken.service has a bad unit file setting",
        ),
        (
            "needy.service",
            30,
            "A dependency job for needy.service failed",
        ),
        (
            "loop.service",
            40,
            "it ended at once (exit-code, status 1), systemd will try again",
        ),
        ("nosuch.service", 10, "there is no unit \"nosuch.service\""),
        ("-x", 10, "there is no unit \"-x\""),
    ] {
        let (found, text) = fault(client.start(&named(unit)).await);
        assert_eq!(found, code, "{unit}: {text}");
        assert!(text.contains(message), "{unit}: {text}");
    }
    for unit in ["nosuch.service", "-x"] {
        assert_eq!(
            fault(client.stop(&named(unit)).await).0,
            CallError::BAD_NAME
        );
        let error = client.info(&named(unit)).await.unwrap_err();
        assert!(error.is_fault(CallError::BAD_NAME), "{error}");
    }
}

/// How often something is restarted is counted by us.
#[tokio::test]
async fn start_limit_does_not_block_a_restart() {
    let text = "[Unit]\nStartLimitIntervalSec=1h\nStartLimitBurst=2\n[Service]\nExecStart=LIFE\n";
    let manager = Manager::with(&[
        ("web.service", text),
        // as long as someone wants it systemd remembers it
        (
            "keeper.service",
            "[Unit]\nAfter=web.service\n[Service]\nExecStart=LIFE\n",
        ),
    ]);
    manager.systemctl(&["start", "keeper"]);
    let (client, web) = (manager.client(), named("web.service"));
    for _ in 0..2 {
        manager.systemctl(&["start", "web"]);
        manager.systemctl(&["stop", "web"]);
    }
    manager.ask(&["start", "web"]);
    assert_eq!(manager.property("web.service", "Result"), "start-limit-hit");
    assert_eq!(client.info(&web).await.unwrap().state, ProcessState::Fatal);
    for _ in 0..3 {
        assert_eq!(fault(client.start(&web).await), (0, String::new()));
        assert_eq!(fault(client.stop(&web).await), (0, String::new()));
    }
}

/// What could not be started again is not stopped.
#[tokio::test]
async fn stop_without_a_possible_start_is_refused() {
    let manager = Manager::with(&[
        (
            "stays.service",
            "[Unit]\nRefuseManualStop=yes\n[Service]\nExecStart=LIFE\n",
        ),
        (
            "once.service",
            "[Unit]\nRefuseManualStart=yes\n[Service]\nExecStart=LIFE\n",
        ),
        (
            "wants.service",
            "[Unit]\nWants=once.service\n[Service]\nExecStart=LIFE\n",
        ),
        ("gone.service", "[Service]\nExecStart=LIFE\n"),
        ("base.service", "[Service]\nExecStart=LIFE\n"),
    ]);
    manager.systemctl(&["start", "stays", "wants", "gone"]);
    for unit in ["fleeting.service", "rider.service"] {
        let mut command = Command::new("systemd-run");
        command.args(["--user", "--unit", unit, "--property=Requires=base.service"]);
        manager.under(command.args(["sleep", "1000"]));
        assert!(command.output().unwrap().status.success());
    }
    std::fs::remove_file(manager.dir().join("config/systemd/user/gone.service")).unwrap();
    manager.systemctl(&["daemon-reload"]);
    let client = manager.client();
    for (unit, message) in [
        (
            "stays.service",
            "it refuses to be stopped manually (RefuseManualStop=)",
        ),
        (
            "once.service",
            "it refuses to be started manually (RefuseManualStart=)",
        ),
        ("fleeting.service", "it is transient"),
        ("gone.service", "its unit file is not-found"),
        (
            "base.service",
            "would be stopped with it, and it is transient",
        ),
    ] {
        let (code, text) = fault(client.stop(&named(unit)).await);
        assert_eq!(code, CallError::FAILED, "{unit}: {text}");
        assert!(text.contains(message), "{unit}: {text}");
        assert_eq!(manager.property(unit, "ActiveState"), "active", "{unit}");
    }
}

/// The manager of another user cannot be reached; the error names the required user.
#[tokio::test]
async fn permission_error_names_the_required_user() {
    let manager = Manager::with(&[("web.service", "[Service]\nExecStart=LIFE\n")]);
    let shim = manager.dir().join("as-nobody");
    let text = format!(
        "#!/bin/sh\nXDG_RUNTIME_DIR='{}' exec setpriv --reuid=65534 --clear-groups systemctl \"$@\"\n",
        manager.dir().join("run").display()
    );
    std::fs::write(&shim, text).unwrap();
    std::fs::set_permissions(&shim, std::fs::Permissions::from_mode(0o755)).unwrap();
    let client = SystemdClient::new(SystemdSpec {
        scope: ManagerScope::User,
        systemctl: shim,
    });
    let error = client.stop(&named("web.service")).await.unwrap_err();
    assert!(matches!(error, CallError::Unauthorized { .. }), "{error:?}");
    let message = error.to_string();
    assert!(
        message.starts_with("not authorized: systemd: "),
        "{message}"
    );
    assert!(
        message.ends_with("run httpok as the user whose units these are"),
        "{message}"
    );
}

#[tokio::test]
async fn missing_systemctl_is_reported() {
    let client = SystemdClient::new(SystemdSpec {
        scope: ManagerScope::System,
        systemctl: "/nonexistent/systemctl".into(),
    });
    let error = client.list(None).await.unwrap_err();
    assert!(matches!(error, CallError::Unreachable { .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .contains("cannot run \"/nonexistent/systemctl\""),
        "{error}"
    );
}
