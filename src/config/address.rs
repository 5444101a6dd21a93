//! URLs: which probe kind a check's URL asks for, and the parts of a server's URL. An error never repeats
//! a URL's user or password.

use reqwest::Url;

use super::mask::without_login;
use super::settings::{Check, Http, Line, Override, Peer, Probe};
use crate::secret::Secret;

/// A URL taken apart.
pub struct Address {
    pub scheme: String,
    /// Without user and password, otherwise as it was written.
    pub url: String,
    /// User and, when given, password.
    pub user: Option<(String, Option<Secret>)>,
    /// Without the brackets of an IPv6 address; percent-encoded where the scheme is not the web's.
    pub host: String,
    pub port: Option<u16>,
    pub path: String,
}

impl Address {
    /// Takes `text` apart; `example` is what would be right.
    ///
    /// # Errors
    /// Says what a URL looks like.
    pub fn parse(text: &str, example: &str) -> Result<Self, String> {
        let shown = without_login(text);
        let wrong = |what: &str| format!("{shown:?} {what}: expected a URL such as {example:?}");
        // the parser forgives blanks and slashes that a probe, or a reader, would stumble over
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(wrong("has blanks or control characters in it"));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(match text.split(['/', ':']).next() {
                Some(host) if !host.is_empty() && !shown.contains('@') => format!(
                    "{shown:?} is no URL: expected a scheme before it, such as \"http://{shown}\""
                ),
                _ => wrong("is no URL"),
            });
        };
        // of "http:///u:p@h" the parser makes the host "h"; we would take it for a path
        if scheme.to_ascii_lowercase().starts_with("http") && rest.starts_with(['/', '\\']) {
            return Err(wrong("names no host"));
        }
        let url = Url::parse(text).map_err(|why| wrong(&format!("is no URL ({why})")))?;
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let user = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => {
                let decoded = |part| {
                    percent_decoded(part).ok_or_else(|| wrong("has a user that is not UTF-8"))
                };
                let password = password.map(decoded).transpose()?.map(Secret::new);
                Some((decoded(user)?, password))
            }
        };
        Ok(Self {
            scheme: url.scheme().to_owned(),
            url: without_userinfo(text),
            user,
            host: host.to_owned(),
            port: url.port(),
            path: url.path().to_owned(),
        })
    }
}

/// The probe that `url` asks for, with every default; its user and password become Basic authentication.
///
/// # Errors
/// Says what a check's URL looks like.
pub fn probe(url: &str) -> Result<Probe, String> {
    if url.starts_with("exec:") {
        // its words may hold secrets
        return Err(
            "\"exec:\" is no URL to ask: expected command = [...] in a configuration file"
                .to_owned(),
        );
    }
    let address = Address::parse(url, "http://127.0.0.1:8080/health")?;
    let shown = without_login(url);
    match address.scheme.as_str() {
        "http" | "https" => {}
        "tcp" | "unix" => return line(&address, &shown).map(Probe::Line),
        "http+unix" => {
            let socket = percent_decoded(&address.host).unwrap_or_default();
            if !socket.starts_with('/') || socket.contains('\0') || address.port.is_some() {
                return Err(format!(
                    "{shown:?} names no socket: expected its absolute path with %2F for each slash, such \
                     as \"http+unix://%2Frun%2Fapp.sock/health\""
                ));
            }
        }
        scheme => {
            return Err(format!(
                "scheme {scheme:?} is not supported: expected http, https, http+unix, tcp or unix"
            ));
        }
    }
    if address.host.is_empty() {
        return Err(format!(
            "{shown:?} names no host: expected a URL such as \"http://127.0.0.1:8080/health\""
        ));
    }
    Ok(Probe::Http(Http {
        user: address
            .user
            .map(|(user, password)| (user, password.unwrap_or_default())),
        ..Http::new(address.url)
    }))
}

/// The plain connection that `address` asks for.
fn line(address: &Address, shown: &str) -> Result<Line, String> {
    let wrong = |example| format!("{shown:?} is no plain connection: expected {example}");
    let bare = address.user.is_none() && !address.url.contains(['?', '#']);
    let peer = match address.scheme.as_str() {
        "unix" => {
            let path = percent_decoded(&address.path).unwrap_or_default();
            let is_path = path.len() > 1 && !path.contains('\0');
            Some(Peer::Unix(path.into())).filter(|_| is_path && address.host.is_empty())
        }
        _ => address.port.filter(|port| *port > 0).map(|port| Peer::Tcp {
            host: address.host.clone(),
            port,
        }),
    };
    match peer {
        Some(Peer::Unix(path)) if bare => Ok(Line::new(&*address.url, Peer::Unix(path))),
        Some(peer @ Peer::Tcp { .. })
            if bare && !address.host.is_empty() && matches!(&*address.path, "" | "/") =>
        {
            Ok(Line::new(address.url.trim_end_matches('/'), peer))
        }
        _ if address.scheme == "unix" => {
            Err(wrong("unix:///PATH, such as \"unix:///run/app.sock\""))
        }
        _ => Err(wrong("tcp://HOST:PORT, such as \"tcp://127.0.0.1:8160\"")),
    }
}

/// `HOST:PORT:ADDRESS`, as curl has it; an IPv6 address may stand in brackets.
pub fn resolve(text: &str) -> Result<Override, String> {
    let read = || {
        let mut parts = text.splitn(3, ':');
        let (host, port, address) = (parts.next()?, parts.next()?, parts.next()?);
        let address = address.trim_start_matches('[').trim_end_matches(']');
        Some(Override {
            host: Some(host.to_ascii_lowercase()).filter(|host| !host.is_empty())?,
            port: port.parse().ok()?,
            address: address.parse().ok()?,
        })
    };
    read().ok_or_else(|| {
        format!(
            "{text:?} names no address for a host: expected HOST:PORT:ADDRESS, such as \
             example.org:443:127.0.0.1"
        )
    })
}

impl Check {
    /// A check of `url` with every default, which restarts nothing yet.
    ///
    /// # Errors
    /// Says what a check's URL looks like.
    pub fn of_url(name: impl Into<String>, url: &str) -> Result<Self, String> {
        Ok(Self::new(name, probe(url)?))
    }
}

/// `url` as it was written, but for its user and password.
fn without_userinfo(url: &str) -> String {
    let start = url.find("//").map_or(0, |at| at + 2);
    let (scheme, rest) = url.split_at(start);
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let from = rest[..end].rfind('@').map_or(0, |at| at + 1);
    format!("{scheme}{}", &rest[from..])
}

/// `text` with its `%XX` decoded, when that is UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).ok()?);
                rest = &after[2..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_chooses_its_probe_and_loses_its_userinfo() {
        for (url, kept, user) in [
            ("http://localhost", "http://localhost", None),
            ("https://h:8443/x?y=a@b#z", "https://h:8443/x?y=a@b#z", None),
            ("http://[::1]:80/", "http://[::1]:80/", None),
            ("HTTP://H/", "HTTP://H/", None),
            ("http://u:p%40@h/x", "http://h/x", Some(("u", "p@"))),
            ("http://u@h", "http://h", Some(("u", ""))),
            (
                "http+unix://%2Frun%2Fa.sock/x",
                "http+unix://%2Frun%2Fa.sock/x",
                None,
            ),
        ] {
            let Probe::Http(http) = probe(url).expect(url) else {
                panic!("{url} is HTTP");
            };
            assert_eq!(http.url, kept);
            let found = http.user.as_ref();
            assert_eq!(
                found.map(|(user, pass)| (user.as_str(), pass.expose())),
                user
            );
        }
    }

    #[test]
    fn plain_connections_have_a_port_or_a_path() {
        let tcp = |host: &str, port| Peer::Tcp {
            host: host.to_owned(),
            port,
        };
        for (url, shown, peer) in [
            ("tcp://h:25", "tcp://h:25", tcp("h", 25)),
            ("tcp://[::1]:8160/", "tcp://[::1]:8160", tcp("::1", 8160)),
            (
                "unix:///run/a.sock",
                "unix:///run/a.sock",
                Peer::Unix("/run/a.sock".into()),
            ),
            (
                "unix:///run/a%20b",
                "unix:///run/a%20b",
                Peer::Unix("/run/a b".into()),
            ),
        ] {
            assert_eq!(probe(url), Ok(Probe::Line(Line::new(shown, peer))), "{url}");
        }
        for url in [
            "tcp://h",
            "tcp://:25",
            "tcp://h:0",
            "tcp://h:25/x",
            "tcp://h:25?x",
            "tcp://u:hunter2@h:25",
            "unix://",
            "unix:///",
            "unix://run/a.sock",
            "unix:///a?b",
            "unix:///a%00b",
        ] {
            let fault = probe(url).expect_err(url);
            assert!(
                fault.contains("expected tcp://")
                    || fault.contains("expected unix://")
                    || fault.contains("is no URL"),
                "{url}: {fault}"
            );
            assert!(!fault.contains("hunter2"), "{fault}");
        }
    }

    #[test]
    fn resolve_takes_curls_words() {
        for (text, host, port, address) in [
            ("Example.org:443:127.0.0.1", "example.org", 443, "127.0.0.1"),
            ("h:1:[::1]", "h", 1, "::1"),
            ("h:1:::1", "h", 1, "::1"),
        ] {
            let address = address.parse().expect("an address");
            let host = host.to_owned();
            assert_eq!(
                resolve(text),
                Ok(Override {
                    host,
                    port,
                    address
                }),
                "{text}"
            );
        }
        for wrong in [
            "h",
            "h:1",
            "h:x:127.0.0.1",
            "h:1:name",
            ":1:127.0.0.1",
            "h:70000:::1",
        ] {
            assert!(resolve(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_url_is_told_without_its_password() {
        for (url, part) in [
            ("", "is no URL: expected a URL such as"),
            (
                "localhost:80/x",
                "expected a scheme before it, such as \"http://localhost:80/x\"",
            ),
            ("http://", "is no URL (empty host)"),
            ("http://x y", "blanks or control characters"),
            ("http://h:99999", "invalid port number"),
            (
                "http://u:hunter2@h:99999",
                "\"http://***@h:99999\" is no URL",
            ),
            ("u:hunter2@h", "is no URL: expected"),
            (
                "ftp://h/",
                "scheme \"ftp\" is not supported: expected http, https",
            ),
            ("exec:test -e hunter2", "expected command = [...]"),
            ("http+unix://", "names no socket"),
            ("http+unix://run/x", "names no socket"),
            ("http+unix:///run/app.sock", "names no host"),
            ("http:/u:hunter2@h/", "\"***@h/\" is no URL"),
            ("http:///u:hunter2@h/", "\"http://***@h/\" names no host"),
            ("http://u:hunter2@h/ x", "\"http://***@h/ x\" has blanks"),
            ("http://u:hunter2@", "\"http://***@\" is no URL"),
        ] {
            let fault = probe(url).expect_err(url);
            assert!(fault.contains(part), "{url}: {fault}");
            assert!(!fault.contains("hunter2"), "{fault}");
        }
    }
}
