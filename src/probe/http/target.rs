//! A probe's URL taken apart: what to ask, where to connect, whom to say we are, and how to show it
//! to people. Pure.

use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use reqwest::Url;

use super::spec::SpecError;
use crate::probe::place::is_socket_path;
use crate::secret::{Secret, redact_url};

const UNIX_SCHEME: &str = "http+unix://";

/// A URL taken apart.
#[derive(Debug)]
pub struct Target {
    /// `http` or `https`, without userinfo and fragment.
    pub url: Url,
    /// The socket that a `http+unix` URL names.
    pub socket: Option<PathBuf>,
    /// The userinfo, decoded.
    pub user: Option<(String, Secret)>,
}

/// Takes `text` apart.
pub fn parse(text: &str) -> Result<Target, SpecError> {
    let text = text.trim();
    let head = text.get(..UNIX_SCHEME.len());
    if head.is_some_and(|head| head.eq_ignore_ascii_case(UNIX_SCHEME)) {
        return parse_unix(text);
    }
    let url = parse_url(text, text)?;
    if !matches!(url.scheme(), "http" | "https") {
        let url = redact_url(text);
        return Err(SpecError::Scheme { url });
    }
    Ok(split(url, None))
}

/// `text` with the socket's percent-encoded path where the host would be. HTTP asks for some host,
/// so the socket's side is told `localhost`.
fn parse_unix(text: &str) -> Result<Target, SpecError> {
    let rest = &text[UNIX_SCHEME.len()..];
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, socket) = match authority.rsplit_once('@') {
        Some((user, socket)) => (format!("{user}@"), socket),
        None => (String::new(), authority),
    };
    let socket = decode(socket);
    check_socket(Path::new(&socket))?;
    let url = parse_url(&format!("http://{user}localhost{path}"), text)?;
    Ok(split(url, Some(PathBuf::from(socket))))
}

/// The URL that `text` is, seen from `url`.
pub fn beside(url: &Url, text: &str) -> Result<Url, SpecError> {
    let wrong = |why: String| SpecError::Url {
        url: redact_url(text),
        why,
    };
    let mut found = url.join(text).map_err(|fault| wrong(fault.to_string()))?;
    strip(&mut found);
    match found.scheme() {
        "http" | "https" => Ok(found),
        _ => Err(wrong("expected http or https".to_owned())),
    }
}

/// Says what is wrong with `path` as the path of a unix socket.
pub fn check_socket(path: &Path) -> Result<(), SpecError> {
    if is_socket_path(path) {
        return Ok(());
    }
    Err(SpecError::UnixSocket {
        path: path.to_owned(),
    })
}

/// How `url`, asked through the socket of a `http+unix` URL or not, is shown to people.
pub fn shown(url: &Url, socket: Option<&Path>) -> String {
    let mut url = url.clone();
    strip(&mut url);
    let Some(socket) = socket else {
        return url.into();
    };
    let socket = socket.to_string_lossy();
    let socket = percent_encoding::utf8_percent_encode(&socket, percent_encoding::NON_ALPHANUMERIC);
    let socket = socket.to_string().replace("%2E", ".");
    let query = url.query().map(|query| format!("?{query}"));
    let query = query.unwrap_or_default();
    format!("{UNIX_SCHEME}{socket}{}{query}", url.path())
}

/// Takes the userinfo and the fragment off `url`.
pub fn strip(url: &mut Url) {
    // refused only for URLs without a host, which have no userinfo either
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
}

fn split(mut url: Url, socket: Option<PathBuf>) -> Target {
    let password = url.password().unwrap_or_default();
    let user = match (url.username(), password) {
        ("", "") => None,
        (user, password) => Some((decode(user), Secret::new(decode(password)))),
    };
    strip(&mut url);
    Target { url, socket, user }
}

fn parse_url(text: &str, given: &str) -> Result<Url, SpecError> {
    Url::parse(text).map_err(|fault| SpecError::Url {
        url: redact_url(given),
        why: fault.to_string(),
    })
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_come_apart() {
        for (text, url, socket, user) in [
            ("http://h", "http://h/", None, None),
            ("http://h?x=1", "http://h/?x=1", None, None),
            ("HTTPS://H:8443/a#top", "https://h:8443/a", None, None),
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
            let target = parse(text).expect(text);
            assert_eq!(target.url.as_str(), url, "{text}");
            assert_eq!(target.socket.as_deref(), socket.map(Path::new), "{text}");
            let got = target.user.as_ref().map(|(u, p)| (u.as_str(), p.expose()));
            assert_eq!(got, user, "{text}");
        }
    }

    #[test]
    fn what_is_shown_can_be_asked_again() {
        for text in [
            "http://h/?x=1",
            "http+unix://%2Frun%2Fapp.sock/health?v=1",
            "https://h:8443/a",
        ] {
            let target = parse(text).expect(text);
            assert_eq!(shown(&target.url, target.socket.as_deref()), text);
        }
    }

    #[test]
    fn faults_name_the_url_but_no_secret() {
        for (text, says) in [
            ("", "no URL"),
            ("localhost:80/x", "expected http"),
            ("h/x", "no URL"),
            ("ftp://u:hunter2@h/", "expected http"),
            ("http://", "no URL"),
            ("http://u:hunter2@h:99999/", "no URL"),
            ("http+unix://run/health", "no path of a unix socket"),
            ("http+unix:///health", "no path of a unix socket"),
        ] {
            let fault = parse(text).expect_err(text).to_string();
            assert!(fault.contains(says), "{text}: {fault}");
            assert!(!fault.contains("hunter2"), "{fault}");
        }
    }
}
