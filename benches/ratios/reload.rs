//! A reload of many checks, each of which is changed: for how long the watchdog's loop answers nothing meanwhile.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::meter::Table;
use super::running::{Running, watch, write};

const CHECKS: usize = 10_000;

/// The start of so many checks, whose first probes come at once.
const START: Duration = Duration::from_secs(12);
/// How long the reload is watched.
const RELOAD: Duration = Duration::from_secs(8);

/// Nobody listens at the checks' port, and no check is due again while it is measured.
fn config(listen: SocketAddr, timeout: u32) -> String {
    let check = |number| {
        format!(
            "[[check]]\nname = \"shop{number}\"\nurl = \"http://127.0.0.1:1/\"\nevery = \"1h\"\ntimeout = \"{timeout}s\"\n"
        )
    };
    let checks: String = (0..CHECKS).map(check).collect();
    format!("[serve]\nlisten = \"{listen}\"\n\n{checks}")
}

fn start(dir: &Path, listen: SocketAddr) -> Command {
    watch(dir, &config(listen, 5))
}

/// The time that the loop takes for an answer. The path is one that it has to answer itself.
fn ask(listen: SocketAddr) -> Duration {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(listen).expect("it serves");
    let request = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("asked");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("answered");
    begun.elapsed()
}

/// The longest of the answers within `span`.
fn longest(listen: SocketAddr, span: Duration) -> Duration {
    let begun = Instant::now();
    let mut longest = Duration::ZERO;
    while begun.elapsed() < span {
        longest = longest.max(ask(listen));
        sleep(Duration::from_micros(500));
    }
    longest
}

pub fn measure(table: &mut Table) {
    let listen = {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        free.local_addr().expect("bound")
    };
    let mut file = None;
    let running = Running::start(|dir| {
        file = Some(dir.join("httpok.toml"));
        start(dir, listen)
    });
    sleep(START);
    let quiet = longest(listen, Duration::from_secs(2));
    write(&file.expect("it was started"), &config(listen, 6));
    let pid = Pid::from_raw(i32::try_from(running.pid()).expect("a pid"));
    kill(pid, Signal::SIGHUP).expect("it runs");
    let reload = longest(listen, RELOAD);
    let millis = |span: Duration| span.as_secs_f64() * 1e3;
    let what = "10,000 checks reloaded, each changed: the longest answer of the loop meanwhile";
    table.figures(
        what,
        "ms",
        millis(reload),
        Some((millis(quiet), "without a reload")),
    );
}
