//! Watchdogs that run for a while: what a probe costs in `httpok watch`, what it writes, and how much memory a further
//! check takes, beside monit with the same checks of the same server.

use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use super::meter::{Table, median};
use super::running::{Running, is_there, watch, write};
use super::server::{Identity, Server};

/// Checks of the larger and of the smaller watchdog.
const MANY: usize = 1000;
const FEW: usize = 100;
/// Those of one that shows whether the cost of a probe grows with their number.
const MOST: usize = 20_000;

const ROUNDS: usize = 3;
const WARM_UP: Duration = Duration::from_secs(8);
const MEASURE: Duration = Duration::from_secs(10);

/// As many checks of `url`, each so many seconds.
fn checks(count: usize, url: &str, seconds: usize, more: &str) -> String {
    let check = |number| {
        format!(
            "[[check]]\nname = \"shop{number}\"\nurl = \"{url}\"\nevery = \"{seconds}s\"\n{more}"
        )
    };
    (0..count).map(check).collect()
}

fn httpok(dir: &Path, port: u16, count: usize) -> Command {
    let url = format!("http://127.0.0.1:{port}/");
    watch(dir, &checks(count, &url, 1, ""))
}

fn monit(dir: &Path, port: u16, count: usize) -> Command {
    let place = |name: &str| dir.join(name).display().to_string();
    let head = format!(
        "set daemon 1\nset pidfile {}\nset idfile {}\nset statefile {}\n",
        place("pid"),
        place("id"),
        place("state")
    );
    let check = |number| {
        format!(
            "check host shop{number} with address 127.0.0.1\n  if failed port {port} protocol http then alert\n"
        )
    };
    let config = dir.join("monitrc");
    write(
        &config,
        &(head + &(0..count).map(check).collect::<String>()),
    );
    let mut command = Command::new("monit");
    command.arg("-I").arg("-c").arg(config);
    command
}

/// What was measured of a watchdog.
struct Figures {
    /// Processor time of a probe, in microseconds.
    probe: f64,
    /// Bytes given to the kernel for a probe.
    written: f64,
    /// Own memory, in KiB.
    memory: f64,
}

impl Figures {
    fn of(running: &Running, server: &Server, warm_up: Duration) -> Self {
        sleep(warm_up);
        let (cpu, written, probes) = (running.cpu(), running.written(), server.requests());
        sleep(MEASURE);
        let cpu = (running.cpu() - cpu).as_secs_f64();
        let written = running.written() - written;
        #[expect(clippy::cast_precision_loss, reason = "some thousands")]
        let probes = (server.requests() - probes).max(1) as f64;
        Self {
            probe: cpu * 1e6 / probes,
            written: written / probes,
            memory: running.memory("Anonymous"),
        }
    }
}

type Watchdog = fn(&Path, u16, usize) -> Command;

/// A watchdog of many checks; its memory is that of a further check.
fn round(server: &Server, watchdog: Watchdog) -> Figures {
    let few = Running::start(|dir| watchdog(dir, server.port(), FEW));
    sleep(WARM_UP);
    let few = few.memory("Anonymous");
    let many = Running::start(|dir| watchdog(dir, server.port(), MANY));
    let many = Figures::of(&many, server, WARM_UP);
    #[expect(clippy::cast_precision_loss, reason = "some hundreds")]
    let memory = (many.memory - few) / (MANY - FEW) as f64;
    Figures { memory, ..many }
}

pub fn measure(table: &mut Table) {
    let server = Server::http();
    let has_monit = is_there("monit");
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(round(&server, httpok));
        if has_monit {
            peers.push(round(&server, monit));
        }
    }
    let mut row = |what, unit, figure: fn(&Figures) -> f64| {
        let of = |rounds: &[Figures]| median(rounds.iter().map(figure).collect());
        let peers = has_monit.then(|| (of(&peers), "monit"));
        table.figures(what, unit, of(&ours), peers);
    };
    let what = "a probe in `watch` of 1,000 checks each 1 s";
    row(what, "µs", |figures| figures.probe);
    row("the same, bytes written", "B", |figures| figures.written);
    let what = "a further check in `watch`, own memory";
    row(what, "KiB", |figures| figures.memory);
    of_http(table, &server);
    of_https(table);
}

/// A watchdog of so many checks that as many probes come in a second as above.
fn of_http(table: &mut Table, server: &Server) {
    let url = format!("http://127.0.0.1:{}/", server.port());
    let config = checks(MOST, &url, MOST / MANY, "");
    let running = Running::start(|dir| watch(dir, &config));
    let warm_up = Duration::from_secs(45);
    let figures = Figures::of(&running, server, warm_up);
    let what = "a probe in `watch` of 20,000 checks each 20 s";
    table.figures(what, "µs", figures.probe, None);
    let what = "their watchdog, own memory";
    table.figures(what, "MiB", figures.memory / 1024.0, None);
}

fn of_https(table: &mut Table) {
    let identity = Identity::new();
    let server = Server::https(&identity);
    let url = format!("https://127.0.0.1:{}/", server.port());
    let running = Running::start(|dir| {
        let authority = dir.join("authority.pem");
        write(&authority, &identity.pem);
        let cacert = format!("cacert = \"{}\"\n", authority.display());
        watch(dir, &checks(MANY, &url, 1, &cacert))
    });
    let figures = Figures::of(&running, &server, WARM_UP);
    let what = "an HTTPS probe in `watch` of 1,000 checks each 1 s";
    table.figures(what, "µs", figures.probe, None);
}
