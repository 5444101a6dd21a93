//! What becomes of the programs, on its way from their supervisor to the loop. After an end that was not expected the last
//! lines of the program's log come with it: a task of its own reads them, so that a log on a file system that does not
//! answer holds up nobody.

use std::time::Duration;

use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::health::ProcessName;
use crate::supervisor::embedded::{Embedded, ProgramUpdate};
use crate::supervisor::{OutputStream, Supervisor};

/// How long it may take to read the end of a log.
const READ_WITHIN: Duration = Duration::from_secs(2);

/// What is read of a log, and what of that goes into a report: lines and bytes.
const READ: u16 = 4096;
const LINES: usize = 10;
const BYTES: usize = 1000;

/// So many updates may wait for the loop.
const WAITING: usize = 256;

/// The receiving end. With it the task ends.
#[derive(Debug)]
pub struct ProgramUpdates {
    receiver: mpsc::Receiver<ProgramUpdate>,
    task: AbortHandle,
}

impl ProgramUpdates {
    /// Those of the programs of `supervisor`, from now on. Needs a runtime.
    pub fn of(supervisor: &Embedded) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let task = tokio::spawn(forward(supervisor.clone(), supervisor.updates(), sender));
        Self {
            receiver,
            task: task.abort_handle(),
        }
    }

    /// The next one. Cancel-safe.
    pub async fn next(&mut self) -> ProgramUpdate {
        match self.receiver.recv().await {
            Some(update) => update,
            None => std::future::pending().await,
        }
    }
}

impl Drop for ProgramUpdates {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(
    supervisor: Embedded,
    mut updates: broadcast::Receiver<ProgramUpdate>,
    sender: mpsc::Sender<ProgramUpdate>,
) {
    loop {
        let mut update = match updates.recv().await {
            Ok(update) => update,
            // more than a thousand at once: ends are lost, which the supervisor has logged, but no state is
            Err(RecvError::Lagged(_)) => {
                for state in supervisor.states() {
                    if sender.send(state).await.is_err() {
                        return;
                    }
                }
                continue;
            }
            Err(RecvError::Closed) => return,
        };
        let change = &mut update.change;
        if change.end.as_ref().is_some_and(|end| !end.expected) {
            let read = timeout(READ_WITHIN, last_lines(&supervisor, &update.name)).await;
            change.log = read.unwrap_or_default();
        }
        if sender.send(update).await.is_err() {
            return;
        }
    }
}

/// The end of what `name` wrote to its standard error, or else to its standard output; empty when neither is a file.
async fn last_lines(supervisor: &Embedded, name: &ProcessName) -> String {
    for stream in [OutputStream::Stderr, OutputStream::Stdout] {
        // a log that cannot be read is no reason to say nothing
        let read = supervisor.log_tail(name, stream, READ).await;
        let lines = end_of(&read.unwrap_or_default());
        if !lines.is_empty() {
            return lines;
        }
    }
    String::new()
}

/// The last lines of `text`.
fn end_of(text: &str) -> String {
    let lines: Vec<_> = text.trim_end().lines().collect();
    let from = lines.len().saturating_sub(LINES);
    let end = lines[from..].join("\n");
    let mut from = end.len().saturating_sub(BYTES);
    while !end.is_char_boundary(from) {
        from += 1;
    }
    end[from..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_few_and_short() {
        assert_eq!(end_of(""), "");
        assert_eq!(end_of(" \n\n"), "");
        assert_eq!(end_of("a\nb\n\n"), "a\nb");
        let rows = |range: std::ops::Range<usize>| {
            let rows: Vec<_> = range.map(|row| row.to_string()).collect();
            rows.join("\n")
        };
        assert_eq!(end_of(&rows(0..50)), rows(40..50));
        assert_eq!(end_of(&"\u{20ac}".repeat(2000)), "\u{20ac}".repeat(333));
    }
}
