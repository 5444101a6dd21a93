//! The control socket, for commands to a running watchdog. `protocol` has the messages, `socket` the file,
//! `server` the watchdog's end, `client` the commands' end, `remote` the same over HTTP, `remembered` what is
//! asked of its store, `request` a request on its
//! way through the loop. What is asked goes to the loop as [`PendingRequest`], and
//! is done there; a watchdog without a socket watches just the same.

pub mod client;
pub mod follow;
mod hold_request;
pub mod protocol;
pub mod remembered;
pub mod remote;
mod request;
mod server;
mod socket;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

pub use request::{PendingRequest, RequestAction};

use super::logger::Logger;
use super::state_dir::short;
use crate::serve::events::EventBus;
use socket::BoundSocket;

/// Requests that may wait for the loop.
const WAITING: usize = 16;

/// How often a socket that cannot be opened is tried again.
const TRY_EVERY: Duration = Duration::from_secs(5);

/// The watchdog's end. The socket is gone when this is.
#[derive(Debug)]
pub struct Control {
    requests: mpsc::Receiver<PendingRequest>,
    /// Serves, and opens the socket again when that ends.
    server: Option<JoinHandle<()>>,
}

impl Control {
    /// A watchdog that takes no requests.
    pub fn closed() -> Self {
        Self {
            requests: mpsc::channel(1).1,
            server: None,
        }
    }

    /// The socket of the watchdog `key` in `dir`. When it cannot be opened, that is said and it is tried again.
    /// Needs a runtime.
    pub fn open(dir: &Path, key: &str, logger: &Logger, events: EventBus) -> Self {
        // a directory that cannot be read is reported when its socket is opened
        socket::sweep(&client::sockets(dir).unwrap_or_default());
        let path = path(dir, key);
        let (sender, requests) = mpsc::channel(WAITING);
        let server = tokio::spawn(keep_serving(path, (sender, events), logger.clone()));
        Self {
            requests,
            server: Some(server),
        }
    }

    /// The next request. Never one when there is no socket.
    pub async fn next(&mut self) -> Option<PendingRequest> {
        self.requests.recv().await
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

/// Opens the socket and serves, for as long as it is let; a server that breaks is started again.
async fn keep_serving(
    path: PathBuf,
    (requests, events): (mpsc::Sender<PendingRequest>, EventBus),
    logger: Logger,
) {
    let mut is_reported = false;
    loop {
        match listen(&path) {
            Ok((listener, _bound)) => {
                if std::mem::take(&mut is_reported) {
                    tracing::info!("the control socket {} is open now", path.display());
                }
                let mut task = JoinSet::new();
                task.spawn(server::serve(listener, requests.clone(), events.clone()));
                if let Some(Err(error)) = task.join_next().await {
                    logger.trouble(&format!(
                        "httpok: internal error in the control socket, it is opened again: {error}"
                    ));
                }
            }
            Err(why) if !std::mem::replace(&mut is_reported, true) => {
                let path = path.display();
                logger.trouble(&format!(
                    "httpok: cannot be controlled, no socket at {path}: {why}; it is tried again every {} s",
                    TRY_EVERY.as_secs()
                ));
            }
            Err(_) => {}
        }
        sleep(TRY_EVERY).await;
    }
}

fn listen(path: &Path) -> io::Result<(UnixListener, BoundSocket)> {
    let (listener, bound) = socket::bind(path)?;
    Ok((UnixListener::from_std(listener)?, bound))
}

/// Where the watchdog `key` listens.
pub fn path(dir: &Path, key: &str) -> PathBuf {
    dir.join(format!("control-{}.sock", short(key)))
}
