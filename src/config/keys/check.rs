//! The keys of `[[check]]` and `[defaults]`, and of the tables in them.
//! One description per key: the reader, the JSON Schema, the example file, httpok.toml(5) and the hints of errors are
//! made of it.

use super::fleet::CHECK_FLEET;
use super::kind::{Kind, SPAN, SPAN_OR_ZERO};
use super::{Key, Section, Variant, defaulted, optional, required, table};
use crate::config::presets;
use crate::config::probe::{COMMAND, HEARTBEAT, HTTP, HTTP_AND_GRPC, LINE};
use crate::health::{Reason, Verdict};

const ASSERTIONS: Kind = Kind::Each(&Kind::Named("assertion, see httpok-expect(7)"));
const TEXTS: Kind = Kind::Each(&Kind::Text);
/// A number of probes, of which a window is kept in memory.
const PROBES: Kind = Kind::Count {
    least: 1,
    most: 1000,
    of: "probes",
};

pub static CHECK: Section = Section {
    any_of: &["url", "command", "preset", "heartbeat"],
    variants: &[
        Variant {
            only: LINE,
            says: "A check over a plain connection. Its other keys are those above that are not for HTTP.",
            lead: &["name = \"db\"", "url = \"tcp://127.0.0.1:6379\""],
        },
        Variant {
            only: COMMAND,
            says: "A check that runs a command: exit status 0 passes, 1 is degraded, 3 is unknown, others fail.",
            lead: &["name = \"disk\""],
        },
        Variant {
            only: HEARTBEAT,
            says: "A check that is not probed: a cron job, a backup or a program says by itself that all is well, with \
                   httpok beat NAME or POST /api/v1/heartbeat/NAME.",
            lead: &["name = \"backup\""],
        },
    ],
    ..Section::new(
        "check",
        "One service: what is probed, what a good answer is, and what is restarted when it is down. \
         All keys but name, url, command, preset, heartbeat, warmup and ladder may also stand in [defaults], for all checks that \
         do not say otherwise.",
        &[&IDENTITY, &REQUEST, &ANSWER, &POLICY, &ACTION, &CHECK_FLEET],
    )
};

static IDENTITY: [Key; 7] = [
    required(
        "name",
        Kind::Text,
        "\"shop\"",
        "What the check is called in reports, commands and metrics; each check has its own name.",
    )
    .own(),
    optional(
        "url",
        Kind::Named("URL"),
        "\"http://127.0.0.1:8080/health\"",
        "What is probed: http, https, http+unix://%2Frun%2Fapp.sock/PATH, grpc or grpcs://HOST:PORT/SERVICE, tcp://HOST:PORT \
         or unix:///PATH; of HTTP it may hold user:password@.",
    )
    .default_words("required, unless command, preset or heartbeat stands in its place")
    .own(),
    optional(
        "command",
        Kind::Command,
        "[\"check_disk\", \"-w\", \"10%\", \"/\"]",
        "What is run instead of probing a URL: its exit status is the verdict, as for Nagios.",
    )
    .only(COMMAND)
    .own(),
    optional(
        "preset",
        Kind::KnownWords(presets::names),
        "\"spring\"",
        "The product that is probed: it says what is sent and what its answers mean, see httpok-expect(7); every key \
         can be overridden.",
    )
    .own(),
    optional(
        "heartbeat",
        SPAN,
        "\"25h\"",
        "Nothing is probed: the check passes for so long after each heartbeat, and then fails with no_heartbeat; one \
         with --fail fails at once.",
    )
    .only(HEARTBEAT)
    .own(),
    optional(
        "heartbeat_token",
        Kind::Secret,
        "\"${env:BACKUP_TOKEN}\"",
        "A key for X-API-Key that opens POST /api/v1/heartbeat/NAME for this check, and nothing else.",
    )
    .only(HEARTBEAT)
    .beside("heartbeat = \"25h\"")
    .own(),
    optional(
        "every",
        SPAN,
        "\"10s\"",
        "The pause between the beginnings of two probes, or of checks whether a heartbeat is overdue.",
    )
    .default_words("every of the whole file; with heartbeat a quarter of it at most"),
];

static REQUEST: [Key; 21] = [
    defaulted(
        "timeout",
        SPAN,
        "\"10s\"",
        "How long a probe may take in all: name look-up, connection, TLS, redirects, body and judging.",
    ),
    defaulted(
        "max_body",
        Kind::Size { zero: false },
        "\"16MiB\"",
        "A larger body fails with too_large.",
    )
    .default_words("\"16MiB\"; without HTTP \"64KiB\""),
    optional(
        "ip",
        Kind::Digits(&["4", "6"]),
        "\"4\"",
        "Addresses of this version of IP only.",
    )
    .default_words("both"),
    defaulted(
        "method",
        Kind::Named("method of HTTP"),
        "\"GET\"",
        "The method of the request.",
    )
    .only(HTTP),
    optional(
        "headers",
        Kind::Map(&Kind::Secret),
        "{ X-API-Key = \"${env:SHOP_KEY}\" }",
        "Headers that are sent besides, or instead of, the usual ones.",
    )
    .only(HTTP_AND_GRPC),
    optional(
        "data",
        Kind::Text,
        "\"ping\"",
        "The body of the request.",
    )
    .only(HTTP),
    optional(
        "user",
        Kind::Secret,
        "\"reader\"",
        "The user of basic authentication, or \"user:password\".",
    )
    .only(HTTP)
    .beside("password = \"x\""),
    optional(
        "password",
        Kind::Secret,
        "\"${env:SHOP_KEY}\"",
        "The password of user.",
    )
    .only(HTTP)
    .beside("user = \"reader\""),
    defaulted(
        "insecure",
        Kind::Flag,
        "false",
        "Accept any certificate.",
    )
    .only(HTTP_AND_GRPC),
    optional(
        "cacert",
        Kind::Path,
        "\"/etc/ssl/shop-ca.pem\"",
        "The certificates to trust, in PEM.",
    )
    .default_words("those of the system")
    .only(HTTP_AND_GRPC),
    optional(
        "cert",
        Kind::Path,
        "\"/etc/httpok/client.pem\"",
        "The certificate that is shown to the service, with its chain, in PEM.",
    )
    .only(HTTP_AND_GRPC),
    optional(
        "key",
        Kind::Path,
        "\"/etc/httpok/client.key\"",
        "The key of cert, in PEM.",
    )
    .default_words("the file of cert")
    .only(HTTP_AND_GRPC)
    .beside("cert = \"/etc/httpok/client.pem\""),
    defaulted(
        "follow",
        Kind::Flag,
        "false",
        "Follow redirects on the same host, ten at most.",
    )
    .only(HTTP),
    optional(
        "resolve",
        Kind::Each(&Kind::Named("HOST:PORT:ADDRESS")),
        "\"shop.example.org:443:127.0.0.1\"",
        "The address to connect to for a host and port, instead of asking the resolver.",
    )
    .only(HTTP_AND_GRPC),
    defaulted(
        "http2",
        Kind::Flag,
        "false",
        "Offer HTTP/2 in the TLS handshake.",
    )
    .only(HTTP),
    optional(
        "unix_socket",
        Kind::Path,
        "\"/run/shop.sock\"",
        "The socket to connect to, whatever the host of the URL.",
    )
    .only(HTTP_AND_GRPC),
    optional(
        "ready",
        Kind::Named("URL or path"),
        "\"/ready\"",
        "What is asked when the answer is a 5xx: while this answers 2xx, the check is degraded and does not fail.",
    )
    .only(HTTP),
    optional(
        "warmup",
        Kind::Named("URL"),
        "\"http://127.0.0.1:8080/@@warmup\"",
        "What is asked once after each start of the program: until it has answered the check is starting.",
    )
    .own(),
    defaulted(
        "warmup_timeout",
        SPAN,
        "\"10m\"",
        "How long the warm-up may take before fails count.",
    )
    .beside("warmup = \"http://127.0.0.1:8080/@@warmup\"")
    .own(),
    optional(
        "send",
        Kind::Secret,
        "\"PING\\\\r\\\\n\"",
        "What is sent once the connection is open; \\r \\n \\t \\\\ and \\xNN stand for bytes.",
    )
    .only(LINE),
    optional(
        "until",
        Kind::Words(&crate::probe::line::spec::Until::NAMES),
        "\"line\"",
        "When the answer is complete: at its first line end, when the peer closes, or when each text of body was seen.",
    )
    .default_words(
        "the first line end or the close; where nothing is sent or expected, as soon as the connection is open",
    )
    .only(LINE),
];

static ANSWER: [Key; 7] = [
    defaulted(
        "status",
        Kind::Each(&Kind::Status),
        "[200]",
        "The status codes that are fine.",
    )
    .example("[\"2xx\", 304]")
    .only(HTTP),
    optional(
        "body",
        TEXTS,
        "\"all fine\"",
        "Text that the body contains, compared byte by byte.",
    ),
    optional(
        "not_body",
        TEXTS,
        "\"Traceback\"",
        "Text that the body does not contain.",
    ),
    optional(
        "expect",
        ASSERTIONS,
        "['jsonpath \"$.status\" == \"UP\"', 'duration < 2s']",
        "What is true of a good answer; one that does not hold is a fail.",
    ),
    optional(
        "degraded",
        ASSERTIONS,
        "['certificate expires > 14d']",
        "What is true of a good answer; one that does not hold is degraded, which is reported and never restarted.",
    ),
    optional(
        "verdicts",
        Kind::Each(&Kind::Table(&RULE)),
        "[{ when = 'line == \"Warmup in progress\"', is = \"starting\" }]",
        "What certain answers mean: the first whose when holds decides.",
    ),
    defaulted(
        "max_parsed",
        Kind::Size { zero: false },
        "\"1MiB\"",
        "A larger body is not parsed for jsonpath and metric, nor kept for line and for patterns with a Unicode \\b.",
    ),
];

static RULE: Section = Section::new(
    "check.verdicts",
    "What a certain answer means.",
    &[&[
        required(
            "when",
            Kind::Named("assertion, see httpok-expect(7)"),
            "'line == \"Warmup in progress\"'",
            "What is true of the answer.",
        ),
        required(
            "is",
            Kind::KnownWords(verdicts),
            "\"starting\"",
            "The verdict of such an answer.",
        ),
    ]],
);

fn verdicts() -> Vec<&'static str> {
    Verdict::ALL.map(Verdict::as_str).to_vec()
}

static POLICY: [Key; 9] = [
    defaulted(
        "fail_after",
        PROBES,
        "3",
        "So many fails in a row make the check down.",
    )
    .default_words("3; with heartbeat 1"),
    optional(
        "fail_within",
        Kind::Named("\"FAILS/PROBES\""),
        "\"3/5\"",
        "So many fails among the last so many probes make the check down.",
    )
    .instead_of("fail_after"),
    defaulted(
        "pass_after",
        PROBES,
        "1",
        "So many passes in a row make the check up again.",
    ),
    defaulted(
        "grace",
        SPAN_OR_ZERO,
        "\"30s\"",
        "For so long after the start of the program fails do not count; the first pass ends it.",
    ),
    table(
        "backoff",
        Kind::Table(&BACKOFF),
        "The pause between attempts to restart.",
    ),
    defaulted(
        "restarts",
        Kind::Any(&[Kind::Budget, Kind::Off, Kind::Words(&["unlimited"])]),
        "\"5/10m\"",
        "At most so many attempts to restart within so long, then the check is given up, which is reported.",
    ),
    defaulted(
        "rearm",
        Kind::Any(&[SPAN, Kind::Off, Kind::Words(&["never"])]),
        "\"30m\"",
        "So long after giving up the check is tried again, and not before restarts allows it: it should be at least as long as \
         the time in restarts. With false only httpok reset does that.",
    ),
    optional(
        "act_on",
        Kind::Each(&Kind::KnownWords(reasons)),
        "[\"refused\", \"first_byte_timeout\", \"status\"]",
        "The reasons of fails that lead to a restart; \"fail\" is all.",
    )
    .default_words("[\"fail\"]"),
    optional(
        "requires",
        TEXTS,
        "[\"db\"]",
        "Names of checks: while one of them is down, this one is reported and not restarted.",
    ),
];

fn reasons() -> Vec<&'static str> {
    let of_services = Reason::ALL.into_iter().filter(|reason| !reason.is_ours());
    of_services.map(Reason::as_str).chain(["fail"]).collect()
}

static BACKOFF: Section = Section::new(
    "check.backoff",
    "The pause between attempts to restart, which grows.",
    &[&[
        defaulted("min", SPAN_OR_ZERO, "\"10s\"", "The first pause."),
        defaulted("max", SPAN_OR_ZERO, "\"5m\"", "No pause is longer."),
        defaulted(
            "factor",
            Kind::Number {
                least: 1.0,
                most: 1000.0,
            },
            "2",
            "Each pause is so many times the one before.",
        ),
    ]],
);

static ACTION: [Key; 5] = [
    optional(
        "restart",
        Kind::Each(&Kind::Named("target")),
        "[\"shop\", \"workers:*\", \"systemd/nginx.service\", \"docker/redis\"]",
        "What is restarted when the check is down, in this order: NAME, GROUP:NAME or GROUP:*, with supervisord/, systemd/, \
         docker/, program/ or command/ before it where that is not the default supervisor; what one pattern names goes by \
         name.",
    ),
    defaulted(
        "start_stopped",
        Kind::Flag,
        "false",
        "Also start what is FATAL or EXITED.",
    ),
    defaulted(
        "dry_run",
        Kind::Flag,
        "false",
        "Say what would be restarted, and restart nothing.",
    ),
    table(
        "capture",
        Kind::Table(&CAPTURE),
        "The evidence that is kept before a restart.",
    ),
    table(
        "ladder",
        Kind::Tables(&super::ladder::LADDER),
        "What is done at which attempt, where it is not always the same restart.",
    )
    .beside("restart = [\"docker/redis\"]")
    .own(),
];

static CAPTURE: Section = Section::new(
    "check.capture",
    "The evidence that is kept before a restart. Facts of the process (from /proc), its last log lines and the answer of the service are kept without this table, too, within the bounds below; keep = 0 switches that off. It is kept before the first restart of an incident.",
    &[&[
        optional(
            "cores",
            Kind::Path,
            "\"/var/cores\"",
            "The directory for evidence and core files; without it evidence is kept below the state directory, and no core is written.",
        ),
        optional(
            "gcore",
            Kind::Named("\"builtin\", or a command line"),
            "\"builtin\"",
            "What writes the core file: a file's name and the pid are appended to the command line.",
        )
        .default_words("\"/usr/bin/gcore -o\""),
        optional(
            "run",
            Kind::Each(&Kind::Command),
            "[\"ss -tnp\", [\"py-spy\", \"dump\", \"--pid\", \"{pid}\"]]",
            "Commands whose output is kept; {pid}, {name} and {check} are filled in.",
        ),
        defaulted(
            "timeout",
            SPAN,
            "\"30s\"",
            "All evidence of one process has so long; what is not ready then is left out.",
        ),
        defaulted(
            "keep",
            Kind::Count {
                least: 0,
                most: 10_000,
                of: "incidents",
            },
            "5",
            "Of each process the evidence of so many incidents is kept; the oldest goes first. 0 keeps no evidence at all.",
        ),
        defaulted(
            "max_bytes",
            Kind::Size { zero: true },
            "\"2GiB\"",
            "All evidence in the directory takes no more than this.",
        ),
        defaulted(
            "min_free",
            Kind::Size { zero: true },
            "\"1GiB\"",
            "Nothing is written that would leave less than this free on the disk.",
        ),
    ]],
);
