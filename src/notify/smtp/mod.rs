//! One SMTP session: connect, secure, authenticate, hand one message over, leave. One connection per message:
//! reports are rare, and a kept connection is one more thing that can be stale at the worst time. The dialogue
//! is our own because the client in lettre bounds nothing that it reads.

pub(crate) mod reply;
mod session;

use std::sync::Arc;
use std::time::Duration;

use lettre::Address;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};

use crate::health::seconds;
use crate::net::tls;
use crate::secret;

use super::message::{DeliveryError, MissedRecipient, Taken};
use super::spec::{Security, SmtpSpec};
use crate::blocking;
use session::{SessionError, SmtpSession};

/// The message is taken by then: a server that is slow to say goodbye is not waited for longer.
const GOODBYE: Duration = Duration::from_secs(1);

/// An SMTP server and how we talk to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailServer {
    /// The server.
    pub spec: SmtpSpec,
    /// The name we greet with.
    pub hello: String,
    /// For the whole session up to the message being taken.
    pub deadline: Duration,
}

impl MailServer {
    /// Hands `mail` over for the recipients `to`. It counts as delivered when at least one of them was taken;
    /// the others are named in what is returned, so that one stale address does not keep a report from everybody,
    /// and one whose server says "later" gets it later.
    ///
    /// # Errors
    /// Only a refusal (5xx) of the sender, of every recipient or of the content is permanent. A server that
    /// refuses us before that (its greeting, TLS, AUTH) says nothing about the message.
    pub async fn send(
        &self,
        from: &Address,
        to: &[Address],
        mail: &[u8],
    ) -> Result<Taken, DeliveryError> {
        let deadline = self.deadline;
        let handed = async {
            let mut session = self.open().await?;
            let taken = transact(&mut session, from, to, mail).await?;
            Ok((session, taken))
        };
        let (mut session, taken) = tokio::time::timeout(deadline, handed)
            .await
            .unwrap_or_else(|_| {
                let after = seconds(deadline);
                Err(DeliveryError::Temporary(format!(
                    "not done within {after} s"
                )))
            })
            .map_err(|error| self.named(error))?;
        let _ = tokio::time::timeout(GOODBYE, session.command("QUIT")).await;
        Ok(taken)
    }

    async fn open(&self) -> Result<SmtpSession, DeliveryError> {
        let tls = self.tls().await?;
        let (direct, upgrade) = match self.spec.security {
            Security::Plain => (None, None),
            Security::StartTls => (None, tls),
            Security::Tls => (tls, None),
        };
        let stream = self.connect().await?;
        let greeted = SmtpSession::begin(stream, direct).await;
        let mut session = greeted.map_err(|error| link("cannot connect", &error))?;
        let refused = |error| link("the greeting was refused", &error);
        session.hello(&self.hello).await.map_err(refused)?;
        if let Some((config, name)) = upgrade {
            let upgraded = session.start_tls(config, name).await;
            upgraded.map_err(|error| link("cannot upgrade with STARTTLS", &error))?;
            session.hello(&self.hello).await.map_err(refused)?;
        }
        if let Some((user, password)) = &self.spec.user {
            secret::conceal_login(user, password.expose());
            let known = session.authenticate(user, password.expose()).await;
            // a server may say what it was sent
            known.map_err(|error| match error {
                SessionError::Refused(reply) => DeliveryError::Temporary(format!(
                    "not authenticated: the server answered {}",
                    reply.text()
                )),
                other => link("not authenticated", &other),
            })?;
        }
        Ok(session)
    }

    /// Tries one address after the other; each has its part of the time.
    async fn connect(&self) -> Result<TcpStream, DeliveryError> {
        let failed = |why: &dyn std::fmt::Display| {
            DeliveryError::Temporary(format!("cannot connect: {why}"))
        };
        let found = lookup_host((self.spec.host.as_str(), self.spec.port)).await;
        let addresses: Vec<_> = found.map_err(|error| failed(&error))?.collect();
        let parts = u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
        let mut last = failed(&"the name has no address");
        for address in addresses {
            let connected = TcpStream::connect(address);
            last = match tokio::time::timeout(self.deadline / parts, connected).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failed(&error),
                Err(_) => failed(&format!("no answer from {address}")),
            };
        }
        Err(last)
    }

    /// Reads the roots only now, when they are needed, and off the runtime's thread.
    async fn tls(&self) -> Result<Option<(Arc<ClientConfig>, ServerName<'static>)>, DeliveryError> {
        if self.spec.security == Security::Plain {
            return Ok(None);
        }
        let host = self.spec.host.clone();
        let name = ServerName::try_from(host)
            .map_err(|error| DeliveryError::Temporary(format!("not a name for TLS: {error}")))?;
        let cacert = self.spec.cacert.clone();
        let config = blocking::run("tls", move || tls::trusting(cacert.as_deref()))
            .await
            .unwrap_or_else(|error| Err(format!("cannot prepare TLS: {error}")))
            .map_err(DeliveryError::Temporary)?;
        Ok(Some((Arc::new(config), name)))
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
            DeliveryError::Later { why, after } => DeliveryError::Later {
                why: name(why),
                after,
            },
            DeliveryError::Permanent(why) => DeliveryError::Permanent(name(why)),
        }
    }
}

async fn transact(
    session: &mut SmtpSession,
    from: &Address,
    to: &[Address],
    mail: &[u8],
) -> Result<Taken, DeliveryError> {
    let options = options(session, from, to, mail);
    session
        .command(&format!("MAIL FROM:<{from}>{options}"))
        .await
        .map_err(|error| refusal(&format!("sender \"{from}\""), &error))?;
    let mut refused = Vec::new();
    for address in to {
        match session.command(&format!("RCPT TO:<{address}>")).await {
            Ok(_) => {}
            Err(error @ SessionError::Refused(_)) => {
                refused.push((
                    address,
                    refusal(&format!("recipient \"{address}\""), &error),
                ));
            }
            Err(error) => return Err(link("connection lost", &error)),
        }
    }
    if refused.len() == to.len() {
        // one that may be taken later is reason enough to try again
        let best = refused
            .iter()
            .position(|(_, error)| error.is_temporary())
            .unwrap_or(0);
        return match refused.into_iter().nth(best) {
            Some((_, error)) => Err(error),
            None => Err(DeliveryError::Permanent("there is no recipient".to_owned())),
        };
    }
    let not_taken = |error| refusal("message", &error);
    session.prompt("DATA").await.map_err(not_taken)?;
    session.message(mail).await.map_err(not_taken)?;
    let mut taken = Taken::default();
    for (address, error) in refused {
        let missed = MissedRecipient {
            address: address.to_string(),
            why: error.to_string(),
        };
        match error.is_temporary() {
            true => taken.deferred.push(missed),
            false => taken.refused.push(missed),
        }
    }
    Ok(taken)
}

/// What the server has to know of beforehand, as far as it knows of it at all.
fn options(session: &SmtpSession, from: &Address, to: &[Address], mail: &[u8]) -> String {
    let ascii = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
    let international = !ascii(from) || !to.iter().all(ascii);
    let mut options = String::new();
    if international && session.offers("SMTPUTF8") {
        options.push_str(" SMTPUTF8");
    }
    if !mail.is_ascii() && session.offers("8BITMIME") {
        options.push_str(" BODY=8BITMIME");
    }
    options
}

/// Trouble on the way to the message: never the message's fault.
fn link(what: &str, error: &SessionError) -> DeliveryError {
    DeliveryError::Temporary(format!("{what}: {error}"))
}

/// Trouble with `what`: permanent when the server says so.
fn refusal(what: &str, error: &SessionError) -> DeliveryError {
    let why = format!("{what} not taken: {error}");
    match error {
        SessionError::Refused(reply) if reply.is_permanent() => DeliveryError::Permanent(why),
        _ => DeliveryError::Temporary(why),
    }
}
