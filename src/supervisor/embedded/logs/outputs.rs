//! The outputs of a program: a file is written through a pipe that a log writer reads, and whether it can be written is
//! found out before the program starts; anything else is given to the program as it is.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::absolute;
use std::process::Stdio;

use nix::fcntl::OFlag;
use nix::sys::stat::SFlag;
use nix::unistd::pipe2;

use crate::safe_path::{SafeDir, is};
use crate::supervisor::OutputStream;
use crate::supervisor::embedded::spec::{LogFile, ProgramOutput, User};

/// A new log file's mode, but for the file mode creation mask.
const MODE: u32 = 0o644;

/// A program's two outputs, for its process.
pub struct Outputs {
    pub stdout: Stdio,
    pub stderr: Stdio,
}

/// The log that cannot be written, or the output of httpok that cannot be used, and why.
pub type Unconnected = (Option<LogFile>, io::Error);

/// What an output is, before it is a process's.
pub(super) enum OutputTarget {
    Ready(Stdio),
    /// To be written by a process of its own.
    Pipe(LogFile),
}

/// What one writer is to read, and where it is to put it.
#[derive(Default)]
pub(super) struct ChildOutputs {
    pub pipes: Vec<OwnedFd>,
    pub logs: Vec<LogFile>,
    /// The other end of each, until the program has it.
    ends: Vec<OwnedFd>,
}

impl ChildOutputs {
    pub fn add(&mut self, pipe: OwnedFd, log: LogFile) {
        self.pipes.push(pipe);
        self.logs.push(log);
    }

    /// The end of a pipe for `target`: both outputs get the same one if they go to the same file.
    pub fn output(
        &mut self,
        target: OutputTarget,
        user: Option<&User>,
    ) -> Result<Stdio, Unconnected> {
        let log = match target {
            OutputTarget::Ready(stdio) => return Ok(stdio),
            OutputTarget::Pipe(log) => log,
        };
        let known = self.logs.iter().position(|known| known.path == log.path);
        let end = match known.and_then(|at| self.ends.get(at)) {
            Some(end) => end.try_clone(),
            None => self.pipe(log.clone(), user),
        };
        end.map(Stdio::from).map_err(|error| (Some(log), error))
    }

    fn pipe(&mut self, log: LogFile, user: Option<&User>) -> io::Result<OwnedFd> {
        let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
        if let Some(user) = user {
            // So that the program may open /dev/stderr, which is this pipe.
            std::os::unix::fs::fchown(&write, Some(user.uid), Some(user.gid))?;
        }
        self.ends.push(write.try_clone()?);
        self.add(read, log);
        Ok(write)
    }
}

pub(super) fn target(output: &ProgramOutput) -> Result<OutputTarget, Unconnected> {
    Ok(match output {
        ProgramOutput::Null => OutputTarget::Ready(Stdio::null()),
        ProgramOutput::Inherit(stream) => {
            let ours = match stream {
                OutputStream::Stdout => io::stdout().as_fd().try_clone_to_owned(),
                OutputStream::Stderr => io::stderr().as_fd().try_clone_to_owned(),
            };
            OutputTarget::Ready(ours.map_err(|error| (None, error))?.into())
        }
        ProgramOutput::File(log) => open(log).map_err(|error| (Some(log.clone()), error))?,
    })
}

/// Whether `log` can be written is found out before the program starts.
fn open(log: &LogFile) -> io::Result<OutputTarget> {
    let (directory, name) = SafeDir::of_file(&log.path)?;
    let is_special = directory.stat(&name).is_ok_and(|stat| {
        [SFlag::S_IFIFO, SFlag::S_IFCHR]
            .iter()
            .any(|kind| is(&stat, *kind))
    });
    if is_special {
        return Ok(OutputTarget::Ready(directory.special(&name)?.into()));
    }
    directory.append(&name, MODE)?;
    Ok(OutputTarget::Pipe(anchored(log)))
}

/// With a path that means the same from every directory.
pub(super) fn anchored(log: &LogFile) -> LogFile {
    LogFile {
        path: absolute(&log.path).unwrap_or_else(|_| log.path.clone()),
        ..log.clone()
    }
}

/// The reading end of the pipe that is descriptor `number` of process `pid`.
pub(super) fn pipe_of(pid: u32, number: u32) -> Option<OwnedFd> {
    let path = format!("/proc/{pid}/fd/{number}");
    // To open something else might do something.
    let target = std::fs::read_link(&path).ok()?;
    if !target.as_os_str().as_encoded_bytes().starts_with(b"pipe:[") {
        return None;
    }
    let pipe = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .ok()?;
    let is_pipe = pipe.metadata().ok()?.file_type().is_fifo();
    is_pipe.then(|| pipe.into())
}
