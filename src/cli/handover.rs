//! Where what a command line asked for is handed to the daemon. Each function runs until the watchdog ends
//! and says how it ended.

use std::sync::Arc;
use std::time::Duration;

use tracing_subscriber::filter::LevelFilter;

use crate::blocking;
use crate::cli::dropin::ListenerOptions;
use crate::cli::exit::Exit;
use crate::cli::say;
use crate::cli::watch::WatchOptions;
use crate::config::settings::Settings;
use crate::daemon::former_names;
use crate::daemon::wiring::{self, Parts, RunOptions};
use crate::daemon::{Ending, Logger, Reload, SdNotify, Stderr, Ticks, Watchdog};
use crate::exec::children;
use crate::notify::report::MailFormat;
use crate::notify::superlance::OriginalMail;
use crate::tick::{ListenerEnd, Signals};

/// How long the last lines on standard error may hold up the end.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Runs the event listener under supervisord. `file` reads the configuration file again, when there is one.
pub fn listen(
    settings: Settings,
    options: &ListenerOptions,
    file: Option<SettingsFile>,
    warnings: &[String],
) -> Exit {
    let original = OriginalMail {
        name: options.name.clone(),
        all: options.any,
        targets: options.programs.clone(),
    };
    let key = key_of_listener(&settings, options);
    let run_options = match file {
        Some(_) => RunOptions {
            ourselves: options.ourselves.clone(),
            stdout_is_protocol: true,
            key,
            ..RunOptions::default()
        },
        None => RunOptions {
            words: MailFormat::Original(original.clone()),
            all: options.any,
            eager: options.eager,
            ourselves: options.ourselves.clone(),
            stdout_is_protocol: true,
            key,
            config: None,
        },
    };
    let of_file = file.is_some();
    let unverified = options.unverified.then(|| options.url.clone());
    // supervisord informs its own operator
    let sd_notify = SdNotify::default();
    let exit = run(
        settings,
        run_options,
        file,
        warnings,
        sd_notify,
        move |stderr, logger| {
            if let Some(url) = unverified {
                stderr.write(format!(
                    "httpok: the certificate of {url} is not verified; --verify does that\n"
                ));
            }
            let logger = if of_file {
                logger
            } else {
                Logger::Original {
                    listener: original,
                    stderr: stderr.clone(),
                }
            };
            let listener = crate::tick::EventListener::on_stdio()?;
            Ok((logger, Ticks::listener(listener)))
        },
    );
    match exit {
        Exit::Unknown => Exit::CannotListen,
        exit => exit,
    }
}

/// Runs the standalone watchdog.
pub fn watch(settings: Settings, options: &WatchOptions, file: Option<SettingsFile>) -> Exit {
    let once = options.once;
    let run_options = RunOptions {
        key: former_names::watch_key(&options.name),
        config: options.config.clone(),
        ..RunOptions::default()
    };
    run(
        settings,
        run_options,
        file,
        // a tick of cron's says the same each time
        if once { &[] } else { &options.warnings },
        sd_notify(),
        move |_, logger| {
            let ticks = match once {
                true => Ticks::once(),
                false => Ticks::timers(),
            };
            Ok((logger, ticks))
        },
    )
}

/// A listener is known by its process under its supervisord, and by what it asks: a process may be given
/// another URL, and is another watchdog then.
fn key_of_listener(settings: &Settings, options: &ListenerOptions) -> String {
    let process = options.ourselves.as_ref().map(ToString::to_string);
    let supervisord = settings.supervisor.supervisord.as_ref();
    format!(
        "listener {} of {} for {}",
        process.unwrap_or_default(),
        supervisord
            .map(|known| known.shown.clone())
            .unwrap_or_default(),
        options.url
    )
}

/// Reads the configuration file again: all that is wrong with it, ready to be printed.
pub type SettingsFile = Arc<dyn Fn() -> Result<Settings, String> + Send + Sync>;

fn run(
    settings: Settings,
    run_options: RunOptions,
    file: Option<SettingsFile>,
    warnings: &[String],
    sd_notify: SdNotify,
    begin: impl FnOnce(&Stderr, Logger) -> std::io::Result<(Logger, Ticks)>,
) -> Exit {
    let live = match WatchdogParts::start(&settings, &run_options) {
        Ok(live) => live,
        Err(exit) => return exit,
    };
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    // all of it is in the parts now
    drop(settings);
    let reload = file.map(|file| reload(file, run_options));
    live.block_on(|parts, stderr, logger| async move {
        let (logger, ticks) = begin(&stderr, logger)?;
        let signals = Signals::new()?;
        let watchdog = watchdog(parts, ticks, logger, reload).with_sd_notify(sd_notify);
        let (ending, _) = watchdog.run_until(signals, std::future::pending()).await;
        Ok(exit_of(ending, &stderr))
    })
}

/// The service manager above us. To be called before anything else is begun.
pub fn sd_notify() -> SdNotify {
    // SAFETY: threads begin with `Live::start`
    unsafe { SdNotify::take_from_environment() }
}

/// What every watchdog runs on: its parts, standard error, a logger and a runtime.
pub struct WatchdogParts {
    parts: Parts,
    stderr: Stderr,
    logger: Logger,
    runtime: tokio::runtime::Runtime,
}

impl WatchdogParts {
    /// Gets everything ready.
    ///
    /// # Errors
    /// The exit status, when that cannot be done; why was said.
    pub fn start(settings: &Settings, run_options: &RunOptions) -> Result<Self, Exit> {
        children::raise_open_files();
        let parts =
            wiring::wire(settings, run_options).map_err(|why| refuse(&format!("{why:#}")))?;
        let stderr = Stderr::start().map_err(|why| refuse(&format!("cannot start: {why}")))?;
        // the original's words are all that is expected of a drop-in, unless something is wrong
        let level = match run_options.words {
            MailFormat::Original(_) => LevelFilter::WARN,
            MailFormat::Full => LevelFilter::INFO,
        };
        let logger = Logger::start(&stderr, level);
        let checks = settings.checks.iter().map(|check| check.name.as_str());
        logger.begin(&checks.collect::<Vec<_>>());
        let runtime =
            blocking::event_loop().map_err(|why| refuse(&format!("cannot start: {why}")))?;
        Ok(Self {
            parts,
            stderr,
            logger,
            runtime,
        })
    }

    /// Lets `work` run to its end, and everything be said.
    pub fn block_on<T, F>(self, work: impl FnOnce(Parts, Stderr, Logger) -> F) -> T
    where
        F: Future<Output = std::io::Result<T>>,
        T: From<Exit>,
    {
        let work = work(self.parts, self.stderr.clone(), self.logger);
        let result = self.runtime.block_on(work);
        // a name look-up that hangs in the system's resolver must not hold us
        self.runtime.shutdown_background();
        let result = result.unwrap_or_else(|why| {
            self.stderr.write(format!("httpok: cannot go on: {why}\n"));
            T::from(Exit::Unknown)
        });
        self.stderr.flush(LAST_LINES);
        result
    }
}

fn refuse(why: &str) -> Exit {
    say::err(&format!("httpok: {why}"));
    Exit::Unknown
}

/// A watchdog with a seed of its own.
pub fn watchdog(parts: Parts, ticks: Ticks, logger: Logger, reload: Option<Reload>) -> Watchdog {
    Watchdog::new(parts, ticks, logger, fastrand::u64(..), reload)
}

/// The exit status after `ending`.
pub fn exit_of(ending: Ending, stderr: &Stderr) -> Exit {
    match ending {
        // supervisord being gone is how a listener's life ends, and no news to anybody
        Ending::Stopped | Ending::NoTicks(ListenerEnd::InputClosed) => Exit::Ok,
        Ending::Hurried => Exit::CannotListen,
        Ending::Once(verdict) => Exit::of_verdict(verdict),
        Ending::NoTicks(ended) => {
            stderr.write(format!("httpok: no more events: {ended}\n"));
            Exit::CannotListen
        }
        Ending::CannotBegin(why) => {
            stderr.write(format!("httpok: {why}\n"));
            Exit::Unknown
        }
    }
}

fn reload(file: SettingsFile, run_options: RunOptions) -> Reload {
    Arc::new(move || -> Result<Parts, String> {
        let settings = file()?;
        wiring::wire(&settings, &run_options).map_err(|why| format!("{why:#}"))
    })
}
