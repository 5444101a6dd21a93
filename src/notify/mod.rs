//! Floor 2: notifications. `report` and `superlance` turn a [`crate::health::Report`] into text; the notifiers send
//! it. Nothing here waits without a deadline; when and how often a message
//! is tried is the outbox's business.

pub mod event;
pub mod mail;
mod message;
pub mod report;
pub mod sendmail;
pub mod smtp;
pub mod spec;
pub mod superlance;
pub mod text;
pub mod transcript;
pub mod webhook;

use std::time::Duration;

pub use message::{DeliveryError, Notification, RenderContext};

/// How long one mail may take on its way out.
pub const MAIL_DEADLINE: Duration = Duration::from_secs(60);

/// How long one webhook may take.
pub const WEBHOOK_DEADLINE: Duration = Duration::from_secs(30);

/// One way to send notifications.
#[derive(Clone, Debug)]
pub enum Notifier {
    /// Mail with all its headers, through SMTP or a sendmail.
    Mail(mail::MailNotifier),
    /// The drop-in listener's mail.
    Original(mail::OriginalMailer),
    /// A JSON POST.
    Webhook(webhook::WebhookNotifier),
}

impl Notifier {
    /// Sends `message` once.
    ///
    /// # Errors
    /// Says why it was not taken, and whether it may be later.
    pub async fn deliver(&self, message: &Notification) -> Result<(), DeliveryError> {
        let taken = match self {
            Self::Mail(notifier) => notifier.deliver(message).await,
            Self::Original(notifier) => notifier.deliver(message).await,
            Self::Webhook(notifier) => notifier.deliver(message).await,
        };
        taken.map_err(DeliveryError::bounded)
    }
}
