//! The keys of `[mail]` and `[[webhook]]`.

use super::kind::{Kind, SPAN};
use super::{Section, defaulted, optional, required};

pub static MAIL: Section = Section::new(
    "mail",
    "Reports by mail. They wait on disk until they are delivered, for five days if need be.",
    &[&[
        required(
            "to",
            Kind::Each(&Kind::Named("mail address")),
            "[\"ops@example.org\"]",
            "Who gets the reports.",
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
        optional(
            "reminder",
            Kind::Any(&[SPAN, Kind::Off, Kind::Words(&["never"])]),
            "\"1h\"",
            "The pause between reminders that a check is still down.",
        )
        .default_words("no reminders"),
    ]],
);

pub static WEBHOOK: Section = Section::new(
    "webhook",
    "Reports by HTTP: a POST with a JSON object.",
    &[&[
        optional(
            "name",
            Kind::Named("1 to 64 characters"),
            "\"pager\"",
            "What it is called in status, and under which its reports wait when its other keys change.",
        )
        .default_words("one that is made from the URL"),
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
    ]],
);
