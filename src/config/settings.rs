//! Validated settings: what a configuration file, the original command line and the flags of `watch` and
//! `check` all come to. Plain data; `daemon::wiring` makes live parts of it.

use std::path::PathBuf;
use std::time::Duration;

pub use super::program::OnExit;

use super::notify::NotifySettings;
use super::supervisor::SupervisorSettings;
use crate::action::spec::{CaptureSpec, RungCommand};
use crate::fleet::spec::FleetSpec;
use crate::health::{Budget, Expectation, FleetPolicy, Policy, Signal, Target};
use crate::probe::http::spec::HttpSpec;
use crate::probe::spec::ProbeSpec;
use crate::serve::spec::ServeSpec;
use crate::supervisor::embedded::spec::Program;
use crate::tick::maintenance::MaintenanceSpec;

/// Everything that one watchdog is configured with.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where intents, reports and incidents are kept. `None`: the default place.
    pub state_dir: Option<PathBuf>,
    /// Where every event and what was decided about it is written, for `simulate`. `None`: nowhere.
    pub journal: Option<PathBuf>,
    /// The share of failing checks (of at least 3) from which on nothing is restarted. 0 < share <= 1.
    pub panic_threshold: Option<f64>,
    /// Services that began to fail so close to each other count as failing at once.
    pub panic_window: Duration,
    /// At least 1.
    pub max_concurrent_restarts: u32,
    /// Over all checks.
    pub max_restarts: Option<Budget>,
    /// Say what would be done and touch nothing.
    pub dry_run: bool,
    /// In the file's order; names are unique.
    pub checks: Vec<CheckSettings>,
    /// The programs of our own supervisor; names are unique.
    pub programs: Vec<Program>,
    /// What becomes of them when the watchdog ends.
    pub on_exit: OnExit,
    /// How supervisors are reached.
    pub supervisor: SupervisorSettings,
    /// Where notifications go.
    pub notify: NotifySettings,
    /// When restarts or reports are held back.
    pub maintenance: Vec<MaintenanceSpec>,
    /// Where restarts are agreed on with other hosts.
    pub fleet: Option<FleetSpec>,
    /// What is served where.
    pub serve: ServeSpec,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            state_dir: None,
            journal: None,
            panic_threshold: Some(0.6),
            panic_window: Duration::from_secs(120),
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
            notify: NotifySettings::default(),
            maintenance: Vec::new(),
            fleet: None,
            serve: ServeSpec::default(),
        }
    }
}

/// One check.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckSettings {
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
    /// What is done at which attempt, if it is not always the same.
    pub ladder: Vec<RungSpec>,
    /// Also start what is FATAL or EXITED.
    pub start_stopped: bool,
    /// Names of checks that must not be down for a restart to make sense.
    pub requires: Vec<String>,
    /// Say what would be done and touch nothing.
    pub dry_run: bool,
    /// Evidence before a restart; `None` keeps none.
    pub capture: Option<CaptureSpec>,
    /// What the program is asked once after each start.
    pub warmup: Option<Box<HttpSpec>>,
    /// Its restarts are agreed on with other hosts.
    pub fleet: Option<FleetPolicy>,
}

/// What is done at one attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum RungSpec {
    /// The check's processes get a signal.
    Signal(Signal),
    /// These processes are restarted.
    Restart(Vec<Target>),
    /// A command is run.
    Run(RungCommand),
    /// The check is given up.
    GiveUp,
}

impl CheckSettings {
    /// The processes of the check itself: those that it names, or those of the first rung that restarts.
    pub fn own_targets(&self) -> &[Target] {
        let first = self.ladder.iter().find_map(|rung| match rung {
            RungSpec::Restart(targets) => Some(targets.as_slice()),
            RungSpec::Signal(_) | RungSpec::Run(_) | RungSpec::GiveUp => None,
        });
        match self.restart.is_empty() {
            true => first.unwrap_or_default(),
            false => &self.restart,
        }
    }

    /// Whether it starts what is FATAL or EXITED, too: a signal of its ladder may have ended it.
    pub fn starts_stopped(&self) -> bool {
        let signals = |rung: &RungSpec| matches!(rung, RungSpec::Signal(_));
        self.start_stopped || self.ladder.iter().any(signals)
    }

    /// The pause between two probes by default.
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
            ladder: Vec::new(),
            start_stopped: false,
            requires: Vec::new(),
            dry_run: false,
            capture: Some(CaptureSpec::default()),
            warmup: None,
            fleet: None,
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
