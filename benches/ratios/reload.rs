//! A reload of many checks, each of which is changed: how late another check is probed meanwhile.

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::meter::{Table, median};
use super::running::{Running, watch, write};
use super::server::Server;

const CHECKS: usize = 10_000;

/// How often the other check is probed.
const EVERY: Duration = Duration::from_millis(10);

/// The start of so many checks, whose first probes come at once.
const START: Duration = Duration::from_secs(12);
/// A reload takes less, in all.
const RELOAD: Duration = Duration::from_secs(5);
const ROUNDS: u32 = 3;

/// Nobody listens at the checks' port, and none of them is due again while it is measured.
fn config(other: SocketAddr, timeout: u32) -> String {
    let check = |number| {
        format!(
            "[[check]]\nname = \"shop{number}\"\nurl = \"http://127.0.0.1:1/\"\nevery = \"1h\"\ntimeout = \"{timeout}s\"\n"
        )
    };
    let checks: String = (0..CHECKS).map(check).collect();
    let every = EVERY.as_millis();
    format!(
        "[[check]]\nname = \"other\"\nurl = \"http://{other}/\"\nevery = \"{every}ms\"\n\n{checks}"
    )
}

/// By how much the latest probe was late, in milliseconds.
fn latest(server: &Server, span: Duration) -> f64 {
    server.forget_gaps();
    sleep(span);
    server.longest_gap().saturating_sub(EVERY).as_secs_f64() * 1e3
}

pub fn measure(table: &mut Table) {
    let server = Server::http();
    let mut file = None;
    let running = Running::start(|dir| {
        file = Some(dir.join("httpok.toml"));
        watch(dir, &config(server.address, 5))
    });
    let file = file.expect("it was started");
    let pid = Pid::from_raw(i32::try_from(running.pid()).expect("a pid"));
    sleep(START);
    let (mut during, mut quiet) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        quiet.push(latest(&server, RELOAD));
        write(&file, &config(server.address, 6 + round));
        kill(pid, Signal::SIGHUP).expect("it runs");
        during.push(latest(&server, RELOAD));
    }
    let what =
        "10,000 checks reloaded, each changed: the latest probe of another one, on the clock";
    let peer = Some((median(quiet), "without a reload"));
    table.figures(what, "ms late", median(during), peer);
}
