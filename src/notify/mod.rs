//! Floor 2: notifications. `report` and `superlance` turn a [`crate::health::Report`] into text; the notifiers send
//! it. Nothing here waits without a deadline; when and how often a message
//! is tried is the outbox's business.

mod advice;
pub mod command;
pub mod event;
pub mod format;
mod html;
pub mod mail;
mod message;
pub mod ping;
pub mod policy;
pub mod report;
pub mod route;
pub mod sample;
pub mod sendmail;
pub mod smtp;
pub mod spec;
pub mod superlance;
pub mod text;
pub mod transcript;
pub mod webhook;

use std::time::Duration;

use crate::exec::Receipt;

pub use message::{DeliveryError, MissedRecipient, Notification, RenderContext, Taken};

/// How long one mail may take on its way out.
pub const MAIL_DEADLINE: Duration = Duration::from_secs(60);

/// How long one webhook may take.
pub const WEBHOOK_DEADLINE: Duration = Duration::from_secs(30);

/// How long a command that takes a report may run.
pub const COMMAND_DEADLINE: Duration = Duration::from_secs(30);

/// One way to send notifications.
#[derive(Clone, Debug)]
pub enum Notifier {
    /// Mail with all its headers, through SMTP or a sendmail.
    Mail(mail::MailNotifier),
    /// The drop-in listener's mail.
    Original(mail::OriginalMailer),
    /// A command of the user's own.
    Command(command::CommandNotifier),
    /// A POST.
    Webhook(webhook::WebhookNotifier),
}

impl Notifier {
    /// Whether a command takes messages, which has a receipt.
    pub const fn has_receipts(&self) -> bool {
        match self {
            Self::Mail(notifier) => notifier.is_command(),
            Self::Original(_) | Self::Command(_) => true,
            Self::Webhook(_) => false,
        }
    }

    /// Sends `message` once; a command with this `receipt`.
    ///
    /// # Errors
    /// Says why it was not taken, and whether it may be later.
    pub async fn deliver(
        &self,
        message: &Notification,
        receipt: Option<Receipt>,
    ) -> Result<Taken, DeliveryError> {
        let whole = |()| Taken::default();
        let taken = match self {
            Self::Mail(notifier) => notifier.deliver(message, receipt).await,
            Self::Original(notifier) => notifier.deliver(message, receipt).await.map(whole),
            Self::Command(notifier) => notifier.deliver(message, receipt).await.map(whole),
            Self::Webhook(notifier) => notifier.deliver(message).await.map(whole),
        };
        taken.map_err(DeliveryError::bounded)
    }

    /// Whether open incidents are sent again and again.
    pub fn is_repeated(&self) -> bool {
        match self {
            Self::Webhook(notifier) => notifier.is_repeated(),
            Self::Mail(_) | Self::Original(_) | Self::Command(_) => false,
        }
    }

    /// Sends the open incidents `messages` again, where that is wanted.
    ///
    /// # Errors
    /// Says why they were not taken.
    pub async fn repeat(&self, messages: &[Notification]) -> Result<(), DeliveryError> {
        match self {
            Self::Webhook(notifier) => notifier.repeat(messages).await,
            Self::Mail(_) | Self::Original(_) | Self::Command(_) => Ok(()),
        }
    }
}
