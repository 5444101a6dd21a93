//! A watchdog on another host, asked over HTTP in the same words, with a key.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};

use super::client::ClientError;
use super::protocol::{ControlCommand, ControlReply, ReplyLine, RequestLine, VERSION};
use crate::net::tls;
use crate::secret::Secret;

/// A watchdog that does not answer within so long is not well itself.
const DEADLINE: Duration = Duration::from_secs(30);
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
        let line = RequestLine {
            version: VERSION,
            ask,
        };
        let line = serde_json::to_vec(&line).map_err(io::Error::other)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let asked =
            runtime.block_on(async { tokio::time::timeout(DEADLINE, self.post(line)).await });
        // a name look-up that hangs in the system's resolver must not hold us
        runtime.shutdown_background();
        let (status, body) = asked.map_err(|_| {
            ClientError::Trouble(format!("it did not answer within {} s", DEADLINE.as_secs()))
        })??;
        match serde_json::from_slice::<ReplyLine>(&body) {
            Ok(reply) => Ok(reply.answer),
            Err(_) => Err(ClientError::Trouble(refusal(status, &body))),
        }
    }

    async fn post(&self, line: Vec<u8>) -> Result<(StatusCode, Vec<u8>), ClientError> {
        let trouble = |why: String| ClientError::Trouble(why);
        let tls = match self.url.starts_with("https://") {
            true => tls::trusting(self.cacert.as_deref()),
            false => Ok(tls::trusting_nobody().with_no_client_auth()),
        };
        let client = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .user_agent("httpok")
            .tls_backend_preconfigured(tls.map_err(trouble)?)
            .build()
            .map_err(|why| trouble(deepest(&why)))?;
        let key = HeaderValue::from_str(self.key.expose())
            .map_err(|_| trouble("the key cannot be sent in a header".to_owned()))?;
        let url = format!("{}/api/v1/control", self.url.trim_end_matches('/'));
        let request = client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("X-API-Key", key)
            .body(line);
        let mut answer = request.send().await.map_err(|why| match why.is_connect() {
            true => trouble(format!("cannot connect: {}", deepest(&why))),
            false => trouble(deepest(&why)),
        })?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|why| trouble(deepest(&why)))? {
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST {
                return Err(trouble("its answer is too long".to_owned()));
            }
        }
        Ok((answer.status(), body))
    }
}

/// What an answer that is not the protocol's means.
fn refusal(status: StatusCode, body: &[u8]) -> String {
    let why = serde_json::from_slice::<serde_json::Value>(body).ok();
    let why = why.and_then(|why| Some(why.get("error")?.as_str()?.to_owned()));
    match (status, why) {
        (StatusCode::UNAUTHORIZED, _) => "the key is not one of its api_keys".to_owned(),
        (_, Some(why)) => why,
        (status, None) => {
            format!("status {status}: is it httpok, and does [serve] of it listen there?")
        }
    }
}

/// The innermost cause; what stands around it only repeats the URL.
fn deepest(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
