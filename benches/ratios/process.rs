//! Whole processes: `httpok check` beside curl, from the start to the end of each.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use super::meter::Table;

/// Processes a round: they are quick, and the kernel counts their time in steps.
const TIMES: u32 = 10;

const HTTPOK: &str = env!("CARGO_BIN_EXE_httpok");

fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut piece = [0; 1024];
            let _ = stream.read(&mut piece);
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        }
    });
    format!("http://{address}/")
}

/// Processor time of all children that have ended.
fn cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("it is always known");
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(micros.unsigned_abs())
}

/// Processor time and time on the clock of one run, as means.
fn run(words: &[&str]) -> (Duration, Duration) {
    let (before, begun) = (cpu(), Instant::now());
    for _ in 0..TIMES {
        let status = Command::new(words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status();
        assert!(status.is_ok_and(|status| status.success()), "{words:?}");
    }
    ((cpu() - before) / TIMES, begun.elapsed() / TIMES)
}

/// Where Debian puts it.
const CHECK_HTTP: &str = "/usr/lib/nagios/plugins/check_http";

pub fn measure(table: &mut Table) {
    let url = serve();
    let port = url.trim_end_matches('/').rsplit(':').next();
    let ours = [HTTPOK, "check", &url];
    let curl = ["curl", "-s", "-o", "/dev/null", &url];
    let check_http = [
        CHECK_HTTP,
        "-H",
        "127.0.0.1",
        "-p",
        port.unwrap_or_default(),
    ];
    for (whose, peers) in [("curl", &curl[..]), ("check_http", &check_http)] {
        let there = Command::new(peers[0])
            .arg("-V")
            .stdout(Stdio::null())
            .status();
        if there.is_err() {
            let why = format!("no {whose} here");
            table.absent("`check http://...`, cold", &why);
            continue;
        }
        let what = "`check http://...`, cold, processor time";
        table.beside(what, || run(&ours).0, whose, || run(peers).0);
        let what = "`check http://...`, cold, on the clock";
        table.beside(what, || run(&ours).1, whose, || run(peers).1);
    }
    let what = "`--version`, processor time";
    table.alone(what, || run(&[HTTPOK, "--version"]).0);
}
