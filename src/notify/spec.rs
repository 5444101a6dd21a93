//! Where notifications go, and how. Plain data.

use std::path::PathBuf;
use std::time::Duration;

pub use super::format::{Template, WebhookFormat};
pub use super::policy::NotifierPolicy;
pub use super::route::{Route, Topic};
use crate::exec::CommandLine;
use crate::net::Address;
use crate::net::http::Header;
use crate::secret::{self, Secret, redact_url};

/// What the URL of a mail server looks like, for errors.
pub const SMTP_EXAMPLE: &str = "smtp+starttls://user@mail.example.org:587";

/// Mails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailSpec {
    /// At least one address.
    pub to: Vec<String>,
    /// The sender; `None`: httpok at this host.
    pub from: Option<String>,
    /// How they are sent.
    pub via: MailVia,
    /// Whether they have an HTML alternative beside the text.
    pub html: bool,
    /// See [`NotifierPolicy::down_after`].
    pub down_after: Duration,
}

/// How mails are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailVia {
    /// A command line for the shell that reads the mail on standard input.
    Sendmail(String),
    /// An SMTP server.
    Smtp(SmtpSpec),
}

impl Default for MailVia {
    fn default() -> Self {
        Self::Sendmail("/usr/sbin/sendmail -t -i".to_owned())
    }
}

/// An SMTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpSpec {
    /// Name or address, without brackets.
    pub host: String,
    /// 25, 465 or 587 by default, after `security`.
    pub port: u16,
    /// How the connection is secured.
    pub security: Security,
    /// Trust these roots (PEM) instead of the system's.
    pub cacert: Option<PathBuf>,
    /// User and password for AUTH.
    pub user: Option<(String, Secret)>,
}

/// How an SMTP connection is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// `smtp://`: not at all.
    Plain,
    /// `smtp+starttls://`: upgraded, or not used.
    StartTls,
    /// `smtps://`: TLS from the first byte.
    Tls,
}

/// The user that a URL names, and the password beside it if there is one.
pub type UrlUser = Option<(String, Option<Secret>)>;

impl SmtpSpec {
    /// The server at `url`, and the user that `url` names.
    ///
    /// # Errors
    /// Says what the URL of a mail server looks like.
    pub fn parse(url: &str) -> Result<(Self, UrlUser), String> {
        let address = Address::parse(url, SMTP_EXAMPLE)?;
        let (security, usual) = match address.scheme.as_str() {
            "smtp" => (Security::Plain, 25),
            "smtp+starttls" => (Security::StartTls, 587),
            "smtps" => (Security::Tls, 465),
            scheme => {
                return Err(format!(
                    "scheme {scheme:?} is not supported for mail: expected smtp, smtp+starttls or smtps"
                ));
            }
        };
        if address.host.is_empty() || address.path.len() > 1 {
            return Err(format!(
                "{:?} is not a mail server: expected a host and nothing after it, such as \
                 {SMTP_EXAMPLE:?}",
                redact_url(url)
            ));
        }
        let spec = Self {
            host: address.host,
            port: address.port.unwrap_or(usual),
            security,
            cacert: None,
            user: None,
        };
        Ok((spec, address.user))
    }
}

/// A receiver of HTTP requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSpec {
    /// How it is called, whatever its other settings are.
    pub name: Option<String>,
    /// Where they are posted.
    pub url: WebhookUrl,
    /// Sent besides ours.
    pub headers: Vec<Header>,
    /// Signs the body: `X-Httpok-Signature` is its HMAC-SHA256 under this key.
    pub secret: Option<Secret>,
    /// Trust these roots (PEM) instead of the system's.
    pub cacert: Option<PathBuf>,
    /// What is sent.
    pub format: WebhookFormat,
    /// See [`NotifierPolicy::down_after`].
    pub down_after: Duration,
}

impl WebhookSpec {
    /// A plain POST to `url`.
    pub fn new(url: WebhookUrl) -> Self {
        Self {
            name: None,
            url,
            headers: Vec::new(),
            secret: None,
            cacert: None,
            format: WebhookFormat::Json,
            down_after: NotifierPolicy::FOR_PROGRAMS.down_after,
        }
    }

    /// Its name, or without one [`WebhookSpec::address`].
    pub fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.address())
    }

    /// The origin of its URL, and a few letters that distinguish it from others there: the rest may be a secret.
    pub fn address(&self) -> String {
        let url = self.url.url.expose();
        let scheme = if self.url.is_secure { "https" } else { "http" };
        let digest = ring::digest::digest(&ring::digest::SHA256, url.as_bytes());
        let letters = digest.as_ref()[..4]
            .iter()
            .map(|byte| format!("{byte:02x}"));
        let letters: String = letters.collect();
        format!("{scheme}://{}#{letters}", self.url.host)
    }
}

/// A notifier with a name, and which reports it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifierSpec {
    /// Its reports wait under this name.
    pub name: String,
    /// Which reports it gets.
    pub route: Route,
    /// When it delivers them.
    pub policy: NotifierPolicy,
    /// How it is reached.
    pub via: NotifierVia,
}

impl NotifierVia {
    /// How long it holds the report that a check is being restarted.
    pub const fn down_after(&self) -> Duration {
        match self {
            Self::Mail(spec) => spec.down_after,
            Self::Webhook(spec) => spec.down_after,
            Self::Command(_) => NotifierPolicy::FOR_PROGRAMS.down_after,
        }
    }
}

/// How a notifier is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotifierVia {
    /// By mail.
    Mail(MailSpec),
    /// By an HTTP request.
    Webhook(WebhookSpec),
    /// By a command of the user's own.
    Command(CommandLine),
}

/// Where the dead man's switch is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PingSpec {
    /// What is asked.
    pub url: WebhookUrl,
    /// Sent besides ours, or in the place of ours.
    pub headers: Vec<Header>,
    /// The certificates to trust instead of the system's.
    pub cacert: Option<PathBuf>,
    /// The pause between two requests.
    pub every: Duration,
    /// What the receiver understands.
    pub format: PingFormat,
}

/// What the receiver of a dead man's switch understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PingFormat {
    /// A GET of its URL.
    #[default]
    Plain,
    /// Healthchecks.io's convention: a POST, `/start` and `/fail` behind the path.
    Healthchecks,
}

impl PingFormat {
    /// All, by their words in `format`.
    pub const ALL: [(&str, Self); 2] =
        [("plain", Self::Plain), ("healthchecks", Self::Healthchecks)];
}

/// The URL of a webhook. It is a secret: with most services it is all that one needs to post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookUrl {
    /// `http` or `https`; userinfo becomes Basic authentication.
    pub url: Secret,
    /// Its host, which may be shown.
    pub host: String,
    /// Whether it is `https`.
    pub is_secure: bool,
}

impl WebhookUrl {
    /// The URL `text`.
    ///
    /// # Errors
    /// Says what it looks like, and shows nothing of `text`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let address = Address::parse(text, "").ok();
        let address = address.filter(|address| !address.host.is_empty());
        match address.as_ref().map(|address| address.scheme.as_str()) {
            Some(scheme @ ("http" | "https")) => Ok(Self {
                url: concealed(text),
                is_secure: scheme == "https",
                host: address.map(|address| address.host).unwrap_or_default(),
            }),
            _ => Err(
                "no URL of http or https: expected one such as \"https://hooks.example.org/x\""
                    .to_owned(),
            ),
        }
    }
}

/// With most services the URL is all that one needs to post.
fn concealed(url: impl Into<String>) -> Secret {
    let url = Secret::new(url);
    secret::conceal(url.expose());
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_servers_are_urls() {
        let (server, user) =
            SmtpSpec::parse("smtp+starttls://me:pass%3A@mail.example.org").expect("a URL");
        assert_eq!(
            (server.security, server.host.as_str(), server.port),
            (Security::StartTls, "mail.example.org", 587)
        );
        assert_eq!(user, Some(("me".to_owned(), Some(Secret::new("pass:")))));
        for (url, port) in [
            ("smtp://h:2525", 2525),
            ("smtps://h", 465),
            ("smtp://h", 25),
        ] {
            assert_eq!(SmtpSpec::parse(url).map(|(spec, _)| spec.port), Ok(port));
        }
        for invalid in [
            "mail.example.org",
            "http://h",
            "smtp://",
            "smtp://h/x",
            "smtp://u:secret@",
        ] {
            let error = SmtpSpec::parse(invalid).expect_err(invalid);
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_webhook_is_named_without_its_secrets() {
        let spec = |url: &str| WebhookSpec::new(WebhookUrl::parse(url).expect("a URL"));
        let url = "https://user:pw@hooks.example.org:8443/services/T0/B0/token?key=secret";
        let name = spec(url).name();
        assert!(name.starts_with("https://hooks.example.org#"), "{name}");
        assert_eq!(name, spec(url).name());
        assert_ne!(spec("http://h/a").name(), spec("http://h/b").name());
        let named = WebhookSpec {
            name: Some("pager".to_owned()),
            ..spec(url)
        };
        assert_eq!(named.name(), "pager");
    }

    #[test]
    fn webhook_urls_are_http_and_never_shown() {
        let url = WebhookUrl::parse("https://u:p@hooks.example.org/T0KEN").expect("a URL");
        assert!(url.is_secure && url.host == "hooks.example.org");
        assert!(!format!("{url:?}").contains("T0KEN"));
        for invalid in ["ftp://h/T0KEN", "T0KEN", "http://", "unix:///T0KEN"] {
            let error = WebhookUrl::parse(invalid).expect_err(invalid);
            assert!(!error.contains("T0KEN"), "{error}");
        }
    }
}
