//! Our own JSON below `/api/v1/`. Reading is answered from the view or the store; changes go to the loop in the words
//! of the control protocol, and only with a key.

use std::path::Path;

use hyper::StatusCode;
use hyper::http::request;
use serde_json::{Map, Value, json};

use super::asks;
use super::http::{Api, App, ServerSettings, is_given, route};
use super::hub::{ControlAnswer, ControlOutcome};
use super::page;
use super::reply::Reply;
use crate::health::{Incident, glob, public_json};
use crate::json;

/// What can be done about one check.
pub const ACTIONS: [&str; 5] = ["pause", "silence", "resume", "restart", "reset"];

/// The version of the keys of what is read. Keys may be added to it; a change of meaning is another version.
pub const SCHEMA: u32 = 1;

/// The version of the control protocol.
const VERSION: u32 = 1;

/// Answers one request.
pub async fn answer(
    api: Api,
    app: &App,
    settings: &ServerSettings,
    head: &request::Parts,
    body: &[u8],
) -> Reply {
    match api {
        Api::Status => {
            let view = app.source.view_with_samples().await;
            Reply::json(
                StatusCode::OK,
                &json!({
                    "schema": SCHEMA,
                    "watchdog": view.watchdog,
                    "pid": view.pid,
                    "ready": view.ready,
                    "healthy": view.reasons.is_empty(),
                    "reasons": view.reasons.iter().map(ToString::to_string).collect::<Vec<_>>(),
                    "snapshot": view.snapshot,
                    "programs": view.programs,
                }),
            )
        }
        Api::Checks => {
            let view = app.source.view_with_samples().await;
            let checks = &view.snapshot.checks;
            Reply::json(
                StatusCode::OK,
                &json!({ "schema": SCHEMA, "checks": checks }),
            )
        }
        Api::Check(name) => {
            let view = app.source.view_with_samples().await;
            match view.check(&name) {
                Some(check) => {
                    let mut check = json!(check);
                    check["schema"] = SCHEMA.into();
                    Reply::json(StatusCode::OK, &check)
                }
                None => Reply::error(StatusCode::NOT_FOUND, view.no_such_check(&name)),
            }
        }
        Api::Incidents => match app.source.incidents(None).await {
            Some(incidents) => {
                let incidents: Vec<_> = incidents.iter().map(public).collect();
                Reply::json(
                    StatusCode::OK,
                    &json!({ "schema": SCHEMA, "incidents": incidents }),
                )
            }
            None => busy(),
        },
        Api::Incident(id) => match app.source.incident_text(id).await {
            Some(Some(found)) => Reply::json(StatusCode::OK, &with_evidence(&found.incident)),
            Some(None) => Reply::error(
                StatusCode::NOT_FOUND,
                "there is no such incident, or it is too long ago",
            ),
            None => busy(),
        },
        Api::Control => match may_change(settings) {
            // as the paths for reading are
            Err(refused) if !asks::only_reads(body) => refused,
            Ok(()) | Err(_) => change(app, body.to_vec()).await,
        },
        // answered in `http`
        Api::OpenApi => Reply::error(StatusCode::NOT_FOUND, "there is no description here"),
        Api::Events => Reply::error(StatusCode::NOT_FOUND, "events are a stream"),
        Api::Heartbeat(_) => {
            let text = "without api_keys a heartbeat needs the heartbeat_token of its check, or comes over the control socket";
            let text = match is_given(&head.headers) {
                true => format!("the key is wrong: {text}"),
                false => text.to_owned(),
            };
            Reply::error(StatusCode::FORBIDDEN, text)
        }
        Api::SetHealth => act(app, settings, "health", None, body).await,
        // reading needs no key of those that change
        Api::Fleet => {
            let request = json!({ "version": VERSION, "ask": "fleet_status" });
            change(app, request.to_string().into_bytes()).await
        }
        Api::FreeSlots => act(app, settings, "fleet_release", None, body).await,
        Api::Reload => act(app, settings, "reload", None, body).await,
        Api::Act { check, action } => match action.as_str() {
            known if ACTIONS.contains(&known) => {
                act(app, settings, known, Some(&check), body).await
            }
            other => Reply::error(
                StatusCode::NOT_FOUND,
                format!("no action {other:?}: expected pause, silence, resume, restart or reset"),
            ),
        },
    }
}

/// An incident in the notation of `explain --json`.
fn public(incident: &Incident) -> Value {
    let mut incident = public_json(json!(incident));
    incident["schema"] = SCHEMA.into();
    incident
}

/// The same with where its evidence is to be had.
fn with_evidence(incident: &Incident) -> Value {
    let files = incident.evidence().filter_map(|(path, bytes)| {
        let file = Path::new(path).file_name()?.to_str()?;
        let href = format!(
            "/api/v1/incidents/{}/evidence/{}",
            page::encoded(&incident.id),
            page::encoded(file)
        );
        Some(json!({ "file": file, "bytes": bytes, "href": href }))
    });
    let files: Vec<_> = files.collect();
    let mut incident = public(incident);
    incident["evidence"] = files.into();
    incident
}

/// A watchdog without keys is changed over its socket alone.
fn may_change(settings: &ServerSettings) -> Result<(), Reply> {
    if settings.keys.is_empty() {
        let text = "without api_keys changes are made over the control socket only";
        return Err(Reply::error(StatusCode::FORBIDDEN, text));
    }
    Ok(())
}

/// `action`, with what the body adds to it.
async fn act(
    app: &App,
    settings: &ServerSettings,
    action: &str,
    check: Option<&str>,
    body: &[u8],
) -> Reply {
    if let Err(refused) = may_change(settings) {
        return refused;
    }
    let mut request = match body.trim_ascii() {
        b"" => Map::new(),
        text => match json::from_bytes::<Value>(text) {
            Ok(Value::Object(keys)) => keys,
            Ok(_) => {
                return Reply::error(StatusCode::BAD_REQUEST, "expected a JSON object");
            }
            Err(why) => return Reply::error(StatusCode::BAD_REQUEST, format!("not JSON: {why}")),
        },
    };
    if let Err(text) = asks::only_known(action, &["check"], request.keys().map(String::as_str)) {
        return Reply::error(StatusCode::BAD_REQUEST, text);
    }
    request.insert("version".to_owned(), VERSION.into());
    request.insert("ask".to_owned(), action.into());
    if let Some(check) = check {
        request.insert("check".to_owned(), check.into());
    }
    change(app, Value::Object(request).to_string().into_bytes()).await
}

async fn change(app: &App, request: Vec<u8>) -> Reply {
    match app.source.control(request).await {
        Some(ControlAnswer { json, outcome }) => {
            // the protocol's own words have a version of their own
            let schema = format!("{{\"schema\":{SCHEMA},");
            let rest = json.strip_prefix(b"{").unwrap_or_default();
            Reply::new(
                status(outcome),
                Reply::JSON,
                [schema.as_bytes(), rest].concat(),
            )
        }
        None => busy(),
    }
}

/// A heartbeat of `check`, with the failure that the query or the body reports. The answer says no more than its
/// sender needs.
pub async fn heartbeat(app: &App, check: &str, query: Option<&str>, body: &[u8]) -> Reply {
    let names = route::names(query);
    if let Err(text) = asks::only_known("beat", &["check"], names.iter().map(String::as_str)) {
        return Reply::error(StatusCode::BAD_REQUEST, format!("in the query: {text}"));
    }
    let mut failure = route::values(query, "fail").into_iter().next();
    match body.trim_ascii() {
        b"" => {}
        text => match json::from_bytes::<Value>(text) {
            Ok(Value::Object(keys)) => {
                if let Err(text) =
                    asks::only_known("beat", &["check"], keys.keys().map(String::as_str))
                {
                    return Reply::error(StatusCode::BAD_REQUEST, text);
                }
                match keys.get("fail") {
                    None | Some(Value::Null) => {}
                    Some(Value::String(text)) => failure = Some(text.clone()),
                    Some(_) => {
                        return Reply::error(StatusCode::BAD_REQUEST, "\"fail\" is not a text");
                    }
                }
            }
            Ok(_) => {
                let text = "expected nothing, or a JSON object such as {\"fail\": \"disk full\"}";
                return Reply::error(StatusCode::BAD_REQUEST, text);
            }
            Err(why) => return Reply::error(StatusCode::BAD_REQUEST, format!("not JSON: {why}")),
        },
    }
    let mut request = json!({ "version": VERSION, "ask": "beat", "check": check });
    if let Some(failure) = failure {
        request["fail"] = failure.into();
    }
    let Some(answer) = app.source.control(request.to_string().into_bytes()).await else {
        return busy();
    };
    let found = json::from_bytes::<Value>(&answer.json).unwrap_or_default();
    match answer.outcome {
        ControlOutcome::Done => {
            let check = &found["check"];
            let answer = json!({
                "schema": SCHEMA,
                "check": check["name"],
                "status": check["status"],
                "last": check["heartbeat"]["last"],
                "due": check["heartbeat"]["due"],
            });
            Reply::json(StatusCode::OK, &answer)
        }
        ControlOutcome::NotFound => {
            let view = app.source.view().await;
            Reply::error(StatusCode::NOT_FOUND, view.no_such_check(check))
        }
        refused => Reply::error(status(refused), found["text"].as_str().unwrap_or_default()),
    }
}

/// That there is no check of a name, or none that fits a pattern, among `wanted`. One that a reload removed is known for as
/// long as its events are.
pub async fn unknown_check(app: &App, wanted: &[String]) -> Option<String> {
    let view = app.source.view().await;
    let names = || view.snapshot.checks.iter().map(|check| check.name.as_str());
    let is_there = |pattern: &&String| names().any(|name| glob::matches(pattern, name));
    let missing: Vec<_> = wanted.iter().filter(|one| !is_there(one)).collect();
    if missing.is_empty() {
        return None;
    }
    let request = json!({ "version": VERSION, "ask": "remembered", "query": { "of": "checks" } });
    let answer = app.source.control(request.to_string().into_bytes()).await?;
    let answer: Value = json::from_bytes(&answer.json).unwrap_or_default();
    let remembered = answer["found"]["checks"].as_array();
    let is_remembered = |pattern: &&&String| {
        let mut names = remembered.into_iter().flatten().filter_map(Value::as_str);
        names.any(|name| glob::matches(pattern, name))
    };
    let unknown = missing.iter().find(|one| !is_remembered(one))?;
    Some(view.no_such_check(unknown))
}

fn busy() -> Reply {
    let text = "the watchdog is ending, or very busy";
    Reply::error(StatusCode::SERVICE_UNAVAILABLE, text)
}

/// A form of a check's page: with a key, which the browser sends by itself, and with the page's token, which no
/// other site can read. Leads back to the page.
pub async fn form(
    app: &App,
    settings: &ServerSettings,
    check: &str,
    action: &str,
    body: &[u8],
) -> Reply {
    let fields = String::from_utf8_lossy(body);
    let token = route::values(Some(fields.trim()), "token");
    if settings.keys.is_empty() || token.first() != Some(&settings.keys.form_token()) {
        let text = "this form is too old: load its page again";
        return Reply::text(StatusCode::FORBIDDEN, format!("{text}\n"));
    }
    if !ACTIONS.contains(&action) {
        return Reply::text(StatusCode::NOT_FOUND, "there is no such action\n");
    }
    let done = act(app, settings, action, Some(check), b"").await;
    if done.status != StatusCode::OK {
        return done;
    }
    Reply::text(StatusCode::SEE_OTHER, "").with("Location", page::href(check))
}

const fn status(outcome: ControlOutcome) -> StatusCode {
    match outcome {
        ControlOutcome::Done => StatusCode::OK,
        ControlOutcome::BadRequest => StatusCode::BAD_REQUEST,
        ControlOutcome::NotFound => StatusCode::NOT_FOUND,
        ControlOutcome::Conflict => StatusCode::CONFLICT,
        ControlOutcome::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}
