//! An [`HttpSpec`] made ready: all that can be worked out once and used by every probe of the URL.

use std::path::{Path, PathBuf};

use reqwest::Url;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::SpecError;
use super::spec::HttpSpec;
use super::tls::Tls;
use crate::health::BodyNeeds;
use crate::probe::intake::Needle;

/// What every probe of one URL has in common.
pub struct Request {
    pub spec: HttpSpec,
    /// The URL for people.
    pub shown: String,
    /// Ours and the spec's.
    pub headers: HeaderMap,
    pub tls: Tls,
    /// So many bytes of the body are kept.
    pub keep: usize,
    /// Looked for in the whole body while it streams by.
    pub needles: Vec<Needle>,
}

impl Request {
    /// Reads the certificate files that `spec` names.
    pub fn new(spec: HttpSpec, needs: &BodyNeeds) -> Result<Self, SpecError> {
        if spec.timeout.is_zero() {
            return Err(SpecError::Timeout);
        }
        spec.check_family().map_err(SpecError::Family)?;
        Ok(Self {
            shown: spec.url.to_string(),
            headers: headers(&spec),
            tls: Tls::new(&spec.tls, spec.http2)?,
            keep: needs.keep,
            needles: needs.needles.iter().map(|text| Needle::new(text)).collect(),
            spec,
        })
    }

    /// The socket to connect to instead of the URL's host.
    pub fn socket(&self) -> Option<&Path> {
        let named = self.spec.url.socket.as_ref();
        named
            .or(self.spec.unix_socket.as_ref())
            .map(PathBuf::as_path)
    }

    /// How `url`, where redirects have led, is shown to people.
    pub fn shown_as(&self, url: &Url) -> String {
        self.spec.url.shown_as(url)
    }
}

fn headers(spec: &HttpSpec) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let agent = HeaderValue::from_static(spec.user_agent);
    headers.insert(header::USER_AGENT, agent);
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    // texts are compared with the raw bytes of the body
    headers.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    let mut given: Vec<&HeaderName> = Vec::new();
    for (name, value) in &spec.headers {
        // the first of a name takes the place of ours, further ones stand beside it
        if given.contains(&name) {
            headers.append(name.clone(), value.clone());
        } else {
            headers.insert(name.clone(), value.clone());
            given.push(name);
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::net::http::header;
    use crate::probe::http::spec::Family;

    fn spec() -> HttpSpec {
        HttpSpec::of_url("http://127.0.0.1/").expect("a URL")
    }

    #[test]
    fn unusable_specs_are_refused_before_a_connection() {
        type Change = fn(&mut HttpSpec);
        let table: [(Change, &str); 4] = [
            (|spec| spec.timeout = Duration::ZERO, "timeout of zero"),
            (|spec| spec.family = Some(Family::V6), "IPv6"),
            (
                |spec| spec.tls.cacert = Some("/nonexistent/ca".into()),
                "cacert \"/nonexistent/ca\"",
            ),
            (|spec| spec.tls.key = Some("/k".into()), "without a cert"),
        ];
        for (change, part) in table {
            let mut spec = spec();
            change(&mut spec);
            let refused = Request::new(spec, &BodyNeeds::default());
            let error = refused.err().expect("an error").to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn given_headers_replace_ours_and_stand_beside_each_other() {
        let mut spec = spec();
        for (name, value) in [("accept", "text/plain"), ("X", "1"), ("x", "2")] {
            spec.headers.push(header(name, value).expect("a header"));
        }
        let headers = headers(&spec);
        let all = |name: &str| -> Vec<_> { headers.get_all(name).iter().collect() };
        assert_eq!(all("accept"), ["text/plain"]);
        assert_eq!(all("x"), ["1", "2"]);
        assert_eq!(all("accept-encoding"), ["identity"]);
        assert!(format!("{headers:?}").contains("Sensitive"));
    }
}
