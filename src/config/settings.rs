//! Validated settings: what a configuration file, the original command line and the flags of `watch` and
//! `check` all come to. Plain data; `daemon::wiring` makes live parts of it.

use std::path::PathBuf;
use std::time::Duration;

use crate::health::{Backend, Budget, Expectation, Policy, Target};
use crate::secret::Secret;

/// Everything that one watchdog is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where intents, reports and incidents are kept. `None`: the default place.
    pub state_dir: Option<PathBuf>,
    /// The share of failing checks (of at least 3) from which on nothing is restarted. 0 < share <= 1.
    pub panic_threshold: Option<f64>,
    /// At least 1.
    pub max_concurrent_restarts: u32,
    /// Over all checks.
    pub max_restarts: Option<Budget>,
    /// Say what would be done and touch nothing.
    pub dry_run: bool,
    /// In the file's order; names are unique.
    pub checks: Vec<Check>,
    /// How supervisors are reached.
    pub supervisor: Supervisor,
    /// Who is told by mail, and how.
    pub mail: Option<Mail>,
}

/// One check.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Unique.
    pub name: String,
    /// How it is asked.
    pub probe: Probe,
    /// Asked once per so long.
    pub every: Duration,
    /// What a passing answer looks like.
    pub expectation: Expectation,
    /// When fails lead to an action.
    pub policy: Policy,
    /// Which processes are restarted.
    pub restart: Vec<Target>,
    /// Also start what is FATAL or EXITED.
    pub start_stopped: bool,
    /// Names of checks that must not be down for a restart to make sense.
    pub requires: Vec<String>,
    /// Say what would be done and touch nothing.
    pub dry_run: bool,
    /// Evidence before a restart.
    pub capture: Option<Capture>,
}

/// How a check asks. One member per probe kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Probe {
    /// An HTTP request.
    Http(Http),
}

/// An HTTP request.
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// `http`, `https` or `http+unix`, without userinfo.
    pub url: String,
    /// Total: name look-up, connect, TLS, redirects, body.
    pub timeout: Duration,
    /// Default `GET`.
    pub method: String,
    /// Sent as given, after ours.
    pub headers: Vec<(String, Secret)>,
    /// The request's body.
    pub data: Option<Vec<u8>>,
    /// Basic authentication: user and password.
    pub user: Option<(String, Secret)>,
    /// Whether and how the peer's certificate is verified.
    pub tls: Tls,
    /// Follow redirects, on the same host only.
    pub follow: bool,
    /// A body larger than this, in bytes, fails as `too_large`.
    pub max_body: u64,
}

/// Whether and how the peer's certificate is verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Accept any certificate.
    pub insecure: bool,
    /// Trust these roots instead of the system's.
    pub cacert: Option<PathBuf>,
}

/// Evidence before a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// The directory for core files; `None` makes none.
    pub cores: Option<PathBuf>,
    /// The command that writes a core, `DIR/NAME` and the pid appended.
    pub gcore: String,
    /// For all evidence of one restart together.
    pub timeout: Duration,
}

/// How supervisors are reached.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Supervisor {
    /// Where targets without a backend's word live.
    pub default: Backend,
    /// supervisord, when configured or when it started us.
    pub supervisord: Option<Supervisord>,
}

/// A supervisord.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supervisord {
    /// `unix:///path` or `http://host:port`.
    pub url: String,
    /// For its HTTP Basic authentication.
    pub username: String,
    /// For its HTTP Basic authentication.
    pub password: Secret,
}

/// Mails.
#[derive(Clone, Debug, PartialEq)]
pub struct Mail {
    /// At least one address.
    pub to: Vec<String>,
    /// The sender; `None`: httpok@ this host.
    pub from: Option<String>,
    /// How they are sent.
    pub via: Via,
    /// A still-down reminder is sent so often; `None`: never.
    pub reminder: Option<Duration>,
}

/// How mails are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// A command line for the shell that reads the message on standard input.
    Sendmail(String),
    /// An SMTP server.
    Smtp(Smtp),
}

/// An SMTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smtp {
    /// How the connection is secured.
    pub security: SmtpSecurity,
    /// Name or address.
    pub host: String,
    /// 25, 465 or 587 by default, after `security`.
    pub port: u16,
    /// User and password for AUTH.
    pub user: Option<(String, Secret)>,
}

/// How an SMTP connection is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// `smtp://`: not at all.
    Plain,
    /// `smtp+starttls://`: upgraded, or not used.
    StartTls,
    /// `smtps://`: TLS from the first byte.
    Tls,
}
