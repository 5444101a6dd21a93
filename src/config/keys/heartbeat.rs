//! The keys of `[heartbeat]`.

use super::kind::{Kind, SPAN};
use super::{Key, Section, defaulted, optional, required, table};

pub static HEARTBEAT: Section = Section::new(
    "heartbeat",
    "A dead man's switch: a receiver elsewhere is asked for as long as the watchdog goes round, and tells somebody when it is \
     not asked any more. Healthchecks.io, Uptime Kuma, Dead Man's Snitch and others are such receivers. With format = \
     \"healthchecks\" it hears of the start, and of a fail when the watchdog itself is unhealthy: its outbox is too full, its \
     disk too small, or a person has said so. Checks that are down are the matter of notifiers.",
    &[&KEYS],
);

static KEYS: [Key; 5] = [
    required(
        "url",
        Kind::Secret,
        "\"https://hc.example.org/ping/x\"",
        "What is asked.",
    ),
    defaulted(
        "every",
        SPAN,
        "\"1m\"",
        "The pause between two requests, at least 10s.",
    ),
    defaulted(
        "format",
        Kind::Words(&["plain", "healthchecks"]),
        "\"plain\"",
        "What the receiver understands: a GET of its URL, or POSTs with a line of text, with /start and /fail behind the path.",
    ),
    table(
        "headers",
        Kind::Map(&Kind::Secret),
        "Headers that are sent besides.",
    )
    .example("{ Authorization = \"Bearer ${env:HC_TOKEN}\" }"),
    optional(
        "cacert",
        Kind::Path,
        "\"/etc/ssl/hc-ca.pem\"",
        "The certificates to trust, in PEM.",
    )
    .default_words("those of the system"),
];
