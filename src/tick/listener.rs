//! The event listener: supervisord's side of the ticks. Every event is acknowledged as soon as it is
//! read, by a task of its own, so that supervisord never finds the listener busy, whatever a tick starts.
//!
//! supervisord sends an event only after the listener's READY and then waits without a deadline for its RESULT;
//! after an unexpected byte it stops using the listener. So there is exactly one RESULT for one
//! event: also for one that cannot be read, once it is clear that nothing more of it comes.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::Tick;
use super::fd::{EventInput, EventOutput};
use super::protocol::{ListenerEvent, ListenerItem, ListenerParser};

/// Ticks that may wait to be taken. Beyond that they are dropped: they all say the same.
const WAITING: usize = 16;

/// So long nothing more comes of an event that is not complete: then it never will be.
const PATIENCE: Duration = Duration::from_secs(2);

const READY: &[u8] = b"READY\n";
const RESULT_AND_READY: &[u8] = b"RESULT 2\nOKREADY\n";

/// Why there will be no more ticks.
#[derive(Debug, thiserror::Error)]
pub enum ListenerEnd {
    /// The input was closed: no more events will arrive.
    #[error("standard input was closed")]
    InputClosed,
    /// Events cannot be read.
    #[error("cannot read from standard input: {0}")]
    EventInput(#[source] io::Error),
    /// Events cannot be acknowledged.
    #[error("cannot write to standard output: {0}")]
    Output(#[source] io::Error),
}

/// The listener's receiving end. Dropping it ends the listener without further output.
#[derive(Debug)]
pub struct EventListener {
    ticks: mpsc::Receiver<Result<Tick, ListenerEnd>>,
    task: AbortHandle,
}

impl EventListener {
    /// Listens on standard input and answers on standard output, which belongs to it from now on.
    pub fn on_stdio() -> io::Result<Self> {
        Self::new(
            io::stdin().as_fd().try_clone_to_owned()?,
            io::stdout().as_fd().try_clone_to_owned()?,
        )
    }

    /// Listens on `input` and answers on `output`.
    pub fn new(input: OwnedFd, output: OwnedFd) -> io::Result<Self> {
        let (sender, ticks) = mpsc::channel(WAITING);
        let link = ListenerLink {
            input: EventInput::new(input)?,
            output: EventOutput::new(output)?,
            parser: ListenerParser::default(),
        };
        let task = tokio::spawn(async move {
            let ended = link.serve(&sender).await;
            // The receiver was dropped, which is why the listener ended.
            let _ = sender.send(Err(ended)).await;
        });
        Ok(Self {
            ticks,
            task: task.abort_handle(),
        })
    }

    /// The next tick. May be dropped halfway and called again; after the end it says `InputClosed`.
    pub async fn next(&mut self) -> Result<Tick, ListenerEnd> {
        self.ticks
            .recv()
            .await
            .unwrap_or(Err(ListenerEnd::InputClosed))
    }
}

impl Drop for EventListener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct ListenerLink {
    input: EventInput,
    output: EventOutput,
    parser: ListenerParser,
}

impl ListenerLink {
    async fn serve(mut self, ticks: &mpsc::Sender<Result<Tick, ListenerEnd>>) -> ListenerEnd {
        if let Err(error) = self.output.write(READY).await {
            return ListenerEnd::Output(error);
        }
        loop {
            let bytes = match self.read().await {
                Ok(Some(bytes)) if bytes.is_empty() => return ListenerEnd::InputClosed,
                Ok(Some(bytes)) => bytes,
                Ok(None) => {
                    tracing::warn!("an event from supervisord is incomplete and is skipped");
                    self.parser.abandon();
                    if let Err(error) = self.output.write(RESULT_AND_READY).await {
                        return ListenerEnd::Output(error);
                    }
                    continue;
                }
                Err(error) => return ListenerEnd::EventInput(error),
            };
            for item in self.parser.push(&bytes) {
                match item {
                    ListenerItem::Unreadable { line, why } => {
                        tracing::warn!("no event header from supervisord, {why}: {line:?}");
                    }
                    ListenerItem::Event(event) => {
                        if let Err(error) = self.output.write(RESULT_AND_READY).await {
                            return ListenerEnd::Output(error);
                        }
                        hand_over(&event, ticks);
                    }
                }
            }
        }
    }

    /// The next bytes, none at the end of the input, or `None` when an unfinished event gets no more.
    async fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        if !self.parser.unfinished() {
            return self.input.read().await.map(Some);
        }
        match timeout(PATIENCE, self.input.read()).await {
            Ok(bytes) => bytes.map(Some),
            Err(_) => Ok(None),
        }
    }
}

fn hand_over(event: &ListenerEvent, ticks: &mpsc::Sender<Result<Tick, ListenerEnd>>) {
    let Some(tick) = Tick::from_event(event, SystemTime::now()) else {
        return;
    };
    if ticks.try_send(Ok(tick)).is_err() {
        tracing::debug!("too many ticks are waiting: {} is dropped", event.name);
    }
}
