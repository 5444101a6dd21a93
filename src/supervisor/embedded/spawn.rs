//! Starts a process from a definition: finds the command, connects its outputs, forks, and prepares the new process
//! (session, signals, limits, user, directory) before it becomes the command. The running process is the
//! business of `child` and `job`.

use std::env;
use std::ffi::{CString, OsString};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::child::Child;
use super::family;
use super::fault::SpawnError;
use super::logs::{LogWriters, Unconnected};
use super::notes;
use super::spec::{Program, ProgramInput, Rlimits};
use crate::exec::children;
use crate::exec::lookup::{self, DEFAULT_PATH, LookupError};
use crate::secret;

/// Variables about the supervisor of httpok, with its password: programs must not inherit them.
const NOT_INHERITED: [&str; 10] = [
    "SUPERVISOR_ENABLED",
    "SUPERVISOR_SERVER_URL",
    "SUPERVISOR_USERNAME",
    "SUPERVISOR_PASSWORD",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
];

/// Starts a process of `program`, which finishes `note`. Blocks; call it on a thread that lives as long as the process:
/// the kernel takes "when the parent dies" to be about the thread. Needs a runtime.
pub fn spawn(
    program: &Program,
    note: Option<File>,
    log_writers: &LogWriters,
) -> Result<Child, SpawnError> {
    let failed = |step| {
        move |error: io::Error| SpawnError::Prepare {
            step,
            cause: os_message(&error),
        }
    };
    let path = find_command(program)?;
    let outputs = log_writers.connect(program).map_err(unconnected)?;
    let prepare = Preparation::new(program, note).map_err(failed("use its directory"))?;
    let mut command = Command::new(&path);
    // Both are there: a command was found.
    if let Some((word, arguments)) = program.command.split_first() {
        command.arg0(word).args(arguments);
    }
    for name in NOT_INHERITED {
        command.env_remove(name);
    }
    for name in secret::registered() {
        command.env_remove(name);
    }
    command
        .env("SUPERVISOR_PROCESS_NAME", &program.name)
        .env("SUPERVISOR_GROUP_NAME", &program.group)
        .env(family::MARK, program.mark())
        .envs(
            program
                .environment
                .iter()
                .map(|(name, value)| (name, value.expose())),
        )
        .stdin(match program.stdin {
            ProgramInput::Null => Stdio::null(),
            ProgramInput::Inherit => Stdio::inherit(),
        })
        .stdout(outputs.stdout)
        .stderr(outputs.stderr);
    // SAFETY: between fork and exec only system calls are made, on memory that was laid out before.
    unsafe {
        command.pre_exec(move || prepare.run());
    }
    let started = children::start(|| command.spawn(), |child| Some(child.id()));
    let (child, awaited) = started.map_err(|error| failure(&path, &error))?;
    let pid = child.id();
    Child::of(pid, awaited).map_err(|error| {
        // Nothing would supervise it.
        if let Ok(group) = i32::try_from(pid) {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        failed("watch the new process")(error)
    })
}

/// The file to execute for `program`, if it is there.
pub fn find_command(program: &Program) -> Result<PathBuf, SpawnError> {
    let word = program.command.first().map_or("", String::as_str);
    let search = match program.environment.get("PATH") {
        Some(path) => OsString::from(path.expose()),
        None => env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into()),
    };
    let found = lookup::find(word, program.directory.as_deref(), &search);
    found.map_err(|error| match error {
        LookupError::Missing(path) => SpawnError::NoFile(path),
        LookupError::NotExecutable(path) => SpawnError::NotExecutable(path),
    })
}

fn unconnected((log, error): Unconnected) -> SpawnError {
    let cause = os_message(&error);
    match log {
        Some(log) => SpawnError::Log {
            path: log.path.display().to_string(),
            cause,
        },
        None => SpawnError::Prepare {
            step: "use our output",
            cause,
        },
    }
}

/// The steps of a new process, in order. Their number travels with the error: the pipe that informs
/// the parent why its child failed goes one integer.
#[derive(Clone, Copy)]
#[repr(i32)]
enum SpawnStep {
    Execute,
    Session,
    Limits,
    User,
    Parent,
    Directory,
}

const STEPS: [&str; 6] = [
    "run it",
    "make a session of its own",
    "set its limits",
    "become its user",
    "tie it to the watchdog",
    "enter its directory",
];

/// Bits of that integer that are the system's error number.
const ERRNO_BITS: u32 = 16;

/// What the new process needs, laid out before the fork.
struct Preparation {
    note: Option<File>,
    limits: Rlimits,
    umask: Option<libc::mode_t>,
    user: Option<(libc::uid_t, libc::gid_t, Vec<libc::gid_t>)>,
    parent: Option<libc::pid_t>,
    takes_terminal: bool,
    directory: Option<CString>,
}

impl Preparation {
    fn new(program: &Program, note: Option<File>) -> io::Result<Self> {
        let directory = program.directory.as_ref();
        let parent = libc::pid_t::try_from(process::id()).map_err(io::Error::other)?;
        Ok(Self {
            note,
            limits: program.rlimits,
            umask: program.umask,
            user: program
                .user
                .as_ref()
                .map(|user| (user.uid, user.gid, user.groups.clone())),
            parent: program.dies_with_us.then_some(parent),
            takes_terminal: program.takes_terminal,
            directory: directory
                .map(|path| CString::new(path.as_os_str().as_bytes()))
                .transpose()?,
        })
    }

    /// Runs in the new process, where only async-signal-safe functions may be called: no allocation, no
    /// lock. What was inherited is put right, and privileges are given up last but for what they guard.
    fn run(&self) -> io::Result<()> {
        // SAFETY: system calls with integers and with pointers to memory that outlives them.
        unsafe {
            match self.takes_terminal {
                true => take_terminal()?,
                // A session of its own: its group can be signalled as one, and no terminal's end reaches it.
                false => tried(SpawnStep::Session, libc::setsid())?,
            }
            if let Some(note) = &self.note {
                // The parent checks whether this succeeded.
                let _ = notes::sign(note.as_raw_fd());
            }
            // Ignored signals (nohup) are inherited; the kernel refuses the two that are never ignored.
            for number in 1..=64 {
                libc::signal(number, libc::SIG_DFL);
            }
            children::restore_open_files();
            for (limit, value) in [
                (libc::RLIMIT_NOFILE, self.limits.nofile),
                (libc::RLIMIT_CORE, self.limits.core),
            ] {
                if let Some(value) = value {
                    let value = libc::rlimit {
                        rlim_cur: value,
                        rlim_max: value,
                    };
                    tried(SpawnStep::Limits, libc::setrlimit(limit, &raw const value))?;
                }
            }
            if let Some(umask) = self.umask {
                libc::umask(umask);
            }
            if let Some((uid, gid, groups)) = &self.user {
                become_user(*uid, *gid, groups)?;
            }
            if let Some(parent) = self.parent {
                // After the change of user, which clears it.
                let kill = libc::SIGKILL as libc::c_ulong;
                tried(SpawnStep::Parent, libc::prctl(libc::PR_SET_PDEATHSIG, kill))?;
                if libc::getppid() != parent {
                    return Err(failed(SpawnStep::Parent, libc::ESRCH));
                }
            }
            if let Some(directory) = &self.directory {
                tried(SpawnStep::Directory, libc::chdir(directory.as_ptr()))?;
            }
            // Closes inherited descriptors. An old kernel lacks the call, which is not an error.
            libc::syscall(
                libc::SYS_close_range,
                3_u32,
                u32::MAX,
                libc::CLOSE_RANGE_CLOEXEC,
            );
        }
        Ok(())
    }
}

/// A group of its own, in the foreground of the terminal if its parent's was.
///
/// # Safety
/// For a process that has one thread.
unsafe fn take_terminal() -> io::Result<()> {
    // SAFETY: integers.
    unsafe {
        let was_in_front = libc::tcgetpgrp(0) == libc::getpgrp();
        tried(SpawnStep::Session, libc::setpgid(0, 0))?;
        if was_in_front {
            libc::signal(libc::SIGTTOU, libc::SIG_IGN);
            // a terminal that is gone is not missed
            libc::tcsetpgrp(0, libc::getpid());
        }
    }
    Ok(())
}

/// # Safety
/// For a process that has one thread.
unsafe fn become_user(
    uid: libc::uid_t,
    gid: libc::gid_t,
    groups: &[libc::gid_t],
) -> io::Result<()> {
    // SAFETY: integers, and a slice with its own length.
    unsafe {
        if libc::geteuid() != 0 {
            // Only root can change the user. No change is needed for the same user.
            return if libc::geteuid() == uid {
                Ok(())
            } else {
                Err(failed(SpawnStep::User, libc::EPERM))
            };
        }
        tried(
            SpawnStep::User,
            libc::setgroups(groups.len(), groups.as_ptr()),
        )?;
        tried(SpawnStep::User, libc::setgid(gid))?;
        tried(SpawnStep::User, libc::setuid(uid))
    }
}

fn tried(step: SpawnStep, result: libc::c_int) -> io::Result<()> {
    if result == -1 {
        let errno = io::Error::last_os_error().raw_os_error().unwrap_or(0);
        return Err(failed(step, errno));
    }
    Ok(())
}

fn failed(step: SpawnStep, errno: i32) -> io::Error {
    io::Error::from_raw_os_error(((step as i32) << ERRNO_BITS) | errno)
}

/// What the new process's integer means.
fn failure(path: &Path, error: &io::Error) -> SpawnError {
    let number = error.raw_os_error().unwrap_or(0);
    let step = usize::try_from(number >> ERRNO_BITS).unwrap_or(0);
    let errno = number & ((1 << ERRNO_BITS) - 1);
    if step == SpawnStep::Execute as usize && errno == libc::EACCES {
        return SpawnError::NotExecutable(path.display().to_string());
    }
    SpawnError::Prepare {
        step: STEPS.get(step).copied().unwrap_or(STEPS[0]),
        cause: match errno {
            0 => error.to_string(),
            // It was there a moment ago.
            libc::ENOENT if step == SpawnStep::Execute as usize => {
                "its interpreter is missing".to_owned()
            }
            errno => os_message(&io::Error::from_raw_os_error(errno)),
        },
    }
}

/// The system's message for `error`, without the number.
pub(super) fn os_message(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => nix::Error::from_raw(number).desc().to_lowercase(),
        None => error.to_string(),
    }
}
