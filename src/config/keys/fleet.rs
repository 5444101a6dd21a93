//! The keys of `[fleet]`, and `fleet` of a check.

use super::kind::{Kind, SPAN};
use super::{Key, Section, defaulted, optional, required};

/// More hosts at once than any group should see under restart.
const SLOTS: Kind = Kind::Count {
    least: 1,
    most: 1000,
    of: "hosts",
};

pub static FLEET: Section = Section::new(
    "fleet",
    "Restarts that several hosts agree on. Before a check restarts anything it takes one of the slots of its group, and \
     gives it back when the restart is verified or has failed; see docs/fleet.md. Without this table each host \
     restarts on its own.",
    &[&ENGINE, &RULES],
);

static ENGINE: [Key; 10] = [
    required(
        "lock",
        Kind::Words(&["etcd", "fleetlock"]),
        "\"etcd\"",
        "What keeps the slots: an etcd cluster (version 3.4 or later), or a FleetLock server.",
    ),
    defaulted(
        "endpoints",
        Kind::Each(&Kind::Named("URL")),
        "[\"http://127.0.0.1:2379\"]",
        "The members of the etcd cluster, which are asked in turn.",
    ),
    optional(
        "url",
        Kind::Named("URL"),
        "\"http://fleetlock.example.org:3333\"",
        "The FleetLock server, to which /v1/pre-reboot is added.",
    )
    .beside("lock = \"fleetlock\"")
    .instead_of("endpoints"),
    optional("username", Kind::Secret, "\"httpok\"", "The user at etcd.")
        .beside("password = \"x\""),
    optional(
        "password",
        Kind::Secret,
        "\"${env:ETCD_PASSWORD}\"",
        "The password of that user.",
    )
    .beside("username = \"httpok\""),
    optional(
        "cacert",
        Kind::Path,
        "\"/etc/ssl/etcd-ca.pem\"",
        "The certificates to trust, in PEM.",
    )
    .default_words("those of the system"),
    optional(
        "cert",
        Kind::Path,
        "\"/etc/httpok/fleet.pem\"",
        "The certificate of this host, in PEM, for engines that ask for one.",
    ),
    optional(
        "key",
        Kind::Path,
        "\"/etc/httpok/fleet.key\"",
        "Its private key, where that is not in the same file.",
    )
    .beside("cert = \"/etc/httpok/fleet.pem\""),
    defaulted(
        "timeout",
        SPAN,
        "\"3s\"",
        "How long one member may take to answer before the next one is asked.",
    ),
    optional(
        "host",
        Kind::Text,
        "\"web-7\"",
        "What this host is called in the fleet; no two hosts may be called the same.",
    )
    .default_words("the name of the host"),
];

static RULES: [Key; 6] = [
    defaulted(
        "slots",
        SLOTS,
        "1",
        "So many hosts of a group may restart at once; for etcd only: a FleetLock server has its own number.",
    ),
    optional(
        "restarts",
        Kind::Any(&[Kind::Budget, Kind::Off, Kind::Words(&["unlimited"])]),
        "\"10/1h\"",
        "At most so many restarts within so long, over all hosts of a group; for etcd only.",
    )
    .default_words("unlimited"),
    defaulted(
        "lease",
        SPAN,
        "\"2m\"",
        "How long a slot stays taken when its host dies, from 5s to 1h; for etcd only.",
    ),
    defaulted(
        "wait",
        SPAN,
        "\"10m\"",
        "An attempt that waits for a slot for longer is reported.",
    ),
    defaulted(
        "unreachable",
        Kind::Words(&["act", "hold"]),
        "\"act\"",
        "What a check does when nobody can be asked: restart by the rules of this host alone, or wait.",
    ),
    optional(
        "panic_threshold",
        Kind::Any(&[Kind::Share, Kind::Off, Kind::Words(&["off"])]),
        "\"60%\"",
        "When this share of the hosts that watch a group, of at least 3, fail at once, none of them is restarted, for it is \
         not the hosts; for etcd only.",
    )
    .default_words("off"),
];

/// What a check says of its fleet.
pub static CHECK_FLEET: [Key; 1] = [optional(
    "fleet",
    Kind::Any(&[Kind::Table(&OF_CHECK), Kind::Off]),
    "{ group = \"shop\", slots = 2 }",
    "The group whose slots its restarts take, with [fleet]; false restarts without asking anybody.",
)
.default_words("a group of the check's name")];

static OF_CHECK: Section = Section::new(
    "check.fleet",
    "The group whose slots the check's restarts take, with [fleet].",
    &[&[
        optional(
            "group",
            Kind::Text,
            "\"shop\"",
            "Checks of one group, on any host, share its slots and its budget.",
        )
        .default_words("the name of the check"),
        optional(
            "slots",
            SLOTS,
            "2",
            "So many of its hosts may restart at once; for etcd only.",
        )
        .default_words("slots of [fleet]"),
    ]],
);
