//! The options of `watch`. What the file of `--config` would say is refused beside it, so that there is
//! one place.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{AskArgs, ConnectionArgs};
use crate::cli::values;
use crate::config::supervisor::supervisord_url;
use crate::health::{Backoff, Budget, Target};
use crate::notify::spec::SmtpSpec;
use crate::supervisor::supervisord::SupervisordSpec;

/// `httpok watch`.
#[derive(Args, Debug)]
pub struct WatchArgs {
    /// The URLs to watch
    #[arg(
        value_name = "URL",
        required_unless_present = "config",
        conflicts_with = "config"
    )]
    pub urls: Vec<String>,

    /// Watch the checks of this configuration file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ask", "wire", "policy", "mail"])]
    pub config: Option<PathBuf>,

    /// Ask every URL once per so long
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = values::timeout, conflicts_with = "config")]
    pub every: Duration,

    /// Restart this process when a URL is down; may be given again
    ///
    /// web is that process in any group, app:web one member of a group, app:* a whole group, systemd/nginx
    /// a unit of systemd, docker/redis a container. Without it nothing is restarted and people are only notified.
    #[arg(
        short,
        long = "program",
        value_name = "NAME",
        conflicts_with = "config"
    )]
    pub programs: Vec<Target>,

    /// How supervisord is reached: unix:///path or http://user:password@host:port
    ///
    /// Default: $SUPERVISOR_SERVER_URL, else unix:///run/supervisor.sock or, when only that exists,
    /// unix:///var/run/supervisor.sock. $SUPERVISOR_USERNAME and $SUPERVISOR_PASSWORD are used when
    /// the URL has no user.
    #[arg(long, value_name = "URL", value_parser = supervisord_url, conflicts_with = "config")]
    pub supervisor: Option<SupervisordSpec>,

    /// With 3 services or more, restart nothing when this share of them began to fail at once: 60%, or off
    ///
    /// Then it is not one of them that is broken, but the network, the machine or what all of them need. Checks that
    /// restart the same process are one service; those that are paused or have given up do not count. Restarts go on
    /// by themselves as soon as fewer fail; status says how many that is. The key of a file is panic_threshold, also
    /// for a listener with --config; a listener with a URL has one check, and nothing to compare it with.
    #[arg(long, value_name = "SHARE", default_value = "60%", value_parser = values::panic_threshold, conflicts_with = "config")]
    pub panic_threshold: values::PanicThreshold,

    /// What begins to fail within so long of each other fails at once
    ///
    /// The key of a file is panic_window.
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = values::timeout, conflicts_with = "config")]
    pub panic_window: Duration,

    /// Say what would be done and touch nothing
    ///
    /// Programs of the file are started all the same.
    #[arg(long)]
    pub dry_run: bool,

    /// Ask everything once, act on it, and end with the exit status of check
    ///
    /// For cron. Programs of the file are neither started nor restarted.
    #[arg(long)]
    pub once: bool,

    /// Where unfinished restarts and unsent reports are kept
    ///
    /// Default: $STATE_DIRECTORY; for root /var/lib/httpok; else httpok in $XDG_STATE_HOME.
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,

    /// Write every event and what was decided about it to this file, for httpok simulate
    ///
    /// One JSON object a line, appended. Answers are in it, as far as they are kept, so only its owner
    /// may read it. It is not rotated: logrotate does that, with SIGUSR2 after
    /// the file was moved.
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,

    #[command(flatten)]
    pub ask: AskArgs,

    #[command(flatten)]
    pub wire: ConnectionArgs,

    #[command(flatten)]
    pub policy: PolicyArgs,

    #[command(flatten)]
    pub mail: MailArgs,
}

/// When a failure leads to a restart.
#[derive(Args, Debug)]
#[group(id = "policy", multiple = true)]
#[command(next_help_heading = "When to act")]
pub struct PolicyArgs {
    /// Restart after so many failures in a row
    #[arg(long, value_name = "N", default_value = "3", value_parser = values::count)]
    pub fail_after: u32,

    /// It is up again after so many passes in a row
    #[arg(long, value_name = "N", default_value = "1", value_parser = values::count)]
    pub pass_after: u32,

    /// Count no failure for so long after a program's start; its first pass ends that
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = values::duration)]
    pub grace: Duration,

    /// At most so many restarts in so much time, then give up and say so
    #[arg(long, value_name = "N/DURATION", default_value = "5/10m", value_parser = values::budget)]
    pub max_restarts: Budget,

    /// Try again so long after giving up
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = values::timeout)]
    pub rearm: Duration,

    /// The pause between two restarts: the first, doubling up to the longest
    ///
    /// One duration alone is always the pause.
    #[arg(long, value_name = "MIN..MAX", default_value = "10s..5m", value_parser = values::backoff)]
    pub backoff: Backoff,
}

/// The recipients of notifications, and how they are sent.
#[derive(Args, Debug)]
#[group(id = "mail", multiple = true)]
#[command(next_help_heading = "Mail")]
pub struct MailArgs {
    /// Send a mail to this address when something goes down, recovers or is given up; may be given again
    #[arg(long, value_name = "ADDRESS", value_parser = values::text)]
    pub mail_to: Vec<String>,

    /// Send mail through this server: smtp://host, smtp+starttls://user:password@host:587, smtps://host
    #[arg(long, value_name = "URL", value_parser = values::smtp, conflicts_with = "sendmail", requires = "mail_to")]
    pub smtp: Option<SmtpSpec>,

    /// Send mail through this command, which reads it on standard input
    #[arg(
        long,
        value_name = "COMMAND",
        default_value = "/usr/sbin/sendmail -t -i",
        requires = "mail_to"
    )]
    pub sendmail: String,

    /// The mail's sender [default: httpok at this host]
    #[arg(long, value_name = "ADDRESS", value_parser = values::text, requires = "mail_to")]
    pub from: Option<String>,
}
