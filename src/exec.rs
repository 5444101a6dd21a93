//! Runs one child to its end: within a deadline, with bounded output, and with nothing left behind.
//!
//! The child leads a process group of its own. The whole group is killed at the deadline, when the child
//! ended but left a process behind that holds its pipes, and when the caller drops the
//! future. Processes that detach from the pipes (real daemons) are left alone once the child has ended.
//! What a child's output means is the caller's business.

pub mod children;
mod guard;
pub mod lookup;
mod receipt;
pub mod template;

use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, timeout, timeout_at};

use crate::blocking::Places;
use crate::secret;
use guard::Guard;
pub use receipt::Receipt;

/// How long the pipes may stay open after the child's end, and again after its group was killed.
const LINGER: Duration = Duration::from_millis(200);

/// How long a killed child may take to end; one in uninterruptible sleep may never end.
const REAP: Duration = Duration::from_secs(1);

/// Starts at the same time. Those that hang take no place from other work that blocks.
static STARTS: Places = Places::new(16);

/// What to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandLine {
    /// The user's own command line, for `/bin/sh -c`.
    Shell(String),
    /// A program and its arguments; no shell sees them.
    Argv(Vec<String>),
}

impl CommandLine {
    /// The program's name alone: arguments may hold what must not be seen.
    fn program(&self) -> &str {
        match self {
            Self::Shell(_) => "/bin/sh",
            Self::Argv(arguments) => arguments.first().map_or("", String::as_str),
        }
    }
}

/// One child, before it runs. No `Debug`: the input and the environment may hold secrets.
pub struct Command {
    /// What to run.
    pub program: CommandLine,
    /// Written to its standard input, which is then closed; `None`: `/dev/null`.
    pub stdin: Option<Vec<u8>>,
    /// From its start to its end.
    pub timeout: Duration,
    /// Bytes kept of each of its two outputs; the rest is read and dropped.
    pub max_output: usize,
    /// Added to the environment of httpok.
    pub env: Vec<(String, String)>,
    /// It is of no use without httpok: when httpok is killed, it is killed with its group.
    pub ends_with_us: bool,
    /// What the next run knows its end by when this one is killed.
    pub receipt: Option<Receipt>,
}

/// A child that ended by itself, with whatever status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Its exit code, or the signal that ended it.
    pub status: ExitStatus,
    /// What it printed on standard output.
    pub stdout: Output,
    /// What it printed on standard error.
    pub stderr: Output,
    /// From its start until all was read.
    pub took: Duration,
}

/// What a child printed on one of its outputs, up to the bound.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// The first `max_output` bytes.
    pub bytes: Vec<u8>,
    /// How many there were in all.
    pub size: u64,
}

impl Output {
    /// Whether there was more than what was kept.
    pub fn is_truncated(&self) -> bool {
        self.size > self.bytes.len() as u64
    }

    /// As text; what is not UTF-8 becomes the replacement character.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl fmt::Debug for Output {
    /// As text, which people can read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.is_truncated() { "..." } else { "" };
        write!(f, "{:?}{more}", self.text())
    }
}

/// Why a child did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// It could not even be started.
    #[error("cannot run \"{program}\": {source}")]
    Spawn { program: String, source: io::Error },
    /// It was killed at the deadline.
    #[error("killed after {}s", after.as_millis() as f64 / 1000.0)]
    TimedOut {
        /// The deadline it was given.
        after: Duration,
        /// What it had printed until then.
        stdout: Output,
        /// What it had printed until then.
        stderr: Output,
    },
    /// The kernel did not report how it ended: another task collected it.
    #[error("lost track of \"{program}\": {source}")]
    Lost { program: String, source: io::Error },
}

/// Runs `command` to its end. Dropping the future kills the child and its group.
pub async fn run(command: &Command) -> Result<Finished, ExecError> {
    let started = Instant::now();
    let lost = |source| ExecError::Lost {
        program: command.program.program().to_owned(),
        source,
    };
    let unable = |source| ExecError::Spawn {
        program: command.program.program().to_owned(),
        source,
    };
    let deadline = started + command.timeout;
    let start = prepare(command).map_err(unable)?;
    let runtime = Handle::current();
    // The fork, and the wait until the child is its program, may block for as long as a file system does not answer.
    let start = STARTS.run("exec", move || {
        let _context = runtime.enter();
        start()
    });
    let Ok(start) = timeout_at(deadline, start).await else {
        // a child that starts later is killed with its group
        return Err(ExecError::TimedOut {
            after: command.timeout,
            stdout: Output::default(),
            stderr: Output::default(),
        });
    };
    let start = start.map_err(io::Error::other).flatten();
    let (mut group, mut pipes) = start.map_err(unable)?;

    let mut end = pin!(timeout_at(deadline, ended(group.leader)));
    let ended = tokio::select! {
        ended = &mut end => ended,
        () = pipes.drained() => end.await,
    };
    if ended.is_ok() {
        // The last output may still be in the pipes. If they do not close, another process holds them.
        let _ = timeout(LINGER, pipes.drained()).await;
    }
    if ended.is_err() || !pipes.closed() {
        group.kill();
        let _ = timeout(LINGER, pipes.drained()).await;
    }
    let Ok(ended) = ended else {
        // Not collected in time, it is left to the runtime, which collects orphans.
        let _ = timeout(REAP, group.collect()).await;
        return Err(ExecError::TimedOut {
            after: command.timeout,
            stdout: pipes.stdout.kept,
            stderr: pipes.stderr.kept,
        });
    };
    ended.map_err(lost)?;
    Ok(Finished {
        status: group.collect().await.map_err(lost)?,
        stdout: pipes.stdout.kept,
        stderr: pipes.stderr.kept,
        took: started.elapsed(),
    })
}

/// What starts `command`: blocks, and needs a runtime.
fn prepare(
    command: &Command,
) -> io::Result<impl FnOnce() -> io::Result<(Group, Pipes)> + Send + use<>> {
    let program = match &command.receipt {
        Some(receipt) => &receipt.wrapped(&command.program),
        None => &command.program,
    };
    let mut prepared = match program {
        CommandLine::Shell(line) => {
            let mut shell = tokio::process::Command::new("/bin/sh");
            shell.arg("-c").arg(line);
            shell
        }
        CommandLine::Argv(arguments) => {
            let (program, arguments) = arguments.split_first().ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidInput, "no program is named")
            })?;
            let mut prepared = tokio::process::Command::new(program);
            prepared.args(arguments);
            prepared
        }
    };
    for name in secret::registered() {
        prepared.env_remove(name);
    }
    let (guard, watched) = match command.ends_with_us {
        true => Guard::new().map(|(guard, watched)| (Some(guard), Some(watched)))?,
        false => (None, None),
    };
    let pipe = watched.as_ref().map(OwnedFd::as_raw_fd);
    let receipt = command.receipt.clone();
    let receipt_fd = receipt.as_ref().map(Receipt::raw_fd);
    // SAFETY: between fork and exec only system calls are made, without memory of their own.
    unsafe {
        prepared.pre_exec(move || {
            children::restore_open_files();
            close_inherited()?;
            receipt_fd.map_or(Ok(()), receipt::hand_down)?;
            pipe.map_or(Ok(()), guard::watch)
        });
    }
    prepared
        .envs(command.env.iter().map(|(name, value)| (name, value)))
        .stdin(match (&command.stdin, &receipt) {
            (Some(bytes), Some(_)) => receipt::input(bytes)?.into(),
            (Some(_), None) => Stdio::piped(),
            (None, _) => Stdio::null(),
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let (stdin, max_output) = (command.stdin.clone(), command.max_output);
    Ok(move || {
        let (mut child, awaited) = children::start(|| prepared.spawn(), Child::id)?;
        // it is the child's from here on
        drop((watched, receipt));
        let pipes = Pipes {
            stdin: StdinFeed {
                pipe: child.stdin.take(),
                bytes: stdin.unwrap_or_default(),
                written: 0,
            },
            stdout: Drain::new(child.stdout.take(), max_output),
            stderr: Drain::new(child.stderr.take(), max_output),
        };
        // A child that was not waited for has an id; without one there is no group to supervise.
        let id = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .ok_or(Errno::ESRCH)?;
        let group = Group {
            child,
            leader: Pid::from_raw(id),
            collected: false,
            guard,
            _awaited: awaited,
        };
        Ok((group, pipes))
    })
}

/// Runs in the new process: descriptors that httpok inherited, or that another thread opened meanwhile, are not its
/// business. An old kernel lacks the call; the descriptors of httpok are closed all the same, because they are
/// opened so.
fn close_inherited() -> io::Result<()> {
    // SAFETY: integers.
    unsafe {
        libc::syscall(
            libc::SYS_close_range,
            3_u32,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        );
    }
    Ok(())
}

/// Waits for `leader`'s end without collecting it: as long as it is a zombie no other process or group
/// can get its number, so that killing its group hits the right one.
async fn ended(leader: Pid) -> io::Result<()> {
    let mut children = signal(SignalKind::child())?;
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    loop {
        match waitid(Id::Pid(leader), flags) {
            Ok(WaitStatus::StillAlive) => {}
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno.into()),
        }
        children.recv().await;
    }
}

/// A child and the processes in its group.
struct Group {
    child: Child,
    leader: Pid,
    collected: bool,
    guard: Option<Guard>,
    _awaited: Option<children::Awaited>,
}

impl Group {
    fn kill(&self) {
        // ESRCH: all have ended meanwhile.
        let _ = killpg(self.leader, Signal::SIGKILL);
    }

    /// Collects the leader, which has ended. From here on the kernel may reuse the group's number.
    async fn collect(&mut self) -> io::Result<ExitStatus> {
        self.collected = true;
        if let Some(guard) = self.guard.take() {
            guard.dismiss();
        }
        self.child.wait().await
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.collected {
            self.kill();
        }
    }
}

/// The parent's side of a child's pipes. Every method may be dropped halfway and called again.
struct Pipes {
    stdin: StdinFeed,
    stdout: Drain<ChildStdout>,
    stderr: Drain<ChildStderr>,
}

impl Pipes {
    /// Moves bytes until every pipe is closed. All at the same time: a child that blocks on one of
    /// them must not block the others.
    async fn drained(&mut self) {
        tokio::join!(self.stdin.run(), self.stdout.run(), self.stderr.run());
    }

    /// Whether both outputs have come to their end.
    fn closed(&self) -> bool {
        self.stdout.pipe.is_none() && self.stderr.pipe.is_none()
    }
}

struct StdinFeed {
    pipe: Option<ChildStdin>,
    bytes: Vec<u8>,
    written: usize,
}

impl StdinFeed {
    async fn run(&mut self) {
        while let Some(pipe) = &mut self.pipe {
            let rest = &self.bytes[self.written..];
            if rest.is_empty() {
                self.pipe = None;
                return;
            }
            match pipe.write(rest).await {
                Ok(count) => self.written += count,
                // The child closed its input. Its exit status decides whether that is a failure.
                Err(_) => self.pipe = None,
            }
        }
    }
}

struct Drain<P> {
    pipe: Option<P>,
    kept: Output,
    bound: usize,
}

impl<P: AsyncRead + Unpin> Drain<P> {
    fn new(pipe: Option<P>, bound: usize) -> Self {
        Self {
            pipe,
            kept: Output::default(),
            bound,
        }
    }

    async fn run(&mut self) {
        let mut chunk = [0; 8192];
        while let Some(pipe) = &mut self.pipe {
            match pipe.read(&mut chunk).await {
                Ok(0) | Err(_) => self.pipe = None,
                Ok(count) => {
                    let room = self.bound - self.kept.bytes.len();
                    self.kept.bytes.extend_from_slice(&chunk[..count.min(room)]);
                    self.kept.size += count as u64;
                }
            }
        }
    }
}
