//! An answer as plain data: what is to be said, before any protocol has it.

use hyper::StatusCode;
use serde::Serialize;

use super::{api, health_json};
use crate::{escape, secret};

/// An HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: StatusCode,
    pub content_type: &'static str,
    pub body: Vec<u8>,
    /// More headers, such as `Allow`.
    pub headers: Vec<(&'static str, String)>,
}

impl Reply {
    pub const TEXT: &'static str = "text/plain; charset=utf-8";
    pub const JSON: &'static str = "application/json";
    pub const HTML: &'static str = "text/html; charset=utf-8";

    /// `body` of the type `content_type`.
    pub fn new(status: StatusCode, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            content_type,
            body: body.into(),
            headers: Vec::new(),
        }
    }

    /// Plain text.
    pub fn text(status: StatusCode, body: impl Into<String>) -> Self {
        Self::new(status, Self::TEXT, body.into())
    }

    /// `value` as JSON.
    pub fn json(status: StatusCode, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self::new(status, Self::JSON, body),
            // the keys of our maps are words, so that this does not happen
            Err(why) => Self::text(StatusCode::INTERNAL_SERVER_ERROR, why.to_string()),
        }
    }

    /// An error of the API: `{"error": "...", "schema": 1}`.
    pub fn error(status: StatusCode, text: impl Into<String>) -> Self {
        Self::json(
            status,
            &serde_json::json!({ "schema": api::SCHEMA, "error": text.into() }),
        )
    }

    /// The same as it may be shown: known secrets are masked, and what hides or turns the direction of writing is
    /// made visible. The labels of metrics have that from [`super::openmetrics`].
    #[must_use]
    pub fn presentable(mut self) -> Self {
        let mask: fn(String) -> String = match self.content_type {
            Self::JSON | health_json::MEDIA_TYPE => secret::mask_json,
            Self::HTML | Self::TEXT => |text| secret::mask(&text).into_owned(),
            _ => return self,
        };
        self.body = shown(self.body, mask);
        self
    }

    /// The same with one header more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// Our texts are UTF-8; what is not is shown as far as it is.
fn shown(body: Vec<u8>, mask: fn(String) -> String) -> Vec<u8> {
    let text = String::from_utf8(body)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    escape::unhidden(mask(text)).into_bytes()
}
