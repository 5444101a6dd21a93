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
        "snapshot.totals",
        "The number of checks, how many are up, down, pending, paused and given up, what is under way, and the restarts over all.",
    ),
    Term(
        "snapshot.checks",
        "An array, in the order of the configuration: name, url, status (up, down, pending) and since when, last (the newest probe), heartbeat (every, last, failure, due; of checks that are not probed), streak (fails, fail_after, passes, pass_after), incident, held (what held back the last restart that was due), grace_left, next_attempt, restarts (spent, of, window), gave_up, rearm, pause, busy, targets, requires, dry_run, tally (counts since the start), samples (the last looks, newest last).",
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
