//! The way to a supervisord: HTTP over a Unix socket or TCP. What is asked is not known here.

use std::error::Error;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{StatusCode, Url};

use super::http;
use super::supervisord::spec::SupervisordSpec;
use crate::health::CallError;
use crate::secret::Secret;

/// The largest answer that is read: some 8000 processes.
const MAX_ANSWER: usize = 8 * 1024 * 1024;

/// One supervisord's address, and the credentials it wants.
#[derive(Clone, Debug)]
pub struct Transport {
    http: reqwest::Client,
    endpoint: Url,
    /// The server URL for people: without secrets.
    shown: String,
    username: String,
    password: Secret,
}

impl Transport {
    /// Its address, without secrets.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The way to the supervisord of `spec`. Nothing is connected.
    pub fn new(spec: SupervisordSpec) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self {
            http: http::client(spec.socket.as_deref())?,
            endpoint: spec.endpoint,
            shown: spec.shown,
            username: spec.username,
            password: spec.password,
        })
    }

    /// Posts `body` and reads the whole answer. There is no deadline: that is for the caller to set.
    pub async fn post(&self, body: String) -> Result<Vec<u8>, CallError> {
        let shown = &self.shown;
        let response = self
            .http
            .post(self.endpoint.clone())
            // Also when both are empty: that is what supervisor's own client does.
            .basic_auth(&self.username, Some(self.password.expose()))
            .header(CONTENT_TYPE, "text/xml")
            .header(ACCEPT, "text/xml")
            .body(body)
            .send()
            .await
            .map_err(|error| http::broken(&error, shown))?;
        match response.status() {
            StatusCode::OK => http::body(response, shown, MAX_ANSWER).await,
            StatusCode::UNAUTHORIZED => Err(CallError::Unauthorized {
                detail: format!("{shown} wants another username or password"),
            }),
            status => Err(CallError::Malformed {
                detail: format!("HTTP status {status}: {shown}"),
            }),
        }
    }
}
