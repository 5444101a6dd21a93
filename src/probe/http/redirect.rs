//! Where a redirect leads, and whether we go there. Pure.
//!
//! The host must stay the same; scheme and port may change, as for the kubelet, but for a step from https down
//! to http. Credentials go to the same scheme and port only (CVE-2022-27774): another port is another server.

use ::url::Url;
use http::{Method, StatusCode};

use super::url;
use crate::health::bounded;
use crate::secret::shown_url;

/// Redirects followed by one probe.
pub const MAX: u32 = 10;

/// One request on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHop {
    pub url: Url,
    pub method: Method,
    /// Whether the probe's data is sent.
    pub data: bool,
}

impl RequestHop {
    /// The hop that an answer of `status` with `location` asks for; `None` when it asks for none.
    pub fn after(
        &self,
        status: StatusCode,
        location: Option<&str>,
    ) -> Result<Option<Self>, String> {
        let keeps_method = match status {
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method != Method::POST,
            StatusCode::SEE_OTHER => self.method == Method::HEAD,
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
            _ => return Ok(None),
        };
        let Some(location) = location else {
            return Ok(None);
        };
        let url = self.resolve(location)?;
        Ok(Some(Self {
            url,
            method: if keeps_method {
                self.method.clone()
            } else {
                Method::GET
            },
            data: self.data && keeps_method,
        }))
    }

    fn resolve(&self, location: &str) -> Result<Url, String> {
        let mut url = self.url.join(location).map_err(|fault| {
            let location = bounded(shown_url(location));
            format!("redirect to {location:?}, which is not a URL: {fault}")
        })?;
        url::strip(&mut url);
        let from = self.url.scheme();
        match url.scheme() {
            to @ "http" if from == "https" => Err(format!("redirect from {from} to {to}")),
            "http" | "https" => match url.host_str() {
                host if host == self.url.host_str() => Ok(url),
                host => Err(format!(
                    "redirect to another host, {:?}",
                    bounded(host.unwrap_or_default())
                )),
            },
            scheme => Err(format!("redirect to {scheme:?}, which is not HTTP")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(url: &str, method: Method) -> RequestHop {
        RequestHop {
            url: url.parse().expect(url),
            method,
            data: true,
        }
    }

    #[test]
    fn same_host_is_followed_whatever_scheme_up_and_port() {
        for (from, location, to) in [
            ("http://h/a/b", "c?d=1", "http://h/a/c?d=1"),
            ("http://h/a", "/", "http://h/"),
            ("http://h/a", "https://H/x#y", "https://h/x"),
            ("http://h/a", "http://h:81/", "http://h:81/"),
            ("http://h/a", "//u:p@h/b", "http://h/b"),
            (
                "https://[::1]/a",
                "https://[0::1]:8443/",
                "https://[::1]:8443/",
            ),
        ] {
            let next = hop(from, Method::GET).after(StatusCode::FOUND, Some(location));
            let next = next.expect(location).expect("a hop");
            assert_eq!(next.url.as_str(), to, "{from} -> {location}");
        }
    }

    #[test]
    fn other_places_are_refused_in_words_without_secrets() {
        for (from, location, says) in [
            (
                "http://h/",
                "http://elsewhere/",
                "another host, \"elsewhere\"",
            ),
            ("http://h/", "//u:hunter2@evil/", "another host, \"evil\""),
            ("https://h/", "http://h/", "from https to http"),
            ("http://h/", "ftp://h/", "not HTTP"),
            ("http://h/", "file:///etc/passwd", "not HTTP"),
            ("http://h/", "http://u:hunter2@:x/", "not a URL"),
        ] {
            let next = hop(from, Method::GET).after(StatusCode::FOUND, Some(location));
            let fault = next.expect_err(location);
            assert!(
                fault.contains(says) && !fault.contains("hunter2"),
                "{fault}"
            );
        }
    }

    #[test]
    fn methods_change_as_the_standard_says() {
        for (status, before, after, data) in [
            (301, Method::POST, Method::GET, false),
            (302, Method::PUT, Method::PUT, true),
            (303, Method::PUT, Method::GET, false),
            (303, Method::HEAD, Method::HEAD, true),
            (307, Method::POST, Method::POST, true),
            (308, Method::POST, Method::POST, true),
        ] {
            let status = StatusCode::from_u16(status).expect("a code");
            let next = hop("http://h/", before).after(status, Some("/x"));
            let next = next.expect("same host").expect("a hop");
            assert_eq!((next.method, next.data), (after, data), "{status}");
        }
        for (status, location) in [(302, None), (304, Some("/x")), (200, Some("/x"))] {
            let status = StatusCode::from_u16(status).expect("a code");
            let next = hop("http://h/", Method::GET).after(status, location);
            assert_eq!(next, Ok(None), "{status}");
        }
    }
}
