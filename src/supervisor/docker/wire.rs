//! The connection to a container engine: requests over its Unix socket, each with one deadline and a bounded answer.
//! Paths have no version, so that any engine accepts them. The meaning of requests is in `docker`.

use std::io::ErrorKind;
use std::time::Duration;

use http::{HeaderValue, Method};
use serde::Deserialize;

use crate::health::{CallError, bounded};
use crate::json;
use crate::net::Connection;
use crate::net::http1::{HttpRequest, HttpResponse};
use crate::supervisor::http as link;

/// The largest answer that is read: some thousands of containers.
const MAX_ANSWER: usize = 8 * 1024 * 1024;

/// An engine's address.
#[derive(Clone, Debug)]
pub struct DockerConnection {
    path: String,
    headers: Vec<(String, HeaderValue)>,
    /// The address, for messages.
    shown: String,
}

/// What an engine answered.
#[derive(Debug)]
pub struct DockerResponse {
    /// The HTTP status.
    pub status: u16,
    body: Vec<u8>,
    shown: String,
}

/// The body of an engine's error response.
#[derive(Deserialize)]
struct DockerErrorBody {
    message: String,
}

impl DockerConnection {
    /// The way through the socket `path`. Nothing is connected.
    pub fn new(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            headers: link::headers("localhost", "*/*"),
            shown: format!("unix://{path}"),
        }
    }

    /// Its address.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Asks for `path`, `within` at most.
    pub async fn get(&self, path: &str, within: Duration) -> Result<DockerResponse, CallError> {
        self.whole(Method::GET, path, within).await
    }

    /// Asks to do `path`, `within` at most.
    pub async fn post(&self, path: &str, within: Duration) -> Result<DockerResponse, CallError> {
        self.whole(Method::POST, path, within).await
    }

    /// Asks for `path`, and passes what comes to `take`, however much it is, `within` at most. A refusal is
    /// returned instead.
    pub async fn get_all(
        &self,
        path: &str,
        within: Duration,
        mut take: impl FnMut(&[u8]),
    ) -> Result<Option<DockerResponse>, CallError> {
        let asked = async {
            let response = self.send(Method::GET, path).await?;
            if !(200..300).contains(&response.head().code) {
                return self.answer(response).await.map(Some);
            }
            link::stream(response, &self.shown, |chunk| {
                take(chunk);
                Ok(())
            })
            .await?;
            Ok(None)
        };
        bound(within, asked).await
    }

    async fn whole(
        &self,
        method: Method,
        path: &str,
        within: Duration,
    ) -> Result<DockerResponse, CallError> {
        let asked = async { self.answer(self.send(method, path).await?).await };
        bound(within, asked).await
    }

    async fn send(&self, method: Method, path: &str) -> Result<HttpResponse, CallError> {
        let request = HttpRequest {
            method: &method,
            target: path,
            headers: &self.headers,
            body: &[],
        };
        link::send(&request, self.connect().await?, &self.shown).await
    }

    async fn connect(&self) -> Result<Connection, CallError> {
        link::open(&self.path)
            .await
            .map_err(|error| match error.kind() {
                ErrorKind::PermissionDenied => CallError::Unauthorized {
                    detail: format!(
                        "permission denied: {}: run as root, or join the group that owns it (docker)",
                        self.shown
                    ),
                },
                _ => link::not_connected(&error, &self.shown),
            })
    }

    async fn answer(&self, response: HttpResponse) -> Result<DockerResponse, CallError> {
        Ok(DockerResponse {
            status: response.head().code,
            body: link::body(response, &self.shown, MAX_ANSWER).await?,
            shown: self.shown.clone(),
        })
    }
}

impl DockerResponse {
    /// The JSON that it holds.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, CallError> {
        if self.status != 200 {
            return Err(CallError::Malformed {
                detail: format!(
                    "HTTP status {}: {}: {}",
                    self.status,
                    self.message(),
                    self.shown
                ),
            });
        }
        json::from_bytes(&self.body).map_err(|error| CallError::Malformed {
            detail: bounded(format!("an unexpected answer: {error}: {}", self.shown)),
        })
    }

    /// The engine's own message, on one line.
    pub fn message(&self) -> String {
        let text = match json::from_bytes::<DockerErrorBody>(&self.body) {
            Ok(refusal) => refusal.message,
            Err(_) => String::from_utf8_lossy(&self.body).into_owned(),
        };
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match words.is_empty() {
            true => format!("HTTP status {}", self.status),
            false => bounded(words),
        }
    }
}

async fn bound<T>(
    within: Duration,
    asked: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    tokio::time::timeout(within, asked)
        .await
        .unwrap_or(Err(CallError::TimedOut { after: within }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::TEXT_MAX;

    #[test]
    fn error_messages_are_the_engines() {
        let answer = |status, body: &str| DockerResponse {
            status,
            body: body.as_bytes().to_vec(),
            shown: "unix:///s".to_owned(),
        };
        let message = answer(
            500,
            "{\"cause\":\"x\",\"message\":\"no\\n such  file\",\"response\":500}",
        );
        assert_eq!(message.message(), "no such file");
        assert_eq!(answer(404, "page not found\n").message(), "page not found");
        assert_eq!(answer(502, "").message(), "HTTP status 502");
        assert_eq!(answer(500, &"x".repeat(9000)).message().len(), TEXT_MAX);
        let error = answer(503, "busy").read::<u8>().unwrap_err();
        assert_eq!(error.to_string(), "HTTP status 503: busy: unix:///s");
        let error = answer(200, "<html>").read::<u8>().unwrap_err();
        assert!(matches!(error, CallError::Malformed { .. }), "{error}");
    }
}
