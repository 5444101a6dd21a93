//! Ends what `httpok run` has started when `run` itself is killed: this program, started once more, waits until the pipe to
//! `run` breaks, and then kills the command with all that it started, also what left its group. The signal at the parent's
//! death reaches the command alone. Without a privilege nobody else could: the orphans of a killed `run` become children
//! of the first process of the machine.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::unistd::pipe2;
use rustix::process::Signal;

use super::family::{self, ProcessFamily};
use super::programs::Embedded;
use crate::exec::children::{self, Awaited};

/// The internal subcommand `__keeper MARK`. Only httpok itself calls it; standard input is the pipe.
pub const KEEPER: &str = "__keeper";

/// The last line before a regular end.
const DISMISSED: &str = "dismissed";

/// What does not die within so long after it was killed hangs in the kernel.
const KILL_FOR: Duration = Duration::from_secs(10);

/// So often in a row nothing must be found: a process may be forked between two scans.
const FOUND_NOTHING: u32 = 3;

/// `run`'s end of the pipe.
#[derive(Debug)]
pub struct Keeper {
    pipe: File,
    known: BTreeSet<(u32, u64)>,
    _awaited: Option<Awaited>,
}

impl Keeper {
    /// Starts the keeper of the processes with `mark` in their environment.
    pub fn start(mark: &str) -> io::Result<Self> {
        let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("httpok")
            .args([KEEPER, mark])
            .stdin(Stdio::from(read))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // SAFETY: system calls only: a session of its own, which no signal of a terminal reaches.
        unsafe {
            command.pre_exec(|| {
                nix::unistd::setsid()?;
                Ok(())
            });
        }
        let (_, awaited) = children::start(|| command.spawn(), |child| Some(child.id()))?;
        Ok(Self {
            pipe: File::from(write),
            known: BTreeSet::new(),
            _awaited: awaited,
        })
    }

    /// Names every process that `embedded` starts, until it is dropped.
    pub async fn follow(&mut self, embedded: &Embedded) -> Infallible {
        let mut changes = embedded.changes();
        loop {
            for record in embedded.records() {
                if self.known.insert((record.pid, record.started)) {
                    // a keeper that is gone needs no names
                    let _ = writeln!(self.pipe, "{} {}", record.pid, record.started);
                }
            }
            if changes.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// The command has ended: nothing is to be killed.
    pub fn dismiss(mut self) {
        let _ = writeln!(self.pipe, "{DISMISSED}");
    }
}

/// Runs the keeper with the arguments after [`KEEPER`]. Returns the exit status.
pub fn run_keeper(arguments: &[OsString]) -> i32 {
    let Some(mark) = arguments.first().and_then(|mark| mark.to_str()) else {
        eprintln!("for httpok itself");
        return 1;
    };
    // only the end of `run` ends it
    for number in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
        // SAFETY: ignoring a signal has no handler.
        unsafe {
            libc::signal(number, libc::SIG_IGN);
        }
    }
    let mut leaders = Vec::new();
    for line in BufReader::new(io::stdin()).lines() {
        match line {
            Ok(line) if line == DISMISSED => return 0,
            Ok(line) => leaders.extend(leader(&line, mark)),
            Err(_) => break,
        }
    }
    let until = Instant::now() + KILL_FOR;
    let mut empty = 0;
    while empty < FOUND_NOTHING && Instant::now() < until {
        let found = family::all_of(&leaders, mark).unwrap_or_default();
        empty = match found.is_empty() {
            true => empty + 1,
            false => 0,
        };
        family::signal(&found, Signal::KILL.as_raw());
        thread::sleep(Duration::from_millis(10));
    }
    0
}

fn leader(line: &str, mark: &str) -> Option<ProcessFamily> {
    let (pid, started) = line.split_once(' ')?;
    Some(ProcessFamily {
        leader: pid.parse().ok()?,
        started: started.parse().ok()?,
        mark: mark.to_owned(),
    })
}
