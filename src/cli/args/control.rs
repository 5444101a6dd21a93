//! The options of the commands that talk to a running watchdog, or read what it left.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::examples;
use crate::cli::values;

/// Where the watchdog is.
#[derive(Args, Debug)]
#[group(skip)]
#[command(next_help_heading = "Which watchdog")]
pub struct WatchdogArgs {
    /// Talk to the watchdog at this socket
    #[arg(long, value_name = "PATH", conflicts_with_all = ["config", "state_dir", "url"])]
    pub socket: Option<PathBuf>,

    /// Talk to the watchdog of this configuration file
    #[arg(long, value_name = "FILE", conflicts_with = "state_dir")]
    pub config: Option<PathBuf>,

    /// Look in this state directory
    ///
    /// Default: $STATE_DIRECTORY; for root /var/lib/httpok; else httpok in $XDG_STATE_HOME.
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,

    #[command(flatten)]
    pub access: RemoteArgs,
}

/// A watchdog that serves over HTTP.
#[derive(Args, Clone, Debug)]
#[group(skip)]
#[command(next_help_heading = "Which watchdog")]
pub struct RemoteArgs {
    /// Talk to the watchdog that serves at this URL, such as https://host:9181
    #[arg(long, value_name = "URL", conflicts_with_all = ["config", "state_dir"])]
    pub url: Option<String>,

    /// With --url: the file with one of its api_keys; for beat the check's heartbeat_token will do
    #[arg(long, value_name = "FILE", requires = "url")]
    pub key_file: Option<PathBuf>,

    /// With --url: check its certificate against the roots in this file (PEM)
    #[arg(long, value_name = "FILE", requires = "url")]
    pub cacert: Option<PathBuf>,
}

/// `httpok notify test`.
#[derive(Args, Debug)]
#[group(skip)]
pub struct NotifyTestArgs {
    /// This notifier only, such as mail
    #[arg(value_name = "NOTIFIER")]
    pub name: Option<String>,

    /// Send through the notifiers of this file, and not through a watchdog
    #[arg(long, value_name = "FILE", conflicts_with_all = ["socket", "state_dir"])]
    pub config: Option<PathBuf>,

    /// Have the watchdog at this socket send it
    #[arg(long, value_name = "PATH", conflicts_with_all = ["state_dir", "url"], help_heading = "Which watchdog")]
    pub socket: Option<PathBuf>,

    /// Have the watchdogs of this state directory send it
    #[arg(long, value_name = "DIR", help_heading = "Which watchdog")]
    pub state_dir: Option<PathBuf>,

    #[command(flatten)]
    pub access: RemoteArgs,
}

/// Show how the checks of a running watchdog stand
///
/// Prints a row for every check: where it stands and since when, the restarts within the budget's
/// window, the last probe, and what comes next or is held back. With several watchdogs in the state
/// directory it shows them all.
///
/// The exit status is 0 when a watchdog answered, however its checks stand, and 3 when none did or a
/// name is wrong; httpok check has an exit status for verdicts.
#[derive(Parser, Debug)]
#[command(
    name = "status",
    bin_name = "httpok status",
    max_term_width = super::WIDEST,
    after_long_help = examples::help(examples::STATUS)
)]
pub struct StatusArgs {
    /// Only these checks
    #[arg(value_name = "NAME")]
    pub checks: Vec<String>,

    /// One JSON object a line and watchdog
    #[arg(long)]
    pub json: bool,

    /// Show it again and again, in place on a terminal, until Ctrl-C
    #[arg(long)]
    pub watch: bool,

    /// With --watch: the time between two refreshes
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = values::timeout, requires = "watch")]
    pub interval: Duration,

    #[command(flatten)]
    pub place: WatchdogArgs,
}

/// Which checks a command is about.
#[derive(Args, Clone, Debug)]
#[group(id = "chosen", required = true, multiple = false)]
pub struct ChosenArgs {
    /// The checks: names, or patterns such as 'shop*', which mean all checks of all watchdogs that they fit
    #[arg(value_name = "NAME")]
    pub checks: Vec<String>,

    /// All checks of all watchdogs
    #[arg(long)]
    pub all: bool,
}

/// `httpok pause`.
#[derive(Args, Debug)]
pub struct PauseArgs {
    #[command(flatten)]
    pub hold: HoldArgs,

    /// Silence them, too: nothing is restarted and nothing is reported
    #[arg(long)]
    pub silent: bool,
}

/// `httpok silence`, and what `httpok pause` has in common with it.
#[derive(Args, Debug)]
pub struct HoldArgs {
    #[command(flatten)]
    pub chosen: ChosenArgs,

    /// End it by itself after so long: 30m, 2h [default: until resume]
    #[arg(long = "for", value_name = "DURATION", value_parser = values::timeout)]
    pub lasting: Option<Duration>,

    /// The reason, shown by status and in reports
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        allow_hyphen_values = true
    )]
    pub reason: String,

    #[command(flatten)]
    pub place: WatchdogArgs,
}

/// `httpok restart`.
#[derive(Args, Debug)]
pub struct RestartArgs {
    #[command(flatten)]
    pub chosen: ChosenArgs,

    /// With --all: do not ask before
    #[arg(short, long)]
    pub yes: bool,

    #[command(flatten)]
    pub place: WatchdogArgs,
}

/// `httpok resume` and `reset`.
#[derive(Args, Debug)]
pub struct ChecksArgs {
    #[command(flatten)]
    pub chosen: ChosenArgs,

    #[command(flatten)]
    pub place: WatchdogArgs,
}

/// `httpok events`.
#[derive(Args, Debug)]
pub struct EventsArgs {
    /// Only of these checks: names, or patterns such as 'shop*'
    #[arg(value_name = "NAME")]
    pub checks: Vec<String>,

    /// Go on with what is decided from now on, until Ctrl-C
    #[arg(short, long)]
    pub follow: bool,

    /// So many of the last events first
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 20)]
    pub last: usize,

    /// Every probe that passes, too
    #[arg(long)]
    pub passes: bool,

    /// How an event is printed
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = EventsFormat::Human)]
    pub format: EventsFormat,

    #[command(flatten)]
    pub place: WatchdogArgs,
}

/// How an event is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EventsFormat {
    /// A line for people
    Human,
    /// One JSON object a line
    Json,
}

/// Say that a job or a program is well, or that it is not
///
/// For a check with heartbeat = "25h": a cron job, a backup or a program that knows itself how it is sends one each
/// time. The check passes until the next one is overdue, and then fails with no_heartbeat. With --fail it fails
/// at once.
///
/// The exit status is 0 when the watchdog took it, and 3 when it did not.
#[derive(Parser, Debug)]
#[command(
    name = "beat",
    bin_name = "httpok beat",
    max_term_width = super::WIDEST,
    after_long_help = examples::help(examples::BEAT)
)]
pub struct BeatArgs {
    /// The check that says how it is
    #[arg(value_name = "NAME")]
    pub check: String,

    /// Something is wrong: the check fails at once, with this text and the reason "reported"
    #[arg(
        long,
        value_name = "TEXT",
        num_args = 0..=1,
        default_missing_value = "",
        allow_hyphen_values = true
    )]
    pub fail: Option<String>,

    #[command(flatten)]
    pub place: WatchdogArgs,
}

/// `httpok start` and `stop`.
#[derive(Args, Debug)]
pub struct ProgramArgs {
    /// The programs: NAME, GROUP:NAME, or GROUP for all programs of a group
    #[arg(value_name = "PROGRAM", required = true)]
    pub programs: Vec<String>,

    #[command(flatten)]
    pub place: WatchdogArgs,
}

/// How the watchdog is from now on.
#[derive(Args, Clone, Debug)]
#[group(id = "health", required = true, multiple = false)]
pub struct HealthArgs {
    /// It is unhealthy from now on
    #[arg(long)]
    pub unhealthy: bool,

    /// It is healthy again, unless something else speaks against it
    #[arg(long)]
    pub healthy: bool,
}

/// `httpok health set`.
#[derive(Args, Debug)]
#[group(skip)]
pub struct HealthSetArgs {
    #[command(flatten)]
    pub health: HealthArgs,

    /// The reason, shown by status and in reports
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        conflicts_with = "healthy",
        allow_hyphen_values = true
    )]
    pub reason: String,

    #[command(flatten)]
    pub place: WatchdogArgs,
}

/// `httpok monitor`.
#[derive(Args, Debug)]
pub struct MonitorArgs {
    /// Where the monitor listens: HOST:PORT, or the path of a socket
    #[arg(value_name = "ADDRESS")]
    pub address: String,

    /// The command and its arguments [default: help]
    #[arg(value_name = "COMMAND", trailing_var_arg = true)]
    pub command: Vec<String>,

    /// How long the whole answer may take
    #[arg(short, long, value_name = "DURATION", value_parser = values::timeout, default_value = "10s")]
    pub timeout: Duration,
}

/// `httpok explain`.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// The check to explain, or `program/NAME` for the ends of a program; without it the incidents of all checks are
    /// listed, newest first
    #[arg(value_name = "NAME")]
    pub check: Option<String>,

    /// This incident instead of the check's last one
    #[arg(long, value_name = "ID", conflicts_with_all = ["all", "trace"])]
    pub incident: Option<String>,

    /// All incidents that are remembered: with NAME shown oldest first, without it listed newest first
    #[arg(long, conflicts_with = "trace")]
    pub all: bool,

    /// One JSON object a line and incident
    #[arg(long, conflicts_with = "trace")]
    pub json: bool,

    /// Instead of incidents every decision that is remembered, one JSON object a line, oldest first
    #[arg(long, requires = "check")]
    pub trace: bool,

    /// Look in the state directory that this configuration file names
    #[arg(long, value_name = "FILE", conflicts_with = "state_dir")]
    pub config: Option<PathBuf>,

    /// Look in this state directory
    ///
    /// Default: $STATE_DIRECTORY; for root /var/lib/httpok; else httpok in $XDG_STATE_HOME.
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,

    #[command(flatten)]
    pub access: RemoteArgs,
}

/// `httpok simulate`.
#[derive(Args, Debug)]
pub struct SimulateArgs {
    /// The configuration file whose checks decide
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,

    /// A journal of watch --journal, or hand-written samples; - is standard input
    #[arg(value_name = "TRACE")]
    pub trace: PathBuf,

    /// One JSON object a line and decision
    #[arg(long)]
    pub json: bool,
}

/// What can be done about the hosts that agree on restarts.
#[derive(Debug, Subcommand)]
pub enum FleetCommand {
    /// Show who holds the slots of the fleet, and who waits
    ///
    /// Prints each group that a check of this watchdog belongs to: the hosts that restart just now, those that wait, and
    /// how many restarts of the group's budget are spent. The watchdog asks its engine; a FleetLock server does not say it.
    #[command(after_long_help = examples::help(examples::FLEET_STATUS))]
    Status {
        /// One JSON object
        #[arg(long)]
        json: bool,

        #[command(flatten)]
        place: WatchdogArgs,
    },

    /// Free the slots of a host that is gone
    ///
    /// A host that died keeps its slot until its lease is over, and at a FleetLock server for ever. Free only the slots of a host that
    /// does not run: a restart that is under way there goes on.
    #[command(after_long_help = examples::help(examples::FLEET_RELEASE))]
    Release {
        /// What the host is called in the fleet
        #[arg(value_name = "HOST")]
        host: String,

        #[command(flatten)]
        place: WatchdogArgs,
    },
}
