//! The keys of `[mail]`, `[[webhook]]` and `[[notify]]`.

use super::kind::{Kind, SPAN, SPAN_OR_ZERO};
use super::{Key, Section, defaulted, optional, required, table};
use crate::notify::spec::{Topic, WebhookFormat};

pub static MAIL: Section = Section::new(
    "mail",
    "Reports by mail. They wait on disk until they are delivered, for five days if need be.",
    &[&MAIL_KEYS, &REMINDER],
);

static NOTIFY_MAIL: Section = Section::new("notify.mail", "Mails to these people.", &[&MAIL_KEYS]);

static MAIL_KEYS: [Key; 8] = [
        required(
            "to",
            Kind::Each(&Kind::Named("mail address")),
            "[\"ops@example.org\"]",
            "Who gets the reports: addresses; without smtp also users of this host, such as root.",
        ),
        optional(
            "from",
            Kind::Named("mail address"),
            "\"httpok@example.org\"",
            "The sender.",
        )
        .default_words("the user that httpok runs as, at this host"),
        optional(
            "smtp",
            Kind::Named("URL"),
            "\"smtp+starttls://httpok@mail.example.org:587\"",
            "The mail server: smtp+starttls://, smtps:// or smtp://, with the user in it where there is one.",
        )
        .beside("password = \"x\""),
        defaulted(
            "sendmail",
            Kind::Named("command line"),
            "\"/usr/sbin/sendmail -t -i\"",
            "The command that takes mails.",
        )
        .instead_of("smtp"),
        optional(
            "password",
            Kind::Secret,
            "\"${env:SMTP_PASSWORD}\"",
            "The password of the user in smtp.",
        )
        .beside("smtp = \"smtp+starttls://httpok@mail.example.org:587\""),
        optional(
            "cacert",
            Kind::Path,
            "\"/etc/ssl/mail-ca.pem\"",
            "The certificates to trust for smtp, in PEM.",
        )
        .default_words("those of the system")
        .beside("smtp = \"smtp+starttls://mail.example.org:587\""),
    defaulted(
        "html",
        Kind::Flag,
        "true",
        "Whether mails have an HTML alternative beside the text.",
    ),
    defaulted(
        "down_after",
        SPAN_OR_ZERO,
        "\"30s\"",
        "That a check is down and being restarted is held for so long, at most 1h: a restart that cures it sooner is \
         one report, at its end.",
    ),
];

static REMINDER: [Key; 1] = [optional(
    "reminder",
    Kind::Any(&[SPAN, Kind::Off, Kind::Words(&["never"])]),
    "\"1h\"",
    "The pause between reminders that a check is still down.",
)
.default_words("no reminders")];

pub static WEBHOOK: Section = Section::new(
    "webhook",
    "Reports by HTTP: a POST for each. One that is not taken is sent again later, for days: after trouble with the connection, \
     and after every answer but 2xx and those that say that the request is wrong (400, 404, 410 and other 4xx). Those are 401, \
     403 and 407 (a key may be renewed), 408, 421, 423, 425, 429 (with Retry-After), 5xx, and 3xx: a redirection is not \
     followed.",
    &[&WEBHOOK_NAME, &WEBHOOK_KEYS],
);

static NOTIFY_WEBHOOK: Section = Section::new(
    "notify.webhook",
    "A POST for each report.",
    &[&WEBHOOK_KEYS],
);

static WEBHOOK_NAME: [Key; 1] = [optional(
    "name",
    Kind::Named("1 to 64 characters"),
    "\"pager\"",
    "What it is called in status, and under which its reports wait when its other keys change.",
)
.default_words("one that is made from the URL")];

static WEBHOOK_KEYS: [Key; 8] = [
    required(
        "url",
        Kind::Secret,
        "\"https://hooks.example.org/httpok\"",
        "Where the reports are sent.",
    ),
    optional(
        "headers",
        Kind::Map(&Kind::Secret),
        "{ Authorization = \"Bearer ${env:HOOK_TOKEN}\" }",
        "Headers that are sent besides.",
    ),
    optional(
        "secret",
        Kind::Secret,
        "\"${env:HOOK_SECRET}\"",
        "The key of the HMAC-SHA256 signature that is sent in a header.",
    ),
    optional(
        "cacert",
        Kind::Path,
        "\"/etc/ssl/hooks-ca.pem\"",
        "The certificates to trust, in PEM.",
    )
    .default_words("those of the system"),
    defaulted(
        "down_after",
        SPAN_OR_ZERO,
        "\"0s\"",
        "The same as for mails; with 0s that it is down is delivered at once, and once more when its restart fails.",
    ),
    defaulted(
        "format",
        Kind::Words(&WebhookFormat::WORDS),
        "\"json\"",
        "What is sent: httpok's own JSON, what Slack (Mattermost, Rocket.Chat), Alertmanager, PagerDuty or ntfy \
             take, or a body of your own.",
    ),
    optional(
        "routing_key",
        Kind::Secret,
        "\"${env:PAGERDUTY_KEY}\"",
        "The integration key of PagerDuty's Events API v2; the format is then pagerduty.",
    )
    .instead_of("format"),
    optional(
        "body",
        Kind::Text,
        "'{\"text\": {{ subject | tojson }}}'",
        "A template in Jinja's syntax over the keys of httpok's JSON; the format is then template.",
    )
    .instead_of("format"),
];

pub static NOTIFY: Section = Section {
    any_of: &["mail", "webhook", "exec"],
    ..Section::new(
        "notify",
        "Who gets which reports: by mail, by HTTP, or by a command. [mail] and [[webhook]] get all of them.",
        &[&NOTIFY_KEYS],
    )
};

static NOTIFY_KEYS: [Key; 9] = [
    required(
        "name",
        Kind::Named("1 to 64 characters"),
        "\"on-call\"",
        "What it is called in status and explain, and under which its reports wait.",
    ),
    optional(
        "on",
        Kind::Each(&Kind::Words(&TOPICS)),
        "[\"down\", \"cured\", \"gave_up\", \"recovered\"]",
        "The reports that it gets.",
    )
    .default_words("all"),
    optional(
        "checks",
        Kind::Each(&Kind::Named("name or pattern with * and ?")),
        "[\"shop*\"]",
        "The checks whose reports it gets.",
    )
    .default_words("all"),
    optional(
        "not_checks",
        Kind::Each(&Kind::Named("name or pattern with * and ?")),
        "[\"*-test\"]",
        "Checks whose reports it does not get.",
    ),
    optional(
        "down_after",
        SPAN_OR_ZERO,
        "\"30s\"",
        "That a check is down and being restarted is held for so long, at most 1h.",
    )
    .default_words("30s for mails, else 0s"),
    defaulted(
        "min_duration",
        SPAN_OR_ZERO,
        "\"0s\"",
        "An incident that is over sooner after its first fail is not reported here, at most 24h.",
    )
    .example("\"2m\""),
    optional(
        "exec",
        Kind::Command,
        "[\"/usr/local/bin/page\", \"on-call\"]",
        "A command that gets the report as JSON on standard input, and its main words as HTTPOK_CHECK, HTTPOK_KIND and so on.",
    ),
    table("mail", Kind::Table(&NOTIFY_MAIL), "Reports by mail."),
    table("webhook", Kind::Table(&NOTIFY_WEBHOOK), "Reports by HTTP."),
];

/// The words of `on`.
static TOPICS: [&str; 9] = {
    let mut words = [""; 9];
    let mut at = 0;
    while at < words.len() {
        words[at] = Topic::ALL[at].as_str();
        at += 1;
    }
    words
};
