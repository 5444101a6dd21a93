//! The control socket: how a person talks to a running watchdog. `protocol` is the words, `socket` the file,
//! `server` the watchdog's end, `client` the commands' end. What is asked goes to the loop as [`Asked`], and
//! is done there; a watchdog without a socket watches just the same.

pub mod client;
pub mod protocol;
mod server;
mod socket;

use std::path::{Path, PathBuf};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::health::{Event, Monitor};

use super::state_dir::short;
use super::voice::Voice;
use protocol::{Answer, Ask, Fault};
use socket::Bound;

/// Requests that may wait for the loop.
const WAITING: usize = 16;

/// One request, and where its answer goes.
#[derive(Debug)]
pub struct Asked {
    ask: Ask,
    answer: oneshot::Sender<Answer>,
}

/// What the loop is to do about a request.
#[derive(Debug)]
pub enum Order {
    /// Show everything.
    Show,
    /// Read the configuration again.
    Reload,
    /// Write to the store what waits for its turn.
    Flush,
    /// Tell the heart, and show the check as it stands then.
    Tell { check: String, event: Event },
    /// Nothing: this is the answer.
    Refuse(Answer),
}

/// The watchdog's end. The socket is gone when this is.
#[derive(Debug)]
pub struct Control {
    asked: mpsc::Receiver<Asked>,
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
    pub fn open(dir: &Path, key: &str, voice: &Voice) -> Self {
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
                voice.trouble(&format!(
                    "httpok: cannot be controlled: no socket at {path}: {why}"
                ));
                Self::closed()
            }
        }
    }

    /// The next request. Never again when there is no socket.
    pub async fn next(&mut self) -> Option<Asked> {
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

impl Asked {
    /// What to do about it.
    pub fn order(&self, monitor: &Monitor) -> Order {
        let check = match &self.ask {
            Ask::Status => return Order::Show,
            Ask::Reload => return Order::Reload,
            Ask::Flush => return Order::Flush,
            Ask::Pause { check, .. }
            | Ask::Resume { check }
            | Ask::Restart { check }
            | Ask::Reset { check } => check.clone(),
        };
        if !monitor.checks().any(|known| known.name == check) {
            let known = monitor.checks().map(|known| known.name.clone());
            return Order::Refuse(Answer::Error {
                fault: Fault::UnknownCheck,
                text: format!("there is no check {check:?}"),
                checks: known.collect(),
            });
        }
        if let (Ask::Restart { .. }, Some(why)) = (&self.ask, monitor.refusal(&check)) {
            return Order::Refuse(Answer::error(Fault::Refused, why.to_string()));
        }
        let event = match &self.ask {
            Ask::Pause {
                reason, lasting, ..
            } => Event::Pause {
                check: check.clone(),
                reason: reason.clone(),
                lasting: *lasting,
            },
            Ask::Resume { .. } => Event::Resume {
                check: check.clone(),
            },
            Ask::Reset { .. } => Event::Reset {
                check: check.clone(),
            },
            Ask::Restart { .. } | Ask::Status | Ask::Reload | Ask::Flush => Event::Restart {
                check: check.clone(),
            },
        };
        Order::Tell { check, event }
    }

    /// Answers.
    pub fn answer(self, answer: Answer) {
        // who asked may be gone
        let _ = self.answer.send(answer);
    }
}

/// Where the watchdog `key` listens.
pub fn path(dir: &Path, key: &str) -> PathBuf {
    dir.join(format!("control-{}.sock", short(key)))
}
