//! A sample report through the notifiers of a running watchdog, beside the loop and beside what waits for them: when a
//! person wants to know whether they work.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::NotificationQueue;
use crate::health::seconds;
use crate::notify::sample;
use crate::sorted;

/// Somebody waits for the answer, and gives up after 30 s.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// What became of a sample report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TestedNotifier {
    pub name: String,
    /// Why it was not taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// It was taken, but not for these recipients, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

impl NotificationQueue {
    /// Sends a sample report through the notifier `name`, or through all at the same time.
    ///
    /// # Errors
    /// There is no such notifier.
    pub fn test(
        &self,
        name: Option<String>,
    ) -> impl Future<Output = Result<Vec<TestedNotifier>, String>> + Send + use<> {
        let meant = |known: &&String| name.as_ref().is_none_or(|name| name == *known);
        let mut tests = JoinSet::new();
        let host = &self.outbox.render_context.host;
        for known in self.workers.keys().filter(meant) {
            let Some(worker) = self.workers.get(known) else {
                continue;
            };
            let recipient = Arc::clone(&worker.recipient.borrow());
            let (name, host) = (known.clone(), host.clone());
            tests.spawn(async move {
                let sent = sample::send(&recipient.notifier, recipient.route.pairs, &host);
                let (failure, refused) = match timeout(ANSWERS_WITHIN, sent).await {
                    Ok(Ok(taken)) => (None, taken.refused_text()),
                    Ok(Err(why)) => (Some(why.bounded().to_string()), None),
                    Err(_) => {
                        let after = seconds(ANSWERS_WITHIN);
                        (Some(format!("no answer within {after} s")), None)
                    }
                };
                TestedNotifier {
                    name,
                    failure,
                    refused,
                }
            });
        }
        let known: Vec<_> = self.workers.keys().cloned().collect();
        async move {
            if tests.is_empty() {
                return Err(match name {
                    Some(name) => format!(
                        "there is no notifier {name:?}; there are: {}",
                        known.join(", ")
                    ),
                    None => "there is no notifier".to_owned(),
                });
            }
            let mut tested = Vec::new();
            while let Some(ended) = tests.join_next().await {
                // one that broke has said so in the log
                tested.extend(ended);
            }
            sorted::plain(&mut tested);
            Ok(tested)
        }
    }
}
