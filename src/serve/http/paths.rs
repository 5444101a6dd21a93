//! Every path that is served, once: what it means, and what the OpenAPI document says of it. A path that is not here is
//! neither served nor described.

use super::openapi::{Content, Op, Param};
use super::route::{Api, Route};

/// One path, with `{names}` for what varies.
pub struct ServedPath {
    pub path: &'static str,
    /// What it means, with the decoded values of its names in order.
    pub make: fn(Vec<String>) -> Route,
    pub get: Option<Op>,
    pub post: Option<Op>,
}

/// The value of the first name.
fn first(mut values: Vec<String>) -> String {
    match values.is_empty() {
        true => String::new(),
        false => values.swap_remove(0),
    }
}

fn both(values: Vec<String>) -> (String, String) {
    let mut values = values.into_iter();
    (
        values.next().unwrap_or_default(),
        values.next().unwrap_or_default(),
    )
}

const fn get(path: &'static str, make: fn(Vec<String>) -> Route, op: Op) -> ServedPath {
    ServedPath {
        path,
        make,
        get: Some(op),
        post: None,
    }
}

const fn post(path: &'static str, make: fn(Vec<String>) -> Route, op: Op) -> ServedPath {
    ServedPath {
        path,
        make,
        get: None,
        post: Some(op),
    }
}

const PLUGIN: Param = Param {
    name: "plugin",
    says: "The check that is asked about, as often as wanted; none is all.",
    repeats: true,
};

pub static PATHS: &[ServedPath] = &[
    get(
        "/health",
        |_| Route::Health,
        Op::open("Whether the checks are well, as RoadRunner has it.")
            .query(&[PLUGIN])
            .says(&[
                Content::Json("PluginReports"),
                Content::Other("application/health+json", "HealthJson"),
                Content::Text,
            ])
            .or_unavailable()
            .fails(&[404, 503]),
    ),
    get(
        "/ready",
        |_| Route::Ready,
        Op::open("Whether every check has had its first verdict, or how those stand that are named.")
            .query(&[PLUGIN])
            .says(&[Content::Json("PluginReports"), Content::Text])
            .or_unavailable()
            .fails(&[404]),
    ),
    get(
        "/jobs",
        |_| Route::Jobs,
        Op::open("Each check as a pipeline of RoadRunner.")
            .says(&[Content::Json("JobReports"), Content::Text])
            .or_unavailable(),
    ),
    get(
        "/healthy",
        |_| Route::Healthy,
        Op::open("Whether the watchdog itself is healthy, with a reason a line when it is not.")
            .says(&[Content::Text])
            .or_unavailable(),
    ),
    get(
        "/api/check-liveness/v1",
        |_| Route::Liveness,
        Op::open("The same as KumoMTA has it: OK, or the first reason.")
            .says(&[Content::Text])
            .or_unavailable(),
    ),
    get(
        "/metrics",
        |_| Route::Metrics,
        Op::closed("Metrics for Prometheus, in the format that Accept prefers.").says(&[
            Content::Typed("text/plain; version=0.0.4; charset=utf-8"),
            Content::Typed("application/openmetrics-text; version=1.0.0; charset=utf-8"),
        ]),
    ),
    get(
        "/status.json",
        |_| Route::StatusJson,
        Op::closed("What runs, for how long, and how it is.").says(&[Content::Json("StatusJson")]),
    ),
    post(
        "/rpc",
        |_| Route::Rpc,
        Op::closed("JSON-RPC 2.0: status.Status and status.Ready, as RoadRunner has them.")
            .takes("RpcCalls")
            .says(&[Content::Json("RpcAnswers")])
            .or_nothing(),
    ),
    get(
        "/",
        |_| Route::Page,
        Op::closed("All checks, for people.")
            .query(&[
                Param::text("q", "Part of the names of the checks to show."),
                Param::text("status", "Only checks that stand so."),
            ])
            .says(&[Content::Html]),
    ),
    get(
        "/check/{check}",
        |values| Route::CheckPage(first(values)),
        Op::closed("One check, for people.").says(&[Content::Html]).fails(&[404]),
    ),
    post(
        "/check/{check}/{action}",
        |values| {
            let (check, action) = both(values);
            Route::Form { check, action }
        },
        Op::closed("A form of the check's page, which leads back to it.")
            .takes_form()
            .redirects()
            .says_text_errors(&[403, 404]),
    ),
    get(
        "/incident/{incident}",
        |values| Route::IncidentPage(first(values)),
        Op::closed("One incident and its timeline, for people.")
            .says(&[Content::Html])
            .fails(&[404, 503]),
    ),
    get(
        "/incident/{incident}/evidence/{file}",
        |values| {
            let (incident, file) = both(values);
            Route::Evidence { incident, file }
        },
        EVIDENCE,
    ),
    get("/style.css", |_| Route::Asset("style.css"), ASSET),
    get("/live.js", |_| Route::Asset("live.js"), ASSET),
    get("/icon.svg", |_| Route::Asset("icon.svg"), ASSET),
    get("/favicon.ico", |_| Route::Asset("icon.svg"), ASSET),
    get(
        "/api/v1/openapi.json",
        |_| Route::Api(Api::OpenApi),
        Op::closed("This document.").says(&[Content::Json("Anything")]),
    ),
    get(
        "/api/v1/status",
        |_| Route::Api(Api::Status),
        Op::closed("The watchdog, and everything that it watches.").says(&[Content::Json("Status")]),
    ),
    get(
        "/api/v1/checks",
        |_| Route::Api(Api::Checks),
        Op::closed("Every check as it stands.").says(&[Content::Json("Checks")]),
    ),
    get(
        "/api/v1/checks/{check}",
        |values| Route::Api(Api::Check(first(values))),
        Op::closed("One check as it stands.").says(&[Content::Json("Check")]).fails(&[404]),
    ),
    post(
        "/api/v1/checks/{check}/{action}",
        |values| {
            let (check, action) = both(values);
            Route::Api(Api::Act { check, action })
        },
        Op::changes("Pauses, silences, resumes, restarts or resets a check.")
            .takes("ActionDetails")
            .says(&[Content::Json("Done")])
            .fails(&[404, 409]),
    ),
    post(
        "/api/v1/heartbeat/{check}",
        |values| Route::Api(Api::Heartbeat(first(values))),
        Op::changes("A heartbeat of a check; the check's own heartbeat_token is enough for it.")
            .query(&[Param::text("fail", "What is wrong: the check fails at once.")])
            .takes("HeartbeatDetails")
            .says(&[Content::Json("HeartbeatTaken")])
            .fails(&[404, 409]),
    ),
    get(
        "/api/v1/events",
        |_| Route::Api(Api::Events),
        Op::closed("What is decided, as server-sent events: `decision` with an Event, `end` with why there are no more.")
            .query(&[
                Param {
                    name: "check",
                    says: "A check's name, or a pattern such as shop*; none is all.",
                    repeats: true,
                },
                Param::text("passes", "true: every probe that passes, too."),
            ])
            .says(&[Content::Typed("text/event-stream")])
            .fails(&[404, 503]),
    ),
    get(
        "/api/v1/incidents",
        |_| Route::Api(Api::Incidents),
        Op::closed("The last incidents, newest first.")
            .says(&[Content::Json("Incidents")])
            .fails(&[503]),
    ),
    get(
        "/api/v1/incidents/{incident}",
        |values| Route::Api(Api::Incident(first(values))),
        Op::closed("One incident.").says(&[Content::Json("Incident")]).fails(&[404, 503]),
    ),
    get(
        "/api/v1/incidents/{incident}/evidence/{file}",
        |values| {
            let (incident, file) = both(values);
            Route::Evidence { incident, file }
        },
        EVIDENCE,
    ),
    post(
        "/api/v1/reload",
        |_| Route::Api(Api::Reload),
        Op::changes("Reads the configuration again.")
            .takes("Nothing")
            .says(&[Content::Json("Done")])
            .fails(&[409]),
    ),
    post(
        "/api/v1/health",
        |_| Route::Api(Api::SetHealth),
        Op::changes("Says that the watchdog itself is healthy again, or that it is not and why.")
            .takes("HealthDetails")
            .says(&[Content::Json("Done")]),
    ),
    get(
        "/api/v1/fleet",
        |_| Route::Api(Api::Fleet),
        Op::closed("Who holds the slots of the fleet's groups and who waits, as the engine says it.")
            .says(&[Content::Json("Done")])
            .fails(&[409, 503]),
    ),
    post(
        "/api/v1/fleet/release",
        |_| Route::Api(Api::FreeSlots),
        Op::changes("Frees the slots that a host holds which cannot do it itself.")
            .takes("FleetHost")
            .says(&[Content::Json("Done")])
            .fails(&[409]),
    ),
    post(
        "/api/v1/control",
        |_| Route::Api(Api::Control),
        Op::changes("A request of the control protocol, as httpok --url sends it; without api_keys those that only read.")
            .takes("ControlRequest")
            .says(&[Content::Json("Done")])
            .fails(&[404, 409]),
    ),
];

const EVIDENCE: Op = Op::closed(
    "A file of the incident's evidence; only where there are keys, as it may hold secrets.",
)
.says(&[Content::Typed("application/octet-stream")])
.fails(&[403, 404, 503]);

/// Every path for people, in the order of the table: the request, and what it is for.
pub fn described() -> impl Iterator<Item = (String, String)> {
    PATHS.iter().flat_map(|served| {
        let ops = [("GET", &served.get), ("POST", &served.post)];
        ops.into_iter().filter_map(|(method, op)| {
            let op = op.as_ref()?;
            Some((format!("{method} {}", served.path), op.described()))
        })
    })
}

const ASSET: Op = Op::closed("Part of the page.").says(&[
    Content::Typed("text/css; charset=utf-8"),
    Content::Typed("text/javascript; charset=utf-8"),
    Content::Typed("image/svg+xml"),
]);
