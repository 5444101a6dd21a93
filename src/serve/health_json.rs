//! `application/health+json` on `/health`, as draft-inadarei-api-health-check-06 has it.

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::reply::Reply;
use super::roadrunner::code;
use super::view::{ServedState, View, trouble};
use crate::clock::WallClock;
use crate::health::CheckView;

pub const MEDIA_TYPE: &str = "application/health+json";

/// The answer, with these `?plugin=`. A failure is 4xx or 5xx here, whatever is configured.
pub fn answer(view: &View, plugins: &[String], unavailable: u16) -> Reply {
    let chosen: Vec<&CheckView> = match plugins {
        [] => view.snapshot.checks.iter().collect(),
        names => names.iter().filter_map(|name| view.check(name)).collect(),
    };
    let unknown = plugins.iter().find(|name| view.check(name).is_none());
    let worst = chosen
        .iter()
        .map(|check| status(ServedState::of(check)))
        .max();
    let shutting_down = view.snapshot.shutting_down;
    let overall = match worst {
        _ if shutting_down || unknown.is_some() => HealthJsonStatus::Fail,
        Some(worst) => worst,
        None => HealthJsonStatus::Pass,
    };
    let http = match overall {
        HealthJsonStatus::Pass | HealthJsonStatus::Warn => StatusCode::OK,
        HealthJsonStatus::Fail
            if unknown.is_some() && worst != Some(HealthJsonStatus::Fail) && !shutting_down =>
        {
            StatusCode::NOT_FOUND
        }
        HealthJsonStatus::Fail if unavailable >= 400 => code(unavailable),
        HealthJsonStatus::Fail => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut checks = Map::new();
    for check in &chosen {
        let key = format!("{}:responseTime", component(&check.name));
        let list = checks
            .entry(key)
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(of_check(check));
        }
    }
    checks.insert("uptime".to_owned(), json!([uptime(view)]));
    let mut body = json!({
        "status": overall.as_str(),
        "version": "1",
        "releaseId": env!("CARGO_PKG_VERSION"),
        "serviceId": view.watchdog,
        "description": "what httpok watches",
        "checks": checks,
    });
    let output = match unknown {
        _ if shutting_down => Some("shutting down".to_owned()),
        Some(name) => Some(view.no_such_check(name)),
        None => None,
    };
    if let Some(output) = output {
        body["output"] = output.into();
    }
    let reply = Reply::json(http, &body);
    Reply {
        content_type: MEDIA_TYPE,
        ..reply
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum HealthJsonStatus {
    Pass,
    Warn,
    Fail,
}

impl HealthJsonStatus {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

const fn status(state: ServedState) -> HealthJsonStatus {
    match state {
        ServedState::Up => HealthJsonStatus::Pass,
        ServedState::Failing
        | ServedState::Degraded
        | ServedState::Pending
        | ServedState::Draining
        | ServedState::Starting => HealthJsonStatus::Warn,
        ServedState::Down => HealthJsonStatus::Fail,
    }
}

/// No colon may stand inside a part of a key.
fn component(name: &str) -> String {
    name.replace(':', "_")
}

fn of_check(check: &CheckView) -> Value {
    let state = status(ServedState::of(check));
    let mut entry = json!({
        "componentId": check.name,
        "componentType": "component",
        "observedUnit": "ms",
        "status": state.as_str(),
    });
    if let Some(last) = &check.last {
        entry["observedValue"] = ((last.took * 1e6).round() / 1e3).into();
        entry["time"] = date(WallClock::AT_START.at(last.at)).into();
    }
    if state != HealthJsonStatus::Pass {
        entry["output"] = trouble(check).into();
        entry["affectedEndpoints"] = json!([check.url]);
    }
    entry
}

fn uptime(view: &View) -> Value {
    json!({
        "componentType": "system",
        "observedValue": view.uptime().as_secs(),
        "observedUnit": "s",
        "status": "pass",
        "time": date(WallClock::AT_START.at(view.snapshot.at)),
    })
}

fn date(time: std::time::SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::testing::{self, SeenResult};

    fn parsed_answer(view: &View, plugins: &[&str], unavailable: u16) -> (u16, Value) {
        let plugins: Vec<_> = plugins.iter().map(|&name| name.to_owned()).collect();
        let reply = answer(view, &plugins, unavailable);
        assert_eq!(reply.content_type, MEDIA_TYPE);
        let body = serde_json::from_slice(&reply.body).expect("JSON");
        (reply.status.as_u16(), body)
    }

    #[test]
    fn the_worst_check_is_the_status_and_a_fail_is_never_2xx() {
        let view = testing::view(&[
            ("up", SeenResult::Code(200)),
            ("a:b", SeenResult::Code(500)),
            ("new", SeenResult::Nothing),
        ]);
        let (code, body) = parsed_answer(&view, &[], 200);
        assert_eq!((code, &body["status"]), (503, &json!("fail")));
        let checks = body["checks"].as_object().expect("an object");
        assert!(checks.keys().all(|key| key.matches(':').count() <= 1));
        let down = &body["checks"]["a_b:responseTime"][0];
        assert_eq!(down["status"], "fail");
        assert_eq!(
            (&down["observedValue"], &down["observedUnit"]),
            (&json!(40.0), &json!("ms"))
        );
        let pass = &body["checks"]["up:responseTime"][0];
        assert!(pass.get("output").is_none(), "none for a pass: {pass}");
        for (plugins, code, status) in [
            (&["up"][..], 200, "pass"),
            (&["up", "new"], 200, "warn"),
            (&["nope"], 404, "fail"),
            (&["nope", "a:b"], 500, "fail"),
        ] {
            let (found, body) = parsed_answer(&view, plugins, 500);
            assert_eq!(
                (found, &body["status"]),
                (code, &json!(status)),
                "{plugins:?}"
            );
        }
    }
}
