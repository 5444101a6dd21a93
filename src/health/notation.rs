//! The notation of all JSON for other programs: moments are RFC 3339 in UTC, spans are seconds. What is stored is
//! shorter: milliseconds, and what serde makes of a `Duration`.

use serde_json::{Map, Value, json};

use super::moment::{Moment, rfc3339};

/// The keys that hold moments.
const MOMENTS: [&str; 5] = ["at", "since", "opened", "ended", "until"];

/// `value`, as it is stored, in that notation.
pub fn public_json(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            if let (2, Some(seconds), Some(nanos)) = (map.len(), map.get("secs"), map.get("nanos"))
                && let (Some(seconds), Some(nanos)) = (seconds.as_f64(), nanos.as_f64())
            {
                return json!(seconds + nanos / 1e9);
            }
            let entries = map.into_iter().map(|(key, value)| {
                let moment = value.as_u64().filter(|_| MOMENTS.contains(&key.as_str()));
                let value = match moment {
                    Some(millis) => rfc3339::format(Moment::from_millis(millis)).into(),
                    None => public_json(value),
                };
                (key, value)
            });
            let mut object = Map::new();
            object.extend(entries);
            Value::Object(object)
        }
        Value::Array(items) => items.into_iter().map(public_json).collect(),
        other => other,
    }
}
