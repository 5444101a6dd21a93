//! Why something is held, and for how long: seconds, or a duration as the command line and the configuration have it.

use std::time::Duration;

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::config::duration::parse_duration;

/// Why something is held, and for how long.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HoldRequest {
    #[serde(default)]
    pub reason: String,
    #[serde(
        rename = "for",
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "to_seconds",
        deserialize_with = "from_span"
    )]
    pub lasting: Option<Duration>,
}

fn to_seconds<S: Serializer>(span: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    span.map(|span| span.as_secs_f64()).serialize(to)
}

fn from_span<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    const EXPECTED: &str = "a number of seconds, or a duration such as \"20m\" or \"1h 30m\"";
    match Value::deserialize(from)? {
        Value::Null => Ok(None),
        Value::String(text) => parse_duration(&text).map(Some).map_err(Error::custom),
        Value::Number(number) => {
            let seconds = number.as_f64().unwrap_or(f64::NAN);
            let span = Duration::try_from_secs_f64(seconds);
            let invalid = || Error::invalid_value(Unexpected::Float(seconds), &EXPECTED);
            span.map(Some).map_err(|_| invalid())
        }
        other => Err(Error::custom(format!(
            "\"for\" is {other}: expected {EXPECTED}"
        ))),
    }
}
