//! One SMTP session: connect, secure, authenticate, hand one message over, leave. One connection per message:
//! reports are rare, and a kept connection is one more thing that can be stale at the worst time.

use std::path::PathBuf;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};

use super::message::DeliveryError;
use super::spec::{Security, SmtpSpec};
use super::text::brief;

/// The message is taken by then: a server that is slow to say goodbye is not waited for longer.
const GOODBYE: Duration = Duration::from_secs(1);

/// An SMTP server and how we talk to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The server.
    pub spec: SmtpSpec,
    /// The name we greet with.
    pub hello: String,
    /// For the whole session up to the message being taken.
    pub deadline: Duration,
}

impl Server {
    /// Hands `mail` over for the recipients `to`. It counts as delivered when at least one of them was taken;
    /// the others are named in the log, so that one stale address does not keep a report from everybody.
    ///
    /// # Errors
    /// Only a refusal (5xx) of the sender, of every recipient or of the content is permanent. A server that
    /// refuses us before that (its greeting, TLS, AUTH) says nothing about the message.
    pub async fn send(
        &self,
        from: &Address,
        to: &[Address],
        mail: &[u8],
    ) -> Result<(), DeliveryError> {
        let deadline = self.deadline;
        let session = async {
            let mut connection = self.open().await?;
            transact(&mut connection, from, to, mail).await?;
            Ok(connection)
        };
        let mut connection = tokio::time::timeout(deadline, session)
            .await
            .unwrap_or_else(|_| {
                let after = deadline.as_secs_f32();
                Err(DeliveryError::Temporary(format!(
                    "not done within {after} s"
                )))
            })
            .map_err(|error| self.named(error))?;
        let _ = tokio::time::timeout(GOODBYE, connection.quit()).await;
        Ok(())
    }

    async fn open(&self) -> Result<AsyncSmtpConnection, DeliveryError> {
        let tls = self.tls().await?;
        let (direct, upgrade) = match self.spec.security {
            Security::Plain => (None, None),
            Security::StartTls => (None, tls),
            Security::Tls => (tls, None),
        };
        let hello = ClientId::Domain(self.hello.clone());
        let address = (self.spec.host.as_str(), self.spec.port);
        let deadline = Some(self.deadline);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(address, deadline, &hello, direct, None)
                .await
                .map_err(|error| link("cannot connect", &error))?;
        if let Some(tls) = upgrade {
            let upgraded = connection.starttls(tls, &hello).await;
            upgraded.map_err(|error| link("cannot upgrade with STARTTLS", &error))?;
        }
        if let Some((user, password)) = &self.spec.user {
            let credentials = Credentials::new(user.clone(), password.expose().to_owned());
            connection
                .auth(&[Mechanism::Plain, Mechanism::Login], &credentials)
                .await
                .map_err(|error| link("not authenticated", &error))?;
        }
        Ok(connection)
    }

    /// Reads the roots only now, when they are needed, and off the runtime's thread.
    async fn tls(&self) -> Result<Option<TlsParameters>, DeliveryError> {
        if self.spec.security == Security::Plain {
            return Ok(None);
        }
        let (host, cacert) = (self.spec.host.clone(), self.spec.cacert.clone());
        tokio::task::spawn_blocking(move || tls(host, cacert))
            .await
            .unwrap_or_else(|error| Err(format!("cannot prepare TLS: {error}")))
            .map(Some)
            .map_err(DeliveryError::Temporary)
    }

    fn named(&self, error: DeliveryError) -> DeliveryError {
        let name = |why| {
            format!(
                "SMTP server \"{}:{}\": {why}",
                self.spec.host, self.spec.port
            )
        };
        match error {
            DeliveryError::Temporary(why) => DeliveryError::Temporary(name(why)),
            DeliveryError::Permanent(why) => DeliveryError::Permanent(name(why)),
        }
    }
}

fn tls(host: String, cacert: Option<PathBuf>) -> Result<TlsParameters, String> {
    let mut parameters = TlsParameters::builder(host);
    if let Some(path) = cacert {
        let wrong = |why: &dyn std::fmt::Display| format!("cannot use {path:?}: {why}");
        let pem = std::fs::read(&path).map_err(|error| wrong(&error))?;
        let roots = Certificate::from_pem(&pem).map_err(|error| wrong(&error))?;
        parameters = parameters
            .certificate_store(CertificateStore::None)
            .add_root_certificate(roots);
    }
    parameters
        .build_rustls()
        .map_err(|error| format!("cannot prepare TLS: {}", words(&error)))
}

async fn transact(
    connection: &mut AsyncSmtpConnection,
    from: &Address,
    to: &[Address],
    mail: &[u8],
) -> Result<(), DeliveryError> {
    let options = options(connection, from, to, mail);
    connection
        .command(Mail::new(Some(from.clone()), options))
        .await
        .map_err(|error| refusal(&format!("sender \"{from}\""), &error))?;
    let mut refused = Vec::new();
    for address in to {
        match connection.command(Rcpt::new(address.clone(), vec![])).await {
            Ok(_) => {}
            Err(error) if error.status().is_some() => {
                refused.push(refusal(&format!("recipient \"{address}\""), &error));
            }
            Err(error) => return Err(link("connection lost", &error)),
        }
    }
    if refused.len() == to.len() {
        // one that may be taken later is reason enough to try again
        let best = refused
            .iter()
            .position(DeliveryError::is_temporary)
            .unwrap_or(0);
        return match refused.into_iter().nth(best) {
            Some(error) => Err(error),
            None => Err(DeliveryError::Permanent("there is no recipient".to_owned())),
        };
    }
    connection
        .command(Data)
        .await
        .map_err(|error| refusal("message", &error))?;
    connection
        .message(mail)
        .await
        .map_err(|error| refusal("message", &error))?;
    for error in refused {
        tracing::warn!("mail was taken, but not for everybody: {error}");
    }
    Ok(())
}

/// What the server has to know of beforehand, as far as it knows of it at all.
fn options(
    connection: &AsyncSmtpConnection,
    from: &Address,
    to: &[Address],
    mail: &[u8],
) -> Vec<MailParameter> {
    let server = connection.server_info();
    let ascii = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
    let international = !ascii(from) || !to.iter().all(ascii);
    let mut options = Vec::new();
    if international && server.supports_feature(Extension::SmtpUtfEight) {
        options.push(MailParameter::SmtpUtfEight);
    }
    if !mail.is_ascii() && server.supports_feature(Extension::EightBitMime) {
        options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    options
}

/// Trouble on the way to the message: never the message's fault.
fn link(what: &str, error: &Error) -> DeliveryError {
    DeliveryError::Temporary(format!("{what}: {}", words(error)))
}

/// Trouble with `what`: permanent when the server says so.
fn refusal(what: &str, error: &Error) -> DeliveryError {
    let why = format!("{what} not taken: {}", words(error));
    match error.is_permanent() {
        true => DeliveryError::Permanent(why),
        false => DeliveryError::Temporary(why),
    }
}

/// The server's own words, or the deepest cause.
fn words(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let cause = brief(&cause.to_string(), 200);
    match error.status() {
        Some(code) => format!("{code} {cause}"),
        None => cause,
    }
}
