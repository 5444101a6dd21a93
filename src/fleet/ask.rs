//! One POST of JSON to an engine and its answer, both bounded in size and time. The files of TLS are read for each
//! question: they are small, questions are rare, and a certificate that was renewed is taken.

use std::time::Duration;

use http::Method;
use http::header::{self, HeaderName, HeaderValue};
use rustls::ClientConfig;
use url::Url;

use super::spec::FleetTlsSpec;
use crate::blocking;
use crate::net::http::{authority, capitals, target};
use crate::net::http1::HttpRequest;
use crate::net::{connect_to_url, tls};

/// More than any answer about a group has.
const ANSWER_MAX: usize = 1024 * 1024;

/// A complete answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub code: u16,
    /// It is a page for people, as proxies and portals answer.
    pub is_page: bool,
    pub body: Vec<u8>,
}

/// Posts `body` to `url`, within `timeout` from the look-up of the name to the end of the answer: a member that is
/// stopped accepts connections and says nothing.
pub(super) async fn post(
    url: &Url,
    extra: &[(HeaderName, HeaderValue)],
    body: &[u8],
    files: &FleetTlsSpec,
    timeout: Duration,
) -> Result<Answer, String> {
    tokio::time::timeout(timeout, exchange(url, extra, body, files, timeout))
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {timeout:?}")))
        .map_err(|why| format!("{}: {why}", authority(url)))
}

async fn exchange(
    url: &Url,
    extra: &[(HeaderName, HeaderValue)],
    body: &[u8],
    files: &FleetTlsSpec,
    timeout: Duration,
) -> Result<Answer, String> {
    let fixed = HeaderValue::from_static;
    let host = HeaderValue::from_str(&authority(url)).map_err(|error| error.to_string())?;
    let mut headers = vec![
        (header::HOST, host),
        (header::USER_AGENT, fixed("httpok")),
        (header::CONTENT_TYPE, fixed("application/json")),
    ];
    headers.extend_from_slice(extra);
    let headers: Vec<_> = headers
        .into_iter()
        .map(|(name, value)| (capitals(&name), value))
        .collect();
    let tls = match url.scheme() {
        "https" => Some(config(files.clone()).await?),
        _ => None,
    };
    let connection = connect_to_url(url, tls, timeout).await?;
    let request = HttpRequest {
        method: &Method::POST,
        target: &target(url),
        headers: &headers,
        body,
    };
    let sent = request.send(connection).await;
    let mut response = sent.map_err(|error| error.to_string())?;
    let mut body = Vec::new();
    while let Some(piece) = response.piece().await.map_err(|error| error.to_string())? {
        if body.len() + piece.len() > ANSWER_MAX {
            return Err(format!("the answer has more than {ANSWER_MAX} bytes"));
        }
        body.extend_from_slice(piece);
    }
    let head = response.head();
    let is_page = head.headers.iter().any(|(name, value)| {
        let value = value.trim_start();
        name.eq_ignore_ascii_case("content-type")
            && value
                .get(..9)
                .is_some_and(|kind| kind.eq_ignore_ascii_case("text/html"))
    });
    Ok(Answer {
        code: head.code,
        is_page,
        body,
    })
}

async fn config(files: FleetTlsSpec) -> Result<ClientConfig, String> {
    let read = move || {
        let key = files.key.as_deref().or(files.cert.as_deref());
        tls::identified(files.cacert.as_deref(), files.cert.as_deref().zip(key))
    };
    blocking::run("tls", read)
        .await
        .unwrap_or_else(|error| Err(format!("cannot prepare TLS: {error}")))
}
