//! Containers that an operator or the container itself changes: removed, renamed, recreated, paused, ended; and which
//! container counts as the same one.

use std::fs;
use std::time::Duration;

use httpok::health::{CallError, ProcessState};
use httpok::supervisor::{Supervisor, docker};
use nix::sys::signal::Signal;

use crate::engine::engine;
use crate::program::LIMIT;
use crate::support::wait_until;
use crate::{GOOD, client, name, until};

async fn state(client: &docker::DockerClient, container: &str) -> ProcessState {
    client.info(&name(container)).await.unwrap().state
}

#[tokio::test]
async fn removed_container_is_missing_and_its_successor_is_a_new_instance() {
    let (engine, service) = (engine(), engine().service());
    let client = client(&service);
    let first = engine.run("cnew", &[], GOOD);
    until(&client, "cnew", ProcessState::Running).await;
    let before = client.info(&name("cnew")).await.unwrap();
    engine.podman(&["rm", "--force", "--time=0", "cnew"]);
    assert!(client.list(Some(&["cnew"])).await.unwrap().is_empty());
    let gone = client.start(&name("cnew")).await.unwrap_err();
    assert!(gone.is_fault(CallError::BAD_NAME), "{gone}");
    engine.run("cnew", &[], GOOD);
    until(&client, "cnew", ProcessState::Running).await;
    let after = client.info(&name("cnew")).await.unwrap();
    assert_ne!(after.pid, before.pid);
    assert_eq!(after.is_still(&before), Some(false));
    let old = client.list(Some(&[&first])).await.unwrap();
    assert!(old.is_empty(), "by its id it is still the old one");
}

#[tokio::test]
async fn container_stopped_by_httpok_is_started_after_a_rename() {
    let (engine, service) = (engine(), engine().service());
    let client = client(&service);
    engine.run("cname", &[], GOOD);
    until(&client, "cname", ProcessState::Running).await;
    client.stop(&name("cname")).await.unwrap();
    engine.podman(&["rename", "cname", "cname-old"]);
    assert_eq!(state(&client, "cname").await, ProcessState::Stopped);
    client.start(&name("cname")).await.unwrap();
    assert_eq!(state(&client, "cname-old").await, ProcessState::Running);
    let gone = client.info(&name("cname")).await.unwrap_err();
    assert!(
        gone.is_fault(CallError::BAD_NAME),
        "it is no business of ours any more"
    );
}

/// As compose tools do it: the old one gets out of the way of its successor.
#[tokio::test]
async fn successor_with_the_same_name_is_started() {
    let (engine, service) = (engine(), engine().service());
    let client = client(&service);
    engine.run("cnext", &[], GOOD);
    until(&client, "cnext", ProcessState::Running).await;
    client.stop(&name("cnext")).await.unwrap();
    engine.podman(&["rename", "cnext", "old_cnext"]);
    engine.run("cnext", &[], GOOD);
    let already = client.start(&name("cnext")).await.unwrap_err();
    assert!(already.is_fault(CallError::ALREADY_STARTED), "{already}");
    assert_eq!(state(&client, "old_cnext").await, ProcessState::Stopped);
}

#[tokio::test]
async fn paused_container_is_left_alone() {
    let (engine, service) = (engine(), engine().service());
    let client = client(&service);
    engine.run("cfrozen", &[], GOOD);
    until(&client, "cfrozen", ProcessState::Running).await;
    // without control groups there is nothing to freeze with
    engine.podman(&["pause", "cfrozen"]);
    assert_eq!(state(&client, "cfrozen").await, ProcessState::Stopped);
    let error = client.stop(&name("cfrozen")).await.unwrap_err();
    assert!(error.is_fault(CallError::NOT_RUNNING), "{error}");
    engine.podman(&["unpause", "cfrozen"]);
    assert_eq!(state(&client, "cfrozen").await, ProcessState::Running);
}

#[tokio::test]
async fn failed_start_is_fatal_and_not_an_operators_stop() {
    let (engine, service) = (engine(), engine().service());
    let client = client(&service);
    let dir = tempfile::tempdir().unwrap();
    let volume = format!("--volume={}:/app", dir.path().display());
    engine.podman(&[
        "create",
        "--name=cfatal",
        "--network=host",
        "--ulimit=nofile=1024:1024",
        "--ulimit=nproc=1024:1024",
        &volume,
        "tiny",
        "/app/server",
    ]);
    assert_eq!(
        state(&client, "cfatal").await,
        ProcessState::Stopped,
        "nobody has tried"
    );
    let error = client.start(&name("cfatal")).await.unwrap_err();
    assert!(error.is_fault(CallError::SPAWN_ERROR), "{error}");
    assert!(error.to_string().contains("/app/server"), "{error}");
    assert_eq!(state(&client, "cfatal").await, ProcessState::Fatal);
    let server = dir.path().join("server");
    fs::write(&server, format!("#!/bin/sh\n{GOOD}\n")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&server, mode).unwrap();
    client.start(&name("cfatal")).await.unwrap();
    engine.podman(&["stop", "cfatal"]);
    assert_eq!(
        state(&client, "cfatal").await,
        ProcessState::Stopped,
        "an operator's"
    );
}

#[tokio::test]
async fn container_that_does_not_stay_up_is_exited() {
    let (engine, service) = (engine(), engine().service());
    let client = client(&service);
    engine.create("cshort", &[], "sleep 0.2; exit 3");
    // on a busy machine its 0.2 s may take longer than it has to be up
    let deadline = std::time::Instant::now() + LIMIT;
    let error = loop {
        assert!(std::time::Instant::now() < deadline);
        match client.start(&name("cshort")).await {
            Err(error) if !error.is_fault(CallError::ALREADY_STARTED) => break error,
            Ok(()) | Err(_) => tokio::time::sleep(std::time::Duration::from_millis(200)).await,
        }
    };
    assert!(error.is_fault(CallError::ABNORMAL_TERMINATION), "{error}");
    assert!(error.to_string().contains("exit code 3"), "{error}");
    assert_eq!(state(&client, "cshort").await, ProcessState::Exited);
    // an operator may have stopped it later; the cause is unknown
    engine.podman(&["start", "cshort"]);
    let deadline = std::time::Instant::now() + LIMIT;
    while state(&client, "cshort").await != ProcessState::Stopped {
        assert!(std::time::Instant::now() < deadline);
    }
}

#[tokio::test]
async fn crash_looping_container_is_never_running_and_can_be_stopped() {
    let (engine, service) = (engine(), engine().service());
    let client = client(&service);
    let dir = tempfile::tempdir().unwrap();
    let volume = format!("--volume={}:/here", dir.path().display());
    let script = "test -e /here/enough && sleep 100; sleep 0.1; exit 3";
    let options = ["--restart=always", "--stop-timeout=1", &volume];
    engine.run("cloop", &options, script);
    let restarts = || {
        engine
            .inspect("cloop", "{{.RestartCount}}")
            .parse::<u32>()
            .unwrap()
    };
    let begun = restarts();
    let deadline = std::time::Instant::now() + LIMIT;
    while restarts() < begun + 4 {
        let state = state(&client, "cloop").await;
        assert_ne!(state, ProcessState::Running);
        assert_ne!(state, ProcessState::Fatal);
        assert!(std::time::Instant::now() < deadline, "it is not restarted");
    }
    // podman loses a stop in the moment of a restart, and then its policy starts it once more
    let error = loop {
        assert!(std::time::Instant::now() < deadline, "it is not stopped");
        if state(&client, "cloop").await != ProcessState::Stopped {
            let _ = client.stop(&name("cloop")).await;
            continue;
        }
        let error = client.start(&name("cloop")).await.unwrap_err();
        if !error.is_fault(CallError::ALREADY_STARTED) {
            break error;
        }
    };
    assert!(error.is_fault(CallError::ABNORMAL_TERMINATION), "{error}");
    let again = restarts();
    wait_until("its policy is awake again", LIMIT, || restarts() > again);
    fs::write(dir.path().join("enough"), "").unwrap();
}

/// The answer to a stop is lost: what still runs is on its way down, and then it has stopped.
#[tokio::test]
async fn stop_with_a_lost_response_is_waited_for() {
    let (engine, mut service) = (engine(), engine().service());
    let client = client(&service);
    let dir = tempfile::tempdir().unwrap();
    let volume = format!("--volume={}:/here", dir.path().display());
    let slow =
        "trap 'touch /here/asked; sleep 1; exit 0' TERM; while :; do sleep 1000 & wait; done";
    engine.run("clost", &["--stop-timeout=9", &volume], slow);
    until(&client, "clost", ProcessState::Running).await;
    let web = name("clost");
    let stop = client.stop(&web);
    let kill = async {
        while !dir.path().join("asked").exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        service.signal(Signal::SIGKILL);
    };
    let (error, ()) = tokio::join!(stop, kill);
    assert!(error.unwrap_err().is_passing());
    service.kill();
    engine.serve_again(&mut service);
    until(&client, "clost", ProcessState::Stopped).await;
    client.start(&web).await.unwrap();
}
