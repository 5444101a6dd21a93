//! What the pages of those commands say that ask a watchdog, or what it remembers.

use super::super::roff::Paragraph::{self, Term, Text};

pub const STATUS: &[Paragraph] = &[
    Term("0", "The watchdog answered, and did it."),
    Term(
        "3",
        "No watchdog answers, there is no such check, or it is refused; standard error says why.",
    ),
];

pub const FILES: &[Paragraph] = &[Term(
    "control-*.sock in the state directory",
    "The sockets of the watchdogs, one each. Only the watchdog's own user and root may use them. They take one JSON object a line, such as {\"version\":1,\"ask\":\"status\"}, and answer each with one.",
)];

pub const ENVIRONMENT: &[Paragraph] = &[super::STATE_DIRECTORY];

pub const FLEET_STATUS: &[Paragraph] = &[
    Term("0", "The watchdog and its engine answered, and it is done."),
    Term(
        "3",
        "No watchdog answers, a group's engine does not, or the host holds no slot; standard error says why.",
    ),
];
pub const STATUS_JSON: &[Paragraph] = &[
    Text(
        "Each line is one watchdog. Moments are RFC 3339 in UTC with milliseconds, such as 2026-05-01T03:12:04.250Z; spans are seconds, such as 1.5.",
    ),
    Term(
        "schema",
        "1. Keys may be added to it; a change of what a key means makes another number.",
    ),
    Term(
        "watchdog, pid, socket",
        "Which watchdog it is: its configuration file or what it asks, the same in every run.",
    ),
    Term(
        "programs",
        "The programs that it supervises itself: name (backend, group, name), state as supervisord has it, pid, uptime, detail. Empty for one that has none.",
    ),
    Term(
        "notifiers",
        "The notifiers: name, pending (so many reports wait), since (when the one of them was made that was tried most often), failure (why it was not taken the last time), next (when something is tried again), given_up (so many are not tried any more), configured (false: no notifier of this name is configured).",
    ),
    Term(
        "snapshot.unfinished",
        "Restarts that are unfinished of checks that are not defined any more, as in pending below; left out when there is none.",
    ),
    Term(
        "unhealthy",
        "Why a person has set the watchdog unhealthy (httpok health set); null when nobody has.",
    ),
    Term(
        "snapshot.at, snapshot.shutting_down",
        "When it was taken, and whether the watchdog is ending.",
    ),
    Term(
        "snapshot.config",
        "The configuration in force: taken (when); refused (at, why) when a newer one was refused at the last reload.",
    ),
    Term(
        "snapshot.totals",
        "Numbers: checks, up, down, pending, paused, silenced, gave_up, probing and acting (under way), restarts (spent, of, window; over all checks).",
    ),
    Term(
        "snapshot.checks",
        "An array, in the order of the configuration: name, url, status (up, down, pending) and since when; last (the newest probe: at, verdict, reason, detail, took, code) and seen (its phases and certificate_expires); heartbeat (every, last, failure, due; of checks that are not probed); program (name, state; of the check that a program has of its own); streak (fails, fail_after, passes, pass_after); incident (id, since, attempts, notified, undelivered, manual); held (what held back the last restart that was due), grace_left, acted (when a restart ended last), next_attempt, restarts (spent, of, window), gave_up, rearm, pause and silence (reason, until), busy (what is under way), warming (since when), rolling (awaiting, since, left), rung (number, of, does: where it stands in its ladder), fleet (group, state: waiting, held or without, since: its slot in the fleet), pending (restarts that are not finished: process, trying, next, held, owed, failure), targets, unknown_targets, requires, dry_run, counts (since the start), samples (the last probes, newest last).",
    ),
];

pub const EXPLAIN_STATUS: &[Paragraph] = &[
    Term("0", "Shown, also when there was no incident."),
    Term(
        "3",
        "Nothing is remembered of the check, or the store cannot be read; standard error says why.",
    ),
];

pub const EXPLAIN_FILES: &[Paragraph] = &[Term(
    "httpok.db in the state directory",
    "Where incidents and decisions are kept: 200 incidents and 2000 decisions a check, for 90 days.",
)];

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys of the structs of the snapshot, from their source: one that is added has to be described.
    #[test]
    fn status_page_names_every_key_of_the_snapshot() {
        let page: String = STATUS_JSON
            .iter()
            .map(|paragraph| match paragraph {
                Term(term, says) => format!("{term} {says} "),
                Text(says) => format!("{says} "),
            })
            .collect();
        let words: Vec<_> = page
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .collect();
        let source = include_str!("../../../health/snapshot.rs");
        let mut checked = 0;
        for name in [
            "Snapshot",
            "Totals",
            "CheckView",
            "CheckResultView",
            "HeartbeatView",
            "ProgramView",
            "StreakView",
            "IncidentView",
            "Spending",
            "PauseView",
            "PendingView",
            "RollingView",
            "FleetView",
        ] {
            let (_, body) = source
                .split_once(&format!("pub struct {name} {{"))
                .expect(name);
            let (body, _) = body.split_once("\n}").expect(name);
            for line in body.lines() {
                let Some((key, _)) = line
                    .trim()
                    .strip_prefix("pub ")
                    .and_then(|line| line.split_once(':'))
                else {
                    continue;
                };
                checked += 1;
                assert!(words.contains(&key), "{name}.{key}");
            }
        }
        assert!(checked > 60, "{checked}");
    }
}
