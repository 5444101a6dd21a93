//! A real service manager: `systemd --user` in a directory of its own, with the units of one test. It, its units
//! and all they started are gone with this value.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use httpok::health::ProcessName;
use httpok::supervisor::systemd::{ManagerScope, SystemdClient, SystemdSpec};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::program::LIMIT;
use crate::support::wait_until;

const SYSTEMD: &str = "/lib/systemd/systemd";

/// Where control groups may be: those of systemd beside others, or all in one hierarchy.
const HIERARCHIES: [&str; 3] = [
    "/sys/fs/cgroup/systemd",
    "/sys/fs/cgroup/unified",
    "/sys/fs/cgroup",
];

pub struct Manager {
    dir: tempfile::TempDir,
    child: Child,
    groups: Vec<PathBuf>,
}

impl Manager {
    /// With these units, by name and text. In a text, `DIR` is a directory of the test's own and `LIFE` a command
    /// line that notes each life of the unit.
    pub fn with(units: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        for part in ["run", "config/systemd/user"] {
            fs::create_dir_all(path.join(part)).unwrap();
        }
        fs::set_permissions(path.join("run"), fs::Permissions::from_mode(0o700)).unwrap();
        // systemctl looks for it to know that there is a systemd
        fs::create_dir_all("/run/systemd/system").unwrap();
        for (name, text) in units {
            write_unit(path, name, text);
        }
        let shim = path.join("systemctl");
        let run = path.join("run");
        let text = format!(
            "#!/bin/sh\nXDG_RUNTIME_DIR='{}' exec systemctl \"$@\"\n",
            run.display()
        );
        fs::write(&shim, text).unwrap();
        fs::set_permissions(&shim, fs::Permissions::from_mode(0o755)).unwrap();
        let groups = groups();
        let child = start(path, &groups);
        let manager = Self { dir, child, groups };
        wait_until("systemd is there", LIMIT, || {
            let state = manager.ask(&["is-system-running"]);
            ["running", "degraded"].contains(&state.as_str())
        });
        manager
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Adds a unit.
    pub fn unit(&self, name: &str, text: &str) {
        write_unit(self.dir(), name, text);
        self.systemctl(&["daemon-reload"]);
    }

    /// `command`, under this manager.
    pub fn under(&self, command: &mut Command) {
        command
            .env("XDG_RUNTIME_DIR", self.dir().join("run"))
            .env("XDG_CONFIG_HOME", self.dir().join("config"))
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .env_remove("INVOCATION_ID");
    }

    /// What systemctl says on standard output; as a person types it.
    pub fn ask(&self, args: &[&str]) -> String {
        let mut command = Command::new("systemctl");
        self.under(command.arg("--user").args(args));
        let output = command.output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The same for what must go well.
    pub fn systemctl(&self, args: &[&str]) {
        let mut command = Command::new("systemctl");
        self.under(command.arg("--user").args(args));
        let output = command.output().unwrap();
        let why = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "systemctl {args:?}: {why}");
    }

    /// One property of a unit.
    pub fn property(&self, unit: &str, name: &str) -> String {
        self.ask(&["show", "--value", "--property", name, "--", unit])
    }

    pub fn wait_for(&self, unit: &str, property: &str, value: &str) {
        wait_until(&format!("{unit}: {property}={value}"), LIMIT, || {
            self.property(unit, property) == value
        });
    }

    /// How often a unit with `LIFE` was started.
    pub fn lives(&self, unit: &str) -> usize {
        let file = self.dir().join(format!("{unit}.lives"));
        fs::read_to_string(file).unwrap_or_default().lines().count()
    }

    /// A client for this manager.
    pub fn client(&self) -> SystemdClient {
        SystemdClient::new(SystemdSpec {
            scope: ManagerScope::User,
            systemctl: self.dir().join("systemctl"),
        })
    }

    pub fn signal(&self, signal: Signal) {
        kill(pid(self.child.id()), signal).unwrap();
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for group in &self.groups {
            empty(group);
        }
    }
}

pub fn named(unit: &str) -> ProcessName {
    ProcessName::systemd(unit)
}

fn pid(pid: u32) -> Pid {
    Pid::from_raw(pid.try_into().unwrap())
}

fn write_unit(dir: &Path, name: &str, text: &str) {
    let lives = format!(
        "/bin/sh -c 'echo up >> {}/{name}.lives; exec sleep 1000'",
        dir.display()
    );
    let text = text
        .replace("LIFE", &lives)
        .replace("DIR", &dir.display().to_string());
    fs::write(dir.join("config/systemd/user").join(name), text).unwrap();
}

/// Empty control groups for one manager: two that share one would kill each other's units.
fn groups() -> Vec<PathBuf> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("httpok-test-{}-{number}", std::process::id());
    let hierarchies = HIERARCHIES.iter().map(Path::new);
    hierarchies
        .filter(|hierarchy| hierarchy.join("cgroup.procs").exists())
        .map(|hierarchy| hierarchy.join(&name))
        .inspect(|group| {
            let made = fs::create_dir(group);
            made.unwrap_or_else(|why| panic!("no control group {}: {why}", group.display()));
        })
        .collect()
}

fn start(dir: &Path, groups: &[PathBuf]) -> Child {
    let log = fs::File::create(dir.join("systemd.log")).unwrap();
    let doors: Vec<_> = groups
        .iter()
        .map(|group| {
            fs::OpenOptions::new()
                .write(true)
                .open(group.join("cgroup.procs"))
        })
        .map(Result::unwrap)
        .collect();
    let mut command = Command::new(SYSTEMD);
    command
        .arg("--user")
        .env("XDG_RUNTIME_DIR", dir.join("run"))
        .env("XDG_CONFIG_HOME", dir.join("config"))
        .env_remove("NOTIFY_SOCKET")
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    // SAFETY: between fork and exec there are system calls only, on files that are open
    unsafe {
        command.pre_exec(move || {
            // a test that is killed takes it along, and it its units
            nix::sys::prctl::set_pdeathsig(Signal::SIGTERM)?;
            doors.iter().try_for_each(|mut door| door.write_all(b"0\n"))
        });
    }
    command.spawn().unwrap()
}

/// Kills all that is in a group and below, and removes it.
fn empty(group: &Path) {
    wait_until(&format!("{} is empty", group.display()), LIMIT, || {
        let mut below = vec![group.to_owned()];
        let mut number = 0;
        while let Some(dir) = below.get(number).cloned() {
            let entries = fs::read_dir(&dir).into_iter().flatten().flatten();
            below.extend(
                entries
                    .map(|entry| entry.path())
                    .filter(|path| path.is_dir()),
            );
            number += 1;
        }
        for dir in below.iter().rev() {
            let text = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
            for line in text.lines() {
                // in the other hierarchy it may be gone already
                let _ = kill(Pid::from_raw(line.parse().unwrap()), Signal::SIGKILL);
            }
            // not before the last has gone
            let _ = fs::remove_dir(dir);
        }
        !group.exists()
    });
}
