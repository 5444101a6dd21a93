//! The control socket: how a person talks to a running watchdog. `protocol` is the words, `socket` the file,
//! `server` the watchdog's end, `client` the commands' end. What is asked goes to the loop as [`PendingRequest`], and
//! is done there; a watchdog without a socket watches just the same.

mod asked;
pub mod client;
pub mod protocol;
mod server;
mod socket;

use std::path::{Path, PathBuf};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub use asked::{Handling, PendingRequest};

use super::logger::Logger;
use super::state_dir::short;
use socket::Bound;

/// Requests that may wait for the loop.
const WAITING: usize = 16;

/// The watchdog's end. The socket is gone when this is.
#[derive(Debug)]
pub struct Control {
    asked: mpsc::Receiver<PendingRequest>,
    server: Option<(JoinHandle<()>, Bound)>,
}

impl Control {
    /// Nobody can ask.
    pub fn closed() -> Self {
        Self {
            asked: mpsc::channel(1).1,
            server: None,
        }
    }

    /// The socket of the watchdog `key` in `dir`. When there can be none, that is told and nobody can ask.
    /// Needs a runtime.
    pub fn open(dir: &Path, key: &str, logger: &Logger) -> Self {
        socket::sweep(&client::sockets(dir));
        let path = path(dir, key);
        let (sender, asked) = mpsc::channel(WAITING);
        let serving = socket::bind(&path).and_then(|(listener, bound)| {
            let listener = tokio::net::UnixListener::from_std(listener)?;
            Ok((tokio::spawn(server::serve(listener, sender)), bound))
        });
        match serving {
            Ok(server) => Self {
                asked,
                server: Some(server),
            },
            Err(why) => {
                let path = path.display();
                logger.trouble(&format!(
                    "httpok: cannot be controlled: no socket at {path}: {why}"
                ));
                Self::closed()
            }
        }
    }

    /// The next request. Never again when there is no socket.
    pub async fn next(&mut self) -> Option<PendingRequest> {
        self.asked.recv().await
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        if let Some((server, _)) = &self.server {
            server.abort();
        }
    }
}

/// Where the watchdog `key` listens.
pub fn path(dir: &Path, key: &str) -> PathBuf {
    dir.join(format!("control-{}.sock", short(key)))
}
