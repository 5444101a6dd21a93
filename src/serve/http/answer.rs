//! From a request to its answer: method, key and body first, then the handler of that path.

use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request;
use hyper::{Method, Request, Response, StatusCode};
use tokio::time::timeout;

use super::download::{self, Download};
use super::route::{self, Api, Route, allow};
use super::sse;
use super::stream::StreamBody;
use super::{App, ServerSettings, accept, cross_site, gzip, key, openapi};
use crate::blocking;
use crate::serve::events::{EventFilter, EventFollower};
use crate::serve::reply::Reply;
use crate::serve::roadrunner::{self, PluginQuery};
use crate::serve::view::View;
use crate::serve::{api, health_json, json_rpc, metrics, own, page};

/// No request's body is longer, in bytes.
const BODY: usize = 64 * 1024;

/// So many checks take longer to show than other probes should wait.
const MANY: usize = 200;

/// The methods of what is there for everyone, for `OPTIONS *`.
const ANY: &[Method] = &[Method::GET, Method::HEAD, Method::POST, Method::OPTIONS];

/// Answers one request.
pub async fn respond(app: &App, request: Request<Incoming>) -> Response<AnswerBody> {
    let (head, body) = request.into_parts();
    let reply = match answer(app, &head, body).await {
        Answer::Whole(reply) => reply.presentable(),
        Answer::Events(follower) => {
            let reply = Reply::new(StatusCode::OK, sse::MEDIA_TYPE, "");
            return streamed(reply, &head, || sse::body(follower));
        }
        Answer::File(download) => {
            let reply = Reply::new(StatusCode::OK, "application/octet-stream", "")
                .with("Content-Disposition", download.disposition())
                .with("Content-Length", download.size.to_string());
            return streamed(reply, &head, || download.body());
        }
    };
    let reply = gzip::packed(reply, &head.headers).await;
    response(reply, &head)
}

/// A body that is there, or one that goes on.
pub type AnswerBody = Either<Full<Bytes>, StreamBody>;

/// `reply` with a body that goes on, for those who want one.
fn streamed(
    reply: Reply,
    head: &request::Parts,
    body: impl FnOnce() -> StreamBody,
) -> Response<AnswerBody> {
    let mut response = response(reply, head);
    if head.method == Method::GET {
        *response.body_mut() = Either::Right(body());
    }
    response
}

/// What a request is answered with.
enum Answer {
    Whole(Reply),
    Events(EventFollower),
    File(Box<Download>),
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self::Whole(reply)
    }
}

/// Has the client follow what is decided.
async fn follow(app: &App, head: &request::Parts) -> Answer {
    let filter = EventFilter {
        checks: route::values(head.uri.query(), "check"),
        passes: route::values(head.uri.query(), "passes")
            .iter()
            .any(|word| matches!(word.as_str(), "true" | "1")),
    };
    if let Some(why) = api::unknown_check(app, &filter.checks).await {
        return Reply::error(StatusCode::NOT_FOUND, why).into();
    }
    match app.source.events().follow(filter) {
        Some(follower) => Answer::Events(follower),
        None => Reply::error(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many follow the events already",
        )
        .with("Retry-After", "10")
        .into(),
    }
}

async fn answer(app: &App, head: &request::Parts, body: Incoming) -> Answer {
    let path = head.uri.path();
    let Some(route) = Route::of(path) else {
        if path == "*" && head.method == Method::OPTIONS {
            return Reply::text(StatusCode::NO_CONTENT, "")
                .with("Allow", allow(ANY))
                .into();
        }
        return refusal(
            path,
            StatusCode::NOT_FOUND,
            "nothing is served here".to_owned(),
        )
        .into();
    };
    let methods = route.methods();
    if !methods.contains(&head.method) {
        let text = format!("{} is not for {path}", head.method);
        return refusal(path, StatusCode::METHOD_NOT_ALLOWED, text)
            .with("Allow", allow(methods))
            .into();
    }
    // a load balancer that asks with OPTIONS wants to know the same as one that asks with GET
    if head.method == Method::OPTIONS && !route.is_liveness() {
        return Reply::text(StatusCode::NO_CONTENT, "")
            .with("Allow", allow(methods))
            .into();
    }
    let settings = app.settings();
    let has_token = matches!(&route, Route::Api(Api::Heartbeat(check)) if settings.admits_heartbeat(check, &head.headers));
    let has_key = settings.keys.is_empty() || settings.keys.admit(&head.headers);
    if !route.is_liveness() && !has_token && !has_key {
        let text = match (key::is_given(&head.headers), &route) {
            (false, _) => "this needs a key: X-API-Key",
            (true, Route::Api(Api::Heartbeat(_))) => {
                "the key is wrong: expected one of api_keys of [serve], or the heartbeat_token of the check"
            }
            (true, _) => "the key is wrong: expected one of api_keys of [serve]",
        };
        return Reply::error(StatusCode::UNAUTHORIZED, text)
            .with("WWW-Authenticate", key::CHALLENGE)
            .into();
    }
    if route.is_change()
        && head.method == Method::POST
        && let Some(why) = cross_site::refusal(&head.headers)
    {
        return Reply::error(StatusCode::FORBIDDEN, why).into();
    }
    let body = match head.method {
        Method::POST => match read(body, &settings).await {
            Ok(body) => body,
            Err(refused) => return refused.into(),
        },
        _ => Bytes::new(),
    };
    let reply = match route {
        Route::Api(Api::Events) => return follow(app, head).await,
        Route::Evidence { incident, file } => match evidence(app, &settings, incident, &file).await
        {
            Ok(download) => return Answer::File(Box::new(download)),
            Err(refused) => refused,
        },
        Route::Api(Api::OpenApi) => {
            let document = openapi::document(settings.spec.unavailable);
            Reply::json(StatusCode::OK, &document)
        }
        // without keys nothing else may change anything
        Route::Api(Api::Heartbeat(check)) if has_token || !settings.keys.is_empty() => {
            api::heartbeat(app, &check, head.uri.query(), &body).await
        }
        Route::Api(api) => api::answer(api, app, &settings, head, &body).await,
        Route::CheckPage(name) => check_page(app, &settings, &name).await,
        Route::IncidentPage(id) => {
            let view = app.source.view().await;
            match app.source.incident_text(id).await {
                Some(Some(incident_text)) => {
                    page::incident(&view, &incident_text, !settings.keys.is_empty())
                }
                Some(None) => page::missing("there is no such incident, or it is too long ago"),
                None => busy(),
            }
        }
        Route::Form { check, action } => api::form(app, &settings, &check, &action, &body).await,
        route => {
            let view = match route {
                Route::Page => app.source.view_with_samples().await,
                _ => app.source.view().await,
            };
            if view.snapshot.checks.len() < MANY {
                show(&route, &view, &settings, head, &body)
            } else {
                // beside the loop, which has probes to run
                let (head, body) = (head.clone(), body.clone());
                let work = move || show(&route, &view, &settings, &head, &body);
                blocking::run("render", work)
                    .await
                    .unwrap_or_else(|_| busy())
            }
        }
    };
    match head.method {
        Method::OPTIONS => reply.with("Allow", allow(methods)).into(),
        _ => reply.into(),
    }
}

/// What is answered from the view alone.
fn show(
    route: &Route,
    view: &View,
    settings: &ServerSettings,
    head: &request::Parts,
    body: &[u8],
) -> Reply {
    let unavailable = settings.spec.unavailable;
    let plugins = || route::values(head.uri.query(), "plugin");
    let accepts = || joined(&head.headers);
    match route {
        Route::Health if accept::prefers(&accepts(), health_json::MEDIA_TYPE) => {
            health_json::answer(view, &plugins(), unavailable)
        }
        Route::Health => roadrunner::answer(PluginQuery::Health, view, &plugins(), unavailable),
        Route::Ready => roadrunner::answer(PluginQuery::Ready, view, &plugins(), unavailable),
        Route::Jobs => roadrunner::jobs(view, unavailable),
        Route::Healthy => own::healthy(view, unavailable),
        Route::Liveness => own::liveness(view, unavailable),
        Route::Metrics => metrics::answer(view, accept::metrics(&accepts())),
        Route::StatusJson => own::status(view, settings.spec.environment),
        Route::Rpc => match json_rpc::answer(view, body, unavailable) {
            Some(answer) => Reply::new(StatusCode::OK, Reply::JSON, answer),
            None => Reply::text(StatusCode::NO_CONTENT, ""),
        },
        Route::Page => {
            let first = |key| route::values(head.uri.query(), key).into_iter().next();
            let (name, status) = (first("q"), first("status"));
            page::overview(view, &name.unwrap_or_default(), &status.unwrap_or_default())
        }
        Route::Asset(name) => page::asset(name).with("Cache-Control", "max-age=300"),
        Route::CheckPage(_)
        | Route::IncidentPage(_)
        | Route::Evidence { .. }
        | Route::Form { .. }
        | Route::Api(_) => Reply::text(StatusCode::NOT_FOUND, ""),
    }
}

/// A file of an incident's evidence, for those with a key: it is the memory of a process, as it was.
async fn evidence(
    app: &App,
    settings: &ServerSettings,
    incident: String,
    file: &str,
) -> Result<Download, Reply> {
    if settings.keys.is_empty() {
        let text = "evidence may hold secrets: it is served only where there are api_keys";
        return Err(Reply::error(StatusCode::FORBIDDEN, text));
    }
    match app.source.incident_text(incident).await {
        Some(Some(found)) => download::open(&found.incident, file).await,
        Some(None) => Err(Reply::error(
            StatusCode::NOT_FOUND,
            "there is no such incident, or it is too long ago",
        )),
        None => Err(busy()),
    }
}

/// A refusal in the format of the API, or for people.
fn refusal(path: &str, status: StatusCode, text: String) -> Reply {
    match path.starts_with("/api/v1/") {
        true => Reply::error(status, text),
        false => Reply::text(status, text + "\n"),
    }
}

async fn check_page(app: &App, settings: &ServerSettings, name: &str) -> Reply {
    let view = app.source.view_with_samples().await;
    let Some(check) = view.check(name) else {
        return page::missing(&view.no_such_check(name));
    };
    let incidents = app.source.incidents(Some(name.to_owned())).await;
    let token = (!settings.keys.is_empty()).then(|| settings.keys.form_token());
    page::check(
        &view,
        check,
        &incidents.unwrap_or_default(),
        token.as_deref(),
    )
}

fn busy() -> Reply {
    Reply::text(
        StatusCode::SERVICE_UNAVAILABLE,
        "the watchdog is busy; try again\n",
    )
}

/// The `Accept` headers as one.
fn joined(headers: &HeaderMap) -> String {
    let values = headers.get_all(header::ACCEPT).iter();
    let values: Vec<_> = values.filter_map(|value| value.to_str().ok()).collect();
    values.join(",")
}

/// The body, within its bounds.
async fn read(body: Incoming, settings: &ServerSettings) -> Result<Bytes, Reply> {
    let too_large = || {
        let text = format!("a request's body has at most {BODY} bytes");
        Reply::error(StatusCode::PAYLOAD_TOO_LARGE, text).with("Connection", "close")
    };
    // one that says so itself need not be waited for
    if body.size_hint().lower() > BODY as u64 {
        return Err(too_large());
    }
    let collected = Limited::new(body, BODY).collect();
    match timeout(settings.spec.check_timeout, collected).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(why)) if why.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(why)) => Err(Reply::error(StatusCode::BAD_REQUEST, why.to_string())),
        Err(_) => Err(Reply::error(
            StatusCode::REQUEST_TIMEOUT,
            "the request's body did not come in time",
        )),
    }
    .map_err(|refused| refused.with("Connection", "close"))
}

/// Every header that an answer has.
fn response(reply: Reply, head: &request::Parts) -> Response<AnswerBody> {
    let empty = head.method == Method::OPTIONS;
    let body = if empty { Vec::new() } else { reply.body };
    let mut response = Response::new(Either::Left(Full::new(Bytes::from(body))));
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    let fixed = |value| HeaderValue::from_static(value);
    if reply.status != StatusCode::NO_CONTENT {
        headers.insert(header::CONTENT_TYPE, fixed(reply.content_type));
    }
    headers.insert(header::CACHE_CONTROL, fixed("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(&value),
        ) {
            headers.insert(name, value);
        }
    }
    response
}
