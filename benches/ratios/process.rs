//! Whole processes: `httpok check` beside curl and check_http, from the start to the end of each.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use super::meter::Table;
use super::running::{HTTPOK, is_there};
use super::server::{Identity, Server};

/// Processes a round: they are quick, and the kernel counts their time in steps.
const TIMES: u32 = 10;

/// Where Debian puts it.
const CHECK_HTTP: &str = "/usr/lib/nagios/plugins/check_http";

/// Where Debian keeps the certificates that it trusts.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Processor time of all children that have ended.
fn cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("it is always known");
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(micros.unsigned_abs())
}

/// Processor time and time on the clock of one run, as means.
fn run(words: &[&str], environment: &[(&str, &str)]) -> (Duration, Duration) {
    let (before, begun) = (cpu(), Instant::now());
    for _ in 0..TIMES {
        let status = Command::new(words[0])
            .args(&words[1..])
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status();
        assert!(status.is_ok_and(|status| status.success()), "{words:?}");
    }
    ((cpu() - before) / TIMES, begun.elapsed() / TIMES)
}

pub fn measure(table: &mut Table) {
    let server = Server::http();
    let (url, port) = (
        format!("http://{}/", server.address),
        server.port().to_string(),
    );
    let ours = [HTTPOK, "check", &url];
    let curl = ["curl", "-s", "-o", "/dev/null", &url];
    let check_http = [CHECK_HTTP, "-H", "127.0.0.1", "-p", &port];
    for (whose, peers) in [("curl", &curl[..]), ("check_http", &check_http)] {
        if !is_there(peers[0]) {
            let why = format!("no {whose} here");
            table.absent("`check http://...`, cold", &why);
            continue;
        }
        let what = "`check http://...`, cold, processor time";
        table.beside(what, || run(&ours, &[]).0, whose, || run(peers, &[]).0);
        let what = "`check http://...`, cold, on the clock";
        table.beside(what, || run(&ours, &[]).1, whose, || run(peers, &[]).1);
    }
    let what = "`--version`, processor time";
    table.alone(what, || run(&[HTTPOK, "--version"], &[]).0);
    of_https(table);
}

/// With the system's roots, to which that of the server is added.
fn of_https(table: &mut Table) {
    let what = "`check https://...`, cold, with the system's roots, processor time";
    let Ok(system) = fs::read_to_string(SYSTEM_ROOTS) else {
        return table.absent(what, &format!("no {SYSTEM_ROOTS} here"));
    };
    let identity = Identity::new();
    let server = Server::https(&identity);
    let roots = tempfile::NamedTempFile::new().expect("a file");
    fs::write(roots.path(), system + &identity.pem).expect("written");
    let roots = roots.path().to_str().expect("a name of ours");
    let url = format!("https://{}/", server.address);
    let ours = || run(&[HTTPOK, "check", &url], &[("SSL_CERT_FILE", roots)]).0;
    if is_there("curl") {
        let curl = ["curl", "-s", "-o", "/dev/null", "--cacert", roots, &url];
        table.beside(what, ours, "curl", || run(&curl, &[]).0);
    } else {
        table.alone(what, ours);
    }
}
