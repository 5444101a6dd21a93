//! The signals that the watchdog obeys. SIGPIPE is not among them: Rust's runtime ignores it from the
//! start, so that writing to a closed pipe is an error where it happens.

use std::future::pending;
use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM, SIGINT or, as supervisord has it, SIGQUIT: stop. The first one asks for an orderly end, further
    /// ones for a quick one.
    Shutdown {
        /// 1 for the first.
        count: u32,
    },
    /// SIGHUP: read the configuration again.
    Reload,
    /// SIGUSR2, as supervisord has it, or SIGUSR1, as web servers have it: open the logs again.
    ReopenLogs,
}

/// The signals as they come. From its making on they do not end the process any more.
#[derive(Debug)]
pub struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    daemon: Option<DaemonSignals>,
    shutdowns: u32,
}

/// What only a daemon obeys.
#[derive(Debug)]
struct DaemonSignals {
    quit: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
    user1: tokio::signal::unix::Signal,
    user2: tokio::signal::unix::Signal,
}

impl Signals {
    /// Takes over all of them. Needs a runtime.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            daemon: Some(DaemonSignals {
                quit: signal(SignalKind::quit())?,
                hangup: signal(SignalKind::hangup())?,
                user1: signal(SignalKind::user_defined1())?,
                user2: signal(SignalKind::user_defined2())?,
            }),
            ..Self::stop_only()?
        })
    }

    /// Takes over SIGTERM and SIGINT; the others are for the command in the foreground. Needs a runtime.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn stop_only() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            daemon: None,
            shutdowns: 0,
        })
    }

    /// The next one. May be dropped halfway and called again.
    pub async fn next(&mut self) -> Signal {
        let next = tokio::select! {
            _ = self.terminate.recv() => None,
            _ = self.interrupt.recv() => None,
            signal = DaemonSignals::next(self.daemon.as_mut()) => signal,
        };
        next.unwrap_or_else(|| {
            self.shutdowns += 1;
            Signal::Shutdown {
                count: self.shutdowns,
            }
        })
    }

    /// Waits for the next one that asks to stop.
    pub async fn stop(&mut self) {
        while !matches!(self.next().await, Signal::Shutdown { .. }) {}
    }
}

impl DaemonSignals {
    /// The next one; `None` is SIGQUIT.
    async fn next(signals: Option<&mut Self>) -> Option<Signal> {
        let Some(signals) = signals else {
            return pending().await;
        };
        tokio::select! {
            _ = signals.quit.recv() => None,
            _ = signals.hangup.recv() => Some(Signal::Reload),
            _ = signals.user1.recv() => Some(Signal::ReopenLogs),
            _ = signals.user2.recv() => Some(Signal::ReopenLogs),
        }
    }
}
