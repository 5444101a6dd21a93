//! The commands that talk to a running watchdog. Each asks over the control socket and says in one line
//! what is true now; the watchdog decides.

pub mod beat;
mod confirm;
pub mod find;
pub mod fleet;
mod notify_test;
mod of_file;
pub mod program_commands;
mod programs;
mod screen;
mod status;
mod table;

use crate::cli::args::{
    ChecksArgs, ChosenArgs, HealthSetArgs, HoldArgs, NotifyCommand, NotifyTestArgs, PauseArgs,
    RestartArgs, WatchdogArgs,
};
use crate::cli::exit::Exit;
use crate::cli::render::stamp;
use crate::cli::render::visible;
use crate::cli::say;
use crate::daemon::control::client;
use crate::daemon::control::protocol::{ControlCommand, ControlReply, HoldRequest};
use crate::health::{CheckView, PauseView, counted};
use crate::sorted;

use find::{FoundWatchdog, chosen, reply_text, watchdogs};
pub use status::status;

type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// `httpok pause`.
pub fn pause(args: &PauseArgs, env: Env<'_>) -> Exit {
    let ask = |check| ControlCommand::Pause {
        check,
        hold: hold_request(&args.hold),
        silent: args.silent,
    };
    let place = (&args.hold.place, &args.hold.chosen);
    each("pause", place, ask, pause_text, env)
}

/// `httpok silence`.
pub fn silence(args: &HoldArgs, env: Env<'_>) -> Exit {
    let ask = |check| ControlCommand::Silence {
        check,
        hold: hold_request(args),
    };
    let text = |check: &CheckView| {
        let name = visible::line(&check.name);
        let silence = check.silence.clone().unwrap_or_default();
        format!(
            "{name} is probed, but not reported, {}",
            hold_text(check, &silence)
        )
    };
    each("silence", (&args.place, &args.chosen), ask, text, env)
}

fn hold_request(args: &HoldArgs) -> HoldRequest {
    HoldRequest {
        reason: args.reason.clone(),
        lasting: args.lasting,
    }
}

/// Until when and why.
fn hold_text(check: &CheckView, hold: &PauseView) -> String {
    let until = hold.until.map_or_else(
        || format!("until httpok resume {}", visible::line(&check.name)),
        |until| format!("until {}", stamp(until)),
    );
    match hold.reason.is_empty() {
        true => until,
        false => format!("{until}: {}", visible::line(&hold.reason)),
    }
}

fn pause_text(check: &CheckView) -> String {
    let pause = check.pause.clone().unwrap_or_default();
    let until = hold_text(check, &pause);
    let what = match check.silence.as_ref() == Some(&pause) {
        true => "neither restarted nor reported",
        false => "not restarted",
    };
    let name = visible::line(&check.name);
    let owed: Vec<_> = check
        .pending
        .iter()
        .filter(|pending| pending.owed)
        .map(|pending| visible::line(&pending.process))
        .collect();
    let once_more = match owed.as_slice() {
        [] => String::new(),
        owed => format!(
            "; httpok stopped {}, so that is started once more, and then waits, too",
            owed.join(", ")
        ),
    };
    format!("{name} is probed, but {what}, {until}{once_more}")
}

/// `httpok resume`.
pub fn resume(args: &ChecksArgs, env: Env<'_>) -> Exit {
    each(
        "resume",
        (&args.place, &args.chosen),
        |check| ControlCommand::Resume { check },
        |check| paused_text(check, "is neither paused nor silenced"),
        env,
    )
}

/// `httpok reset`.
pub fn reset(args: &ChecksArgs, env: Env<'_>) -> Exit {
    each(
        "reset",
        (&args.place, &args.chosen),
        |check| ControlCommand::Reset { check },
        |check| {
            let may = match check.targets.is_empty() {
                true => "restarts nothing; its counts begin anew",
                false => "may be restarted again: back-off and budget begin anew",
            };
            paused_text(check, may)
        },
        env,
    )
}

/// `httpok restart`.
pub fn restart(args: &RestartArgs, env: Env<'_>) -> Exit {
    if args.chosen.all && !args.yes {
        let sure = || confirm::restart(&chosen(&watchdogs(&args.place, env)?, &args.chosen)?);
        if let Err(why) = sure() {
            return finish("restart", Err(why));
        }
    }
    let programs = watchdogs(&args.place, env).map(|found| {
        let is_program = |word: &&String| program_commands::is_program_only(&found, word);
        args.chosen
            .checks
            .iter()
            .filter(is_program)
            .cloned()
            .collect::<Vec<_>>()
    });
    let mut chosen = args.chosen.clone();
    match programs {
        Ok(programs) if !programs.is_empty() => {
            let done = program_commands::restart(&args.place, &programs, env);
            chosen.checks.retain(|word| !programs.contains(word));
            if chosen.checks.is_empty() || done.is_err() {
                return finish("restart", done);
            }
            finish("restart", done);
        }
        // whoever asks for checks next says what is wrong
        Ok(_) | Err(_) => {}
    }
    each(
        "restart",
        (&args.place, &chosen),
        |check| ControlCommand::Restart { check },
        |check| {
            let name = visible::line(&check.name);
            let targets = visible::line(&check.targets.join(", "));
            let dry = if check.dry_run {
                " (dry run: nothing is touched)"
            } else {
                ""
            };
            format!("{name}: restarting {targets}{dry}; httpok status {name} says how it goes")
        },
        env,
    )
}

/// `httpok health set`.
pub fn set_health(args: &HealthSetArgs, env: Env<'_>) -> Exit {
    let set = || {
        let found = watchdogs(&args.place, env)?;
        let mut lines = Vec::new();
        for FoundWatchdog {
            target,
            watchdog,
            pid,
            ..
        } in &found
        {
            let ask = ControlCommand::Health {
                healthy: args.health.healthy,
                reason: args.reason.clone(),
            };
            match client::ask(target, ask) {
                Ok(ControlReply::Health {
                    reasons, unsaved, ..
                }) => {
                    warn_unsaved("health set", watchdog, unsaved.as_deref());
                    let how = match reasons.as_slice() {
                        [] => "healthy".to_owned(),
                        reasons => format!("unhealthy: {}", visible::line(&reasons.join("; "))),
                    };
                    lines.push(format!("{watchdog} (pid {pid}) is {how}"));
                }
                Ok(other) => return Err(format!("{watchdog} (pid {pid}): {}", reply_text(&other))),
                Err(why) => return Err(format!("{}: {why}", target)),
            }
        }
        Ok(lines.join("\n"))
    };
    finish("health set", set())
}

/// `httpok reload`.
pub fn reload(place: &WatchdogArgs, env: Env<'_>) -> Exit {
    // one that does not answer has not reloaded
    let reloaded = find::asked(place, env).and_then(|(found, mut faults)| {
        let mut lines = Vec::new();
        for FoundWatchdog {
            target,
            watchdog,
            pid,
            ..
        } in found
        {
            match client::ask(&target, ControlCommand::Reload) {
                Ok(ControlReply::Reloaded { checks, not_served }) => {
                    let checks = counted(checks, "check", "checks");
                    let taken =
                        format!("{watchdog} (pid {pid}) has the new configuration: {checks}");
                    match not_served.is_empty() {
                        true => lines.push(taken),
                        false => faults.push(format!(
                            "{taken}; but {}: what was served before goes on",
                            visible::line(&not_served.join("; "))
                        )),
                    }
                }
                Ok(other) => faults.push(format!("{watchdog} (pid {pid}): {}", reply_text(&other))),
                Err(why) => faults.push(format!("{}: {why}", target)),
            }
        }
        lines_or_faults(lines, &faults)
    });
    finish("reload", reloaded)
}

/// `httpok notify`.
pub fn notify(command: &NotifyCommand, env: Env<'_>) -> Exit {
    let (place, from, ask) = match command {
        NotifyCommand::Test(NotifyTestArgs {
            name,
            config,
            socket,
            state_dir,
            access,
        }) => {
            let place = WatchdogArgs {
                socket: socket.clone(),
                config: None,
                state_dir: state_dir.clone(),
                access: access.clone(),
            };
            return notify_test::run(name.as_deref(), config.as_deref(), &place, env);
        }
        NotifyCommand::Send { from, to, place } => {
            let (from, to) = (from.clone(), to.clone());
            (place, from.clone(), ControlCommand::Send { from, to })
        }
        NotifyCommand::Drop { from, place } => {
            let from = from.clone();
            (place, from.clone(), ControlCommand::Drop { from })
        }
    };
    finish("notify", state_change_text(place, &from, &ask, env))
}

fn state_change_text(
    place: &WatchdogArgs,
    from: &str,
    ask: &ControlCommand,
    env: Env<'_>,
) -> Result<String, String> {
    let found = watchdogs(place, env)?;
    let has = |found: &&FoundWatchdog| found.notifiers.iter().any(|known| known.name == from);
    let with: Vec<_> = found.iter().filter(has).collect();
    if with.is_empty() {
        let known = found.iter().flat_map(|found| &found.notifiers);
        let known = sorted::set(known.map(|known| known.name.as_str()));
        let known: Vec<_> = known.into_iter().collect();
        return Err(match known.is_empty() {
            true => format!("nothing waits for a notifier {from:?}, nor for any other"),
            false => format!(
                "nothing waits for a notifier {from:?}; there are: {}",
                known.join(", ")
            ),
        });
    }
    let done = match ask {
        ControlCommand::Drop { .. } => "dropped",
        _ => "queued again",
    };
    let mut count = 0;
    for found in with {
        match client::ask(&found.target, ask.clone()) {
            Ok(ControlReply::Moved { messages }) => count += messages,
            Ok(other) => return Err(reply_text(&other)),
            Err(why) => return Err(format!("{}: {why}", found.target)),
        }
    }
    let notifications = counted(count, "notification", "notifications");
    Ok(format!("{notifications} for {from:?} {done}"))
}

/// Asks for every check that is chosen, and says of each how it stands then. A check for which it is refused holds
/// back none of the others.
fn each(
    command: &str,
    (place, wanted): (&WatchdogArgs, &ChosenArgs),
    ask: impl Fn(String) -> ControlCommand,
    text: impl Fn(&CheckView) -> String,
    env: Env<'_>,
) -> Exit {
    let done = || {
        let found = watchdogs(place, env)?;
        let (mut lines, mut faults) = (Vec::new(), Vec::new());
        for (found, check) in chosen(&found, wanted)? {
            match client::ask(&found.target, ask(check.to_owned())) {
                Ok(ControlReply::Done { check, unsaved, .. }) => {
                    warn_unsaved(command, &check.name, unsaved.as_deref());
                    lines.push(text(&check));
                }
                Ok(other) => {
                    let why = reply_text(&other);
                    faults.push(format!("{}: {why}", visible::line(check)));
                }
                Err(why) => {
                    let check = visible::line(check);
                    faults.push(format!("{check}: {}: {why}", found.target));
                }
            }
        }
        lines_or_faults(lines, &faults)
    };
    finish(command, done())
}

/// Says that what was done is not on disk.
fn warn_unsaved(command: &str, check: &str, why: Option<&str>) {
    if let Some(why) = why {
        let (check, why) = (visible::line(check), visible::line(why));
        say::err(&format!(
            "httpok {command}: {check}: done, but a watchdog that is killed now forgets it: {why}"
        ));
    }
}

/// What was done and what was not: with a fault the lines are printed at once, and the faults are the error.
fn lines_or_faults(lines: Vec<String>, faults: &[String]) -> Result<String, String> {
    if faults.is_empty() {
        return Ok(lines.join("\n"));
    }
    for line in lines {
        say::out(&line);
    }
    Err(faults.join("\n"))
}

fn paused_text(check: &CheckView, what: &str) -> String {
    let (name, status) = (visible::line(&check.name), check.status.as_str());
    format!("{name} {what}; it is {status}")
}

fn finish(command: &str, result: Result<String, String>) -> Exit {
    match result {
        Ok(text) => {
            say::out(text.trim_end());
            Exit::Ok
        }
        Err(why) => {
            say::err(&format!("httpok {command}: {why}"));
            Exit::Unknown
        }
    }
}
