//! A watchdog on another host, asked over HTTP in the same words, with a key.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderValue, Method};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use tokio::time::timeout;
use url::Url;

use super::client::ClientError;
use super::follow::{LONGEST as LONGEST_EVENT, SILENT};
use super::protocol::{ControlCommand, ControlReply, ReplyLine, RequestLine, VERSION};
use crate::blocking;
use crate::health::{Moment, rfc3339};
use crate::json;
use crate::net::http1::{HttpRequest, HttpResponse};
use crate::net::{connect_to_url, http as values, tls};
use crate::secret::Secret;

/// A watchdog that does not answer within so long is not well itself; it is on another host, so longer than on this one.
const DEADLINE: Duration = Duration::from_secs(10);
/// No answer is longer, in bytes.
const LONGEST: usize = 64 << 20;

/// Where it is, and what opens it.
#[derive(Clone, Debug)]
pub struct Remote {
    /// Such as `https://host:9181`.
    pub url: String,
    pub key: Secret,
    /// Roots to check its certificate against (PEM), instead of the system's.
    pub cacert: Option<PathBuf>,
}

/// The answer to a heartbeat.
#[derive(Debug, Deserialize)]
pub struct HeartbeatReply {
    /// How the check stands now.
    pub status: String,
    #[serde(default, with = "rfc3339::optional")]
    pub due: Option<Moment>,
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl Remote {
    /// Asks it. Blocks, with a deadline.
    ///
    /// # Errors
    /// When it does not answer, or not in words that we know.
    pub fn ask(&self, ask: ControlCommand) -> Result<ControlReply, ClientError> {
        let deadline = DEADLINE.max(ask.deadline());
        let line = RequestLine {
            version: VERSION,
            ask,
        };
        let line = serde_json::to_vec(&line).map_err(io::Error::other)?;
        let (status, body) = self.post_blocking("control", line, deadline)?;
        match json::from_bytes::<ReplyLine>(&body) {
            Ok(reply) => Ok(reply.answer),
            Err(_) => Err(ClientError::Trouble(self.refusal(status, &body))),
        }
    }

    /// Sends a heartbeat of `check`; the check's own token will do as key. Blocks, with a deadline.
    ///
    /// # Errors
    /// When it is not taken.
    pub fn beat(&self, check: &str, fail: Option<&str>) -> Result<HeartbeatReply, ClientError> {
        let name = utf8_percent_encode(check, NON_ALPHANUMERIC);
        let body = match fail {
            Some(text) => serde_json::json!({ "fail": text }).to_string(),
            None => String::new(),
        };
        let (status, body) =
            self.post_blocking(&format!("heartbeat/{name}"), body.into_bytes(), DEADLINE)?;
        match json::from_bytes(&body) {
            Ok(reply) if status == 200 => Ok(reply),
            _ => Err(ClientError::Trouble(self.refusal(status, &body))),
        }
    }

    /// What an answer that is not the protocol's means.
    fn refusal(&self, status: u16, body: &[u8]) -> String {
        let why = json::from_bytes::<serde_json::Value>(body).ok();
        let why = why.and_then(|why| Some(why.get("error")?.as_str()?.to_owned()));
        match (status, why) {
            (401, _) if self.key.expose().is_empty() => {
                "it needs a key: give one of its api_keys in a file with --key-file".to_owned()
            }
            (401, _) => "the key is not one of its api_keys".to_owned(),
            (_, Some(why)) => why,
            (status, None) => {
                let status = values::status(status);
                format!("status {status}: is it httpok, and does [serve] of it listen there?")
            }
        }
    }

    fn post_blocking(
        &self,
        path: &str,
        body: Vec<u8>,
        deadline: Duration,
    ) -> Result<(u16, Vec<u8>), ClientError> {
        let runtime = blocking::event_loop()?;
        let asked = runtime.block_on(async { timeout(deadline, self.post(path, body)).await });
        // a name look-up that hangs in the system's resolver must not hold us
        runtime.shutdown_background();
        asked.map_err(|_| {
            let within = deadline.as_secs();
            ClientError::Trouble(format!(
                "the watchdog does not answer: nothing within {within} s"
            ))
        })?
    }

    /// Passes the lines of an answer that goes on to `take`, until that returns false. Blocks.
    pub(super) fn stream(
        &self,
        path: &str,
        take: &mut dyn FnMut(&str) -> bool,
    ) -> Result<(), ClientError> {
        let runtime = blocking::event_loop()?;
        let ended = runtime.block_on(self.lines(path, take));
        runtime.shutdown_background();
        ended
    }

    async fn lines(
        &self,
        path: &str,
        take: &mut dyn FnMut(&str) -> bool,
    ) -> Result<(), ClientError> {
        let late = || ClientError::Trouble("it says nothing any more".to_owned());
        let asked = timeout(DEADLINE, self.send(&Method::GET, path, &[])).await;
        let mut answer = asked.map_err(|_| late())??;
        let status = answer.head().code;
        let (mut kept, mut body) = (Vec::new(), Vec::new());
        while let Some(piece) = timeout(SILENT, answer.piece())
            .await
            .map_err(|_| late())?
            .map_err(|why| ClientError::Trouble(why.to_string()))?
        {
            if status != 200 {
                body.extend_from_slice(piece);
                continue;
            }
            kept.extend_from_slice(piece);
            while let Some(end) = memchr::memchr(b'\n', &kept) {
                let line: Vec<u8> = kept.drain(..=end).collect();
                if !take(String::from_utf8_lossy(&line).trim_end()) {
                    return Ok(());
                }
            }
            if kept.len() as u64 > LONGEST_EVENT {
                return Err(ClientError::Trouble("an event is too long".to_owned()));
            }
        }
        match status {
            200 => Ok(()),
            status => Err(ClientError::Trouble(self.refusal(status, &body))),
        }
    }

    async fn post(&self, path: &str, line: Vec<u8>) -> Result<(u16, Vec<u8>), ClientError> {
        let trouble = |why: String| ClientError::Trouble(why);
        let mut answer = self.send(&Method::POST, path, &line).await?;
        let status = answer.head().code;
        let mut body = Vec::new();
        while let Some(piece) = answer
            .piece()
            .await
            .map_err(|why| trouble(why.to_string()))?
        {
            body.extend_from_slice(piece);
            if body.len() > LONGEST {
                return Err(trouble("its answer is too long".to_owned()));
            }
        }
        Ok((status, body))
    }

    async fn send(
        &self,
        method: &Method,
        path: &str,
        line: &[u8],
    ) -> Result<HttpResponse, ClientError> {
        let trouble = |why: String| ClientError::Trouble(why);
        let url = format!("{}/api/v1/{path}", self.url.trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|why| trouble(why.to_string()))?;
        let tls = match url.scheme() {
            "https" => Some(tls::trusting(self.cacert.as_deref()).map_err(trouble)?),
            _ => None,
        };
        let host = HeaderValue::from_str(&values::authority(&url))
            .map_err(|_| trouble("its host cannot be sent in a header".to_owned()))?;
        let key = HeaderValue::from_str(self.key.expose())
            .map_err(|_| trouble("the key cannot be sent in a header".to_owned()))?;
        let headers = [
            ("Host", host),
            ("User-Agent", HeaderValue::from_static("httpok")),
            ("Content-Type", HeaderValue::from_static("application/json")),
            ("X-API-Key", key),
        ];
        let request = HttpRequest {
            method,
            target: &values::target(&url),
            headers: &headers.map(|(name, value)| (name.to_owned(), value)),
            body: line,
        };
        let connection = connect_to_url(&url, tls, DEADLINE)
            .await
            .map_err(|why| trouble(format!("cannot connect: {why}")))?;
        let answer = request.send(connection).await;
        answer.map_err(|why| trouble(why.to_string()))
    }
}
