//! `httpok fleet`: who holds the slots of the groups, as the watchdog's engine says it, and freeing those of a host.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use super::find::{FoundWatchdog, reply_text, watchdogs};
use super::{Env, finish};
use crate::cli::args::{FleetCommand, WatchdogArgs};
use crate::cli::exit::Exit;
use crate::cli::render::visible;
use crate::cli::say;
use crate::daemon::control::client;
use crate::daemon::control::protocol::{ControlCommand, ControlReply};
use crate::daemon::fleet::FleetGroup;
use crate::health::{SlotHolder, counted};

/// Runs it.
pub fn run(command: &FleetCommand, env: Env<'_>) -> Exit {
    match command {
        FleetCommand::Status { json, place } => match status(*json, place, env) {
            Ok((text, unasked)) if !unasked.is_empty() => {
                say::out(&text);
                let unasked = visible::line(&unasked.join(", "));
                finish(
                    "fleet status",
                    Err(format!("could not ask about {unasked}")),
                )
            }
            answered => finish("fleet status", answered.map(|(text, _)| text)),
        },
        FleetCommand::Release { host, place } => finish("fleet release", release(host, place, env)),
    }
}

/// The watchdogs that have a fleet, asked; what those say that have none.
fn asked(
    place: &WatchdogArgs,
    ask: &ControlCommand,
    env: Env<'_>,
) -> Result<Vec<(FoundWatchdog, ControlReply)>, String> {
    let mut answers = Vec::new();
    let mut refusals = Vec::new();
    for found in watchdogs(place, env)? {
        match client::ask(&found.target, ask.clone()) {
            Ok(reply @ (ControlReply::Fleet { .. } | ControlReply::Freed { .. })) => {
                answers.push((found, reply));
            }
            Ok(other) => refusals.push(reply_text(&other)),
            Err(why) => refusals.push(format!("{}: {why}", found.target)),
        }
    }
    match answers.is_empty() {
        true => Err(refusals.join("\n")),
        false => Ok(answers),
    }
}

/// What is shown, and the groups that could not be asked about.
fn status(json: bool, place: &WatchdogArgs, env: Env<'_>) -> Result<(String, Vec<String>), String> {
    let mut lines = Vec::new();
    let mut unasked = Vec::new();
    for (_, reply) in asked(place, &ControlCommand::FleetStatus, env)? {
        let ControlReply::Fleet { host, groups } = reply else {
            continue;
        };
        let failed = groups.iter().filter(|group| group.failure.is_some());
        unasked.extend(failed.map(|group| group.group.clone()));
        if json {
            lines
                .push(serde_json::json!({"schema": 1, "host": host, "groups": groups}).to_string());
            continue;
        }
        lines.push(format!(
            "this host is {} in its fleet",
            visible::line(&host)
        ));
        if groups.is_empty() {
            lines.push("no check of it restarts anything with the others".to_owned());
        }
        lines.extend(groups.iter().flat_map(group_lines));
    }
    Ok((lines.join("\n"), unasked))
}

fn group_lines(group: &FleetGroup) -> Vec<String> {
    let name = visible::line(&group.group);
    if let Some(why) = &group.failure {
        return vec![format!("{name}: cannot be asked: {}", visible::line(why))];
    }
    let Some(status) = &group.status else {
        return vec![format!("{name}: its server does not say who holds slots")];
    };
    let spent = group.budget.as_ref().map_or_else(String::new, |budget| {
        let window = humantime::format_duration(std::time::Duration::from_secs_f64(budget.window));
        format!(
            ", {} of {} in {window} spent",
            budget.spent,
            counted(budget.of, "restart", "restarts")
        )
    });
    let hosts = match status.hosts.len() {
        0 => String::new(),
        count => format!(", watched by {}", counted(count, "host", "hosts")),
    };
    let slots = counted(group.slots as usize, "slot", "slots");
    let mut lines = vec![format!(
        "{name}: {} of {slots} taken{spent}{hosts}",
        status.holders.len()
    )];
    lines.extend(
        status
            .holders
            .iter()
            .map(|holder| holder_line("held by", holder)),
    );
    lines.extend(
        status
            .waiting
            .iter()
            .map(|holder| holder_line("waits:", holder)),
    );
    lines
}

fn holder_line(what: &str, holder: &SlotHolder) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = now.map_or(0, |now| now.as_secs().saturating_sub(holder.since));
    let since = humantime::format_duration(std::time::Duration::from_secs(since));
    let (host, check) = (visible::line(&holder.host), visible::line(&holder.check));
    format!("  {what} {host} for {check}, since {since}")
}

fn release(host: &str, place: &WatchdogArgs, env: Env<'_>) -> Result<String, String> {
    let ask = ControlCommand::FleetRelease {
        host: host.to_owned(),
    };
    let mut freed = Some(0);
    for (_, reply) in asked(place, &ask, env)? {
        if let ControlReply::Freed { slots } = reply {
            freed = freed.zip(slots).map(|(freed, slots)| freed + slots);
        }
    }
    let name = visible::line(host);
    match freed {
        Some(0) => Err(no_slot_of(&name, place, env)),
        Some(freed) => Ok(format!(
            "{} of {name} freed",
            counted(freed, "slot", "slots")
        )),
        None => Ok(format!(
            "{name} has no slot any more; the server does not say whether it had one"
        )),
    }
}

/// That nothing could be freed, and who has slots: the name may be spelled otherwise.
fn no_slot_of(name: &str, place: &WatchdogArgs, env: Env<'_>) -> String {
    let answers = asked(place, &ControlCommand::FleetStatus, env).unwrap_or_default();
    let groups = answers.into_iter().filter_map(|(_, reply)| match reply {
        ControlReply::Fleet { groups, .. } => Some(groups),
        _ => None,
    });
    let holders: BTreeSet<String> = groups
        .flatten()
        .filter_map(|group| group.status)
        .flat_map(|status| status.holders)
        .map(|holder| visible::line(&holder.host))
        .collect();
    if holders.is_empty() {
        return format!("{name} holds no slot, and nobody does");
    }
    let holders: Vec<_> = holders.into_iter().collect();
    format!(
        "{name} holds no slot; there are slots of {}",
        holders.join(", ")
    )
}
