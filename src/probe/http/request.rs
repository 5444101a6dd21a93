//! A validated [`Spec`]: everything that can be worked out once and used by every look.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};

use super::spec::{Override, Spec, SpecError};
use super::target::{self, Target};
use super::tls::Tls;
use crate::probe::intake::Needle;
use crate::probe::lookup;
use crate::probe::place::Family;
use crate::secret::Secret;

/// What every look of one probe has in common.
pub struct Request {
    /// `http` or `https`, without userinfo.
    pub url: Url,
    /// The URL for people.
    pub shown: String,
    pub timeout: Duration,
    pub method: Method,
    /// Ours and the spec's.
    pub headers: HeaderMap,
    pub user: Option<(String, Secret)>,
    pub data: Option<Vec<u8>>,
    pub tls: Tls,
    pub follow: bool,
    pub max_body: u64,
    pub keep: usize,
    pub needles: Vec<Needle>,
    pub retry_refused: Option<Duration>,
    pub resolve: Vec<Override>,
    pub family: Option<Family>,
    /// Asked when the answer's status is 5xx.
    pub ready: Option<Url>,
    /// Connect here instead of to the URL's host.
    pub socket: Option<PathBuf>,
    /// The socket was part of the URL, so it is part of what is shown.
    socket_in_url: bool,
}

impl Request {
    pub fn new(spec: Spec) -> Result<Self, SpecError> {
        let Target { url, socket, user } = target::parse(&spec.url)?;
        if spec.timeout.is_zero() {
            return Err(SpecError::Timeout);
        }
        if let Some(path) = &spec.unix_socket {
            target::check_socket(path)?;
        }
        check_family(&url, spec.family)?;
        Ok(Self {
            shown: target::shown(&url, socket.as_deref()),
            timeout: spec.timeout,
            method: method(&spec.method)?,
            headers: headers(&spec)?,
            user: spec.user.or(user),
            data: spec.data,
            tls: Tls::new(&spec.tls, spec.http2)?,
            follow: spec.follow,
            max_body: spec.max_body,
            keep: spec.keep,
            needles: spec.needles.iter().map(|text| Needle::new(text)).collect(),
            retry_refused: spec.retry_refused,
            resolve: spec.resolve,
            family: spec.family,
            ready: spec
                .ready
                .map(|text| target::beside(&url, &text))
                .transpose()?,
            socket_in_url: socket.is_some(),
            socket: socket.or(spec.unix_socket),
            url,
        })
    }

    /// How `url`, where redirects have led, is shown to people.
    pub fn shown_as(&self, url: &Url) -> String {
        let socket = self.socket.as_deref().filter(|_| self.socket_in_url);
        target::shown(url, socket.map(Path::new))
    }
}

/// CONNECT asks for a tunnel, not for an answer.
fn method(name: &str) -> Result<Method, SpecError> {
    match Method::from_bytes(name.as_bytes()) {
        Ok(method) if method != Method::CONNECT => Ok(method),
        _ => Err(SpecError::Method(name.to_owned())),
    }
}

fn headers(spec: &Spec) -> Result<HeaderMap, SpecError> {
    let mut headers = HeaderMap::new();
    let agent = HeaderValue::from_str(&spec.user_agent)
        .map_err(|_| SpecError::HeaderValue("User-Agent".to_owned()))?;
    headers.insert(header::USER_AGENT, agent);
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    // whoever matches texts against raw bytes wants them raw
    headers.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    let mut given: Vec<HeaderName> = Vec::new();
    for (text, value) in &spec.headers {
        let name = HeaderName::from_bytes(text.as_bytes())
            .map_err(|_| SpecError::HeaderName(text.clone()))?;
        if name == header::CONTENT_LENGTH || name == header::TRANSFER_ENCODING {
            return Err(SpecError::HeaderOurs(text.clone()));
        }
        let mut value = HeaderValue::from_bytes(value.expose().as_bytes())
            .map_err(|_| SpecError::HeaderValue(text.clone()))?;
        value.set_sensitive(true);
        // the first of a name takes the place of ours, further ones stand beside it
        if given.contains(&name) {
            headers.append(name, value);
        } else {
            headers.insert(name.clone(), value);
            given.push(name);
        }
    }
    Ok(headers)
}

fn check_family(url: &Url, family: Option<Family>) -> Result<(), SpecError> {
    let address = url.host_str().and_then(lookup::literal);
    match (address, family) {
        (Some(address), Some(family)) if !family.has(address) => Err(SpecError::Family {
            host: address.to_string(),
            family,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Spec {
        Spec::new("http://127.0.0.1/", Duration::from_secs(1))
    }

    fn fault(change: impl FnOnce(&mut Spec)) -> String {
        let mut spec = spec();
        change(&mut spec);
        Request::new(spec).err().expect("a fault").to_string()
    }

    #[test]
    fn faults_say_what_is_wrong_and_no_secret() {
        let header = |name: &str, value: &str| vec![(name.to_owned(), Secret::from(value))];
        for (fault, says) in [
            (fault(|s| s.timeout = Duration::ZERO), "timeout of zero"),
            (fault(|s| s.method = "G E T".into()), "\"G E T\""),
            (fault(|s| s.method = "CONNECT".into()), "\"CONNECT\""),
            (fault(|s| s.headers = header("A B", "v")), "\"A B\""),
            (fault(|s| s.headers = header("K", "hunter2\n")), "\"K\""),
            (
                fault(|s| s.headers = header("content-length", "1")),
                "cannot be set",
            ),
            (fault(|s| s.family = Some(Family::V6)), "IPv6"),
            (fault(|s| s.unix_socket = Some("rel".into())), "unix socket"),
            (
                fault(|s| s.tls.cacert = Some("/nonexistent/ca".into())),
                "cacert \"/nonexistent/ca\"",
            ),
            (fault(|s| s.tls.key = Some("/k".into())), "without a cert"),
        ] {
            assert!(fault.contains(says), "{fault}");
            assert!(!fault.contains("hunter2"), "{fault}");
        }
    }

    #[test]
    fn given_headers_replace_ours_and_stand_beside_each_other() {
        let mut spec = spec();
        for (name, value) in [("accept", "text/plain"), ("X", "1"), ("x", "2")] {
            spec.headers.push((name.into(), value.into()));
        }
        let headers = Request::new(spec).expect("nothing is wrong").headers;
        let all = |name: &str| -> Vec<_> { headers.get_all(name).iter().collect() };
        assert_eq!(all("accept"), ["text/plain"]);
        assert_eq!(all("x"), ["1", "2"]);
        assert_eq!(all("accept-encoding"), ["identity"]);
        assert!(format!("{headers:?}").contains("Sensitive"));
    }
}
