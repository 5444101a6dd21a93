//! For the one who runs a single program in the foreground: signals that are meant for the program go
//! through to it. SIGTERM and SIGINT are not among them: they ask us to end, and we stop the program.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::programs::Embedded;
use crate::health::ProcessName;

/// Sends `name` every SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 and SIGWINCH that we get, until it is dropped.
/// Needs a runtime.
pub async fn forward(embedded: &Embedded, name: &ProcessName) -> io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut quit = signal(SignalKind::quit())?;
    let mut user1 = signal(SignalKind::user_defined1())?;
    let mut user2 = signal(SignalKind::user_defined2())?;
    let mut window = signal(SignalKind::window_change())?;
    loop {
        let word = tokio::select! {
            word = got(&mut hangup, "HUP") => word,
            word = got(&mut quit, "QUIT") => word,
            word = got(&mut user1, "USR1") => word,
            word = got(&mut user2, "USR2") => word,
            word = got(&mut window, "WINCH") => word,
        };
        if let Err(error) = embedded.signal(name, word).await {
            tracing::warn!("cannot pass SIG{word} on to \"{name}\": {error}");
        }
    }
}

async fn got(signal: &mut Signal, word: &'static str) -> &'static str {
    signal.recv().await;
    word
}
