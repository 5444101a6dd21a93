//! Validated settings: what a configuration file, the original command line and the flags of `watch` and
//! `check` all come to. Plain data; `daemon::wiring` makes live parts of it.

use std::path::PathBuf;
use std::time::Duration;

pub use super::program::OnExit;

use super::supervisor::SupervisorSettings;
use crate::exec::CommandLine;
use crate::health::{Budget, Expectation, Policy, Target};
use crate::notify::spec::{MailSpec, WebhookSpec};
use crate::probe::http::spec::HttpSpec;
use crate::probe::spec::ProbeSpec;
use crate::serve::spec::ServeSpec;
use crate::supervisor::embedded::spec::Program;

/// Everything that one watchdog is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where intents, reports and incidents are kept. `None`: the default place.
    pub state_dir: Option<PathBuf>,
    /// Where every event and what was decided about it is written, for `simulate`. `None`: nowhere.
    pub journal: Option<PathBuf>,
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
    /// The programs of our own supervisor; names are unique.
    pub programs: Vec<Program>,
    /// What becomes of them when we are told to end.
    pub on_exit: OnExit,
    /// How supervisors are reached.
    pub supervisor: SupervisorSettings,
    /// Where mails go.
    pub mail: Option<MailSpec>,
    /// The pause between reminders that a check is still down; `None`: none are sent.
    pub reminder: Option<Duration>,
    /// The receivers of HTTP requests.
    pub webhooks: Vec<WebhookSpec>,
    /// What is served where.
    pub serve: ServeSpec,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            state_dir: None,
            journal: None,
            panic_threshold: Some(0.6),
            max_concurrent_restarts: 1,
            max_restarts: Some(Budget {
                count: 20,
                window: Duration::from_secs(3600),
            }),
            dry_run: false,
            checks: Vec::new(),
            programs: Vec::new(),
            on_exit: OnExit::default(),
            supervisor: SupervisorSettings::default(),
            mail: None,
            reminder: None,
            webhooks: Vec::new(),
            serve: ServeSpec::default(),
        }
    }
}

/// One check.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Unique.
    pub name: String,
    /// How it is asked.
    pub probe: ProbeSpec,
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
    /// What the program is asked once after each start.
    pub warmup: Option<Box<HttpSpec>>,
}

impl Check {
    /// How often a check is asked when nobody says.
    pub const EVERY: Duration = Duration::from_secs(60);

    /// A check with every default, which restarts nothing yet.
    pub fn new(name: impl Into<String>, probe: ProbeSpec) -> Self {
        Self {
            name: name.into(),
            probe,
            every: Self::EVERY,
            expectation: Expectation::default(),
            policy: Policy::default(),
            restart: Vec::new(),
            start_stopped: false,
            requires: Vec::new(),
            dry_run: false,
            capture: None,
            warmup: None,
        }
    }

    /// A check of `url` with every default, which restarts nothing yet.
    ///
    /// # Errors
    /// Says what a check's URL looks like.
    pub fn of_url(name: impl Into<String>, url: &str) -> Result<Self, String> {
        Ok(Self::new(name, ProbeSpec::of_url(url)?))
    }
}

/// Evidence before a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// The directory for core files; `None` makes none.
    pub cores: Option<PathBuf>,
    /// The command that writes a core, `DIR/NAME` and the pid appended; `builtin` needs none.
    pub gcore: String,
    /// Commands whose output is kept; `{pid}` and the like are filled in when they run.
    pub run: Vec<CommandLine>,
    /// For all evidence of one restart together.
    pub timeout: Duration,
    /// Of each process the evidence of so many incidents is kept; the oldest goes first. At least 1.
    pub keep: u32,
    /// All evidence together takes no more than so many bytes.
    pub max_bytes: u64,
    /// No evidence is written when it would leave fewer bytes free than this.
    pub min_free: u64,
}

impl Default for Capture {
    fn default() -> Self {
        Self {
            cores: None,
            gcore: "/usr/bin/gcore -o".to_owned(),
            run: Vec::new(),
            timeout: Duration::from_secs(30),
            keep: 5,
            max_bytes: 2 << 30,
            min_free: 1 << 30,
        }
    }
}
