//! The contract of RoadRunner's status plugin: `/health`, `/ready` and `/jobs`, where a plugin is a check, and the
//! same over JSON-RPC. Other than there, entries come in the file's order, an entry that is not well always shows in
//! the HTTP status, an unknown name is a 404, and JSON is called JSON.

use hyper::StatusCode;
use serde::Serialize;

use super::reply::Reply;
use super::view::{ServedState, View, trouble};
use crate::health::{ActivityView, CheckView, Moment};

/// The body while shutting down.
pub const SHUTTING_DOWN: &str = "service is shutting down\n";

/// The priority of a pipeline that names none, in RoadRunner.
const PRIORITY: u64 = 10;

/// One plugin's entry; the order of its keys is part of the contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PluginStatus {
    plugin_name: String,
    pub(super) error_message: String,
    pub(super) status_code: u16,
}

/// Whether checks are alive, or ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PluginQuery {
    Health,
    Ready,
}

/// The answer to `/health` or `/ready` with these `?plugin=`.
pub fn answer(question: PluginQuery, view: &View, plugins: &[String], unavailable: u16) -> Reply {
    if view.snapshot.shutting_down {
        return Reply::text(code(unavailable), SHUTTING_DOWN);
    }
    let entries = match plugins {
        [] => {
            let checks = view.snapshot.checks.iter();
            checks
                .map(|check| entry(question, check, unavailable))
                .collect()
        }
        names => named(question, view, names, unavailable),
    };
    let bad = entries
        .iter()
        .any(|entry: &PluginStatus| entry.status_code == unavailable);
    let unknown = plugins.iter().any(|name| view.check(name).is_none());
    let status = match (question, plugins) {
        (PluginQuery::Ready, []) if view.ready => StatusCode::OK,
        (PluginQuery::Ready, []) => code(unavailable),
        (_, _) if bad => code(unavailable),
        (_, _) if unknown => StatusCode::NOT_FOUND,
        (_, _) => StatusCode::OK,
    };
    Reply::json(status, &entries)
}

fn named(
    question: PluginQuery,
    view: &View,
    names: &[String],
    unavailable: u16,
) -> Vec<PluginStatus> {
    let of = |name: &String| match view.check(name) {
        Some(check) => entry(question, check, unavailable),
        None => PluginStatus {
            plugin_name: name.clone(),
            error_message: view.no_such_check(name),
            status_code: StatusCode::NOT_FOUND.as_u16(),
        },
    };
    names.iter().map(of).collect()
}

pub(super) fn entry(question: PluginQuery, check: &CheckView, unavailable: u16) -> PluginStatus {
    let state = ServedState::of(check);
    let well = is_well(question, state);
    PluginStatus {
        plugin_name: check.name.clone(),
        error_message: match state {
            // known to be up, or nothing known against it
            ServedState::Pending if question == PluginQuery::Health => String::new(),
            _ => trouble(check),
        },
        status_code: if well { 200 } else { unavailable },
    }
}

const fn is_well(question: PluginQuery, state: ServedState) -> bool {
    match question {
        PluginQuery::Health => !matches!(state, ServedState::Down),
        PluginQuery::Ready => state.is_ready(),
    }
}

/// One element of the jobs report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Job {
    pipeline: String,
    priority: u64,
    ready: bool,
    queue: String,
    active: i64,
    delayed: i64,
    reserved: i64,
    driver: &'static str,
    error_message: String,
}

/// The answer to `/jobs`.
pub fn jobs(view: &View, unavailable: u16) -> Reply {
    if view.snapshot.shutting_down {
        return Reply::text(code(unavailable), SHUTTING_DOWN);
    }
    let checks = view.snapshot.checks.iter();
    let next = view.next.by_check();
    let jobs: Vec<_> = checks
        .map(|check| job(view, check, next.get(&*check.name)))
        .collect();
    Reply::json(StatusCode::OK, &jobs)
}

/// `next` is when it is probed again.
fn job(view: &View, check: &CheckView, next: Option<&Moment>) -> Job {
    let delayed = next.map_or(0, |next| next.since(view.snapshot.at).as_secs());
    let incident = check.incident.as_ref();
    let reports = incident.map_or(0, |incident| incident.undelivered.min(view.outbox));
    Job {
        pipeline: check.name.clone(),
        priority: PRIORITY,
        ready: ServedState::of(check).is_ready(),
        queue: check.url.clone(),
        active: i64::from(matches!(
            check.busy,
            Some(ActivityView::Probing | ActivityView::Listing)
        )),
        delayed: i64::try_from(delayed).unwrap_or(i64::MAX),
        reserved: i64::try_from(reports).unwrap_or(i64::MAX),
        driver: driver(&check.url),
        error_message: trouble(check),
    }
}

/// The kind of probe that asks `url`.
fn driver(url: &str) -> &'static str {
    match url.split(':').next().unwrap_or_default() {
        "tcp" | "unix" => "line",
        "exec" => "exec",
        "grpc" | "grpcs" => "grpc",
        "heartbeat" => "heartbeat",
        _ => "http",
    }
}

/// A status that was validated when the file was read.
pub fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::serve::testing::{self, SeenResult};

    const ALL: &[(&str, SeenResult)] = &[
        ("shop", SeenResult::Code(200)),
        ("db", SeenResult::Refused),
        ("new", SeenResult::Nothing),
    ];

    fn asked(question: PluginQuery, view: &View, plugins: &[&str]) -> (u16, String) {
        let plugins: Vec<_> = plugins.iter().map(|&name| name.to_owned()).collect();
        let reply = answer(question, view, &plugins, 503);
        let body = String::from_utf8(reply.body).expect("text");
        (reply.status.as_u16(), body)
    }

    #[test]
    fn entries_have_the_three_keys_in_order_and_down_shows_in_the_status() {
        let view = testing::view(ALL);
        let down = r#"{"plugin_name":"db","error_message":"connection refused","status_code":503}"#;
        let up = r#"{"plugin_name":"shop","error_message":"","status_code":200}"#;
        let new = r#"{"plugin_name":"new","error_message":"","status_code":200}"#;
        for (plugins, status, body) in [
            (&[][..], 503, format!("[{up},{down},{new}]")),
            (&["shop"], 200, format!("[{up}]")),
            (&["db"], 503, format!("[{down}]")),
            (&["new"], 200, format!("[{new}]")),
            (&["db", "shop", "db"], 503, format!("[{down},{up},{down}]")),
        ] {
            assert_eq!(
                asked(PluginQuery::Health, &view, plugins),
                (status, body),
                "{plugins:?}"
            );
        }
    }

    #[test]
    fn an_unknown_name_is_an_entry_and_a_404() {
        let view = testing::view(ALL);
        for (plugins, status) in [
            (&["shpo"][..], 404),
            (&["shop,db"], 404),
            (&[""], 404),
            (&["shop", "nope"], 404),
            (&["nope", "db"], 503),
        ] {
            for question in [PluginQuery::Health, PluginQuery::Ready] {
                let (found, body) = asked(question, &view, plugins);
                assert_eq!(found, status, "{plugins:?}: {body}");
                assert!(body.contains("\"status_code\":404"), "{body}");
                let entries: Vec<Value> = serde_json::from_str(&body).expect("JSON");
                assert_eq!(entries.len(), plugins.len());
            }
        }
        let (_, body) = asked(PluginQuery::Health, &view, &["shpo"]);
        assert!(body.contains("did you mean \\\"shop\\\""), "{body}");
    }

    #[test]
    fn ready_is_a_latch_without_a_filter_and_the_check_now_with_one() {
        let view = testing::view(ALL);
        assert_eq!(
            asked(PluginQuery::Ready, &view, &[]).0,
            503,
            "new was not probed"
        );
        let all = testing::view(&ALL[..2]);
        assert_eq!(
            asked(PluginQuery::Ready, &all, &[]).0,
            200,
            "also with one that is down"
        );
        for (plugin, status) in [("shop", 200), ("db", 503), ("new", 503)] {
            assert_eq!(
                asked(PluginQuery::Ready, &view, &[plugin]).0,
                status,
                "{plugin}"
            );
        }
    }

    #[test]
    fn the_unavailable_status_is_the_configured_one_everywhere() {
        let view = testing::view(ALL);
        let reply = answer(PluginQuery::Health, &view, &[], 500);
        let body = String::from_utf8(reply.body).expect("text");
        assert_eq!(reply.status, 500);
        assert!(body.contains("\"status_code\":500"), "{body}");
        let none = testing::view(&[]);
        assert_eq!(
            asked(PluginQuery::Health, &none, &[]),
            (200, "[]".to_owned())
        );
    }

    #[test]
    fn shutdown_is_reported_by_all_three_paths_in_plain_text() {
        let mut view = testing::view(ALL);
        view.snapshot.shutting_down = true;
        for reply in [
            answer(PluginQuery::Health, &view, &[], 503),
            answer(PluginQuery::Ready, &view, &["shop".to_owned()], 503),
            jobs(&view, 503),
        ] {
            assert_eq!(
                (reply.status.as_u16(), reply.content_type),
                (503, Reply::TEXT)
            );
            assert_eq!(reply.body, SHUTTING_DOWN.as_bytes());
        }
    }

    #[test]
    fn a_job_has_the_nine_keys_in_order() {
        let mut view = testing::view(&ALL[1..2]);
        let every = std::time::Duration::from_secs(7);
        view.next.periods = [("db".into(), every)].into();
        view.next.ticked = vec![Some(view.snapshot.at)];
        let reply = jobs(&view, 503);
        assert_eq!(
            (
                reply.status.as_u16(),
                String::from_utf8(reply.body).expect("text").as_str()
            ),
            (
                200,
                r#"[{"pipeline":"db","priority":10,"ready":false,"queue":"http://127.0.0.1:8080/db","active":0,"delayed":7,"reserved":0,"driver":"http","error_message":"connection refused"}]"#
            )
        );
    }
}
