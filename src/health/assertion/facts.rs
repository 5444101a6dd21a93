//! One observation as assertions see it: what is asked of it more than once, such as its JSON, is read once.

use std::cell::OnceCell;

use serde_json::Value as Json;

use super::super::body::Body;
use super::super::observation::Observation;
use super::json::{self, NoValue};
use super::metric::Samples;
use super::value::{excerpt, whole};
use crate::health::text::counted;

/// One observation.
pub struct Facts<'a> {
    pub seen: &'a Observation,
    /// A body of more bytes is not parsed.
    max_parsed: u64,
    json: OnceCell<Result<Json, NoJson>>,
    samples: OnceCell<Result<Samples<'a>, String>>,
}

/// Why there is no JSON.
struct NoJson {
    why: String,
    /// There may be some, but it is more than is read.
    is_too_much: bool,
}

impl<'a> Facts<'a> {
    pub fn new(seen: &'a Observation, max_parsed: u64) -> Self {
        Self {
            seen,
            max_parsed,
            json: OnceCell::new(),
            samples: OnceCell::new(),
        }
    }

    /// The body as JSON, or why it is none.
    pub fn json(&self) -> Result<&Json, String> {
        let read = || {
            let bytes = self.parsable().map_err(|why| NoJson {
                why,
                is_too_much: false,
            })?;
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            json::parse(bytes).map_err(|why| match why {
                NoValue::NotJson(why) => NoJson {
                    why: format!("a body that is not JSON ({why}): {}", excerpt(bytes)),
                    is_too_much: false,
                },
                NoValue::TooMuch(why) => NoJson {
                    why: format!("a body whose JSON is not read ({why}): {}", excerpt(bytes)),
                    is_too_much: true,
                },
            })
        };
        let json = self.json.get_or_init(read).as_ref();
        json.map_err(|none| none.why.clone())
    }

    /// The body as metrics, or why it is none.
    pub fn samples(&self) -> Result<&Samples<'a>, String> {
        let read = || {
            let bytes = self.parsable()?;
            let text = std::str::from_utf8(bytes)
                .map_err(|why| format!("a body that is not metrics text: {why}"))?;
            let typed = self.headers("content-type").next();
            let open = typed.is_some_and(|value| value.starts_with("application/openmetrics-text"));
            Samples::read(text, open)
        };
        let samples = self.samples.get_or_init(read);
        samples.as_ref().map_err(Clone::clone)
    }

    /// The values of the header `name`.
    pub fn headers(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let named = move |(other, _): &&(String, String)| other.eq_ignore_ascii_case(name);
        let found = self.seen.headers.iter().filter(named);
        found.map(|(_, value)| value.as_str())
    }

    /// The time that is left, in seconds, to the first certificate to expire.
    pub fn expires_in(&self) -> Result<Option<i64>, String> {
        let Some(first) = self.seen.first_expiry() else {
            return Ok(None);
        };
        let now = self
            .seen
            .at_unix
            .ok_or("the time of the probe is not known")?;
        Ok(Some(first.saturating_sub(now)))
    }

    /// Whether the body is more than what is parsed, as far as it was tried.
    pub fn is_beyond_parsing(&self) -> bool {
        let is_too_much =
            |json: &Result<_, NoJson>| json.as_ref().is_err_and(|none| none.is_too_much);
        self.is_too_long() || self.json.get().is_some_and(is_too_much)
    }

    fn is_too_long(&self) -> bool {
        let body = self.seen.body.as_ref();
        body.is_some_and(|body| body.size > self.max_parsed)
    }

    fn parsable(&self) -> Result<&'a [u8], String> {
        let body = self.body()?;
        match self.is_too_long() {
            true => Err(format!(
                "a body of {}, of which at most {} are parsed (max_parsed)",
                counted(body.size, "byte", "bytes"),
                self.max_parsed
            )),
            false => whole(body),
        }
    }

    fn body(&self) -> Result<&'a Body, String> {
        let body = self.seen.body.as_ref();
        body.ok_or_else(|| "no body at all".to_owned())
    }
}
