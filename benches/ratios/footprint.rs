//! Memory: an idle listener beside superlance's, and a large body that is searched for a pattern.

use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::meter::Table;
use super::running::{HTTPOK, Running, is_there};
use super::server::Server;

/// Where `make test` installs it.
const SUPERLANCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/.provision/venv/bin/httpok");

/// How long a listener is let alone.
const IDLE: Duration = Duration::from_secs(3);

/// Bytes of the body.
const BODY: usize = 300 << 20;
const BODY_WITHIN: Duration = Duration::from_secs(60);

/// A listener that waits for its first event.
fn listener(program: &str, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["-p", "web", "http://127.0.0.1:1/"]);
    // nobody listens there, and nothing is asked before an event comes
    let url = format!("unix://{}/supervisor.sock", dir.display());
    command.env("SUPERVISOR_SERVER_URL", url);
    command.env("STATE_DIRECTORY", dir.join("state"));
    command
}

pub fn measure(table: &mut Table) {
    let idle = |program: &str| {
        let running = Running::start(|dir| listener(program, dir));
        sleep(IDLE);
        (
            running.memory("Anonymous") / 1024.0,
            running.memory("Rss") / 1024.0,
        )
    };
    let (own, resident) = idle(HTTPOK);
    let peer = is_there(SUPERLANCE).then(|| idle(SUPERLANCE));
    let whose = "superlance";
    let peers = peer.map(|(own, _)| (own, whose));
    table.figures("an idle listener, own memory", "MiB", own, peers);
    let peers = peer.map(|(_, resident)| (resident, whose));
    table.figures("an idle listener, resident memory", "MiB", resident, peers);
    let what = "`matches` in a body of 300 MiB, peak resident memory";
    table.figures(what, "MiB", of_body(), None);
}

/// The peak, in MiB, of a check whose body never ends: it is read when the whole body was taken.
fn of_body() -> f64 {
    let server = Server::unending(BODY);
    let url = format!("http://{}/", server.address);
    let running = Running::start(|_| {
        let mut command = Command::new(HTTPOK);
        command.args(["check", "--timeout", "10m", "--max-body", "1GiB"]);
        command.args(["--expect", "body matches /absent[0-9]+/", &url]);
        command
    });
    let begun = Instant::now();
    while !server.is_drained() && begun.elapsed() < BODY_WITHIN {
        sleep(Duration::from_millis(100));
    }
    assert!(server.is_drained(), "the body was not read in time");
    sleep(Duration::from_secs(1));
    running.peak() / 1024.0
}
