//! What settings do not say and whoever starts a watchdog does.

use crate::health::ProcessName;
use crate::notify::report::MailFormat;

/// How a watchdog behaves beyond its settings: what the original command line asks for.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// In whose words people are told.
    pub words: MailFormat,
    /// Restart every process but ourselves.
    pub all: bool,
    /// Ask even when no selected process is RUNNING.
    pub eager: bool,
    /// Our own process, which is never touched.
    pub ourselves: Option<ProcessName>,
    /// Standard output belongs to supervisord's protocol: nothing else may be written there.
    pub stdout_is_protocol: bool,
    /// Which watchdog this is: the same in every run, and no other's on this host.
    pub key: String,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            words: MailFormat::Full,
            all: false,
            eager: true,
            ourselves: None,
            stdout_is_protocol: false,
            key: "watch".to_owned(),
        }
    }
}
