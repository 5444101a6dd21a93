//! An [`HttpSpec`] made ready: all that can be worked out once and used by every probe of the URL.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use http::Method;
use http::header::{self, HeaderValue};
use http::uri::Authority;
use url::Url;

use super::HttpSpecError;
use super::redirect::RequestHop;
use super::spec::{HttpSpec, HttpUrl, IpFamily, Override};
use super::tls::ProbeTls;
use crate::health::{BodyNeeds, BodyPattern, Pool};
use crate::net::http::{Header, authority, basic, capitals, target};
use crate::probe::body_reader::Needle;
use crate::secret::SecretBytes;

/// A header as it is sent, in the usual capitals, and whether it carries credentials.
#[derive(PartialEq, Eq)]
struct SentHeader {
    name: String,
    value: HeaderValue,
    is_credential: bool,
}

impl From<Header> for SentHeader {
    fn from((name, value): Header) -> Self {
        Self {
            name: capitals(&name),
            value,
            is_credential: is_credential(name.as_str()),
        }
    }
}

/// What every probe of one URL has in common.
pub struct ProbeRequest {
    pub url: HttpUrl,
    /// The URL for people.
    pub shown: Box<str>,
    /// Path and query in place of the URL's.
    target: Option<Box<str>>,
    /// There once for the probes of all checks that are asked alike.
    pub rules: Arc<RequestRules>,
}

/// How it is asked, wherever that is: [`HttpSpec`] but for its URL, made ready.
#[derive(PartialEq)]
pub struct RequestRules {
    /// Those of [`HttpSpec`].
    pub timeout: Duration,
    pub method: Method,
    pub data: Option<SecretBytes>,
    pub follow: bool,
    pub max_body: u64,
    pub resolve: Vec<Override>,
    pub family: Option<IpFamily>,
    pub grpc: bool,
    unix_socket: Option<PathBuf>,
    pub ready: Option<Url>,
    pub retry_refused: Option<Duration>,
    /// Ours and the spec's, `Host` excepted.
    headers: Arc<[SentHeader]>,
    /// In place of the URL's host.
    host: Option<HeaderValue>,
    /// Headers of the answer whose values are kept whole.
    pub asked_headers: Vec<String>,
    pub tls: ProbeTls,
    /// So many bytes of the body are kept.
    pub keep: usize,
    /// Searched in the whole body while it streams by.
    pub needles: Vec<Needle>,
    pub patterns: Vec<BodyPattern>,
}

impl ProbeRequest {
    /// Reads the certificate files that `spec` names.
    pub fn new(spec: HttpSpec, needs: &BodyNeeds) -> Result<Self, HttpSpecError> {
        if spec.timeout.is_zero() {
            return Err(HttpSpecError::Timeout);
        }
        spec.check_family(spec.family)
            .map_err(HttpSpecError::Family)?;
        let (headers, host) = headers(&spec)?;
        let tls = ProbeTls::new(&spec.tls, spec.versions())?;
        let target = spec.as_given.as_deref().and_then(target_as_given);
        let shown = spec.as_given.unwrap_or_else(|| spec.url.to_string());
        Ok(Self {
            url: spec.url,
            shown: shown.into(),
            target: target.map(Into::into),
            rules: Arc::new(RequestRules {
                timeout: spec.timeout,
                method: spec.method,
                data: spec.data,
                follow: spec.follow,
                max_body: spec.max_body,
                resolve: spec.resolve,
                family: spec.family,
                grpc: spec.grpc,
                unix_socket: spec.unix_socket,
                ready: spec.ready,
                retry_refused: spec.retry_refused,
                headers,
                host,
                asked_headers: needs.headers.clone(),
                tls,
                keep: needs.keep,
                needles: needs.needles.iter().map(|text| Needle::new(text)).collect(),
                patterns: needs.patterns.clone(),
            }),
        })
    }

    /// Has rules that were met before take the place of equal ones.
    pub fn share_rules(&mut self, pool: &mut Pool<RequestRules>) {
        pool.share_again(&mut self.rules);
    }

    /// The socket to connect to instead of the URL's host.
    pub fn socket(&self) -> Option<&Path> {
        let named = self.url.socket.as_ref();
        named
            .or(self.rules.unix_socket.as_ref())
            .map(PathBuf::as_path)
    }

    /// What is sent to `hop`, in the usual capitals: `Host` first, then ours, then the spec's. Credentials go only
    /// where they were meant to go.
    pub fn headers_for(&self, hop: &RequestHop) -> Vec<(&str, HeaderValue)> {
        let ours = &self.url.url;
        let trusted = hop.url.scheme() == ours.scheme()
            && hop.url.port_or_known_default() == ours.port_or_known_default();
        let url_host = || HeaderValue::from_str(&authority(&hop.url)).ok();
        let host = self.rules.host.clone().or_else(url_host);
        let mut headers = Vec::with_capacity(self.rules.headers.len() + 1);
        headers.extend(host.map(|host| ("Host", host)));
        let sent = self.rules.headers.iter();
        let sent = sent.filter(|header| trusted || !header.is_credential);
        headers.extend(sent.map(|header| (header.name.as_str(), header.value.clone())));
        headers
    }

    /// Path and query that `hop` is asked for.
    pub fn target_of(&self, hop: &RequestHop) -> String {
        let given = self.target.as_deref().filter(|_| hop.url == self.url.url);
        given.map_or_else(|| target(&hop.url), str::to_owned)
    }

    /// How `url`, where redirects have led, is shown to people.
    pub fn shown_as(&self, url: &Url) -> String {
        self.url.shown_as(url)
    }
}

/// Path and query of `url` as they stand there; `None` where a request cannot contain them.
fn target_as_given(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let (rest, _fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let start = rest.find(['/', '?', '\\'])?;
    let target = match rest[start..].split_once('?') {
        // as Python has it: an empty query is none
        Some((path, "")) => path,
        _ => &rest[start..],
    };
    let is_sendable = target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic());
    is_sendable.then(|| target.to_owned())
}

/// All that is sent, in order, and what is sent as `Host` if that is not the URL's.
fn headers(spec: &HttpSpec) -> Result<(Arc<[SentHeader]>, Option<HeaderValue>), HttpSpecError> {
    /// Of probes that send nothing of their own, which are nearly all.
    static USUAL: LazyLock<Arc<[SentHeader]>> = LazyLock::new(|| sent(usual(HttpSpec::USER_AGENT)));

    if spec.user.is_none() && spec.headers.is_empty() && spec.user_agent == HttpSpec::USER_AGENT {
        return Ok((Arc::clone(&USUAL), None));
    }
    let mut headers = usual(spec.user_agent);
    if let Some((user, password)) = &spec.user {
        headers.push((header::AUTHORIZATION, basic(user, password)));
    }
    // the first of a name takes the place of ours, further ones stand beside it
    headers.retain(|(name, _)| !spec.headers.iter().any(|(given, _)| given == name));
    let mut host = None;
    for (name, value) in &spec.headers {
        if name != header::HOST {
            headers.push((name.clone(), value.clone()));
            continue;
        }
        let valid = Authority::try_from(value.as_bytes()).is_ok();
        if !valid || host.replace(value.clone()).is_some() {
            return Err(HttpSpecError::Host);
        }
    }
    Ok((sent(headers), host))
}

fn sent(headers: Vec<Header>) -> Arc<[SentHeader]> {
    headers.into_iter().map(SentHeader::from).collect()
}

/// What is sent where the spec does not say otherwise.
fn usual(user_agent: &'static str) -> Vec<Header> {
    vec![
        (header::USER_AGENT, HeaderValue::from_static(user_agent)),
        (header::ACCEPT, HeaderValue::from_static("*/*")),
        // texts are compared with the raw bytes of the body
        (
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        ),
    ]
}

/// Whether what `name` carries credentials.
fn is_credential(name: &str) -> bool {
    const PARTS: [&str; 9] = [
        "auth",
        "cookie",
        "key",
        "token",
        "secret",
        "session",
        "password",
        "credential",
        "signature",
    ];
    PARTS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::http::header;

    fn spec() -> HttpSpec {
        HttpSpec::of_url("http://127.0.0.1/").expect("a URL")
    }

    #[test]
    fn paths_are_sent_as_given_where_they_can_be_sent() {
        for (url, target) in [
            ("http://h/a/../b", Some("/a/../b")),
            ("http://h/a|b?q={x}#top", Some("/a|b?q={x}")),
            ("http://h/%7e/%2e%2E/", Some("/%7e/%2e%2E/")),
            ("http://h/a?", Some("/a")),
            ("http://h/a??", Some("/a??")),
            ("http://h/a\\b", Some("/a\\b")),
            ("http+unix://%2Frun%2Fx.sock/./a", Some("/./a")),
            ("http://h\\a", None),
            ("http://h", None),
            ("http://h?x", None),
            ("http://h/a b", None),
            ("http://h/caf\u{e9}", None),
            ("http://h/a\r\nX: y", None),
        ] {
            assert_eq!(target_as_given(url).as_deref(), target, "{url}");
        }
    }

    #[test]
    fn requests_that_are_asked_alike_share_their_rules() {
        let mut pool = Pool::default();
        let mut rules = |url: &str, change: fn(&mut HttpSpec)| {
            let mut spec = HttpSpec::of_url(url).expect("a URL");
            change(&mut spec);
            let mut request = ProbeRequest::new(spec, &BodyNeeds::default()).expect("valid");
            request.share_rules(&mut pool);
            assert_eq!(&*request.shown, url);
            request.rules
        };
        let first = rules("http://127.0.0.1/a", |_| {});
        let second = rules("http://127.0.0.1/b", |_| {});
        assert!(Arc::ptr_eq(&first, &second));
        let changes: [fn(&mut HttpSpec); 6] = [
            |spec| spec.timeout += Duration::from_secs(1),
            |spec| spec.tls.insecure = true,
            |spec| spec.http2 = true,
            |spec| spec.headers = vec![header("X", "1").expect("a header")],
            |spec| spec.user = Some(("u".to_owned(), "p".into())),
            |spec| spec.data = Some(SecretBytes::new(*b"x")),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let other = rules("http://127.0.0.1/a", change);
            assert!(!Arc::ptr_eq(&first, &other), "change {number}");
        }
        assert!(size_of::<ProbeRequest>() <= 160);
    }

    #[test]
    fn unusable_specs_are_refused_before_a_connection() {
        type Change = fn(&mut HttpSpec);
        let table: [(Change, &str); 5] = [
            (
                |spec| spec.headers = vec![header("Host", "a b").expect("a header")],
                "\"Host\" must be given once",
            ),
            (|spec| spec.timeout = Duration::ZERO, "timeout of zero"),
            (|spec| spec.family = Some(IpFamily::V6), "IPv6"),
            (
                |spec| spec.tls.cacert = Some("/nonexistent/ca".into()),
                "cacert \"/nonexistent/ca\"",
            ),
            (|spec| spec.tls.key = Some("/k".into()), "without a cert"),
        ];
        for (change, part) in table {
            let mut spec = spec();
            change(&mut spec);
            let refused = ProbeRequest::new(spec, &BodyNeeds::default());
            let error = refused.err().expect("an error").to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    fn sent(request: &ProbeRequest, url: &str) -> Vec<String> {
        let hop = RequestHop {
            url: url.parse().expect("a URL"),
            method: http::Method::GET,
            data: false,
        };
        let headers = request.headers_for(&hop);
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let line = |(name, value): &(&str, HeaderValue)| format!("{name}: {}", text(value));
        headers.iter().map(line).collect()
    }

    #[test]
    fn given_headers_replace_ours_and_stand_beside_each_other() {
        let mut spec = spec();
        for (name, value) in [
            ("accept", "text/plain"),
            ("X-API-Key", "1"),
            ("x", "2"),
            ("accept", "b"),
        ] {
            spec.headers.push(header(name, value).expect("a header"));
        }
        spec.user_agent = "a";
        let request = ProbeRequest::new(spec, &BodyNeeds::default()).expect("valid");
        assert_eq!(
            sent(&request, "http://127.0.0.1/"),
            [
                "Host: 127.0.0.1",
                "User-Agent: a",
                "Accept-Encoding: identity",
                "Accept: text/plain",
                "X-Api-Key: 1",
                "X: 2",
                "Accept: b"
            ]
        );
    }

    #[test]
    fn a_given_host_takes_the_place_of_the_urls_and_stays_first() {
        let mut spec = spec();
        for (name, value) in [("X", "1"), ("host", "app.test:81")] {
            spec.headers.push(header(name, value).expect("a header"));
        }
        let request = ProbeRequest::new(spec, &BodyNeeds::default()).expect("valid");
        let lines = sent(&request, "http://127.0.0.1:8080/");
        assert_eq!(lines[0], "Host: app.test:81");
        assert_eq!(
            lines
                .iter()
                .filter(|line| line.to_lowercase().starts_with("host"))
                .count(),
            1
        );
    }

    #[test]
    fn credentials_go_to_the_same_scheme_and_port_only() {
        let mut spec = HttpSpec::of_url("http://u:p@127.0.0.1:80/").expect("a URL");
        for name in ["X-API-Key", "Cookie", "X-Trace"] {
            spec.headers.push(header(name, "v").expect("a header"));
        }
        let request = ProbeRequest::new(spec, &BodyNeeds::default()).expect("valid");
        for (url, credentials) in [
            ("http://127.0.0.1/on", true),
            ("http://127.0.0.1:8080/", false),
            ("https://127.0.0.1/", false),
            ("https://127.0.0.1:80/", false),
        ] {
            let lines = sent(&request, url).join("|");
            for name in ["Authorization: Basic", "X-Api-Key", "Cookie"] {
                assert_eq!(lines.contains(name), credentials, "{url} {name}");
            }
            assert!(lines.contains("X-Trace"), "{url}");
        }
    }
}
