//! How the watchdog itself is, in the words of others: Halon's `/healthy`, KumoMTA's liveness, and the
//! `/status.json` that its issue 257 asks for.

use std::time::SystemTime;

use hyper::StatusCode;
use serde_json::{Value, json};

use super::reply::Reply;
use super::roadrunner::code;
use super::view::{View, one_line};
use crate::health::Unhealthy;

/// `/healthy`: 200, or one reason a line.
pub fn healthy(view: &View, unavailable: u16) -> Reply {
    if view.reasons.is_empty() {
        return Reply::text(StatusCode::OK, "healthy\n");
    }
    let lines = view.reasons.iter().map(|reason| line(reason) + "\n");
    Reply::text(code(unavailable), lines.collect::<String>())
}

/// `/api/check-liveness/v1`: `OK`, or the first reason; without a line end, as KumoMTA has it.
pub fn liveness(view: &View, unavailable: u16) -> Reply {
    match view.reasons.first() {
        None => Reply::text(StatusCode::OK, "OK"),
        Some(reason) => Reply::text(code(unavailable), line(reason)),
    }
}

/// `/status.json`.
pub fn status(view: &View, environment: bool) -> Reply {
    let status = match view.reasons.first() {
        None => "OK".to_owned(),
        Some(reason) => line(reason),
    };
    let mut body = json!({
        "information": {
            "product": "httpok",
            "build": env!("CARGO_PKG_VERSION"),
            "uptime": view.uptime().as_secs(),
            "status": status,
        }
    });
    if environment {
        body["environment"] = host_facts(view);
    }
    Reply::json(StatusCode::OK, &body)
}

fn host_facts(view: &View) -> Value {
    let name = nix::sys::utsname::uname().ok();
    let kernel = name.map(|name| name.release().to_string_lossy().into_owned());
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    json!({
        "os": std::env::consts::OS,
        "kernel": kernel,
        "hostname": view.host,
        "architecture": std::env::consts::ARCH,
        "current_time": now,
    })
}

fn line(reason: &Unhealthy) -> String {
    one_line(&reason.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::testing::{self, SeenResult};

    fn text(reply: Reply) -> (u16, String) {
        (
            reply.status.as_u16(),
            String::from_utf8(reply.body).expect("text"),
        )
    }

    #[test]
    fn healthy_watchdog_has_no_reasons() {
        let view = testing::view(&[("shop", SeenResult::Code(200))]);
        assert_eq!(text(healthy(&view, 503)), (200, "healthy\n".to_owned()));
        assert_eq!(text(liveness(&view, 503)), (200, "OK".to_owned()));
        let (code, body) = text(status(&view, false));
        let body: Value = serde_json::from_str(&body).expect("JSON");
        let version = env!("CARGO_PKG_VERSION");
        let information = json!({"product":"httpok","build":version,"uptime":60,"status":"OK"});
        assert_eq!((code, body), (200, json!({ "information": information })));
    }

    #[test]
    fn reasons_are_lines_and_the_first_is_the_liveness() {
        let mut view =
            testing::view(&[("shop", SeenResult::Refused), ("new", SeenResult::Nothing)]);
        let lines = "not ready\nchecks down: shop\n".to_owned();
        assert_eq!(text(healthy(&view, 500)), (500, lines));
        assert_eq!(text(liveness(&view, 503)), (503, "not ready".to_owned()));
        view.reasons = vec![Unhealthy::SetByPerson {
            reason: "a\nb".to_owned(),
        }];
        assert_eq!(
            text(healthy(&view, 503)).1,
            "set by hand: a b\n",
            "one reason a line"
        );
    }

    #[test]
    fn host_is_shown_on_request_only() {
        let view = testing::view(&[]);
        let (_, body) = text(status(&view, true));
        let body: Value = serde_json::from_str(&body).expect("JSON");
        let environment = body["environment"].as_object().expect("an object");
        let mut keys: Vec<_> = environment.keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(
            keys,
            ["architecture", "current_time", "hostname", "kernel", "os"]
        );
    }
}
