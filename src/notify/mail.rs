//! Mails: a message becomes an RFC 5322 mail with a Message-ID of its own in its incident's thread, and goes
//! to an SMTP server or a sendmail. The drop-in listener's bare two-header mail is [`OriginalMailer`].

use lettre::Address;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Mailboxes, MultiPart, SinglePart};

use super::html;
use super::message::{DeliveryError, Notification, Taken};
use super::sendmail::Pipe;
use super::smtp::MailServer;
use super::superlance;
use super::text::header_value;
use crate::exec::Receipt;

/// The number of a thread's first mail.
const FIRST: u64 = 1;

/// The recipients of mails, their sender, and the way they are sent.
#[derive(Clone, Debug)]
pub struct MailNotifier {
    to: Vec<Mailbox>,
    from: Mailbox,
    via: MailRoute,
    html: bool,
}

/// On which way mails leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailRoute {
    /// A command that reads them.
    Sendmail(Pipe),
    /// An SMTP server.
    Smtp(MailServer),
}

impl MailNotifier {
    /// Mails to `to` (each an address, or several with commas) from `from`, by default `httpok@host`. An address
    /// without a domain, such as `root`, is one on `host`.
    ///
    /// # Errors
    /// Says which address is none.
    pub fn new(
        to: &[String],
        from: Option<&str>,
        host: &str,
        via: MailRoute,
    ) -> Result<Self, String> {
        let host = domain(host);
        let mut recipients = Vec::new();
        for text in to {
            recipients.extend(mailboxes(text, &host)?);
        }
        if recipients.is_empty() {
            return Err("expected at least one recipient".to_owned());
        }
        let from = mailboxes(from.unwrap_or("httpok"), &host)?;
        let [from] = from.as_slice() else {
            return Err("expected exactly one sender".to_owned());
        };
        Ok(Self {
            to: recipients,
            from: from.clone(),
            via,
            html: false,
        })
    }

    /// Whether the mail has an HTML alternative beside its text.
    #[must_use]
    pub const fn with_html(mut self, html: bool) -> Self {
        self.html = html;
        self
    }

    /// Sends `message`. Sent twice it has the same Message-ID, so that a retry can be distinguished from a new mail.
    ///
    /// # Errors
    /// Says why it was not taken, and whether it may be later.
    pub async fn deliver(
        &self,
        message: &Notification,
        receipt: Option<Receipt>,
    ) -> Result<Taken, DeliveryError> {
        let mail = self.compose(message).map_err(|error| {
            DeliveryError::Permanent(format!("cannot make a mail of it: {error}"))
        })?;
        let mail = mail.formatted();
        match &self.via {
            // a sendmail reads local lines and makes them CRLF itself
            MailRoute::Sendmail(pipe) => {
                pipe.send(local_lines(&mail), receipt).await?;
                Ok(Taken::default())
            }
            MailRoute::Smtp(server) => {
                let all = self.to.iter().map(|mailbox| mailbox.email.clone());
                let is_left = |address: &Address| {
                    message.only_to.is_empty() || message.only_to.contains(&address.to_string())
                };
                let to: Vec<Address> = all.filter(is_left).collect();
                if to.is_empty() {
                    return Err(DeliveryError::Permanent(format!(
                        "{} is no recipient any more",
                        message.only_to.join(", ")
                    )));
                }
                server.send(&self.from.email, &to, &mail).await
            }
        }
    }

    /// Whether a command takes it, and not a server.
    pub const fn is_command(&self) -> bool {
        matches!(self.via, MailRoute::Sendmail(_))
    }

    fn compose(&self, message: &Notification) -> Result<lettre::Message, lettre::error::Error> {
        let root = thread_id(message);
        let mut builder = lettre::Message::builder()
            .from(self.from.clone())
            .subject(header_value(&message.subject))
            .date(message.at)
            .message_id(Some(message_id(message, message.number)));
        for mailbox in &self.to {
            builder = builder.to(mailbox.clone());
        }
        builder = if message.number == FIRST {
            builder.references(root)
        } else {
            let first = message_id(message, FIRST);
            builder
                .in_reply_to(first.clone())
                .references(format!("{root} {first}"))
        };
        let builder = builder.raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ));
        let text = message.text.clone();
        match self.html.then(|| html::page(&text)).flatten() {
            Some(html) => builder.multipart(MultiPart::alternative_plain_html(text, html)),
            None => builder.singlepart(SinglePart::plain(text)),
        }
    }
}

/// The drop-in listener's mail: the original's bytes on the original's way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginalMailer {
    /// What `-m` says, as it says it.
    pub to: String,
    /// What `-s` says.
    pub pipe: Pipe,
}

impl OriginalMailer {
    /// The bytes that sendmail reads.
    pub fn bytes(&self, message: &Notification) -> Vec<u8> {
        superlance::mail(&self.to, &message.subject, &message.text)
    }

    /// Sends `message`.
    ///
    /// # Errors
    /// Says why it was not taken, and whether it may be later.
    pub async fn deliver(
        &self,
        message: &Notification,
        receipt: Option<Receipt>,
    ) -> Result<(), DeliveryError> {
        self.pipe.send(self.bytes(message), receipt).await
    }
}

fn mailboxes(text: &str, host: &str) -> Result<Vec<Mailbox>, String> {
    let invalid = |why: &dyn std::fmt::Display| format!("{text:?} is not a mail address: {why}");
    // a line end is a blank to the parser, and would be one in the middle of a header
    if text.chars().any(char::is_control) {
        return Err(invalid(&"it has a control character"));
    }
    let local = !text.is_empty() && !text.contains(['@', ',', '<', ' ']);
    if local {
        let address = Address::new(text, host).map_err(|error| invalid(&error))?;
        return Ok(vec![Mailbox::new(None, address)]);
    }
    let parsed: Mailboxes = text.parse().map_err(|error| invalid(&error))?;
    let parsed: Vec<_> = parsed.into_iter().collect();
    match parsed.is_empty() {
        true => Err(invalid(&"it is empty")),
        false => Ok(parsed),
    }
}

/// The Message-ID of report `number` in `message`'s thread: the same whenever it is asked for.
fn message_id(message: &Notification, number: u64) -> String {
    let (incident, host) = (atom(&message.incident), domain(&message.host));
    format!("<{incident}.{number}.httpok@{host}>")
}

/// What every mail of the thread refers to. No mail has this id: it holds the thread together even where the
/// first mail was never delivered, or is not remembered.
fn thread_id(message: &Notification) -> String {
    let (incident, host) = (atom(&message.incident), domain(&message.host));
    format!("<{incident}.httpok@{host}>")
}

/// `text` with only what may stand in the left side of a Message-ID.
fn atom(text: &str) -> String {
    replaced(text, |c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// `host` with only what may stand in a domain.
fn domain(host: &str) -> String {
    let labels: Vec<_> = host
        .split('.')
        .filter(|label| !label.is_empty())
        .map(|label| replaced(label, |c| c.is_ascii_alphanumeric() || c == '-'))
        .collect();
    match labels.is_empty() {
        true => "localhost".to_owned(),
        false => labels.join("."),
    }
}

fn replaced(text: &str, allowed: impl Fn(char) -> bool) -> String {
    let kept = |c| if allowed(c) { c } else { '-' };
    text.chars().map(kept).collect()
}

fn local_lines(mail: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(mail.len());
    for (at, &byte) in mail.iter().enumerate() {
        if byte != b'\r' || mail.get(at + 1) != Some(&b'\n') {
            lines.push(byte);
        }
    }
    lines
}
