//! The probes against real sockets and commands: each trick that a peer can play has its reason and phase, and
//! none of them outlasts the deadline.

#[path = "probe/answers.rs"]
mod answers;
#[path = "probe/commands.rs"]
mod commands;
#[path = "probe/grpc.rs"]
mod grpc;
#[path = "support/hostile.rs"]
mod hostile;
#[path = "probe/http2.rs"]
mod http2;
#[path = "probe/lenient.rs"]
mod lenient;
#[path = "probe/lines.rs"]
mod lines;
#[path = "probe/matrix.rs"]
mod matrix;
#[path = "support/openssl.rs"]
mod openssl;
#[path = "probe/places.rs"]
mod places;
#[path = "probe/ports.rs"]
mod ports;
#[path = "probe/presets.rs"]
mod presets;
#[path = "probe/redirects.rs"]
mod redirects;
#[allow(clippy::unwrap_used, reason = "a helper of a test fails the test, too")]
mod support;
#[path = "probe/tls.rs"]
mod tls;

use std::time::{Duration, Instant};

use httpok::health::{BodyNeeds, Observation, Phase, Reason, Trouble};
use httpok::probe::http::{HttpProbe, HttpSpec};

/// What a probe may take beyond its timeout on a very busy machine. Those that hang would take for ever.
const SLACK: Duration = Duration::from_secs(2);

/// A spec for `url` whose timeout is never reached.
fn patient(url: &str) -> HttpSpec {
    HttpSpec {
        timeout: Duration::from_secs(10),
        max_body: 1 << 20,
        ..HttpSpec::of_url(url).expect("a URL")
    }
}

/// A spec for `url` whose timeout is meant to be reached.
fn hasty(url: &str) -> HttpSpec {
    HttpSpec {
        timeout: Duration::from_millis(400),
        ..patient(url)
    }
}

/// What keeps so many bytes of a body, and looks for `texts` in all of it.
fn needs(keep: usize, texts: &[&[u8]]) -> BodyNeeds {
    BodyNeeds {
        needles: texts.iter().map(|text| text.to_vec()).collect(),
        keep,
        is_read: true,
        ..BodyNeeds::default()
    }
}

/// One probe, which must not take longer than it may.
async fn run(spec: HttpSpec) -> Observation {
    run_for(spec, &BodyNeeds::default()).await
}

/// The same, with what is needed of the body.
async fn run_for(spec: HttpSpec, needs: &BodyNeeds) -> Observation {
    let timeout = spec.timeout;
    let probe = HttpProbe::new(spec, needs).expect("a good spec");
    let begun = Instant::now();
    let seen = probe.run(timeout).await;
    let took = begun.elapsed();
    assert!(took < timeout + SLACK, "took {took:?}: {seen:?}");
    assert!(seen.duration <= took);
    let phases: Duration = seen.phases.iter().map(|(_, span)| span).sum();
    assert!(phases <= seen.duration, "{seen:?}");
    seen
}

fn trouble(seen: &Observation) -> &Trouble {
    seen.trouble
        .as_ref()
        .unwrap_or_else(|| panic!("no trouble: {seen:?}"))
}

/// Asserts reason, phase and a part of the detail.
fn assert_trouble(seen: &Observation, reason: Reason, phase: Phase, says: &str) {
    let trouble = trouble(seen);
    assert_eq!(
        (trouble.reason, trouble.phase),
        (reason, phase),
        "{trouble:?}"
    );
    assert!(
        trouble.detail.contains(says),
        "{:?} says not {says:?}",
        trouble.detail
    );
    assert!(
        seen.phases.get(phase).is_some(),
        "{phase} is not timed: {seen:?}"
    );
}

fn code(seen: &Observation) -> u16 {
    assert_eq!(seen.trouble, None);
    seen.status.as_ref().expect("a status").code
}

fn kept(seen: &Observation) -> String {
    let body = seen.body.as_ref().expect("a body");
    String::from_utf8_lossy(&body.kept).into_owned()
}

/// Runs the test of this name in a process of its own, where no other test takes memory, and
/// returns true; or false when this is that process.
async fn run_alone(test: &str) -> bool {
    const ALONE: &str = "HTTPOK_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return false;
    }
    let program = std::env::current_exe().expect("this program");
    let mut child = tokio::process::Command::new(program);
    child.args(["--exact", test]).env(ALONE, "1");
    // no probe may heed a proxy of the environment; this one lets nobody through
    child.env("http_proxy", "http://127.0.0.1:1");
    let output = child.output().await.expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
    true
}
