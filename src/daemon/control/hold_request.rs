//! Why something is held, and for how long: seconds, or a duration as the command line and the configuration have it.

use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::config::duration::parse_duration;
use crate::health::bounded_to;

/// So many bytes are shown of a value that is wrong.
const SHOWN: usize = 80;

/// Why something is held, and for how long.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HoldRequest {
    #[serde(default, deserialize_with = "reason")]
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
    let value = match Value::deserialize(from)? {
        Value::Null => return Ok(None),
        Value::String(text) => {
            let span = parse_duration(&text);
            let span = span.map_err(|why| Error::custom(format!("\"for\": {why}")))?;
            return longer_than_zero(span);
        }
        value => value,
    };
    let span = value.as_f64().map(Duration::try_from_secs_f64);
    match span {
        Some(Ok(span)) => longer_than_zero(span),
        _ => Err(unexpected(
            "for",
            &value,
            "a number of seconds, or a duration such as \"20m\" or \"1h 30m\"",
        )),
    }
}

fn longer_than_zero<E: Error>(span: Duration) -> Result<Option<Duration>, E> {
    match span.is_zero() {
        true => Err(E::custom(
            "\"for\" is 0: expected a duration longer than zero; without it, it lasts until resume",
        )),
        false => Ok(Some(span)),
    }
}

fn reason<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    match Value::deserialize(from)? {
        Value::String(text) => Ok(text),
        Value::Null => Ok(String::new()),
        other => Err(unexpected("reason", &other, "a text")),
    }
}

fn unexpected<E: Error>(key: &str, value: &Value, expected: &str) -> E {
    let value = bounded_to(value.to_string(), SHOWN);
    E::custom(format!("{key:?} is {value}: expected {expected}"))
}
