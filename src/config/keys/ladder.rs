//! The keys of `[[check.ladder]]`: each table is a rung, and says one thing.

use super::kind::{Kind, SPAN};
use super::{Key, Section, defaulted, optional};
use crate::health::Signal;

pub static LADDER: Section = Section {
    any_of: &["signal", "restart", "run", "give_up"],
    ..Section::new(
        "check.ladder",
        "What is done at which attempt: the first attempt of an incident does what the first table says, each that did \
         something is followed by the next table, and the last one is repeated. Each attempt counts as one against \
         restarts and max_restarts, whatever it does, and comes after the back-off. When the check passes, the next \
         incident begins with the first table.",
        &[&KEYS],
    )
};

static KEYS: [Key; 5] = [
    optional(
        "signal",
        Kind::KnownWords(signals),
        "\"QUIT\"",
        "The main process of each that the check restarts gets this signal and goes on running, and what it then writes \
         to its log is kept; one that ends with it is started again (TERM, INT and KILL end it: use restart).",
    ),
    optional(
        "restart",
        Kind::Each(&Kind::Named("target")),
        "[\"shop\", \"db\"]",
        "What is restarted at this attempt, written as in the check itself.",
    )
    .instead_of("signal"),
    optional(
        "run",
        Kind::Command,
        "[\"/usr/local/bin/failover\", \"{check}\"]",
        "The command that is run, in a process group of its own; what it prints is kept, and {check} and {incident} are \
         filled in.",
    )
    .instead_of("signal"),
    defaulted(
        "timeout",
        SPAN,
        "\"30s\"",
        "The command is killed after so long, with all that it has started.",
    )
    .beside("run = [\"/usr/local/bin/failover\"]")
    .instead_of("signal"),
    optional(
        "give_up",
        Kind::Flag,
        "true",
        "The check is given up, as when its restarts are used up, and begins with the first table after rearm.",
    )
    .instead_of("signal"),
];

fn signals() -> Vec<&'static str> {
    Signal::NAMES.to_vec()
}
