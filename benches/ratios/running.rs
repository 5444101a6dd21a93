//! A process that runs for a while, with a directory of its own, and what the kernel says of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub const HTTPOK: &str = env!("CARGO_BIN_EXE_httpok");

/// A process that is killed when it is not needed any more.
pub struct Running {
    child: Child,
    _dir: tempfile::TempDir,
}

impl Running {
    /// Starts what `command` makes for the directory that it is given. Its standard input stays open.
    pub fn start(command: impl FnOnce(&Path) -> Command) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut command = command(dir.path());
        command.stdin(Stdio::piped());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("it starts");
        Self { child, _dir: dir }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn proc(&self, file: &str) -> String {
        let path = format!("/proc/{}/{file}", self.pid());
        fs::read_to_string(path).expect("it runs")
    }

    /// Processor time so far. The kernel counts it in ticks of ten milliseconds.
    pub fn cpu(&self) -> Duration {
        let stat = self.proc("stat");
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.filter_map(|one| one.parse::<u64>().ok()).sum();
        Duration::from_millis(10 * ticks)
    }

    /// A figure of `smaps_rollup`, in KiB: `Anonymous` is its own memory, `Rss` that with the pages of files.
    pub fn memory(&self, of: &str) -> f64 {
        figure(&self.proc("smaps_rollup"), of)
    }

    /// The most memory that was resident at a time, in KiB.
    pub fn peak(&self) -> f64 {
        figure(&self.proc("status"), "VmHWM")
    }

    /// Bytes that were given to the kernel to be written so far.
    pub fn written(&self) -> f64 {
        figure(&self.proc("io"), "wchar")
    }
}

/// The number after `name:` at the begin of a line.
fn figure(text: &str, name: &str) -> f64 {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let value = lines.find(|(key, _)| *key == name).map(|(_, value)| value);
    let number = value.and_then(|value| value.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).expect(name)
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a file that nobody else may read: monit insists on it.
pub fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("it is ours");
}

/// `httpok watch` with a configuration file of the text `config` in `dir`.
pub fn watch(dir: &Path, config: &str) -> Command {
    let path = dir.join("httpok.toml");
    write(&path, config);
    let mut command = Command::new(HTTPOK);
    command.arg("watch").arg("--config").arg(path);
    command.arg("--state-dir").arg(dir.join("state"));
    command
}

/// Whether `program` can be started.
pub fn is_there(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("-V").stdin(Stdio::null());
    let started = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    started.is_ok()
}
