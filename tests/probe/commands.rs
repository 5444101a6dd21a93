//! Commands as probes: exit codes, output, and what it means that one cannot run or does not end.

use std::time::{Duration, Instant};

use httpok::exec::CommandLine;
use httpok::health::{BodyNeeds, Expectation, Observation, Phase, Reason, Verdict};
use httpok::probe::exec::ExecProbe;
use httpok::probe::spec::ExecSpec;

use super::{assert_trouble, kept, needs, run_alone};

fn shell(line: &str) -> ExecSpec {
    ExecSpec {
        command: CommandLine::Shell(line.to_owned()),
        timeout: Duration::from_secs(10),
        max_body: 1024,
    }
}

async fn run(spec: ExecSpec) -> Observation {
    run_for(spec, &[]).await
}

async fn run_for(spec: ExecSpec, texts: &[&[u8]]) -> Observation {
    let probe = ExecProbe::new(spec, &needs(0, texts)).expect("a good spec");
    let seen = probe.run(probe.timeout()).await;
    assert_eq!(seen.url, "exec:/bin/sh");
    seen
}

#[tokio::test]
async fn exit_code_is_the_verdict_and_output_its_detail() {
    for (line, verdict, detail) in [
        ("echo DISK OK", Verdict::Pass, "exit 0: DISK OK"),
        ("exit 0", Verdict::Pass, "exit 0"),
        (
            "echo; echo ' low ' ; exit 1",
            Verdict::Degraded,
            "expected exit 0, got exit 1: low",
        ),
        (
            "echo full >&2; exit 2",
            Verdict::Fail,
            "expected exit 0, got exit 2: full",
        ),
        ("exit 3", Verdict::Unknown, "expected exit 0, got exit 3"),
        ("exit 7", Verdict::Fail, "expected exit 0, got exit 7"),
        ("kill -9 $$", Verdict::Fail, "expected exit 0, got exit 137"),
        (
            "nosuchcommand",
            Verdict::Fail,
            "expected exit 0, got exit 127",
        ),
    ] {
        let seen = run(shell(line)).await;
        assert_eq!(seen.trouble, None, "{line}");
        assert!(seen.phases.get(Phase::FirstByte).is_some());
        let judged = Expectation::default().judge(&seen);
        assert_eq!(judged.verdict, verdict, "{line}");
        assert!(judged.detail.starts_with(detail), "{judged:?}");
        let reason = (verdict != Verdict::Pass).then_some(Reason::Status);
        assert_eq!(judged.reason, reason, "{line}");
    }
}

#[tokio::test]
async fn expected_texts_and_exit_code_give_the_worse_verdict() {
    let expectation = Expectation {
        body: vec!["fine".into()],
        ..Expectation::default()
    };
    for (line, verdict) in [
        ("echo all fine", Verdict::Pass),
        ("echo all bad", Verdict::Fail),
        ("echo all fine; exit 1", Verdict::Degraded),
        ("echo all bad; exit 1", Verdict::Fail),
        ("echo all bad; exit 3", Verdict::Unknown),
    ] {
        let seen = run_for(shell(line), &[b"fine"]).await;
        assert_eq!(expectation.judge(&seen).verdict, verdict, "{line}");
    }
}

#[tokio::test]
async fn output_is_bounded_and_dropped_output_not_judged() {
    let seen = run(shell("yes | head -c 5000; exit 1")).await;
    let body = seen.body.as_ref().expect("output");
    assert_eq!((body.kept.len(), body.size), (1024, 5000));
    assert_eq!((seen.trouble, seen.exit), (None, Some(1)));
    let spec = shell("echo fine; yes | head -c 5000");
    assert_eq!(run_for(spec.clone(), &[b"fine"]).await.trouble, None);
    let seen = run_for(spec, &[b"fine", b"absent"]).await;
    assert_trouble(&seen, Reason::TooLarge, Phase::FirstByte, "1024 bytes");
}

#[tokio::test]
async fn endless_command_is_killed_with_its_group() {
    let mut spec = shell("echo begun; sleep 1000 & sleep 1000");
    spec.timeout = Duration::from_millis(300);
    let begun = Instant::now();
    let seen = run(spec).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{seen:?}");
    assert_trouble(
        &seen,
        Reason::FirstByteTimeout,
        Phase::FirstByte,
        "not done within 300ms",
    );
    assert_eq!(kept(&seen), "begun\n");
}

#[tokio::test]
async fn unstartable_command_is_unknown() {
    let words = |program: &str| ExecSpec {
        command: CommandLine::Argv(vec![program.to_owned(), "hunter2".to_owned()]),
        ..shell("")
    };
    let probe =
        ExecProbe::new(words("/nonexistent/check"), &BodyNeeds::default()).expect("a good spec");
    let seen = probe.run(probe.timeout()).await;
    assert_trouble(&seen, Reason::Spawn, Phase::Connect, "/nonexistent/check");
    assert_eq!(
        Expectation::default().judge(&seen).verdict,
        Verdict::Unknown
    );
    assert!(!format!("{seen:?} {probe:?}").contains("hunter2"));
    assert!(ExecProbe::new(shell(" "), &BodyNeeds::default()).is_err());
}

#[tokio::test]
async fn exhausted_descriptors_are_unknown() {
    if run_alone("commands::exhausted_descriptors_are_unknown").await {
        return;
    }
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    let next = std::fs::File::open("/dev/null").expect("there is one left");
    let next = std::os::fd::AsRawFd::as_raw_fd(&next) as u64;
    setrlimit(Resource::RLIMIT_NOFILE, next, hard).expect("a lower limit");
    let seen = run(shell("exit 0")).await;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("the limit as it was");
    assert_trouble(&seen, Reason::NoFds, Phase::Connect, "cannot run");
}
