//! `[mail]`, `[[webhook]]` and `[[notify]]`: where notifications go, and how.

use std::str::FromStr;
use std::time::Duration;

use lettre::Address as MailAddress;
use lettre::message::Mailbox;

use super::diagnostics::Diagnostic;
use super::ping::read_ping;
use super::table::TomlTable;
use super::value::TomlValue;
use super::webhook::{read_named_webhook, read_webhook};
use crate::notify::spec::{
    MailSpec, MailVia, NotifierPolicy, NotifierSpec, NotifierVia, PingSpec, Route, SMTP_EXAMPLE,
    Security, SmtpSpec, Topic, WebhookSpec,
};
use crate::secret::Secret;

/// Ways to a mail server that are encrypted.
const SECURE: &str = "smtp+starttls:// or smtps://";

/// A report is not held for longer.
const LONGEST_HELD: Duration = Duration::from_secs(3600);

/// What lasts as long as this is reported.
const LONGEST_LEAST: Duration = Duration::from_secs(86_400);

/// Where notifications go.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NotifySettings {
    /// Mails.
    pub mail: Option<MailSpec>,
    /// The pause between reminders that a check is still down; `None`: none are sent.
    pub reminder: Option<Duration>,
    /// The receivers of HTTP requests.
    pub webhooks: Vec<WebhookSpec>,
    /// The dead man's switch.
    pub ping: Option<PingSpec>,
    /// Those that get some reports only, by `[[notify]]`; their names are unique.
    pub notifiers: Vec<NotifierSpec>,
}

/// Where notifications go.
pub fn read_notify(table: &TomlTable<'_>) -> NotifySettings {
    let (mail, reminder) = read_mail(table).unzip();
    let webhooks = table.tables("webhook");
    NotifySettings {
        mail,
        reminder: reminder.flatten(),
        webhooks: webhooks.iter().filter_map(read_named_webhook).collect(),
        ping: read_ping(table),
        notifiers: read_notifiers(table),
    }
}

fn read_notifiers(table: &TomlTable<'_>) -> Vec<NotifierSpec> {
    let mut notifiers: Vec<NotifierSpec> = Vec::new();
    for table in table.tables("notify") {
        let Some(name) = table.required("name", "\"on-call\"") else {
            table.finish();
            continue;
        };
        for notifier in read_notifier(&table, &name) {
            if notifiers.iter().any(|other| other.name == notifier.name) {
                name.reject(Diagnostic::new(
                    format!("there is another notifier {:?}", notifier.name),
                    "give each [[notify]] a name of its own",
                ));
            }
            notifiers.push(notifier);
        }
    }
    notifiers
}

/// The ways of one `[[notify]]`: mostly one.
fn read_notifier(table: &TomlTable<'_>, name: &TomlValue<'_>) -> Vec<NotifierSpec> {
    let called = name.parsed(notifier_name);
    let on = table.get("on");
    let topics = on.as_ref().map(|value| value.each(topic));
    let route = Route {
        on: topics,
        checks: patterns(table, "checks"),
        not_checks: patterns(table, "not_checks"),
        pairs: false,
    };
    let held = own_down_after(table);
    let least = table.get("min_duration");
    let min_duration = least.as_ref().and_then(min_duration).unwrap_or_default();
    let mut ways = Vec::new();
    if let Some(mail) = table.table("mail") {
        ways.push(("mail", NotifierVia::Mail(mail_spec(&mail))));
        mail.finish();
    }
    if let Some(webhook) = table.table("webhook") {
        let spec = read_webhook(&webhook, None);
        webhook.finish();
        let pairs = spec.as_ref().is_some_and(|spec| spec.format.pairs());
        if let (Some(value), true) = (&on, pairs) {
            check_pairs(value);
        }
        let is_repeated = spec.as_ref().is_some_and(|spec| spec.format.is_repeated());
        if let (Some(value), true) = (&least, is_repeated) {
            value.reject(Diagnostic::new(
                "min_duration for Alertmanager, which is sent what is open again and again",
                "leave it out, and say group_wait in the route of Alertmanager",
            ));
        }
        ways.extend(spec.map(|spec| ("webhook", NotifierVia::Webhook(spec))));
    }
    if let Some(exec) = table.get("exec") {
        let command = exec.program();
        ways.extend(command.map(|command| ("exec", NotifierVia::Command(command))));
    }
    let has_way = ["mail", "webhook", "exec"]
        .iter()
        .any(|&key| table.own(key).is_some());
    if !has_way {
        name.reject(Diagnostic::new(
            "a notifier that nothing is sent through",
            "add mail = { to = [\"ops@example.org\"] }, webhook = { url = \"https://hooks.example.org/x\" } or \
             exec = [\"/usr/local/bin/page\"]",
        ));
    }
    table.finish();
    let Some(called) = called else {
        return Vec::new();
    };
    let is_only = ways.len() == 1;
    let notifiers = ways.into_iter().map(|(way, via)| NotifierSpec {
        name: match is_only {
            true => called.clone(),
            false => format!("{called}/{way}"),
        },
        route: Route {
            pairs: matches!(&via, NotifierVia::Webhook(spec) if spec.format.pairs()),
            ..route.clone()
        },
        policy: NotifierPolicy {
            down_after: held.unwrap_or(via.down_after()),
            min_duration,
        },
        via,
    });
    notifiers.collect()
}

fn topic(value: &TomlValue<'_>) -> Option<Topic> {
    let word = value.text()?;
    let found = Topic::ALL.into_iter().find(|topic| topic.as_str() == word);
    if found.is_none() {
        value.none_of("report", &word, &Topic::ALL.map(Topic::as_str));
    }
    found
}

/// Reports what never ends: the receiver would show it for ever.
fn check_pairs(on: &TomlValue<'_>) {
    on.each(|value| {
        let word = value.plain()?;
        let ends = Topic::OF_INCIDENTS
            .iter()
            .any(|topic| topic.as_str() == word);
        if !ends && Topic::ALL.iter().any(|topic| topic.as_str() == word) {
            value.reject(Diagnostic::new(
                format!("{word:?} has no end that this format could report"),
                "expected down, gave_up, reminder, recovered or cured here; send it through another notifier",
            ));
        }
        None::<()>
    });
}

fn patterns(table: &TomlTable<'_>, key: &'static str) -> Vec<String> {
    let value = table.get(key);
    value.map_or_else(Vec::new, |value| value.each(TomlValue::some_text))
}

/// Where mails go, and the pause between reminders; `None` without `[mail]`.
fn read_mail(table: &TomlTable<'_>) -> Option<(MailSpec, Option<Duration>)> {
    let table = table.table("mail")?;
    let mail = mail_spec(&table);
    let reminder = table.read("reminder", |value| {
        value.unless_off("never", TomlValue::some_duration)
    });
    table.finish();
    Some((mail, reminder.flatten()))
}

fn mail_spec(table: &TomlTable<'_>) -> MailSpec {
    let to = table.required("to", "[\"ops@example.org\"]");
    let to = to.map_or_else(Vec::new, |value| {
        let addresses = value.each(mailbox);
        if value.is_empty_list() {
            value.reject(Diagnostic::new(
                "a list of no addresses",
                "for example: [\"ops@example.org\"]; or leave [mail] out",
            ));
        }
        addresses
    });
    MailSpec {
        to,
        from: table.read("from", mailbox),
        via: via(table),
        html: table.read("html", TomlValue::flag).unwrap_or(true),
        down_after: down_after(table, NotifierPolicy::FOR_PEOPLE),
    }
}

/// How long "is being restarted" is held; `usual` without the key.
pub fn down_after(table: &TomlTable<'_>, usual: NotifierPolicy) -> Duration {
    own_down_after(table).unwrap_or(usual.down_after)
}

fn own_down_after(table: &TomlTable<'_>) -> Option<Duration> {
    table.read("down_after", |value| {
        let span = value.duration()?;
        if span > LONGEST_HELD {
            value.reject(Diagnostic::new(
                "a report that a check is down is held for too long",
                "expected at most 1h; by default mails wait 30s and webhooks do not",
            ));
            return None;
        }
        Some(span)
    })
}

fn min_duration(value: &TomlValue<'_>) -> Option<Duration> {
    let span = value.duration()?;
    if span > LONGEST_LEAST {
        value.reject(Diagnostic::new(
            "incidents of a day and more would not be reported",
            "expected at most 24h",
        ));
        return None;
    }
    Some(span)
}

/// The name of a notifier, under which its notifications wait.
pub fn notifier_name(text: &str) -> Result<String, String> {
    let is_plain = !text.is_empty() && text.len() <= 64 && !text.chars().any(char::is_control);
    match text {
        "mail" => Err(
            "\"mail\" is the name of `[mail]`: expected another one, such as \"pager\"".to_owned(),
        ),
        name if is_plain => Ok(name.to_owned()),
        _ => Err("not a name: expected 1 to 64 characters, such as \"pager\"".to_owned()),
    }
}

/// An address, alone or as `Name <address>`.
fn mailbox(value: &TomlValue<'_>) -> Option<String> {
    value.parsed(|text| {
        let right = match text.contains('<') {
            true => text.ends_with('>') && Mailbox::from_str(text).is_ok(),
            false => MailAddress::from_str(text).is_ok(),
        };
        if right {
            return Ok(text.to_owned());
        }
        Err(format!(
            "{text:?} is not a mail address: expected one such as \"ops@example.org\" or \"Ops \
             <ops@example.org>\""
        ))
    })
}

fn via(table: &TomlTable<'_>) -> MailVia {
    let chosen = table.one_of(&["smtp", "sendmail"]);
    let password = table.own("password");
    let cacert = table.own("cacert");
    match chosen {
        Some(("smtp", value)) => {
            let secret = password.as_ref().and_then(TomlValue::secret);
            let server = smtp(&value, password.as_ref(), secret);
            server
                .map(|server| MailVia::Smtp(trusting(server, cacert.as_ref())))
                .unwrap_or_default()
        }
        chosen => {
            if let Some(password) = password {
                password.reject(Diagnostic::new(
                    "a password for no SMTP server",
                    format!("add smtp = {SMTP_EXAMPLE:?}, or leave it out"),
                ));
            }
            if let Some(cacert) = cacert {
                untrusting(&cacert, SECURE);
            }
            let command = chosen.and_then(|(_, value)| value.some_text());
            command.map(MailVia::Sendmail).unwrap_or_default()
        }
    }
}

/// `server`, checked against the roots in the file that `cacert` names.
fn trusting(server: SmtpSpec, cacert: Option<&TomlValue<'_>>) -> SmtpSpec {
    if let (Some(value), Security::Plain) = (cacert, server.security) {
        untrusting(value, SECURE);
    }
    SmtpSpec {
        cacert: cacert.and_then(TomlValue::path),
        ..server
    }
}

pub fn untrusting(cacert: &TomlValue<'_>, secure: &str) {
    cacert.reject(Diagnostic::new(
        "roots for a connection without TLS",
        format!("use {secure}, or leave it out"),
    ));
}

/// The server of `smtp = "..."`; `key` is the `password` key, `secret` what it holds when that is right.
fn smtp(
    value: &TomlValue<'_>,
    key: Option<&TomlValue<'_>>,
    secret: Option<Secret>,
) -> Option<SmtpSpec> {
    let (server, user) = value.parsed(SmtpSpec::parse)?;
    let user = match (user, key) {
        (None, None) => None,
        (Some((user, None)), Some(_)) => Some((user, secret?)),
        (Some((user, Some(secret))), None) => Some((user, secret)),
        (Some((_, Some(_))), Some(key)) => {
            key.reject(Diagnostic::new(
                "\"smtp\" holds a password already",
                "keep this one and take the other out of the URL",
            ));
            return None;
        }
        (Some((_, None)), None) => {
            value.reject(Diagnostic::new(
                "a user without a password",
                "add password = \"${file:/run/secrets/smtp}\"",
            ));
            return None;
        }
        (None, Some(key)) => {
            key.reject(Diagnostic::new(
                "a password without a user",
                format!("name the user in smtp, such as {SMTP_EXAMPLE:?}"),
            ));
            return None;
        }
    };
    Some(SmtpSpec { user, ..server })
}
