//! What is done about the processes that a program's leader left behind when it ended: they are waited for,
//! asked to end, or killed. They are polled, because the kernel does not notify when a process group is empty.

use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep_until};

use super::family::{self, ProcessFamily};
use super::unit::KILL_WAIT;

/// The first pause between two polls; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// What is left is given so long to end by itself before it is asked to, or half the time until it is killed.
const ASK_AFTER: Duration = Duration::from_secs(5);

/// What follows when nothing is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterCleanup {
    /// The program has ended.
    Ended,
    /// The next process can be started.
    Spawn,
    /// Nothing: it is only to be known whether anything is left.
    Nothing,
}

/// The processes that are left, and what is done about them.
#[derive(Debug)]
pub struct Leftovers {
    family: ProcessFamily,
    /// What follows when nothing is left.
    pub next: AfterCleanup,
    /// When they are sent which signal.
    ask: Option<(Instant, Signal)>,
    killing: bool,
    next_poll: Instant,
    pause: Duration,
    /// After this instant they are not waited for.
    until: Option<Instant>,
}

/// The result of one poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CleanupResult {
    /// Nothing is left.
    Nothing,
    /// Some are left; they are polled again.
    Some,
    /// They are not waited for any longer.
    Forgotten,
}

impl Leftovers {
    /// `family` is waited for. After a while it is sent `signal`, which its leader had `within` to act on.
    pub fn ending(family: ProcessFamily, signal: Signal, within: Duration) -> Self {
        let now = Instant::now();
        let ask = now.checked_add((within / 2).min(ASK_AFTER));
        Self {
            ask: ask.map(|at| (at, signal)),
            ..Self::new(family, AfterCleanup::Ended)
        }
    }

    /// `family` was asked to end with its leader, and is waited for.
    pub fn waited_for(family: ProcessFamily) -> Self {
        Self::new(family, AfterCleanup::Ended)
    }

    /// `family` is asked to end at once.
    pub fn asked(family: ProcessFamily, signal: Signal) -> Self {
        Self {
            ask: Some((Instant::now(), signal)),
            ..Self::new(family, AfterCleanup::Ended)
        }
    }

    /// `family` is killed.
    pub fn killed(family: ProcessFamily, next: AfterCleanup) -> Self {
        Self {
            killing: true,
            until: Instant::now().checked_add(KILL_WAIT),
            ..Self::new(family, next)
        }
    }

    /// Polls once whether any process of `family` is left.
    pub fn counted(family: ProcessFamily) -> Self {
        Self {
            until: Some(Instant::now()),
            ..Self::new(family, AfterCleanup::Nothing)
        }
    }

    fn new(family: ProcessFamily, next: AfterCleanup) -> Self {
        Self {
            family,
            next,
            ask: None,
            killing: false,
            next_poll: Instant::now(),
            pause: FIRST_PAUSE,
            until: None,
        }
    }

    /// From now on they are killed.
    pub fn kill(&mut self) {
        self.killing = true;
        self.next_poll = Instant::now();
        self.pause = FIRST_PAUSE;
    }

    /// Waits until the next poll is due, polls, and sends the signal that is due. Cancel-safe.
    pub async fn poll(&mut self) -> CleanupResult {
        sleep_until(self.next_poll).await;
        let found = self.family.members().await;
        let now = Instant::now();
        self.next_poll = now + self.pause;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        match &found {
            Ok(members) if members.is_empty() => return CleanupResult::Nothing,
            Ok(members) if self.killing => family::signal(members, Signal::SIGKILL as i32),
            Ok(members) => {
                if let Some((_, signal)) = self.ask.take_if(|(at, _)| *at <= now) {
                    family::signal(members, signal as i32);
                }
            }
            Err(error) => tracing::debug!("cannot list processes: {error}"),
        }
        if self.until.is_some_and(|until| now >= until) {
            return CleanupResult::Forgotten;
        }
        CleanupResult::Some
    }
}
