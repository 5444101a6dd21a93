//! The pipes between programs and their log files. Behind each program's pipes is a process that writes the
//! files (`log_writer`). It is supervised here: a killed writer is replaced, because the pipes are held
//! here, too, and nothing in them is lost. Neither it nor the program notices the watchdog's end; the next watchdog
//! finds both.

mod outputs;
mod tail;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::child::Child;
use super::log_writer::{FINISH, arguments, reader_of, unread};
use super::spec::{LogFile, Program, ProgramOutput};
use crate::blocking;
use crate::exec::children;

use outputs::{ChildOutputs, anchored, pipe_of, target};
pub use outputs::{Outputs, Unconnected};
pub use tail::tail;

/// Before a writer that ended is replaced, so that one which always fails costs little.
const PAUSE: Duration = Duration::from_millis(200);

/// How long what a program wrote may take to be in its file, and how often that is asked.
const ON_ITS_WAY: Duration = Duration::from_millis(500);
const STEP: Duration = Duration::from_millis(5);

/// Starts log writer processes and supervises them until it is dropped. The processes then continue.
#[derive(Debug, Default)]
pub struct LogWriters {
    writers: Mutex<Vec<Arc<Writer>>>,
    guards: Mutex<JoinSet<()>>,
}

/// What is known about one process that writes logs.
#[derive(Debug)]
struct Writer {
    /// The ends that it reads.
    pipes: Vec<OwnedFd>,
    /// Where the bytes of each go.
    logs: Mutex<Vec<LogFile>>,
    /// It is to make way for one that knows other bounds.
    outdated: Notify,
    /// All that there was is written.
    over: AtomicBool,
}

impl LogWriters {
    /// Opens the outputs of `program` and starts what writes them. Blocks. Needs a runtime.
    ///
    /// # Errors
    /// With the log that cannot be written.
    pub fn connect(&self, program: &Program) -> Result<Outputs, Unconnected> {
        let (stdout, stderr) = (target(&program.stdout)?, target(&program.stderr)?);
        let mut streams = ChildOutputs::default();
        let user = program.user.as_ref();
        let stdout = streams.output(stdout, user)?;
        let stderr = streams.output(stderr, user)?;
        if let Some(first) = streams.logs.first().cloned() {
            let child = launch(&streams.pipes, &streams.logs);
            let child = child.map_err(|error| (Some(first), error))?;
            self.guard(streams, child);
        }
        Ok(Outputs { stdout, stderr })
    }

    /// Supervises the log writer of `program`, whose process `pid` another watchdog started.
    pub fn adopt(&self, pid: u32, program: &Program) {
        let mut streams = ChildOutputs::default();
        let mut writer = None;
        for (number, output) in [(1, &program.stdout), (2, &program.stderr)] {
            let ProgramOutput::File(log) = output else {
                continue;
            };
            let log = anchored(log);
            if streams.logs.iter().any(|known| known.path == log.path) {
                continue;
            }
            let Some(pipe) = pipe_of(pid, number) else {
                continue;
            };
            let reader = reader_of(&pipe);
            if reader.is_some() && (writer.is_none() || writer == reader) {
                writer = reader;
                streams.add(pipe, log);
            }
        }
        let Some(reader) = writer else { return };
        match Child::of(reader, None) {
            // It may have ended meanwhile, and its number may be another's.
            Ok(child) if reader_of(&streams.pipes[0]) == Some(reader) => self.guard(streams, child),
            _ => tracing::warn!("no process writes the logs of \"{}\"", program.full_name()),
        }
    }

    /// The logs of `program` may have other bounds from now on.
    pub fn redefine(&self, program: &Program) {
        for writer in self.writers().iter() {
            let mut logs = writer.logs();
            let mut outdated = false;
            for known in logs.iter_mut() {
                let mut wanted = program.logs().map(anchored);
                if let Some(log) = wanted.find(|log| log.path == known.path && log != known) {
                    *known = log;
                    outdated = true;
                }
            }
            if outdated {
                writer.outdated.notify_one();
            }
        }
    }

    /// Waits until what was written to `log` is in its file, but not for long.
    pub async fn settle(&self, log: &LogFile) {
        let path = anchored(log).path;
        let writers: Vec<_> = self.writers().clone();
        for writer in writers {
            let pipes = writer.logs().iter().position(|log| log.path == path);
            let Some(pipe) = pipes.and_then(|at| writer.pipes.get(at)) else {
                continue;
            };
            let is_settled = || match is_hung_up(pipe) {
                true => writer.is_over(),
                false => unread(pipe) == 0,
            };
            wait_for(ON_ITS_WAY, is_settled).await;
        }
        // What was just read is not written yet.
        sleep(STEP).await;
    }

    /// Waits until all that programs wrote is in their files, but no longer than `limit`: where httpok is the
    /// first process of a container, the writers end with it.
    pub async fn finish(&self, limit: Duration) {
        let writers: Vec<_> = self.writers().clone();
        wait_for(limit, || writers.iter().all(|writer| writer.is_over())).await;
    }

    fn guard(&self, streams: ChildOutputs, child: Child) {
        let writer = Arc::new(Writer {
            pipes: streams.pipes,
            logs: Mutex::new(streams.logs),
            outdated: Notify::new(),
            over: AtomicBool::new(false),
        });
        let mut writers = self.writers();
        writers.retain(|known| !known.is_over());
        writers.push(Arc::clone(&writer));
        let mut guards = self.guards.lock().unwrap_or_else(PoisonError::into_inner);
        while guards.try_join_next().is_some() {}
        guards.spawn(writer.keep(child));
    }

    fn writers(&self) -> MutexGuard<'_, Vec<Arc<Writer>>> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn wait_for(limit: Duration, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + limit;
    while !is_so() && Instant::now() < deadline {
        sleep(STEP).await;
    }
}

impl Writer {
    fn logs(&self) -> MutexGuard<'_, Vec<LogFile>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Replaces the process whenever it ends, until all is written.
    async fn keep(self: Arc<Self>, first: Child) {
        let mut child = first;
        loop {
            let is_planned = self.end_of(&child).await;
            child.collect();
            if self
                .pipes
                .iter()
                .all(|pipe| is_hung_up(pipe) && unread(pipe) == 0)
            {
                self.over.store(true, Ordering::Relaxed);
                return;
            }
            if !is_planned {
                let path = self.logs().first().map(|log| log.path.clone());
                let path = path.unwrap_or_default();
                tracing::warn!("the writer of \"{}\" ended, it is replaced", path.display());
                sleep(PAUSE).await;
            }
            child = self.next().await;
        }
    }

    /// Waits for the end of `child`, and returns whether the watchdog asked for it.
    async fn end_of(&self, child: &Child) -> bool {
        let mut is_planned = false;
        loop {
            tokio::select! {
                () = child.ended() => return is_planned,
                () = self.outdated.notified() => {
                    is_planned = true;
                    let _ = child.signal(FINISH as i32);
                }
            }
        }
    }

    /// Starts a process beside the event loop.
    async fn launch(&self) -> io::Result<Child> {
        let logs = self.logs().clone();
        let pipes = self.pipes.iter().map(OwnedFd::try_clone);
        let pipes = pipes.collect::<io::Result<Vec<_>>>()?;
        let runtime = Handle::current();
        let launched = blocking::run("log writer", move || {
            let _context = runtime.enter();
            launch(&pipes, &logs)
        });
        launched.await.map_err(io::Error::other)?
    }

    async fn next(&self) -> Child {
        loop {
            match self.launch().await {
                Ok(child) => return child,
                Err(error) => tracing::warn!("cannot start a process that writes logs: {error}"),
            }
            sleep(PAUSE * 5).await;
        }
    }
}

/// Starts a process that reads `pipes` and writes `logs`. Blocks. Needs a runtime.
fn launch(pipes: &[OwnedFd], logs: &[LogFile]) -> io::Result<Child> {
    let Some(first) = logs.first() else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let mut command = Command::new(&first.writer);
    command
        .arg0("httpok")
        .args(arguments(logs))
        // The writer needs no descriptor of httpok, and must not keep a directory from being unmounted.
        .env_clear()
        .current_dir("/")
        .stdin(pipes[0].try_clone()?)
        .stdout(match pipes.get(1) {
            Some(pipe) => Stdio::from(pipe.try_clone()?),
            None => Stdio::null(),
        })
        .stderr(Stdio::null());
    // SAFETY: between fork and exec only system calls are made, with integers.
    unsafe {
        command.pre_exec(|| {
            // No terminal's hangup and no signal to the watchdog's group reaches it.
            if libc::setsid() == -1 {
                return Err(io::Error::last_os_error());
            }
            children::restore_open_files();
            libc::syscall(
                libc::SYS_close_range,
                3_u32,
                u32::MAX,
                libc::CLOSE_RANGE_CLOEXEC,
            );
            Ok(())
        });
    }
    let (child, awaited) = children::start(|| command.spawn(), |child| Some(child.id()))?;
    Child::of(child.id(), awaited)
}

/// Whether all writers of `pipe` have closed it.
fn is_hung_up(pipe: &OwnedFd) -> bool {
    let mut polled = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
    let asked = poll(&mut polled, PollTimeout::ZERO);
    let events = polled[0].revents().unwrap_or(PollFlags::empty());
    asked.is_ok() && events.contains(PollFlags::POLLHUP)
}
