//! The state of a process, and setting it going again when a debugger that was killed left it stopped.

use std::fs;
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
    /// When it was started, in ticks since boot: tells it from a later one with its pid.
    pub started: u64,
}

/// The process `pid` as it is now, if it is there.
pub(in crate::action) fn read(pid: u32) -> Option<Stat> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Its own name is in parentheses, and may contain some.
fn parse(text: &str) -> Option<Stat> {
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    // the state is field 3, the start field 22
    let started = fields.nth(18)?.parse().ok()?;
    Some(Stat { state, started })
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
        // it ended meanwhile, or it is not ours to signal: then nothing is lost
        let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGCONT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_look_like_fields() {
        let text = "41 (a) S 1 (b) T 1 41 41 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 9876 11 12\n";
        assert_eq!(
            parse(text),
            Some(Stat {
                state: 'T',
                started: 9876
            })
        );
        assert_eq!(parse("41 (a) S 1"), None);
        assert!(read(std::process::id()).is_some());
    }
}
