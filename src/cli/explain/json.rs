//! Incidents as JSON for other programs, in the notation of all our JSON: moments are RFC 3339 in UTC, spans are
//! seconds. The store's own notation is shorter: milliseconds, and what serde makes of a `Duration`.

use serde_json::{Value, json};

use crate::health::{Incident, Moment, Note, rfc3339};

/// The version of the keys. Keys may be added to it; a change of meaning is another version.
const SCHEMA: u32 = 1;

/// The keys that hold moments.
const MOMENTS: [&str; 5] = ["at", "since", "opened", "ended", "until"];

/// One line: an incident of a watchdog and the decisions around it.
pub fn line(watchdog: &str, incident: &Incident, decisions: &[&Note]) -> String {
    let line = json!({ "watchdog": watchdog, "incident": incident, "decisions": decisions });
    let mut line = public(line);
    line["schema"] = SCHEMA.into();
    line.to_string()
}

fn public(value: Value) -> Value {
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
                    None => public(value),
                };
                (key, value)
            });
            Value::Object(entries.collect())
        }
        Value::Array(items) => items.into_iter().map(public).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::health::{Decision, Gate, IncidentEvent};

    #[test]
    fn moments_are_rfc3339_and_spans_are_seconds() {
        let at = Moment::from_millis(1_777_605_124_250);
        let mut incident = Incident::open("i-1".to_owned(), "shop", at, at);
        let left = Duration::from_millis(1500);
        incident.note(at, IncidentEvent::Held(Gate::Backoff { left }));
        let note = Note {
            at,
            check: "shop".to_owned(),
            decision: Decision::Recovered { down: left },
        };
        let line: Value =
            serde_json::from_str(&line("watch x", &incident, &[&note])).expect("JSON");
        let date = json!("2026-05-01T03:12:04.250Z");
        for (pointer, value) in [
            ("/schema", &json!(1)),
            ("/incident/since", &date),
            ("/incident/ended", &Value::Null),
            ("/incident/entries/0/at", &date),
            ("/incident/entries/0/event/held/backoff/left", &json!(1.5)),
            ("/decisions/0/at", &date),
            ("/decisions/0/decision/recovered/down", &json!(1.5)),
        ] {
            assert_eq!(line.pointer(pointer), Some(value), "{pointer} in {line}");
        }
    }
}
