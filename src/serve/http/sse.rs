//! Server-sent events: the body of an answer that goes on. A task of its own writes it, at the client's pace.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc;

use crate::serve::api::SCHEMA;
use crate::serve::events::{EventFollower, NextEvent};

/// The type of such a body.
pub const MEDIA_TYPE: &str = "text/event-stream";

/// Pieces that wait for the client, beside what waits on the bus.
const WAITING: usize = 4;

/// What comes first, so that a client knows that it is heard; it comes back after two seconds.
const HELLO: &str = ": httpok\nretry: 2000\n\n";

/// A body that goes on.
#[derive(Debug)]
pub struct SseBody(mpsc::Receiver<Bytes>);

impl SseBody {
    /// All that `follower` hears. Needs a runtime.
    pub fn of(follower: EventFollower) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(write(follower, sender));
        Self(receiver)
    }
}

async fn write(mut follower: EventFollower, sender: mpsc::Sender<Bytes>) {
    let mut text = HELLO.to_owned();
    let mut over = false;
    // a client that is gone is noticed at the next event, or sign of life
    while sender.send(Bytes::from(text)).await.is_ok() && !over {
        text = match follower.next().await {
            NextEvent::Event(event) => format!("event: decision\ndata: {}\n\n", event.json),
            NextEvent::Silence => ":\n\n".to_owned(),
            NextEvent::End(why) => {
                over = true;
                let why = serde_json::json!({ "schema": SCHEMA, "why": why });
                format!("event: end\ndata: {why}\n\n")
            }
        };
    }
}

impl Body for SseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let polled = self.0.poll_recv(context);
        polled.map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
