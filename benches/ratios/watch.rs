//! Watchdogs that run for a while: what a probe costs in `httpok watch`, and how much memory a further check takes,
//! beside monit with the same checks of the same server.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use super::meter::{Table, median};

/// Checks of the larger and of the smaller watchdog.
const MANY: usize = 1000;
const FEW: usize = 100;

const ROUNDS: usize = 3;
const WARM_UP: Duration = Duration::from_secs(8);
const MEASURE: Duration = Duration::from_secs(10);

/// A server that counts the probes.
struct Server {
    port: u16,
    probes: Arc<AtomicU64>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let probes = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&probes);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut piece = [0; 1024];
                let _ = stream.read(&mut piece);
                let _ = stream.write_all(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
                );
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { port, probes }
    }
}

/// A watchdog that runs, with a directory of its own.
struct Running {
    child: Child,
    _dir: tempfile::TempDir,
}

impl Running {
    fn start(command: impl FnOnce(&Path) -> Command) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut command = command(dir.path());
        command.stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("it starts");
        sleep(WARM_UP);
        Self { child, _dir: dir }
    }

    fn proc(&self, file: &str) -> String {
        let path = format!("/proc/{}/{file}", self.child.id());
        fs::read_to_string(path).expect("it runs")
    }

    /// Processor time so far, in clock ticks of ten milliseconds.
    fn cpu(&self) -> Duration {
        let stat = self.proc("stat");
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.filter_map(|one| one.parse::<u64>().ok()).sum();
        Duration::from_millis(10 * ticks)
    }

    /// Its own memory, in KiB.
    fn memory(&self) -> f64 {
        let text = self.proc("smaps_rollup");
        let line = text.lines().find(|line| line.starts_with("Anonymous:"));
        let size = line.and_then(|line| line.split_whitespace().nth(1));
        size.and_then(|size| size.parse().ok()).expect("KiB")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn file(path: &Path, text: &str) {
    fs::write(path, text).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("it is ours");
}

fn httpok(dir: &Path, port: u16, checks: usize) -> Command {
    let check = |number| {
        format!(
            "[[check]]\nname = \"shop{number}\"\nurl = \"http://127.0.0.1:{port}/\"\nevery = \"1s\"\n"
        )
    };
    let config = dir.join("httpok.toml");
    file(&config, &(0..checks).map(check).collect::<String>());
    let mut command = Command::new(env!("CARGO_BIN_EXE_httpok"));
    command.arg("watch").arg("--config").arg(config);
    command.arg("--state-dir").arg(dir.join("state"));
    command
}

fn monit(dir: &Path, port: u16, checks: usize) -> Command {
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
    file(
        &config,
        &(head + &(0..checks).map(check).collect::<String>()),
    );
    let mut command = Command::new("monit");
    command.arg("-I").arg("-c").arg(config);
    command
}

type Watchdog = fn(&Path, u16, usize) -> Command;

/// Microseconds of processor time for a probe, and KiB of memory for a further check.
fn round(server: &Server, watchdog: Watchdog) -> (f64, f64) {
    let few = Running::start(|dir| watchdog(dir, server.port, FEW)).memory();
    let many = Running::start(|dir| watchdog(dir, server.port, MANY));
    let (cpu, probes) = (many.cpu(), server.probes.load(Ordering::Relaxed));
    sleep(MEASURE);
    let cpu = many.cpu() - cpu;
    let probes = server.probes.load(Ordering::Relaxed) - probes;
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let each = cpu.as_secs_f64() * 1e6 / probes.max(1) as f64;
    #[expect(clippy::cast_precision_loss, reason = "some hundreds")]
    let further = (many.memory() - few) / (MANY - FEW) as f64;
    (each, further)
}

pub fn measure(table: &mut Table) {
    let server = Server::start();
    let there = Command::new("monit")
        .arg("-V")
        .stdout(Stdio::null())
        .status();
    let peer = there.is_ok();
    let mut ours = Vec::new();
    let mut peers = Vec::new();
    for _ in 0..ROUNDS {
        ours.push(round(&server, httpok));
        if peer {
            peers.push(round(&server, monit));
        }
    }
    let whose = peer.then_some("monit");
    let cpu = |rounds: &[(f64, f64)]| rounds.iter().map(|(cpu, _)| *cpu).collect::<Vec<_>>();
    let memory = |rounds: &[(f64, f64)]| rounds.iter().map(|(_, kib)| *kib).collect::<Vec<_>>();
    let mut row = |what, unit, ours: Vec<f64>, peers: Vec<f64>| {
        let peers = whose.map(|whose| (median(peers), whose));
        table.figures(what, unit, median(ours), peers);
    };
    let what = "a probe in `watch` of 1,000 checks, processor time";
    row(what, "µs", cpu(&ours), cpu(&peers));
    let what = "a further check in `watch`, own memory";
    row(what, "KiB", memory(&ours), memory(&peers));
}
