//! The URL of an HTTP probe: where to send the request, perhaps through a Unix socket, and how it is shown to
//! people. Pure.

use std::fmt;
use std::path::{Path, PathBuf};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::net::Address;
use crate::net::address::percent_decoded;
use crate::net::is_socket_path;
use crate::secret::{Secret, without_login};

/// What a URL looks like, for errors.
const EXAMPLE: &str = "http://127.0.0.1:8080/health";

/// A URL of `http`, `https`, or `http+unix://%2Frun%2Fapp.sock/health`. Displayed, it can be asked again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpUrl {
    /// `http` or `https`, without userinfo and fragment; the host is `localhost` where a socket is named.
    pub url: Url,
    /// The socket that an `http+unix` URL names.
    pub socket: Option<PathBuf>,
}

/// The user and password that a URL holds.
pub type Login = Option<(String, Secret)>;

impl HttpUrl {
    /// Reads `text`; its userinfo is returned beside it.
    ///
    /// # Errors
    /// Says what the URL of an HTTP probe looks like, without user and password.
    pub fn parse(text: &str) -> Result<(Self, Login), String> {
        Self::of_address(Address::parse(text, EXAMPLE)?, text)
    }

    /// The same for `text` that is taken apart already.
    ///
    /// # Errors
    /// Says what the URL of an HTTP probe looks like, without user and password.
    pub fn of_address(address: Address, text: &str) -> Result<(Self, Login), String> {
        let shown = without_login(text);
        let invalid = |what: &str| Err(format!("{shown:?} {what}"));
        let not_a_url =
            |why| format!("{shown:?} is not a URL ({why}): expected one such as {EXAMPLE:?}");
        let (mut url, socket) = match address.scheme.as_str() {
            "http" | "https" if address.host.is_empty() => {
                return invalid(&format!(
                    "names no host: expected a URL such as {EXAMPLE:?}"
                ));
            }
            // nobody listens on it
            "http" | "https" if address.port == Some(0) => {
                return invalid(&format!(
                    "has port 0: expected a port from 1 to 65535, such as {EXAMPLE:?}"
                ));
            }
            "http" | "https" => (Url::parse(&address.url).map_err(not_a_url)?, None),
            "http+unix" => {
                let socket = percent_decoded(&address.host).map(PathBuf::from);
                let socket = socket.filter(|path| is_socket_path(path) && address.port.is_none());
                let Some(socket) = socket else {
                    return invalid(
                        "names no socket: expected its absolute path, of at most 107 bytes, with %2F for \
                         each slash, such as \"http+unix://%2Frun%2Fapp.sock/health\"",
                    );
                };
                // HTTP asks for some host
                let rest = address.url.split_once("://").map_or("", |(_, rest)| rest);
                let path = rest.find(['/', '?', '#']).map_or("", |at| &rest[at..]);
                let url = Url::parse(&format!("http://localhost{path}")).map_err(not_a_url)?;
                (url, Some(socket))
            }
            scheme => {
                return Err(format!(
                    "scheme {scheme:?} is not supported here: expected http, https or http+unix"
                ));
            }
        };
        strip(&mut url);
        let user = address.user;
        let user = user.map(|(user, password)| (user, password.unwrap_or_default()));
        Ok((Self { url, socket }, user))
    }

    /// The URL that `text` is, seen from this one: a path at the same host, or a whole URL.
    ///
    /// # Errors
    /// Says what would be right, without user and password.
    pub fn join(&self, text: &str) -> Result<Url, String> {
        let invalid = |why: &str| {
            let shown = without_login(text);
            format!("{shown:?} {why}: expected a path such as \"/ready\", or a URL of http")
        };
        if !text.starts_with('/') {
            return match Self::parse(text) {
                Ok((Self { url, socket: None }, None)) => Ok(url),
                Ok((_, Some(_))) => Err(invalid("names a user")),
                Ok((_, None)) => Err(invalid("names a socket")),
                Err(_) => Err(invalid("cannot be asked whether the service is ready")),
            };
        }
        let joined = self.url.join(text);
        let mut joined = joined.map_err(|why| invalid(&format!("is not a URL ({why})")))?;
        strip(&mut joined);
        Ok(joined)
    }

    /// How `url`, where redirects have led, is shown to people.
    pub fn shown_as(&self, url: &Url) -> String {
        let Some(socket) = self.socket.as_deref().map(Path::to_string_lossy) else {
            return url.to_string();
        };
        let socket = utf8_percent_encode(&socket, NON_ALPHANUMERIC);
        let socket = socket.to_string().replace("%2E", ".");
        let query = url.query().map(|query| format!("?{query}"));
        let query = query.unwrap_or_default();
        format!("http+unix://{socket}{}{query}", url.path())
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown_as(&self.url))
    }
}

/// Takes the userinfo and the fragment off `url`.
pub fn strip(url: &mut Url) {
    // refused only for URLs without a host, which have no userinfo either
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        for (text, url, socket, user) in [
            ("http://h", "http://h/", None, None),
            ("http://h?x=1", "http://h/?x=1", None, None),
            (
                "HTTPS://H:8443/a?b=c@d#top",
                "https://h:8443/a?b=c@d",
                None,
                None,
            ),
            (
                "http://a%40b:p%3aw@h/",
                "http://h/",
                None,
                Some(("a@b", "p:w")),
            ),
            (
                "http://me@[::1]:81/",
                "http://[::1]:81/",
                None,
                Some(("me", "")),
            ),
            (
                "http+unix://%2Frun%2Fapp.sock/health?v=1",
                "http://localhost/health?v=1",
                Some("/run/app.sock"),
                None,
            ),
            (
                "http+unix://u:p@%2Frun%2Fa%20b",
                "http://localhost/",
                Some("/run/a b"),
                Some(("u", "p")),
            ),
        ] {
            let (found, login) = HttpUrl::parse(text).expect(text);
            assert_eq!(found.url.as_str(), url, "{text}");
            assert_eq!(found.socket.as_deref(), socket.map(Path::new), "{text}");
            let login = login.as_ref().map(|(u, p)| (u.as_str(), p.expose()));
            assert_eq!(login, user, "{text}");
        }
    }

    #[test]
    fn shown_urls_can_be_asked_again() {
        for text in [
            "http://h/?x=1",
            "http+unix://%2Frun%2Fapp.sock/health?v=1",
            "https://h:8443/a",
        ] {
            let (url, _) = HttpUrl::parse(text).expect(text);
            assert_eq!(url.to_string(), text);
        }
    }

    #[test]
    fn errors_name_the_url_without_its_secrets() {
        for (text, part) in [
            ("", "is not a URL"),
            ("h/x", "is not a URL"),
            ("localhost:80/x", "such as \"http://localhost:80/x\""),
            ("ftp://u:hunter2@h/", "expected http"),
            ("http://", "is not a URL"),
            ("http://h:0/", "has port 0"),
            ("http://u:hunter2@h:99999/", "is not a URL"),
            ("http+unix://run/health", "names no socket"),
            ("http+unix:///health", "names no host"),
        ] {
            let error = HttpUrl::parse(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn joined_urls_are_paths_or_whole_urls() {
        let (url, _) = HttpUrl::parse("https://h:8443/health?x").expect("a URL");
        for (text, joined) in [
            ("/ready", "https://h:8443/ready"),
            ("http://i/ready#x", "http://i/ready"),
        ] {
            assert_eq!(url.join(text).map(String::from), Ok(joined.to_owned()));
        }
        for invalid in [
            "ready",
            "http://u:hunter2@h/",
            "http+unix://%2Fa/x",
            "tcp://h:1",
        ] {
            let error = url.join(invalid).expect_err(invalid);
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
