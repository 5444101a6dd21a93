//! The keys of `[[maintenance]]`.

use super::kind::{Kind, SPAN};
use super::{Key, Section, defaulted, optional, required};

pub static MAINTENANCE: Section = Section::new(
    "maintenance",
    "A recurring time in which the checks are probed, but not restarted, not reported, or neither. What is down when it \
     is over is reported then. That a check is up again is always reported, if it was reported to be down.",
    &[&KEYS],
);

static KEYS: [Key; 6] = [
    defaulted(
        "checks",
        Kind::Each(&Kind::Named("name of a check, in which * and ? may stand")),
        "[\"*\"]",
        "Which checks.",
    ),
    required(
        "at",
        Kind::Named("calendar event of systemd or cron"),
        "\"Sun 02:00\"",
        "When it begins: \"Mon..Fri 22:30\", \"*-*-01 03:00\", \"daily\", or cron's five fields, such as \"0 2 * * 0\". A time of day that the clock skips in spring is due when it is set forward; one that it shows twice in autumn, the first time.",
    ),
    required("for", SPAN, "\"2h\"", "How long it lasts, from 1m to 7d."),
    optional(
        "timezone",
        Kind::Named("name of a time zone"),
        "\"Europe/Berlin\"",
        "The time zone of at.",
    )
    .default_words("the one of the system"),
    defaulted(
        "restart",
        Kind::Flag,
        "false",
        "Whether checks are restarted in it.",
    ),
    defaulted(
        "notify",
        Kind::Flag,
        "false",
        "Whether checks are reported in it.",
    ),
];
