//! `httpok fleet`.

use clap::Subcommand;

use super::{WatchdogArgs, examples};

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
