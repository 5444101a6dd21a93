//! The state of a process, and setting it going again when a debugger that was killed left it stopped.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::{Instant, sleep};

/// How long the kernel may take to let go of a process whose debugger was killed.
const LET_GO_FOR: Duration = Duration::from_secs(1);
const LET_GO_EVERY: Duration = Duration::from_millis(10);

/// What `/proc/PID/stat` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::action) struct Stat {
    /// `R`, `S`, `D`, `T` (stopped), `t` (held by a debugger), `Z`...
    pub state: char,
    /// When it was started, in ticks since boot: distinguishes it from a later process with its pid.
    pub started: u64,
}

/// The process `pid` as it is now, if it is there.
pub(in crate::action) fn read(pid: u32) -> Option<Stat> {
    let process = procfs::process::Process::new(i32::try_from(pid).ok()?);
    let stat = process.ok()?.stat().ok()?;
    Some(Stat {
        state: stat.state,
        started: stat.starttime,
    })
}

/// Sets `pid` going again if it is stopped now and was not `before`: a debugger that is killed while it
/// attaches leaves its stop signal behind. A stopped process would not hear that it is to end.
pub(super) async fn wake(pid: u32, before: Option<Stat>) {
    let until = Instant::now() + LET_GO_FOR;
    let mut now = read(pid);
    while now.is_some_and(|now| now.state == 't') && Instant::now() < until {
        sleep(LET_GO_EVERY).await;
        now = read(pid);
    }
    if let (Some(before), Some(now)) = (before, now)
        && before.started == now.started
        && before.state != 'T'
        && now.state == 'T'
    {
        // an error is ignored: the process ended meanwhile, or httpok may not signal it
        let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGCONT);
    }
}
