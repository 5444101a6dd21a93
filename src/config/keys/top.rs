//! The keys above the first table, and the tables of the file.

use super::check::CHECK;
use super::fleet::FLEET;
use super::heartbeat::HEARTBEAT;
use super::kind::{Kind, SPAN};
use super::maintenance::MAINTENANCE;
use super::notify::{MAIL, NOTIFY, WEBHOOK};
use super::program::{EMBEDDED, PROGRAM};
use super::serve::SERVE;
use super::supervisor::SUPERVISOR;
use super::{Key, Section, defaulted, optional, table};

/// The table whose keys are those of checks.
pub const DEFAULTS: &str = "defaults";

pub static ROOT: Section = Section {
    any_of: &["check", "program"],
    ..Section::new(
        "",
        "The keys of the file as a whole stand above its first table.",
        &[&KEYS, &TABLES],
    )
};

static KEYS: [Key; 9] = [
    optional(
        "include",
        Kind::Each(&Kind::Named("path, or pattern with *, ? and [ ]")),
        "[\"conf.d/*.toml\"]",
        "More files, relative to this one and in the order of their names: lists of tables such as [[check]] are joined, \
         every other key stands in one file only.",
    ),
    optional(
        "state_dir",
        Kind::Path,
        "\"/var/lib/httpok\"",
        "Where unfinished restarts, unsent reports and incidents are kept.",
    )
    .default_words(
        "$STATE_DIRECTORY; without it /var/lib/httpok for root, else httpok in $XDG_STATE_HOME or ~/.local/state",
    ),
    optional(
        "journal",
        Kind::Path,
        "\"/var/log/httpok.jsonl\"",
        "The file to which each event and what was decided about it is appended, for httpok simulate.",
    ),
    defaulted(
        "every",
        SPAN,
        "\"60s\"",
        "The pause between two probes of a check that has no every.",
    ),
    defaulted(
        "panic_threshold",
        Kind::Any(&[Kind::Share, Kind::Off, Kind::Words(&["off"])]),
        "\"60%\"",
        "With 3 services or more: when this share of them began to fail within panic_window, it is the host or the network: \
         it is reported, and nothing is restarted.",
    ),
    defaulted(
        "panic_window",
        SPAN,
        "\"2m\"",
        "Checks that began to fail so close to each other count for panic_threshold.",
    ),
    defaulted(
        "max_concurrent_restarts",
        Kind::Count {
            least: 1,
            most: 1000,
            of: "restarts",
        },
        "1",
        "So many checks may be under restart at the same time.",
    ),
    defaulted(
        "max_restarts",
        Kind::Any(&[Kind::Budget, Kind::Off, Kind::Words(&["unlimited"])]),
        "\"20/1h\"",
        "At most so many restarts within so long, over all checks.",
    ),
    defaulted(
        "dry_run",
        Kind::Flag,
        "false",
        "Say what would be restarted, and restart nothing, for all checks.",
    ),
];

static TABLES: [Key; 12] = [
    table(
        DEFAULTS,
        Kind::Table(&CHECK),
        "Keys of checks that hold for all checks that do not say otherwise; tables are merged key by key.",
    ),
    table("check", Kind::Tables(&CHECK), "The checks."),
    table(
        "supervisor",
        Kind::Table(&SUPERVISOR),
        "How supervisors are reached.",
    ),
    table("mail", Kind::Table(&MAIL), "Reports by mail."),
    table(
        "webhook",
        Kind::Tables(&WEBHOOK),
        "Reports by HTTP requests.",
    ),
    table("notify", Kind::Tables(&NOTIFY), "Who gets which reports."),
    table(
        "heartbeat",
        Kind::Table(&HEARTBEAT),
        "A dead man's switch, which tells somebody elsewhere when this host is gone.",
    ),
    table(
        "maintenance",
        Kind::Tables(&MAINTENANCE),
        "Recurring times in which restarts or reports are held back.",
    ),
    table(
        "fleet",
        Kind::Table(&FLEET),
        "Restarts that several hosts agree on.",
    ),
    table("serve", Kind::Table(&SERVE), "What is served where."),
    table(
        "program",
        Kind::Tables(&PROGRAM),
        "Programs that httpok itself starts and keeps running.",
    ),
    table(
        "embedded",
        Kind::Table(&EMBEDDED),
        "What becomes of these programs.",
    ),
];
