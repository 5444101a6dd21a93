//! `[mail]`, `[[webhook]]` and `[[notify]]` together: where notifications go. Mails are read here; the others in files of
//! their own.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use lettre::Address as MailAddress;
use lettre::message::Mailbox;

use super::diagnostics::Diagnostic;
use super::notifier::read_notifiers;
use super::ping::read_ping;
use super::table::TomlTable;
use super::value::TomlValue;
use super::warnings::is_here;
use super::webhook::read_named_webhook;
use crate::notify::spec::{
    MailSpec, MailVia, NotifierPolicy, NotifierSpec, PingSpec, SMTP_EXAMPLE, Security, SmtpSpec,
    WebhookSpec,
};
use crate::secret::Secret;

/// Ways to a mail server that are encrypted.
const SECURE: &str = "smtp+starttls:// or smtps://";

/// A report is not held for longer.
const LONGEST_HELD: Duration = Duration::from_secs(3600);

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

impl NotifySettings {
    /// That reports go nowhere, for who may not have meant that.
    pub fn hint(&self) -> Option<&'static str> {
        let notifies =
            self.mail.is_some() || !self.webhooks.is_empty() || !self.notifiers.is_empty();
        (!notifies)
            .then_some("nobody is notified: the file has no [mail], [[webhook]] or [[notify]]")
    }
}

/// Where notifications go.
pub fn read_notify(table: &TomlTable<'_>) -> NotifySettings {
    let (mail, reminder) = read_mail(table).unzip();
    let mut names = BTreeMap::new();
    let mut read = NotifySettings {
        mail,
        reminder: reminder.flatten(),
        ping: read_ping(table),
        ..NotifySettings::default()
    };
    for table in table.tables("webhook") {
        if let Some(webhook) = read_named_webhook(&table) {
            let place = table.get("name").or_else(|| table.get("url"));
            check_name(webhook.name(), place, &mut names);
            read.webhooks.push(webhook);
        }
    }
    for (notifier, place) in read_notifiers(table, &read) {
        check_name(notifier.name.clone(), place, &mut names);
        read.notifiers.push(notifier);
    }
    read
}

/// Reports a name that another notifier has. A webhook without one is called after its URL.
fn check_name<'a>(
    name: String,
    place: Option<TomlValue<'a>>,
    names: &mut BTreeMap<String, TomlValue<'a>>,
) {
    let Some(place) = place else { return };
    if let Some(first) = names.get(&name) {
        place.reject(Diagnostic::new(
            format!(
                "there is a notifier {name:?} already, on {}",
                first.place(&place)
            ),
            "give each [[notify]] and each [[webhook]] a name of its own",
        ));
    }
    names.entry(name).or_insert(place);
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

/// One receiver of mails.
pub fn mail_spec(table: &TomlTable<'_>) -> MailSpec {
    let takes_users = table.own("smtp").is_none();
    let mailbox = |value: &TomlValue<'_>| mailbox(value, takes_users);
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

/// The same where the key is there.
pub fn own_down_after(table: &TomlTable<'_>) -> Option<Duration> {
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

/// An address, alone or as `Name <address>`; or a user of this host, whom `sendmail` knows and an SMTP server does not.
fn mailbox(value: &TomlValue<'_>, takes_users: bool) -> Option<String> {
    let read = value.parsed(|text| {
        if is_user(text) {
            return match takes_users {
                true => Ok(text.to_owned()),
                false => Err(format!(
                    "{text:?} is not a mail address, but a user, whom an SMTP server does not know: expected one such \
                     as \"ops@example.org\""
                )),
            };
        }
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
    });
    if let Some(text) = read
        .as_ref()
        .filter(|text| is_user(text) && text.contains('.'))
    {
        value.warn(
            format!("{text:?} is a user of this host"),
            "expected an address with @, unless there is such a user",
        );
    }
    read
}

/// Whether `text` is the name of a user, without a domain.
fn is_user(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    text.chars().all(is_plain) && MailAddress::new(text, "localhost").is_ok()
}

fn via(table: &TomlTable<'_>) -> MailVia {
    let chosen = table.one_of(&["smtp", "sendmail"]);
    let password = table.own("password");
    let cacert = table.own("cacert");
    match chosen {
        Some(("smtp", value)) => {
            let secret = password.as_ref().and_then(TomlValue::some_secret);
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
            let command = match &chosen {
                Some((_, value)) => value
                    .some_text()
                    .inspect(|line| value.warn_if_line_missing(line)),
                None => {
                    table.warn_of_usual_sendmail();
                    None
                }
            };
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
        cacert: cacert.and_then(TomlValue::file),
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
    if server.security == Security::Plain && user.is_some() && !is_here(&server.host) {
        value.warn(
            format!("the password for {:?} is sent in the clear", server.host),
            "use smtps:// or smtp+starttls://",
        );
    }
    Some(SmtpSpec { user, ..server })
}
