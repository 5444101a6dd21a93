//! The options of `run` and `sample`.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use super::watch::MailArgs;
use super::{AskArgs, ConnectionArgs, PolicyArgs};
use crate::cli::values;

/// `httpok run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// The URL that shows whether the command is healthy
    #[arg(long, value_name = "URL")]
    pub url: String,

    /// Ask once per so long
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = values::timeout)]
    pub every: Duration,

    /// Say what would be done and touch nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Where unfinished restarts and unsent reports are kept
    ///
    /// Default: $STATE_DIRECTORY; for root /var/lib/httpok; else httpok in $XDG_STATE_HOME.
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<std::path::PathBuf>,

    #[command(flatten)]
    pub ask: AskArgs,

    #[command(flatten)]
    pub wire: ConnectionArgs,

    #[command(flatten)]
    pub policy: PolicyArgs,

    #[command(flatten)]
    pub mail: MailArgs,

    /// The command to run and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// `httpok sample`.
#[derive(Args, Debug)]
pub struct SampleArgs {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8399", value_parser = values::address)]
    pub listen: SocketAddr,

    /// Hang so long after the start: accept, but answer no more
    #[arg(long, value_name = "DURATION", default_value = "8s", value_parser = values::duration)]
    pub hang_after: Duration,
}
