//! `[mail]` and `[[webhook]]`: who is told, and how.

use std::str::FromStr;

use lettre::Address as MailAddress;
use lettre::message::Mailbox;

use super::address::Address;
use super::diagnostics::Diagnostic;
use super::http::read_headers;
use super::settings::{Mail, Smtp, SmtpSecurity, Via, Webhook};
use super::table::Table;
use super::value::Value;
use crate::secret::Secret;

const EXAMPLE: &str = "smtp+starttls://user@mail.example.org:587";

/// Ways to a mail server that are encrypted.
const SECURE: &str = "smtp+starttls:// or smtps://";

/// Who is told by mail; `None` without `[mail]`.
pub fn read_mail(table: &Table<'_>) -> Option<Mail> {
    let table = table.table("mail")?;
    let to = table.required("to", "[\"ops@example.org\"]");
    let to = to.map_or_else(Vec::new, |value| {
        let addresses = value.each(mailbox);
        if value.is_empty_list() {
            value.wrong(Diagnostic::new(
                "nobody to write to",
                "for example: [\"ops@example.org\"]; or leave [mail] out",
            ));
        }
        addresses
    });
    let read = Mail {
        to,
        from: table.read("from", mailbox),
        via: via(&table),
        reminder: table
            .read("reminder", |value| {
                value.unless_off("never", Value::some_duration)
            })
            .flatten(),
    };
    table.finish();
    Some(read)
}

/// Who is told by an HTTP request.
pub fn read_webhooks(table: &Table<'_>) -> Vec<Webhook> {
    let tables = table.tables("webhook");
    tables.iter().filter_map(read_webhook).collect()
}

fn read_webhook(table: &Table<'_>) -> Option<Webhook> {
    let url = table.required("url", "\"https://hooks.example.org/x\"");
    let headers = read_headers(table);
    let secret = table.get("secret").and_then(|value| value.secret());
    let trusted = table.own("cacert");
    let cacert = trusted.as_ref().and_then(Value::path);
    table.finish();
    let value = url?;
    let url = value.secret()?;
    // its text is not told, since a webhook's URL is as good as a password
    let address = Address::parse(url.expose(), "");
    let address = address.ok().filter(|address| !address.host.is_empty());
    match address.as_ref().map(|address| address.scheme.as_str()) {
        Some("https") => {}
        Some("http") => {
            if let Some(cacert) = &trusted {
                untrusting(cacert, "https://");
            }
        }
        _ => value.wrong(Diagnostic::new(
            "no URL of a webhook",
            "expected a URL such as \"https://hooks.example.org/x\"",
        )),
    }
    Some(Webhook {
        url,
        headers,
        secret,
        cacert,
    })
}

/// An address, alone or as `Name <address>`.
fn mailbox(value: &Value<'_>) -> Option<String> {
    value.parsed(|text| {
        let right = match text.contains('<') {
            true => text.ends_with('>') && Mailbox::from_str(text).is_ok(),
            false => MailAddress::from_str(text).is_ok(),
        };
        if right {
            return Ok(text.to_owned());
        }
        Err(format!(
            "{text:?} is no mail address: expected one such as \"ops@example.org\" or \"Ops \
             <ops@example.org>\""
        ))
    })
}

fn via(table: &Table<'_>) -> Via {
    let chosen = table.one_of(&["smtp", "sendmail"]);
    let password = table.own("password");
    let cacert = table.own("cacert");
    match chosen {
        Some(("smtp", value)) => {
            let secret = password.as_ref().and_then(Value::secret);
            let server = smtp(&value, password.as_ref(), secret);
            server
                .map(|server| Via::Smtp(trusting(server, cacert.as_ref())))
                .unwrap_or_default()
        }
        chosen => {
            if let Some(password) = password {
                password.wrong(Diagnostic::new(
                    "a password for no SMTP server",
                    format!("add smtp = {EXAMPLE:?}, or leave it out"),
                ));
            }
            if let Some(cacert) = cacert {
                untrusting(&cacert, SECURE);
            }
            let command = chosen.and_then(|(_, value)| value.some_text());
            command.map(Via::Sendmail).unwrap_or_default()
        }
    }
}

/// `server`, checked against the roots in the file that `cacert` names.
fn trusting(server: Smtp, cacert: Option<&Value<'_>>) -> Smtp {
    if let (Some(value), SmtpSecurity::Plain) = (cacert, server.security) {
        untrusting(value, SECURE);
    }
    Smtp {
        cacert: cacert.and_then(Value::path),
        ..server
    }
}

fn untrusting(cacert: &Value<'_>, secure: &str) {
    cacert.wrong(Diagnostic::new(
        "roots for a connection without TLS",
        format!("use {secure}, or leave it out"),
    ));
}

/// The server of `smtp = "..."`; `key` is the `password` key, `secret` what it holds when that is right.
fn smtp(value: &Value<'_>, key: Option<&Value<'_>>, secret: Option<Secret>) -> Option<Smtp> {
    let (address, security, port) = value.parsed(server)?;
    let user = match (address.user, key) {
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
                format!("name the user in smtp, such as {EXAMPLE:?}"),
            ));
            return None;
        }
    };
    Some(Smtp {
        security,
        host: address.host,
        port,
        user,
        cacert: None,
    })
}

fn server(url: &str) -> Result<(Address, SmtpSecurity, u16), String> {
    let address = Address::parse(url, EXAMPLE)?;
    let (security, usual) = match address.scheme.as_str() {
        "smtp" => (SmtpSecurity::Plain, 25),
        "smtp+starttls" => (SmtpSecurity::StartTls, 587),
        "smtps" => (SmtpSecurity::Tls, 465),
        scheme => {
            return Err(format!(
                "scheme {scheme:?} is not supported: expected smtp, smtp+starttls or smtps"
            ));
        }
    };
    if address.host.is_empty() || address.path.len() > 1 {
        return Err(format!(
            "no SMTP server: expected a host and nothing after it, such as {EXAMPLE:?}"
        ));
    }
    let port = address.port.unwrap_or(usual);
    Ok((address, security, port))
}
