//! The signals that the watchdog obeys. SIGPIPE is not among them: Rust's runtime ignores it from the
//! start, so that writing to a closed pipe is an error where it happens.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT: stop. The first one asks for an orderly end, further ones for a quick one.
    Shutdown {
        /// 1 for the first.
        count: u32,
    },
    /// SIGHUP: read the configuration again.
    Reload,
}

/// The signals as they come. From its making on they do not end the process any more.
#[derive(Debug)]
pub struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
    shutdowns: u32,
}

impl Signals {
    /// Takes the signals over. Needs a runtime.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            shutdowns: 0,
        })
    }

    /// The next one. May be dropped halfway and called again.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => self.shutdown(),
            _ = self.interrupt.recv() => self.shutdown(),
            _ = self.hangup.recv() => Signal::Reload,
        }
    }

    fn shutdown(&mut self) -> Signal {
        self.shutdowns += 1;
        Signal::Shutdown {
            count: self.shutdowns,
        }
    }
}
