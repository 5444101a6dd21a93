//! Incidents as JSON lines for other programs, in the notation of all our JSON.

use serde_json::json;

use crate::health::{Incident, Note, public_json};
use crate::store::WaitingReport;

/// The version of the keys. Keys may be added to it; a change of meaning is another version.
const SCHEMA: u32 = 1;

/// One line: an incident of a watchdog and the decisions around it.
pub fn line(
    watchdog: &str,
    incident: &Incident,
    decisions: &[&Note],
    waiting: &[WaitingReport],
) -> String {
    let line = json!({ "watchdog": watchdog, "incident": incident, "decisions": decisions });
    let mut line = public_json(line);
    // its dates are public already
    line["waiting"] = json!(waiting);
    line["schema"] = SCHEMA.into();
    line.to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;

    use super::*;
    use crate::health::{Decision, Gate, IncidentEvent, Moment};

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
            serde_json::from_str(&line("watch x", &incident, &[&note], &[])).expect("JSON");
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
