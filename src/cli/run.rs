//! `httpok run`: starts one command under our own supervisor and watches it. No other software is needed.
//! When the command ends by itself so do we, with its exit code; when a signal asks us to end, it is stopped.

use std::cell::Cell;
use std::convert::Infallible;
use std::time::Duration;

use crate::config::settings::{CheckSettings, Settings};
use crate::daemon::wiring::RunOptions;
use crate::daemon::{RunCounts, Ticks};
use crate::health::counted;
use crate::health::{Backend, ProcessName, Target};
use crate::secret::shown_url;
use crate::supervisor::embedded::{self, Embedded, Forwarder, Keeper, Program};
use crate::terminal;
use crate::tick::Signals;

use super::args::RunArgs;
use super::exit::Exit;
use super::handover::{self, WatchdogParts};
use super::{say, watch};

/// How long the command may take to stop before it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// How it ended, and what a run came to.
struct FinishedRun {
    code: i32,
    counts: RunCounts,
}

impl From<Exit> for FinishedRun {
    fn from(exit: Exit) -> Self {
        Self {
            code: exit.code().into(),
            counts: RunCounts::default(),
        }
    }
}

/// Runs the command of `args`, and returns its exit code, or ours when a signal asks us to end.
pub fn run(args: &RunArgs) -> i32 {
    let name = name(args);
    let settings = match settings(args, &name) {
        Ok(settings) => settings,
        Err(why) => {
            say::err(&format!("httpok run: {why}"));
            return Exit::Unknown.code().into();
        }
    };
    let run_options = RunOptions {
        key: format!("run {name} {}", std::process::id()),
        ..RunOptions::default()
    };
    let sd_notify = handover::sd_notify();
    let live = match WatchdogParts::start(&settings, &run_options) {
        Ok(live) => live,
        Err(exit) => return exit.code().into(),
    };
    let FinishedRun { code, counts } = live.block_on(|parts, stderr, logger| async move {
        embedded::become_subreaper()?;
        let mut terminal = embedded::Terminal::of_stdin();
        let program = Program {
            takes_terminal: terminal.is_some(),
            ..Program::foreground(&name, args.command.clone())
        };
        let mut keeper = Keeper::start(&program.mark())
            .inspect_err(|why| {
                tracing::warn!("a command outlives httpok when that is killed: {why}")
            })
            .ok();
        let process = program.full_name();
        let embedded = Embedded::new(vec![program]);
        let mut parts = parts;
        parts
            .clients
            .supervisors
            .insert(Backend::Embedded, embedded.clone());
        // the signal handlers first: as the first process of a container we get no others
        let (signals, forwarder) = (Signals::stop_only()?, Forwarder::new()?);
        let watchdog =
            handover::watchdog(parts, Ticks::timers(), logger, None).with_sd_notify(sd_notify);
        embedded.begin(Vec::new()).await;
        // stopping forgets why a start failed
        let own_end = Cell::new(None);
        let over = async {
            tokio::select! {
                // it ended by itself, or cannot even be started; watching it is over
                code = embedded.over(&process) => own_end.set(code.ok()),
                _ = forwarder.forward(&embedded, &process) => {}
                _ = embedded::reap_orphans() => {}
                never = keep_informed(keeper.as_mut(), &embedded) => match never {},
                never = in_front(terminal.as_mut(), &embedded, &process) => match never {},
            }
        };
        let (ending, counts) = watchdog.run_until(signals, over).await;
        let mut again = Signals::stop_only()?;
        tokio::select! {
            () = embedded.shutdown(STOP_WITHIN) => {}
            // a second signal ends the wait
            () = again.stop() => embedded.shutdown(Duration::ZERO).await,
        }
        if let Some(keeper) = keeper {
            keeper.dismiss();
        }
        drop(terminal);
        let code = own_end.get().or_else(|| embedded.exit_code(&process));
        let exit = handover::exit_of(ending, &stderr);
        let code = code.unwrap_or_else(|| exit.code().into());
        Ok(FinishedRun { code, counts })
    });
    let columns = terminal::size(&std::io::stderr()).map_or(usize::MAX, |(columns, _)| columns);
    for line in terminal::wrap(&summary(args, &counts), columns) {
        say::err(&line);
    }
    code
}

/// The keeper, if there is one, knows what is started.
async fn keep_informed(keeper: Option<&mut Keeper>, embedded: &Embedded) -> Infallible {
    match keeper {
        Some(keeper) => keeper.follow(embedded).await,
        None => std::future::pending().await,
    }
}

/// The command has the terminal, if there is one.
async fn in_front(
    terminal: Option<&mut embedded::Terminal>,
    embedded: &Embedded,
    process: &ProcessName,
) -> Infallible {
    match terminal {
        Some(terminal) => terminal.follow(embedded, process).await,
        None => std::future::pending().await,
    }
}

/// The check's and the program's name: the command's, without its path.
fn name(args: &RunArgs) -> String {
    let command = args.command.first().map_or("", String::as_str);
    let name = std::path::Path::new(command).file_name();
    let name = name.map(|name| name.to_string_lossy().into_owned());
    name.filter(|name| !name.is_empty())
        .unwrap_or_else(|| "command".to_owned())
}

fn settings(args: &RunArgs, name: &str) -> Result<Settings, String> {
    let check = watch::check_of(&args.ask, &args.wire, &args.policy, &args.url)?;
    let mut settings = Settings {
        state_dir: args.state_dir.clone(),
        dry_run: args.dry_run,
        notify: watch::notify(&args.mail),
        checks: vec![CheckSettings {
            name: name.to_owned(),
            every: args.every,
            restart: vec![Target {
                backend: Some(Backend::Embedded),
                pattern: name.to_owned(),
            }],
            ..check
        }],
        ..Settings::default()
    };
    settings.supervisor.default = Backend::Embedded;
    Ok(settings)
}

fn summary(args: &RunArgs, counts: &RunCounts) -> String {
    format!(
        "httpok: watched {} for {}: {}, {} of them failed; {}, {}",
        shown_url(&args.url),
        humantime::format_duration(Duration::from_secs(counts.lasted.as_secs())),
        counted(counts.probes, "probe", "probes"),
        counts.fails,
        counted(counts.restarts, "restart", "restarts"),
        counted(counts.recoveries, "recovery", "recoveries"),
    )
}
