//! An answer as plain data: what is to be said, before any protocol has it.

use hyper::StatusCode;
use serde::Serialize;

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

    /// An error of the API: `{"error": "..."}`.
    pub fn error(status: StatusCode, text: impl Into<String>) -> Self {
        Self::json(status, &serde_json::json!({ "error": text.into() }))
    }

    /// The same with one header more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}
