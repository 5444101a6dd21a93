//! Server-sent events: what is decided, as a body that goes on.

use bytes::Bytes;
use tokio::sync::mpsc;

use super::stream::StreamBody;
use crate::serve::api::SCHEMA;
use crate::serve::events::{EventFollower, NextEvent};

/// The type of such a body.
pub const MEDIA_TYPE: &str = "text/event-stream";

/// What comes first, so that a client knows that it is heard; it comes back after two seconds.
const HELLO: &str = ": httpok\nretry: 2000\n\n";

/// All that `follower` hears. Needs a runtime.
pub fn body(follower: EventFollower) -> StreamBody {
    let (sender, body) = StreamBody::new();
    tokio::spawn(write(follower, sender));
    body
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
