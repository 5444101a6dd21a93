//! The options of `check`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, ValueEnum};

use super::{AskArgs, ConnectionArgs, examples};
use crate::cli::range::AlertRange;
use crate::cli::values;

/// Ask URLs once and say what was seen
///
/// Asks every URL at the same time, each within one hard timeout, and says what was expected, what
/// came, and where the time went. With --config it asks the checks of a configuration file, all of
/// them or those named.
///
/// The exit status is 0 when all pass, 1 when the worst is degraded, starting or draining, 2 when
/// one fails, and 3 when the result is unknown: wrong usage, a wrong configuration, or trouble of
/// our own. The numbers are those of Nagios.
#[derive(Parser, Debug)]
#[command(
    name = "check",
    bin_name = "httpok check",
    max_term_width = super::WIDEST,
    override_usage = "httpok check [OPTIONS]... URL...\n       httpok check [OPTIONS]... --config FILE [NAME]...",
    after_long_help = examples::help(examples::CHECK)
)]
pub struct CheckArgs {
    /// The URLs to ask, all at the same time; with --config the names of checks
    ///
    /// http, https, or http+unix with the socket's path where the host would be:
    /// http+unix://%2Frun%2Fapp.sock/health. Plain connections are tcp://HOST:PORT and unix:///PATH; gRPC's health
    /// service is grpc://HOST:PORT/SERVICE, with TLS grpcs.
    #[arg(value_name = "URL", required_unless_present = "config")]
    pub targets: Vec<String>,

    /// Ask the checks of this configuration file, all of them or those named
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ask", "wire"])]
    pub config: Option<PathBuf>,

    #[command(flatten)]
    pub ask: AskArgs,

    #[command(flatten)]
    pub wire: ConnectionArgs,

    #[command(flatten)]
    pub wait: WaitArgs,

    #[command(flatten)]
    pub output: OutputArgs,
}

/// How long probes are repeated, and what counts as success.
#[derive(Args, Debug)]
#[group(skip)]
#[command(next_help_heading = "Trying again")]
pub struct WaitArgs {
    /// Probe again until all pass, for at most this long: 30s, 5m [default: probe once]
    ///
    /// The last probe begins when this time is over, and has a second at most: --wait 1m ends after 61 seconds at the latest.
    #[arg(long, value_name = "DURATION", value_parser = values::timeout)]
    pub wait: Option<Duration>,

    /// The pause between two probes of --wait; the last one is cut short
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = values::timeout, requires = "wait")]
    pub interval: Duration,

    /// Pass when the check fails, and fail when it passes
    ///
    /// For making sure that something is down or forbidden. An unknown result stays unknown.
    #[arg(long)]
    pub invert: bool,
}

/// How the results are shown.
#[derive(Args, Debug)]
#[group(skip)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// How the results are shown [default: human on a terminal, else plain]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub format: Option<CheckFormat>,

    /// With --format nagios: a warning when the seconds taken are outside this range
    ///
    /// A range as Nagios has it: 0.5 is 0 to 0.5, 1: is 1 or more, ~:2 is up to 2, and @1:2 alerts
    /// inside instead of outside. Units such as 500ms are taken, too.
    #[arg(short, long, value_name = "RANGE")]
    pub warn: Option<AlertRange>,

    /// With --format nagios: critical when the seconds taken are outside this range
    ///
    /// It has no short form: -c is --code.
    #[arg(long, value_name = "RANGE")]
    pub crit: Option<AlertRange>,

    /// Print nothing; the result is the exit status
    #[arg(short, long, conflicts_with = "format")]
    pub quiet: bool,

    /// For people: show the headers and the whole kept body, also when it passes
    ///
    /// Without --format it chooses human, also where standard output is not a terminal. The other formats are the same
    /// with and without it.
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
}

/// How results are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people: every expectation, where the time went, the beginning of a bad answer
    Human,
    /// One line a URL: verdict, URL, what was seen
    Plain,
    /// One JSON object a line and URL
    Json,
    /// A Nagios plugin's output, with performance data
    Nagios,
    /// Metrics for Prometheus, under blackbox_exporter's names
    Openmetrics,
}
