//! What a check asks: one kind of spec for each kind of probe. Plain data that configuration files, the
//! original command line and flags build, and that probes are made of.

use std::time::Duration;

use super::grpc::GrpcSpec;
use super::http::spec::{HttpSpec, HttpUrl};
use super::line::spec::LineSpec;
use crate::exec::CommandLine;
use crate::net::Address;
use crate::net::{IpFamily, lookup};
use crate::secret::Secret;

/// How long an answer may take by default.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// How large an answer that is not HTTP's may be by default, in bytes.
pub const MAX_TEXT: u64 = 64 << 10;

/// What a check asks.
#[derive(Clone, Debug, PartialEq)]
pub enum ProbeSpec {
    /// An HTTP request.
    Http(HttpSpec),
    /// One exchange over a plain connection.
    Line(LineSpec),
    /// A command.
    Exec(ExecSpec),
    /// gRPC's health service.
    Grpc(GrpcSpec),
    /// Nothing: the service says by itself how it is.
    Heartbeat(HeartbeatSpec),
}

/// A check that is not asked, but sends heartbeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeartbeatSpec {
    /// One is due so often.
    pub every: Duration,
    /// Opens `/api/v1/heartbeat/NAME` for this check, and nothing else.
    pub token: Option<Secret>,
}

impl HeartbeatSpec {
    /// What stands where others have a URL, such as `heartbeat:1day1h`.
    pub fn url(&self) -> String {
        let every = humantime::format_duration(self.every).to_string();
        format!("heartbeat:{}", every.replace(' ', ""))
    }
}

/// A command whose exit code and output are the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecSpec {
    /// What is run.
    pub command: CommandLine,
    /// From its start to its end; then it is killed with all that it started.
    pub timeout: Duration,
    /// So many bytes of what it prints are kept; the rest is dropped.
    pub max_body: u64,
}

impl ExecSpec {
    /// `command` with every default.
    pub fn new(command: CommandLine) -> Self {
        Self {
            command,
            timeout: TIMEOUT,
            max_body: MAX_TEXT,
        }
    }
}

impl ProbeSpec {
    /// The probe that `url` asks for, with every default; its user and password become Basic authentication.
    ///
    /// # Errors
    /// Says what a check's URL looks like.
    pub fn of_url(url: &str) -> Result<Self, String> {
        if url.starts_with("exec:") {
            // its words may hold secrets
            return Err(
                "\"exec:\" is not a URL to ask: expected command = [...] in a configuration file"
                    .to_owned(),
            );
        }
        let address = Address::parse(url, "http://127.0.0.1:8080/health")?;
        match address.scheme.as_str() {
            "tcp" | "unix" => LineSpec::of_address(&address, url).map(Self::Line),
            "http" | "https" | "http+unix" => {
                let (url, user) = HttpUrl::of_address(address, url)?;
                Ok(Self::Http(HttpSpec {
                    user,
                    ..HttpSpec::new(url)
                }))
            }
            "grpc" | "grpcs" => GrpcSpec::of_address(&address, url).map(Self::Grpc),
            scheme => Err(format!(
                "scheme {scheme:?} is not supported: expected http, https, http+unix, grpc, grpcs, tcp or unix"
            )),
        }
    }
}

/// Whether addresses of `family` can reach `host`.
pub(super) fn check_family(host: &str, family: Option<IpFamily>) -> Result<(), String> {
    match (lookup::literal(host), family) {
        (Some(address), Some(family)) if !family.has(address) => {
            Err(format!("{address} is not an {family} address"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::line::spec::Peer;

    #[test]
    fn scheme_chooses_the_probe_and_userinfo_is_taken_off() {
        for (url, shown, user) in [
            ("http://localhost", "http://localhost/", None),
            ("https://h:8443/x?y=a@b#z", "https://h:8443/x?y=a@b", None),
            ("http://u:p%40@h/x", "http://h/x", Some(("u", "p@"))),
            ("http://u@h", "http://h/", Some(("u", ""))),
            (
                "http+unix://%2Frun%2Fa.sock/x",
                "http+unix://%2Frun%2Fa.sock/x",
                None,
            ),
        ] {
            let Ok(ProbeSpec::Http(http)) = ProbeSpec::of_url(url) else {
                panic!("{url} is HTTP");
            };
            assert_eq!(http.url.to_string(), shown);
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
            let expected = ProbeSpec::Line(LineSpec::new(shown, peer));
            assert_eq!(ProbeSpec::of_url(url), Ok(expected), "{url}");
        }
        let long = format!("unix:///{}", "x".repeat(107));
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
            &long,
        ] {
            let error = ProbeSpec::of_url(url).expect_err(url);
            assert!(
                error.contains("expected tcp://")
                    || error.contains("expected unix://")
                    || error.contains("is not a URL"),
                "{url}: {error}"
            );
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn errors_name_the_url_without_its_password() {
        for (url, part) in [
            ("", "is not a URL: expected a URL such as"),
            (
                "localhost:80/x",
                "expected a scheme before it, such as \"http://localhost:80/x\"",
            ),
            ("http://", "is not a URL (empty host)"),
            ("http://x y", "blanks or control characters"),
            ("http://h:99999", "invalid port number"),
            (
                "http://u:hunter2@h:99999",
                "\"http://***@h:99999\" is not a URL",
            ),
            ("u:hunter2@h", "is not a URL: expected"),
            (
                "ftp://h/",
                "scheme \"ftp\" is not supported: expected http, https",
            ),
            ("exec:test -e hunter2", "expected command = [...]"),
            ("http+unix://", "names no socket"),
            ("http+unix://run/x", "names no socket"),
            ("http+unix:///run/app.sock", "names no host"),
            ("http:/u:hunter2@h/", "\"***@h/\" is not a URL"),
            ("http:///u:hunter2@h/", "\"http://***@h/\" names no host"),
            ("http://u:hunter2@h/ x", "\"http://***@h/ x\" has blanks"),
            ("http://u:hunter2@", "\"http://***@\" is not a URL"),
        ] {
            let error = ProbeSpec::of_url(url).expect_err(url);
            assert!(error.contains(part), "{url}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
