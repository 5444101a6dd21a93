//! For `httpok run`, which runs a single program in the foreground: signals that are meant for the program go
//! through to it. SIGTERM and SIGINT are not among them: they ask httpok to end, which then stops the program.

use std::convert::Infallible;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::programs::Embedded;
use crate::health::ProcessName;

/// SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 and SIGWINCH as they come. Once it is created, they do not end httpok any
/// more: create it before the program is started, which may announce that it can be signalled.
#[derive(Debug)]
pub struct Forwarder {
    hangup: Signal,
    quit: Signal,
    user1: Signal,
    user2: Signal,
    window: Signal,
}

impl Forwarder {
    /// Takes the signals over. Needs a runtime.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
            user1: signal(SignalKind::user_defined1())?,
            user2: signal(SignalKind::user_defined2())?,
            window: signal(SignalKind::window_change())?,
        })
    }

    /// Sends `name` every one of them, until it is dropped.
    pub async fn forward(mut self, embedded: &Embedded, name: &ProcessName) -> Infallible {
        loop {
            let word = tokio::select! {
                _ = self.hangup.recv() => "HUP",
                _ = self.quit.recv() => "QUIT",
                _ = self.user1.recv() => "USR1",
                _ = self.user2.recv() => "USR2",
                _ = self.window.recv() => "WINCH",
            };
            if let Err(error) = embedded.signal(name, word).await {
                tracing::warn!("cannot pass SIG{word} on to \"{name}\": {error}");
            }
        }
    }
}
