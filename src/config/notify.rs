//! `[mail]` and `[[webhook]]`: where notifications go, and how.

use std::str::FromStr;
use std::time::Duration;

use lettre::Address as MailAddress;
use lettre::message::Mailbox;

use super::diagnostics::Diagnostic;
use super::http::read_headers;
use super::table::TomlTable;
use super::value::TomlValue;
use crate::notify::spec::{
    MailSpec, MailVia, SMTP_EXAMPLE, Security, SmtpSpec, WebhookSpec, WebhookUrl,
};
use crate::secret::Secret;

/// Ways to a mail server that are encrypted.
const SECURE: &str = "smtp+starttls:// or smtps://";

/// Where notifications go.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NotifySettings {
    /// Mails.
    pub mail: Option<MailSpec>,
    /// The pause between reminders that a check is still down; `None`: none are sent.
    pub reminder: Option<Duration>,
    /// The receivers of HTTP requests.
    pub webhooks: Vec<WebhookSpec>,
}

/// Where notifications go.
pub fn read_notify(table: &TomlTable<'_>) -> NotifySettings {
    let (mail, reminder) = read_mail(table).unzip();
    let webhooks = table.tables("webhook");
    NotifySettings {
        mail,
        reminder: reminder.flatten(),
        webhooks: webhooks.iter().filter_map(read_webhook).collect(),
    }
}

/// Where mails go, and the pause between reminders; `None` without `[mail]`.
fn read_mail(table: &TomlTable<'_>) -> Option<(MailSpec, Option<Duration>)> {
    let table = table.table("mail")?;
    let to = table.required("to", "[\"ops@example.org\"]");
    let to = to.map_or_else(Vec::new, |value| {
        let addresses = value.each(mailbox);
        if value.is_empty_list() {
            value.wrong(Diagnostic::new(
                "a list of no addresses",
                "for example: [\"ops@example.org\"]; or leave [mail] out",
            ));
        }
        addresses
    });
    let mail = MailSpec {
        to,
        from: table.read("from", mailbox),
        via: via(&table),
    };
    let reminder = table.read("reminder", |value| {
        value.unless_off("never", TomlValue::some_duration)
    });
    table.finish();
    Some((mail, reminder.flatten()))
}

fn read_webhook(table: &TomlTable<'_>) -> Option<WebhookSpec> {
    let name = table.read("name", |value| value.parsed(notifier_name));
    let url = table.required("url", "\"https://hooks.example.org/x\"");
    let headers = read_headers(table);
    let secret = table.get("secret").and_then(|value| value.secret());
    let trusted = table.own("cacert");
    let cacert = trusted.as_ref().and_then(TomlValue::path);
    table.finish();
    let value = url?;
    let url = value.accept(WebhookUrl::parse(value.hidden()?.expose()))?;
    if let Some(cacert) = trusted.as_ref().filter(|_| !url.is_secure) {
        untrusting(cacert, "https://");
    }
    Some(WebhookSpec {
        name,
        url,
        headers,
        secret,
        cacert,
    })
}

/// The name of a notifier, under which its notifications wait.
fn notifier_name(text: &str) -> Result<String, String> {
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
                password.wrong(Diagnostic::new(
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

fn untrusting(cacert: &TomlValue<'_>, secure: &str) {
    cacert.wrong(Diagnostic::new(
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
            key.wrong(Diagnostic::new(
                "\"smtp\" holds a password already",
                "keep this one and take the other out of the URL",
            ));
            return None;
        }
        (Some((_, None)), None) => {
            value.wrong(Diagnostic::new(
                "a user without a password",
                "add password = \"${file:/run/secrets/smtp}\"",
            ));
            return None;
        }
        (None, Some(key)) => {
            key.wrong(Diagnostic::new(
                "a password without a user",
                format!("name the user in smtp, such as {SMTP_EXAMPLE:?}"),
            ));
            return None;
        }
    };
    Some(SmtpSpec { user, ..server })
}
