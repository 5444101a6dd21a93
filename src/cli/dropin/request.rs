//! What a command line of the original's kind comes to, as plain data.

use std::path::PathBuf;
use std::time::Duration;

use crate::health::{Budget, Expectation, ProcessName};
use crate::notify::spec::{SmtpSpec, WebhookUrl};
use crate::probe::http::HttpSpec;
use crate::supervisor::supervisord::SupervisordSpec;

/// What a command line of the original's kind asks for.
#[derive(Debug, PartialEq)]
pub enum DropInRequest {
    /// `-h`.
    Help,
    /// `-V`.
    Version,
    /// Run as an event listener.
    Listen(Box<DropIn>),
}

/// Why it cannot be done.
#[derive(Debug, PartialEq, Eq)]
pub enum DropInRefusal {
    /// The command line is wrong; why, and what would be right.
    Usage(String),
    /// supervisord did not start us.
    NotAListener,
    /// supervisord started us, but its address or the URL is none that we can use.
    CannotListen(String),
}

/// An event listener as its command line and environment describe it.
#[derive(Clone, Debug, PartialEq)]
pub struct DropIn {
    /// What it watches.
    pub watched: WatchedUrls,
    /// `-n`.
    pub name: Option<String>,
    /// `-p`, in order, as typed.
    pub programs: Vec<String>,
    /// `-a`.
    pub any: bool,
    /// `-e` or `-E`, whichever came last.
    pub eager: bool,
    /// `-m`.
    pub email: Option<String>,
    /// `-s`.
    pub sendmail: String,
    /// `-g`.
    pub gcore: String,
    /// `-d`.
    pub coredir: Option<PathBuf>,
    /// `--smtp`: instead of `sendmail`.
    pub smtp: Option<SmtpSpec>,
    /// `--from`.
    pub from: Option<String>,
    /// `--webhook`. It may hold a token.
    pub webhook: Option<WebhookUrl>,
    /// `--fail-after`.
    pub fail_after: u32,
    /// `--grace`.
    pub grace: Duration,
    /// `--max-restarts`.
    pub max_restarts: Option<Budget>,
    /// `--start-stopped`.
    pub start_stopped: bool,
    /// `--dry-run`.
    pub dry_run: bool,
    /// `--state-dir`.
    pub state_dir: Option<PathBuf>,
    /// The supervisord that started us.
    pub server: SupervisordSpec,
    /// Our own process, which is never touched.
    pub ourselves: Option<ProcessName>,
}

/// What a listener watches.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchedUrls {
    /// The one URL of the command line.
    Url(Box<DropInProbe>),
    /// All checks of a configuration file.
    File(PathBuf),
}

/// How the URL is asked, and what a good answer is.
#[derive(Clone, Debug, PartialEq)]
pub struct DropInProbe {
    /// As typed, but for its userinfo.
    pub url: String,
    /// How it is asked.
    pub http: HttpSpec,
    /// What is a good answer.
    pub expectation: Expectation,
}
