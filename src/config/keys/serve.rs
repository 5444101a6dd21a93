//! The keys of `[serve]`.

use super::kind::{Kind, SPAN};
use super::{Section, defaulted, optional, required, table};

const ADDRESS: Kind = Kind::Named("HOST:PORT, or the path of a socket");

pub static SERVE: Section = Section::new(
    "serve",
    "What is served where: a page for people, health endpoints, metrics and an API. Nothing is served without an address.",
    &[&[
        optional(
            "listen",
            ADDRESS,
            "\"127.0.0.1:9181\"",
            "Where HTTP is served.",
        ),
        optional(
            "line",
            Kind::Any(&[Kind::Flag, ADDRESS]),
            "true",
            "Where the line protocol of zc.monitor is served; true is 80 ports above listen.",
        )
        .beside("listen = \"127.0.0.1:9181\""),
        optional(
            "agent",
            ADDRESS,
            "\"127.0.0.1:9182\"",
            "Where HAProxy's agent-check is served.",
        ),
        optional(
            "api_keys",
            Kind::Each(&Kind::Secret),
            "[\"${env:HTTPOK_API_KEY}\"]",
            "Keys for X-API-Key: with them all but the liveness paths is closed to others, and checks can be paused and \
             restarted over HTTP.",
        ),
        table("tls", Kind::Table(&TLS), "The certificate of listen.")
            .beside("listen = \"127.0.0.1:9181\""),
        defaulted(
            "unavailable_status_code",
            Kind::Count {
                least: 200,
                most: 599,
                of: "the status",
            },
            "503",
            "The status of every answer that says unhealthy.",
        ),
        defaulted(
            "check_timeout",
            SPAN,
            "\"60s\"",
            "A request is complete within so long, or the connection is closed.",
        ),
        defaulted(
            "environment",
            Kind::Flag,
            "false",
            "Whether /status.json tells the host's name, system and kernel.",
        ),
        table(
            "healthy",
            Kind::Table(&HEALTHY),
            "When the watchdog itself is unhealthy.",
        ),
    ]],
);

static TLS: Section = Section::new(
    "serve.tls",
    "The certificate with which listen serves HTTPS.",
    &[&[
        required(
            "cert",
            Kind::Path,
            "\"/etc/httpok/cert.pem\"",
            "The certificate with its chain, in PEM.",
        ),
        required(
            "key",
            Kind::Path,
            "\"/etc/httpok/key.pem\"",
            "Its key, in PEM.",
        ),
    ]],
);

static HEALTHY: Section = Section::new(
    "serve.healthy",
    "When the watchdog calls itself unhealthy at /healthy. A level becomes bad at one bound and good again at the other.",
    &[&[
        defaulted(
            "outbox",
            Kind::Any(&[Kind::Table(&OUTBOX), Kind::Off]),
            "{ upper = 1000, lower = 100 }",
            "Reports that wait: unhealthy from upper on, healthy again below lower.",
        ),
        defaulted(
            "state_free_bytes",
            Kind::Any(&[Kind::Table(&FREE_BYTES), Kind::Off]),
            "{ upper = \"2GiB\", lower = \"1GiB\" }",
            "Free space of the state directory: unhealthy below lower, healthy again above upper.",
        ),
        defaulted(
            "state_free_inodes",
            Kind::Any(&[Kind::Table(&FREE_INODES), Kind::Off]),
            "{ upper = 20000, lower = 10000 }",
            "Free inodes of the state directory: unhealthy below lower, healthy again above upper.",
        ),
        defaulted(
            "checks",
            Kind::Flag,
            "true",
            "Whether a check that is down makes the watchdog unhealthy.",
        ),
    ]],
);

const COUNT: Kind = Kind::Count {
    least: 0,
    most: u32::MAX,
    of: "them",
};
const SIZE: Kind = Kind::Size { zero: true };

static OUTBOX: Section = Section::new(
    "serve.healthy.outbox",
    "Reports that wait.",
    &[&[
        required("upper", COUNT, "1000", "The upper bound."),
        required("lower", COUNT, "100", "The lower bound."),
    ]],
);

static FREE_BYTES: Section = Section::new(
    "serve.healthy.state_free_bytes",
    "Free space of the state directory.",
    &[&[
        required("upper", SIZE, "\"2GiB\"", "The upper bound."),
        required("lower", SIZE, "\"1GiB\"", "The lower bound."),
    ]],
);

static FREE_INODES: Section = Section::new(
    "serve.healthy.state_free_inodes",
    "Free inodes of the state directory.",
    &[&[
        required("upper", COUNT, "20000", "The upper bound."),
        required("lower", COUNT, "10000", "The lower bound."),
    ]],
);
