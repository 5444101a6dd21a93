//! Containers, with a real engine: podman and runc behind a socket with Docker's API. What each method promises,
//! and the whole table of outcomes with the watchdog as a process.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test, too")]

#[path = "support/engine.rs"]
mod engine;
#[path = "containers/image.rs"]
mod image;
#[path = "containers/methods.rs"]
mod methods;
#[path = "containers/operator_changes.rs"]
mod operator_changes;
#[path = "support/program.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
mod program;
#[path = "containers/restarts.rs"]
mod restarts;
#[path = "support/site.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
mod site;
#[path = "containers/stopping_state.rs"]
mod stopping_state;
mod support;
#[path = "support/watched.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
mod watched;

use httpok::health::{Backend, ProcessName, ProcessState};
use httpok::supervisor::{Supervisor, docker};

use engine::Service;

/// A service that stops when it is asked to.
const GOOD: &str = "trap 'exit 0' TERM; sleep 1000 & wait";

fn client(service: &Service) -> docker::DockerClient {
    docker::DockerClient::new(&service.socket)
}

fn name(text: &str) -> ProcessName {
    match text.split_once(':') {
        None => ProcessName::alone(Backend::Docker, text),
        Some((group, name)) => ProcessName {
            backend: Backend::Docker,
            group: group.to_owned(),
            name: name.to_owned(),
        },
    }
}

/// Waits until `container` is in `state`.
async fn until(client: &docker::DockerClient, container: &str, state: ProcessState) {
    let deadline = std::time::Instant::now() + program::LIMIT;
    loop {
        let found = client.info(&name(container)).await;
        if found.as_ref().is_ok_and(|found| found.state == state) {
            return;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "not {state}: {found:?}"
        );
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
