//! Units as processes: which are listed, how they start and stop, and how instances are distinguished.

use httpok::health::{CallError, Process, ProcessState, Target};
use httpok::supervisor::OutputStream;
use httpok::supervisor::Supervisor;
use nix::sys::signal::Signal;

use crate::manager::{Manager, named};
use crate::program::LIMIT;
use crate::support::{alive, wait_until};

const SIMPLE: &str = "[Service]\nExecStart=LIFE\n";

fn code(result: Result<(), CallError>) -> i64 {
    match result {
        Ok(()) => 0,
        Err(CallError::Fault { code, .. }) => code,
        Err(error) => panic!("{error}"),
    }
}

fn names(listed: &[Process]) -> Vec<&str> {
    listed.iter().map(|unit| unit.name.name.as_str()).collect()
}

#[tokio::test]
async fn units_are_listed_by_every_name() {
    let manager = Manager::with(&[
        (
            "web.service",
            "[Install]\nAlias=www.service\n[Service]\nExecStart=LIFE\n",
        ),
        ("app@.service", "[Service]\nExecStart=/bin/sleep 1000\n"),
        ("off.service", SIMPLE),
        (
            "fallen.service",
            "[Service]\nExecStart=/bin/sh -c 'exit 3'\n",
        ),
    ]);
    manager.systemctl(&["enable", "--now", "web", "app@1", "app@b"]);
    manager.ask(&["start", "fallen"]);
    manager.wait_for("fallen.service", "ActiveState", "failed");
    let client = manager.client();
    let asked = [
        "www.service",
        "web.service",
        "app@:*",
        "off.service",
        "fallen.service",
        "nosuch.service",
        "none@:*",
    ];
    let listed = client.list(Some(&asked)).await.unwrap();
    assert_eq!(
        names(&listed),
        [
            "app@1.service",
            "app@b.service",
            "fallen.service",
            "off.service",
            "web.service"
        ]
    );
    let states: Vec<_> = listed.iter().map(|unit| unit.state).collect();
    assert_eq!(
        states,
        [
            ProcessState::Running,
            ProcessState::Running,
            ProcessState::Fatal,
            ProcessState::Stopped,
            ProcessState::Running
        ]
    );
    assert!(
        listed[2].detail.contains("exit-code, status 3"),
        "{listed:?}"
    );
    let web = &listed[4];
    assert!(
        web.pid.is_some_and(alive) && web.instance.is_some(),
        "{web:?}"
    );
    assert!(web.uptime.is_some_and(|up| up < 60), "{web:?}");
    let means = |text: &str, unit| {
        let target: Target = text.parse().unwrap();
        target.means(unit, Default::default())
    };
    assert!(means("systemd/www", web) && means("systemd/web", web));
    assert!(means("systemd/app@*", &listed[0]) && !means("systemd/app@*", web));
    // all that are loaded, and no question when nothing is asked
    let all = client.list(None).await.unwrap();
    assert!(names(&all).contains(&"web.service"), "{all:?}");
    assert_eq!(client.list(Some(&[])).await, Ok(vec![]));
    assert_eq!(client.list(Some(&["nosuch.service"])).await, Ok(vec![]));
}

#[tokio::test]
async fn stop_and_start_wait_for_the_job() {
    let manager = Manager::with(&[("web.service", SIMPLE)]);
    let (client, web) = (manager.client(), named("web.service"));
    assert_eq!(code(client.stop(&web).await), CallError::NOT_RUNNING);
    assert_eq!(code(client.start(&web).await), 0);
    let first = client.info(&web).await.unwrap();
    assert_eq!(first.state, ProcessState::Running);
    assert_eq!(code(client.start(&web).await), CallError::ALREADY_STARTED);
    assert_eq!(
        client.info(&web).await.unwrap().is_still(&first),
        Some(true)
    );
    assert_eq!(code(client.stop(&web).await), 0);
    assert!(!alive(first.pid.unwrap()));
    let stopped = client.info(&web).await.unwrap();
    assert_eq!(
        (stopped.state, stopped.uptime),
        (ProcessState::Stopped, None)
    );
    assert_eq!(code(client.start(&web).await), 0);
    let second = client.info(&web).await.unwrap();
    assert_eq!(second.is_still(&first), Some(false));
    assert_eq!(manager.lives("web.service"), 2);
    assert_eq!(
        client.log_tail(&web, OutputStream::Stderr, 100).await,
        Ok(String::new())
    );
}

/// Units without a process are distinguished by their invocation id.
#[tokio::test]
async fn unit_without_a_process_has_an_instance() {
    let manager = Manager::with(&[(
        "net.service",
        "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n",
    )]);
    let (client, net) = (manager.client(), named("net.service"));
    assert_eq!(code(client.start(&net).await), 0);
    let first = client.info(&net).await.unwrap();
    assert_eq!((first.state, first.pid), (ProcessState::Running, None));
    assert_eq!(
        client.info(&net).await.unwrap().is_still(&first),
        Some(true)
    );
    assert_eq!(code(client.stop(&net).await), 0);
    assert_eq!(code(client.start(&net).await), 0);
    assert_eq!(
        client.info(&net).await.unwrap().is_still(&first),
        Some(false)
    );
}

/// What requires a unit falls with it, and so does what requires that.
#[tokio::test]
async fn units_stopped_with_a_unit_are_its_dependents() {
    let needs = |what: &str| format!("[Unit]\nRequires={what}\nAfter={what}\n{SIMPLE}");
    let manager = Manager::with(&[
        ("db.service", SIMPLE),
        ("shop.service", &needs("db.service")),
        ("page.service", &needs("shop.service")),
        ("idle.service", &needs("db.service")),
    ]);
    manager.systemctl(&["start", "page"]);
    let client = manager.client();
    for (unit, expected) in [
        ("db.service", &["shop.service", "page.service"][..]),
        ("shop.service", &["page.service"]),
        ("page.service", &[]),
        ("idle.service", &[]),
    ] {
        let found = client.dependents(&named(unit)).await.unwrap();
        assert_eq!(names(&found), expected, "{unit}");
    }
}

/// systemd starts again what falls over: that is its business, and another life.
#[tokio::test]
async fn automatic_restart_by_systemd_is_visible() {
    let manager = Manager::with(&[
        (
            "soon.service",
            "[Service]\nExecStart=LIFE\nRestart=always\nRestartSec=50ms\n",
        ),
        (
            "late.service",
            "[Service]\nExecStart=LIFE\nRestart=always\nRestartSec=1h\n",
        ),
    ]);
    let client = manager.client();
    manager.systemctl(&["start", "soon", "late"]);
    let soon = client.info(&named("soon.service")).await.unwrap();
    for unit in ["soon.service", "late.service"] {
        wait_until("its first life", LIMIT, || manager.lives(unit) == 1);
        manager.systemctl(&["kill", "--signal=KILL", unit]);
    }
    wait_until("it is started again", LIMIT, || {
        manager.lives("soon.service") == 2
    });
    manager.wait_for("soon.service", "ActiveState", "active");
    let again = client.info(&named("soon.service")).await.unwrap();
    assert_eq!(again.is_still(&soon), Some(false));
    assert!(
        again.detail.contains("restarted 1 time by systemd"),
        "{again:?}"
    );
    manager.wait_for("late.service", "SubState", "auto-restart");
    let late = named("late.service");
    assert_eq!(
        client.info(&late).await.unwrap().state,
        ProcessState::Backoff
    );
    assert_eq!(code(client.start(&late).await), CallError::ALREADY_STARTED);
    assert_eq!(manager.lives("late.service"), 1);
}

#[tokio::test]
async fn absent_manager_is_unreachable() {
    let manager = Manager::with(&[("web.service", SIMPLE)]);
    let (client, web) = (manager.client(), named("web.service"));
    manager.signal(Signal::SIGKILL);
    wait_until("it is gone", LIMIT, || manager.ask(&["show"]).is_empty());
    for error in [
        client.info(&web).await.unwrap_err(),
        client.stop(&web).await.unwrap_err(),
    ] {
        assert!(matches!(error, CallError::Unreachable { .. }), "{error:?}");
        assert!(error.to_string().starts_with("systemd: "), "{error}");
    }
}
