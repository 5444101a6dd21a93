//! `httpok beat`: a cron job, a backup or a program says how it is. Over HTTP the token of one check is enough, so that
//! nothing but the heartbeat is asked for there.

use super::find::{self, reply_text, watchdogs, with_check};
use super::{Env, finish, warn_unsaved};
use crate::cli::args::BeatArgs;
use crate::cli::exit::Exit;
use crate::cli::render::{stamp, visible};
use crate::daemon::control::client;
use crate::daemon::control::protocol::{ControlCommand, ControlReply};
use crate::daemon::control::remote::HeartbeatReply;
use crate::health::{CheckView, Moment};

/// `httpok beat`.
pub fn run(args: &BeatArgs, env: Env<'_>) -> Exit {
    let sent = match &args.place.access.url {
        Some(url) => over_http(url, args),
        None => over_socket(args, env),
    };
    finish("beat", sent)
}

fn over_http(url: &str, args: &BeatArgs) -> Result<String, String> {
    let remote = find::remote(url, &args.place.access)?;
    let HeartbeatReply { status, due } = remote
        .beat(&args.check, args.fail.as_deref())
        .map_err(|why| format!("{url}: {why}"))?;
    Ok(text(args, &status, due))
}

fn over_socket(args: &BeatArgs, env: Env<'_>) -> Result<String, String> {
    let found = watchdogs(&args.place, env)?;
    let found = with_check(&found, &args.check)?;
    let ask = ControlCommand::Beat {
        check: args.check.clone(),
        fail: args.fail.clone(),
    };
    match client::ask(&found.target, ask) {
        Ok(ControlReply::Done { check, unsaved, .. }) => {
            warn_unsaved("beat", &check.name, unsaved.as_deref());
            let CheckView {
                status, heartbeat, ..
            } = *check;
            let due = heartbeat.and_then(|heartbeat| heartbeat.due);
            Ok(text(args, status.as_str(), due))
        }
        Ok(other) => Err(reply_text(&other)),
        Err(why) => Err(format!("{}: {why}", found.target)),
    }
}

fn text(args: &BeatArgs, status: &str, due: Option<Moment>) -> String {
    let name = visible::line(&args.check);
    match (&args.fail, due) {
        (Some(_), _) => format!("{name}: failure taken; the check is {status}"),
        (None, Some(due)) => format!(
            "{name}: heartbeat taken; the next one is due by {}",
            stamp(due)
        ),
        (None, None) => format!("{name}: heartbeat taken"),
    }
}
