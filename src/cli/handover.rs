//! The one place where what a command line asked for is handed to the daemon. Each function runs until
//! the watchdog ends and says how it ended.

use crate::cli::dropin::ListenerOptions;
use crate::cli::exit::Exit;
use crate::cli::watch::WatchOptions;
use crate::config::settings::Settings;

/// Runs the event listener under supervisord.
pub fn listen(settings: &Settings, options: &ListenerOptions) -> Exit {
    // HANDOVER: daemon::listen(settings, options)
    eprintln!(
        "httpok: this build has no listener for {:?}: {settings:?}",
        options.url
    );
    Exit::Unknown
}

/// Runs the standalone watchdog.
pub fn watch(settings: &Settings, options: &WatchOptions) -> Exit {
    // HANDOVER: daemon::watch(settings, options)
    eprintln!("httpok: this build has no watchdog for {options:?}: {settings:?}");
    Exit::Unknown
}
