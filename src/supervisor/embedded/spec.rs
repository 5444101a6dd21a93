//! What a program is: plain data with supervisord's names and defaults. Nothing is started here.
//! `config/program.rs` builds it; its fingerprint says whether a process that runs still fits its definition.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::fault::ProcessExit;
pub use super::unit::Autorestart;
use super::unit::Rules;
use crate::health::ProcessName;
use crate::secret::Secret;
pub use crate::supervisor::OutputStream;

/// One program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Unique within its group.
    pub name: String,
    /// The same as `name` for a program on its own.
    pub group: String,
    /// The command and its arguments; no shell sees them. A bare name is searched in `PATH`, a relative
    /// path from `directory`.
    pub command: Vec<String>,
    /// Its working directory; `None`: that of httpok.
    pub directory: Option<PathBuf>,
    /// Added to the environment of httpok.
    pub environment: BTreeMap<String, Secret>,
    /// The user it runs as; `None`: the user of httpok.
    pub user: Option<User>,
    /// Its file mode creation mask; `None`: those of httpok.
    pub umask: Option<u32>,
    /// Its resource limits, soft and hard alike; `None`: those of httpok.
    pub rlimits: Rlimits,
    /// Its standard input.
    pub stdin: ProgramInput,
    /// Its standard output.
    pub stdout: ProgramOutput,
    /// Its standard error.
    pub stderr: ProgramOutput,
    /// Started with the supervisor.
    pub autostart: bool,
    /// Whether it is started again after it ended.
    pub autorestart: Autorestart,
    /// The exit codes that are expected.
    pub exitcodes: Vec<i32>,
    /// Up for so long, it counts as RUNNING.
    pub startsecs: Duration,
    /// So many further tries follow a failed start.
    pub startretries: u32,
    /// Asks it to end.
    pub stopsignal: Signal,
    /// From the stop signal to the kill.
    pub stopwaitsecs: Duration,
    /// The stop signal goes to its whole group, not to its first process alone.
    pub stopasgroup: bool,
    /// It has ended only when nothing is left of what it started; what is left after `stopwaitsecs` is killed
    /// with it, and what a crash leaves is killed. Otherwise only its first process counts.
    pub killasgroup: bool,
    /// Low ones start first and stop last.
    pub priority: i32,
    /// It is killed when httpok ends for any reason.
    pub dies_with_us: bool,
    /// Its group is in the foreground of our terminal, as long as we are.
    pub takes_terminal: bool,
}

/// A user with the groups it is in, as numbers: names were resolved when the configuration was read, because a
/// directory service that hangs must not hang a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// All group ids.
    pub groups: Vec<u32>,
}

/// Resource limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rlimits {
    /// Open files.
    pub nofile: Option<u64>,
    /// Bytes in a core file.
    pub core: Option<u64>,
}

/// Where its input comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramInput {
    /// `/dev/null`.
    Null,
    /// Ours.
    Inherit,
}

/// Where its output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgramOutput {
    /// `/dev/null`.
    Null,
    /// The same place as that output of httpok. Not for a program that must outlive the reader of that output.
    Inherit(OutputStream),
    /// To a file.
    File(LogFile),
}

/// A file that a process of its own writes and keeps from growing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// Made when it is not there. Its directory must be.
    pub path: PathBuf,
    /// Before it becomes larger than this it is renamed to a backup; 0: never.
    pub maxbytes: u64,
    /// Backups that are kept, `.1` the newest.
    pub backups: u32,
    /// The program that writes it: httpok itself.
    pub writer: PathBuf,
}

impl LogFile {
    /// One that this program writes, started once more.
    pub fn new(path: PathBuf, maxbytes: u64, backups: u32) -> Self {
        Self {
            path,
            maxbytes,
            backups,
            writer: PathBuf::from("/proc/self/exe"),
        }
    }
}

impl Program {
    /// A program without a group, with supervisord's defaults, except that its output goes where that of httpok goes.
    pub fn new(name: impl Into<String>, command: Vec<String>) -> Self {
        let name = name.into();
        Self {
            group: name.clone(),
            name,
            command,
            directory: None,
            environment: BTreeMap::new(),
            user: None,
            umask: None,
            rlimits: Rlimits::default(),
            stdin: ProgramInput::Null,
            stdout: ProgramOutput::Inherit(OutputStream::Stdout),
            stderr: ProgramOutput::Inherit(OutputStream::Stderr),
            autostart: true,
            autorestart: Autorestart::Unexpected,
            exitcodes: vec![0],
            startsecs: Duration::from_secs(1),
            startretries: 3,
            stopsignal: Signal::SIGTERM,
            stopwaitsecs: Duration::from_secs(10),
            stopasgroup: false,
            killasgroup: true,
            priority: 999,
            dies_with_us: false,
            takes_terminal: false,
        }
    }

    /// A command for `httpok run`: it has the input and output of httpok, it counts as
    /// up at once, is not started again, and does not outlive httpok.
    pub fn foreground(name: impl Into<String>, command: Vec<String>) -> Self {
        Self {
            stdin: ProgramInput::Inherit,
            autorestart: Autorestart::Never,
            startsecs: Duration::ZERO,
            startretries: 0,
            dies_with_us: true,
            ..Self::new(name, command)
        }
    }

    /// Whether it may end so.
    pub fn is_expected(&self, exit: Option<ProcessExit>) -> bool {
        match exit {
            Some(ProcessExit::Code(code)) => self.exitcodes.contains(&code),
            Some(ProcessExit::Signal(_)) | None => false,
        }
    }

    /// The value that identifies its processes among those of other programs.
    pub fn mark(&self) -> String {
        let name = format!("{}:{}", self.group, self.name);
        match self.dies_with_us {
            // another `run` may have a program of this name
            true => format!("{name} of {}", std::process::id()),
            false => name,
        }
    }

    /// Its full name.
    pub fn full_name(&self) -> ProcessName {
        ProcessName::embedded(&self.group, &self.name)
    }

    /// The part that decides what happens to it.
    pub fn rules(&self) -> Rules {
        Rules {
            startsecs: self.startsecs,
            startretries: self.startretries,
            autorestart: self.autorestart,
            exitcodes: self.exitcodes.clone(),
            stopwaitsecs: self.stopwaitsecs,
        }
    }

    /// The log files it writes to.
    pub fn logs(&self) -> impl Iterator<Item = &LogFile> {
        [&self.stdout, &self.stderr]
            .into_iter()
            .filter_map(|output| match output {
                ProgramOutput::File(file) => Some(file),
                ProgramOutput::Null | ProgramOutput::Inherit(_) => None,
            })
    }

    /// A number that changes when a running process does not fit this definition any more. It goes into
    /// the state directory and is compared by later versions, so it must not depend on how Rust hashes or
    /// prints. What only decides when to start and stop is not in it: that can change under a process.
    pub fn fingerprint(&self) -> u64 {
        let mut print = Fingerprint(Fingerprint::EMPTY);
        for word in &self.command {
            print.add("command", word.as_bytes());
        }
        if let Some(directory) = &self.directory {
            print.add("directory", directory.as_os_str().as_encoded_bytes());
        }
        for (name, value) in &self.environment {
            print.add("name", name.as_bytes());
            print.add("value", value.expose().as_bytes());
        }
        if let Some(user) = &self.user {
            for id in [user.uid, user.gid].iter().chain(&user.groups) {
                print.add("user", &id.to_le_bytes());
            }
        }
        if let Some(umask) = self.umask {
            print.add("umask", &umask.to_le_bytes());
        }
        for (limit, value) in [("nofile", self.rlimits.nofile), ("core", self.rlimits.core)] {
            if let Some(value) = value {
                print.add(limit, &value.to_le_bytes());
            }
        }
        print.add("stdin", &[u8::from(self.stdin == ProgramInput::Inherit)]);
        for (key, output, own) in [
            ("stdout", &self.stdout, OutputStream::Stdout),
            ("stderr", &self.stderr, OutputStream::Stderr),
        ] {
            match output {
                ProgramOutput::Null => print.add(key, b""),
                ProgramOutput::Inherit(stream) if *stream == own => print.add(key, b"-"),
                ProgramOutput::Inherit(_) => print.add(key, b"&"),
                ProgramOutput::File(file) => {
                    print.add(key, file.path.as_os_str().as_encoded_bytes())
                }
            }
        }
        print.0
    }
}

/// FNV-1a, 64 bits.
struct Fingerprint(u64);

impl Fingerprint {
    const EMPTY: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;

    /// The length comes first, so that `ab`, `c` differs from `a`, `bc`.
    fn add(&mut self, key: &str, value: &[u8]) {
        for part in [key.as_bytes(), value] {
            self.bytes(&(part.len() as u64).to_le_bytes());
            self.bytes(part);
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(Self::PRIME);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprint_covers_only_keys_that_a_process_depends_on() {
        let program = || Program::new("web", vec!["sleep".to_owned(), "9".to_owned()]);
        type Change = fn(&mut Program);
        let table: [(&str, Change, bool); 14] = [
            ("nothing", |_| {}, false),
            ("name", |p| p.name = "x".to_owned(), false),
            ("startsecs", |p| p.startsecs = Duration::ZERO, false),
            ("stopsignal", |p| p.stopsignal = Signal::SIGINT, false),
            ("autorestart", |p| p.autorestart = Autorestart::Never, false),
            ("words", |p| p.command = vec!["sleep9".to_owned()], true),
            ("directory", |p| p.directory = Some("/".into()), true),
            ("umask", |p| p.umask = Some(0o22), true),
            ("nofile", |p| p.rlimits.nofile = Some(9), true),
            ("core", |p| p.rlimits.core = Some(9), true),
            ("stdout", |p| p.stdout = ProgramOutput::Null, true),
            ("stderr", |p| p.stderr = ProgramOutput::Null, true),
            (
                "the other",
                |p| p.stderr = ProgramOutput::Inherit(OutputStream::Stdout),
                true,
            ),
            (
                "environment",
                |p| {
                    p.environment.insert("A".to_owned(), Secret::new("1"));
                },
                true,
            ),
        ];
        for (what, change, changes) in table {
            let mut other = program();
            change(&mut other);
            assert_eq!(
                other.fingerprint() != program().fingerprint(),
                changes,
                "{what}"
            );
        }
    }

    #[test]
    fn the_fingerprint_is_the_same_in_every_version() {
        let program = Program::new("web", vec!["true".to_owned()]);
        assert_eq!(program.fingerprint(), 8180666177576815440);
    }
}
