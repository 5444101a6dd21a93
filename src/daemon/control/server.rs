//! The watchdog's end of the control socket: accepts a few clients at a time, reads their lines with bounds
//! and deadlines, hands them to the loop and writes its answers. Decides nothing.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::protocol::{self, ControlCommand, ControlFault, ControlReply, VERSION};
use super::request::PendingRequest;
use crate::blocking;
use crate::net::clients::{self, Accept, Admission};
use crate::serve::events::{EventBus, EventFilter, EventFollower, NextEvent};

/// Clients at a time.
const CLIENTS: usize = 16;
/// The longest request, in bytes.
const LONGEST: usize = 16 * 1024;
/// A client that says nothing for so long is disconnected.
const IDLE: Duration = Duration::from_secs(30);
/// An answer is to be read within so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves the clients of `listener` until it is dropped.
pub async fn serve(
    listener: UnixListener,
    requests: mpsc::Sender<PendingRequest>,
    events: EventBus,
) {
    let client = |stream, admission| client(stream, (requests.clone(), events.clone()), admission);
    clients::serve(ControlListener(listener), CLIENTS, client).await;
}

/// The socket, for our own user and root alone.
struct ControlListener(UnixListener);

impl Accept for ControlListener {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.0.accept().await?;
            if may_ask(&stream) {
                return Ok(stream);
            }
        }
    }
}

/// The file's mode says the same; this holds even where someone widened it.
fn may_ask(stream: &UnixStream) -> bool {
    let own = nix::unistd::geteuid().as_raw();
    stream
        .peer_cred()
        .is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

async fn client(
    stream: UnixStream,
    (requests, events): (mpsc::Sender<PendingRequest>, EventBus),
    admission: Admission,
) {
    let (read, mut write) = stream.into_split();
    let Admission::Admitted(busy) = admission else {
        let answer = ControlReply::error(ControlFault::Busy, "too many ask at once");
        // one that does not read its answer is sent away, too
        let _ = timeout(PATIENCE, write.write_all(&protocol::write(answer))).await;
        return;
    };
    let mut read = BufReader::new(read);
    let mut over = false;
    loop {
        let answer = match timeout(IDLE, line(&mut read)).await {
            Ok(ReadLine::Whole(line)) => {
                busy.set(true);
                match protocol::read(&line) {
                    Ok(ControlCommand::Events { checks, passes }) => {
                        match events.follow(EventFilter { checks, passes }) {
                            Some(follower) => {
                                // it may be sent away when others want to ask something
                                busy.set(false);
                                return send_events(follower, &mut write).await;
                            }
                            None => {
                                let text = "too many follow the events already";
                                ControlReply::error(ControlFault::Busy, text)
                            }
                        }
                    }
                    Ok(ask) => ask_loop(ask, &requests).await,
                    Err(answer) => answer,
                }
            }
            Ok(ReadLine::TooLong) => {
                over = true;
                let text = format!("a request is no longer than {LONGEST} bytes");
                ControlReply::error(ControlFault::BadRequest, text)
            }
            Ok(ReadLine::End) | Err(_) => return,
        };
        let written = timeout(PATIENCE, write.write_all(&text_of(answer).await)).await;
        busy.set(false);
        if over || !matches!(written, Ok(Ok(()))) {
            return;
        }
    }
}

/// Writes events until the client is gone, or too slow.
/// The answer as it is sent. That about thousands of checks is written beside the loop.
async fn text_of(answer: ControlReply) -> Vec<u8> {
    if !answer.is_large() {
        return protocol::write(answer);
    }
    let written = blocking::run("write an answer", move || protocol::write(answer)).await;
    written.unwrap_or_else(|broken| {
        protocol::write(ControlReply::error(ControlFault::Busy, broken.to_string()))
    })
}

async fn send_events(mut follower: EventFollower, write: &mut OwnedWriteHalf) {
    loop {
        let (line, over) = match follower.next().await {
            NextEvent::Event(event) => {
                let event = &event.json;
                let line =
                    format!("{{\"version\":{VERSION},\"answer\":\"event\",\"event\":{event}}}\n");
                (line, false)
            }
            NextEvent::Silence => (
                format!("{{\"version\":{VERSION},\"answer\":\"silence\"}}\n"),
                false,
            ),
            NextEvent::End(why) => {
                let end = serde_json::json!({ "version": VERSION, "answer": "end", "why": why });
                (format!("{end}\n"), true)
            }
        };
        let written = timeout(PATIENCE, write.write_all(line.as_bytes())).await;
        if over || !matches!(written, Ok(Ok(()))) {
            return;
        }
    }
}

/// What the loop makes of it.
async fn ask_loop(ask: ControlCommand, requests: &mpsc::Sender<PendingRequest>) -> ControlReply {
    let patience = ask.patience();
    let (sender, answer) = oneshot::channel();
    let asked = PendingRequest {
        ask,
        answer: sender,
    };
    let answered = timeout(patience, async {
        requests.send(asked).await.ok()?;
        answer.await.ok()
    });
    match answered.await {
        Ok(Some(answer)) => answer,
        Ok(None) | Err(_) => {
            ControlReply::error(ControlFault::Busy, "the watchdog is ending, or very busy")
        }
    }
}

enum ReadLine {
    Whole(Vec<u8>),
    TooLong,
    End,
}

/// The next line, without its end. What comes after the last line end is no request.
async fn line(read: &mut (impl AsyncBufRead + Unpin)) -> ReadLine {
    let mut line = Vec::new();
    loop {
        let Ok(chunk) = read.fill_buf().await else {
            return ReadLine::End;
        };
        if chunk.is_empty() {
            return ReadLine::End;
        }
        let end = memchr::memchr(b'\n', chunk);
        let taken = end.unwrap_or(chunk.len());
        line.extend_from_slice(&chunk[..taken]);
        read.consume(taken + usize::from(end.is_some()));
        if line.len() > LONGEST {
            return ReadLine::TooLong;
        }
        if end.is_some() {
            return ReadLine::Whole(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_bounded() {
        let long = [b'x'; LONGEST + 1];
        let mut text = b"one\n\ntwo".to_vec();
        let mut read = &text[..];
        assert!(matches!(line(&mut read).await, ReadLine::Whole(line) if line == b"one"));
        assert!(matches!(line(&mut read).await, ReadLine::Whole(line) if line.is_empty()));
        assert!(matches!(line(&mut read).await, ReadLine::End));
        text = long.to_vec();
        assert!(matches!(line(&mut &text[..]).await, ReadLine::TooLong));
        text = [&long[1..], b"\n"].concat();
        assert!(
            matches!(line(&mut &text[..]).await, ReadLine::Whole(line) if line.len() == LONGEST)
        );
    }
}
