//! The contract of each method, and its error messages.

use std::fs;
use std::time::Duration;

use httpok::health::{CallError, ProcessState};
use httpok::supervisor::{OutputStream, Supervisor, docker};
use nix::sys::signal::Signal;

use crate::engine::engine;
use crate::{GOOD, client, name, until};

fn code(result: Result<(), CallError>) -> Option<i64> {
    match result {
        Ok(()) => None,
        Err(CallError::Fault { code, .. }) => Some(code),
        Err(other) => panic!("no fault: {other}"),
    }
}

#[tokio::test]
async fn containers_are_listed_by_name_project_service_and_id() {
    let (engine, service) = (engine(), engine().service());
    let label = "--label=com.docker.compose.project=mlist";
    let id = engine.run("mlist-alone", &[], GOOD);
    engine.run("mlist-web-1", &[label], GOOD);
    engine.create("mlist-db-1", &[label], GOOD);
    let client = client(&service);
    for (pattern, names) in [
        ("mlist-alone", vec!["mlist-alone"]),
        ("mlist:*", vec!["mlist:mlist-db-1", "mlist:mlist-web-1"]),
        ("mlist:web", vec!["mlist:mlist-web-1"]),
        ("mlist-web-1", vec!["mlist:mlist-web-1"]),
        (&id, vec!["mlist-alone"]),
        (&id[..12], vec!["mlist-alone"]),
        (&id[..8], vec![]),
        ("nosuch", vec![]),
    ] {
        let found = client.list(Some(&[pattern])).await.unwrap();
        let found: Vec<_> = found.iter().map(|p| p.name.namespec()).collect();
        assert_eq!(found, names, "{pattern}");
    }
    let all = client.list(None).await.unwrap();
    assert!(all.len() >= 3);
    until(&client, "mlist-alone", ProcessState::Running).await;
    let found = client.list(Some(&[&id[..12]])).await.unwrap().remove(0);
    assert_eq!(found.aliases, [&id[..12]]);
    let pid = found.pid.unwrap();
    let root = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
    assert!(root.contains(GOOD), "the pid is the host's: {root}");
    assert!(found.detail.contains(&id[..12]), "{}", found.detail);
    assert!(found.uptime.is_some_and(|seconds| seconds < 3600));
    let found = client.info(&name("mlist:mlist-db-1")).await.unwrap();
    assert_eq!((found.state, found.pid), (ProcessState::Stopped, None));
}

#[tokio::test]
async fn faults_have_supervisords_codes() {
    let (engine, service) = (engine(), engine().service());
    let id = engine.create("mfault", &[], GOOD);
    let client = client(&service);
    let web = name("mfault");
    assert_eq!(code(client.stop(&web).await), Some(CallError::NOT_RUNNING));
    client.start(&web).await.unwrap();
    let first = client.info(&web).await.unwrap();
    assert_eq!(
        first.state,
        ProcessState::Running,
        "as soon as that is answered"
    );
    let again = client.start(&web).await;
    assert_eq!(code(again), Some(CallError::ALREADY_STARTED));
    client.stop(&web).await.unwrap();
    assert_eq!(
        client.info(&web).await.unwrap().state,
        ProcessState::Stopped
    );
    client.start(&web).await.unwrap();
    assert_ne!(client.info(&web).await.unwrap().pid, first.pid);
    // the engine would take the beginning of an id for a name
    for nobody in ["nosuch", &id[..8], "grp:mfault", "a b/../c?d"] {
        let nobody = name(nobody);
        let bad = Some(CallError::BAD_NAME);
        assert_eq!(code(client.info(&nobody).await.map(drop)), bad, "{nobody}");
        assert_eq!(code(client.stop(&nobody).await), bad, "{nobody}");
        assert_eq!(code(client.start(&nobody).await), bad, "{nobody}");
        let tail = client.log_tail(&nobody, OutputStream::Stdout, 10).await;
        assert_eq!(code(tail.map(drop)), bad, "{nobody}");
    }
    assert_eq!(
        client.info(&web).await.unwrap().state,
        ProcessState::Running
    );
}

#[tokio::test]
async fn the_end_of_each_output_is_read() {
    let (engine, service) = (engine(), engine().service());
    let script = "for i in 1 2 3 4 5 6 7 8 9; do echo out $i \u{e9}; echo err $i >&2; done";
    engine.run("mlog", &[], &format!("{script}; {GOOD}"));
    engine.run("mtty", &["--tty"], &format!("{script}; {GOOD}"));
    engine.run(
        "mnone",
        &["--log-driver=none"],
        &format!("{script}; {GOOD}"),
    );
    let client = client(&service);
    let tail = async |container: &str, stream, bytes| {
        let tail = client.log_tail(&name(container), stream, bytes).await;
        tail.unwrap().replace('\r', "")
    };
    let deadline = std::time::Instant::now() + crate::program::LIMIT;
    while !tail("mlog", OutputStream::Stderr, 8)
        .await
        .contains("err 9")
        || !tail("mtty", OutputStream::Stdout, 8)
            .await
            .contains("err 9")
    {
        assert!(std::time::Instant::now() < deadline, "nothing is written");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(
        tail("mlog", OutputStream::Stdout, 18).await,
        "out 8 \u{e9}\nout 9 \u{e9}\n"
    );
    assert_eq!(
        tail("mlog", OutputStream::Stderr, 12).await,
        "err 8\nerr 9\n"
    );
    let whole = tail("mlog", OutputStream::Stdout, 2000).await;
    assert!(whole.starts_with("out 1 \u{e9}\nout 2"), "{whole}");
    assert!(
        tail("mtty", OutputStream::Stdout, 2000)
            .await
            .contains("out 9 \u{e9}\nerr 9\n")
    );
    assert_eq!(tail("mtty", OutputStream::Stderr, 2000).await, "");
    assert_eq!(tail("mnone", OutputStream::Stdout, 2000).await, "");
}

#[tokio::test]
async fn container_that_ignores_the_stop_is_killed_after_its_timeout() {
    let (engine, service) = (engine(), engine().service());
    let deaf = "trap '' TERM; while :; do sleep 1000 & wait; done";
    engine.run("mdeaf", &["--stop-timeout=1"], deaf);
    let client = client(&service);
    until(&client, "mdeaf", ProcessState::Running).await;
    client.stop(&name("mdeaf")).await.unwrap();
    assert_eq!(engine.inspect("mdeaf", "{{.State.ExitCode}}"), "137");
}

#[tokio::test]
async fn auto_removed_container_is_not_stopped() {
    let (engine, service) = (engine(), engine().service());
    engine.run("mremove", &["--rm"], GOOD);
    let client = client(&service);
    until(&client, "mremove", ProcessState::Running).await;
    let error = client.stop(&name("mremove")).await.unwrap_err();
    assert!(error.to_string().contains("--rm"), "{error}");
    assert_eq!(engine.inspect("mremove", "{{.State.Running}}"), "true");
}

#[tokio::test]
async fn absent_engine_is_unreachable() {
    let mut service = engine().service();
    service.kill();
    let client = client(&service);
    let error = client.list(None).await.unwrap_err();
    let expected = format!("no such socket: unix://{}", service.socket);
    assert_eq!(error, CallError::Unreachable { detail: expected });
    engine().serve_again(&mut service);
    client.list(None).await.unwrap();
}

/// Time stands still but for deadlines, so that nobody has to wait for one.
#[tokio::test(start_paused = true)]
async fn hung_engine_times_out() {
    let service = engine().service();
    service.signal(Signal::SIGSTOP);
    let error = client(&service).info(&name("web")).await.unwrap_err();
    let after = Duration::from_secs(10);
    assert_eq!(error, CallError::TimedOut { after });
}

/// Without privileges, which a thread can give up for itself.
#[test]
fn socket_permission_error_names_the_group() {
    let service = engine().service();
    let socket = service.socket.clone();
    let asked = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let client = docker::DockerClient::new(&socket);
        // SAFETY: the bare system call changes this thread alone, which ends soon
        let dropped = unsafe { libc::syscall(libc::SYS_setresuid, -1, 65534, -1) };
        assert_eq!(dropped, 0, "the tests run as root");
        runtime.block_on(client.list(None))
    });
    let error = asked.join().unwrap().unwrap_err();
    assert!(matches!(error, CallError::Unauthorized { .. }), "{error:?}");
    let message = error.to_string();
    assert!(
        message.contains("permission denied") && message.contains("group"),
        "{message}"
    );
}

/// A container in the network of one that ends is in a dead network.
#[tokio::test]
async fn containers_that_share_a_network_stop_together() {
    let (engine, service) = (engine(), engine().service());
    engine.run("mnet", &[], GOOD);
    let words = ["create", "--name", "mside", "--network=container:mnet"];
    let limits = ["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"];
    engine.podman(&[&words[..], &limits, &["tiny", "/bin/sh", "-c", GOOD]].concat());
    engine.podman(&["start", "mside"]);
    engine.run("malone", &[], GOOD);
    let client = client(&service);
    for container in ["mnet", "mside", "malone"] {
        until(&client, container, ProcessState::Running).await;
    }
    let names = async |container: &str| {
        let found = client.dependents(&name(container)).await.unwrap();
        let names = found.into_iter().map(|process| process.name.namespec());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names("mnet").await, ["mside"]);
    assert!(names("malone").await.is_empty() && names("mside").await.is_empty());
    client.stop(&name("mnet")).await.unwrap();
    for (container, state) in [
        ("mnet", ProcessState::Stopped),
        ("mside", ProcessState::Stopped),
        ("malone", ProcessState::Running),
    ] {
        assert_eq!(client.info(&name(container)).await.unwrap().state, state);
    }
    assert!(names("mnet").await.is_empty(), "only what runs can fall");
    client.start(&name("mnet")).await.unwrap();
    client.start(&name("mside")).await.unwrap();
}
