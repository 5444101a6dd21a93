//! `httpok notify test`: a sample report through the notifiers of a file, and what the other side answered. Nothing is
//! queued: what is not taken now is said, and not tried again.

use std::path::Path;
use std::time::SystemTime;

use tokio::task::JoinSet;

use super::Env;
use crate::cli::exit::Exit;
use crate::cli::render::visible;
use crate::cli::say;
use crate::config;
use crate::daemon::wiring::{self, RunOptions, hostname};
use crate::health::counted;
use crate::notify::{DeliveryError, Notifier, sample};

/// Tests the notifier `name`, or all, of `file`.
pub fn run(name: Option<&str>, file: &Path, env: Env<'_>) -> Exit {
    match tested(name, file, env) {
        Ok(0) => Exit::Ok,
        Ok(failed) => {
            let failed = counted(failed, "notifier", "notifiers");
            say::err(&format!("httpok notify test: {failed} did not take it"));
            Exit::Unknown
        }
        Err(why) => {
            say::err(&format!("httpok notify test: {why}"));
            Exit::Unknown
        }
    }
}

/// How many failed.
fn tested(name: Option<&str>, file: &Path, env: Env<'_>) -> Result<u64, String> {
    let settings = config::load(file, env).map_err(|faults| faults.styled())?;
    let host = hostname();
    let mut notifiers = wiring::notifiers(&settings, &RunOptions::default(), &host)
        .map_err(|why| why.to_string())?;
    if let Some(name) = name {
        let known: Vec<_> = notifiers.keys().cloned().collect();
        notifiers.retain(|known, _| known == name);
        if notifiers.is_empty() {
            return Err(format!(
                "there is no notifier {name:?}; there are: {}",
                known.join(", ")
            ));
        }
    }
    if notifiers.is_empty() {
        return Err("there is no notifier in it: add [mail], [[webhook]] or [[notify]]".to_owned());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|why| format!("cannot start: {why}"))?;
    let failed = runtime.block_on(async {
        // one that is slow keeps none waiting; each has a deadline of its own
        let mut tests = JoinSet::new();
        for (name, recipient) in notifiers {
            let host = host.clone();
            tests.spawn(async move {
                let sent = sent(&recipient.notifier, recipient.route.pairs, &host).await;
                (name, sent)
            });
        }
        let mut failed = 0;
        while let Some(ended) = tests.join_next().await {
            let (name, sent) = ended.map_err(|panic| format!("internal error: {panic}"))?;
            let name = visible::line(&name);
            match sent {
                Ok(()) => say::out(&format!("{name}: taken")),
                Err(why) => {
                    failed += 1;
                    let why = visible::line(&why.to_string());
                    say::out(&format!("{name}: NOT taken: {why}"));
                }
            }
        }
        Ok::<u64, String>(failed)
    });
    // a name look-up cannot be cancelled, and dropping the runtime would wait for it
    runtime.shutdown_background();
    failed
}

/// Sends the sample, and its end where the receiver would show it as open otherwise.
async fn sent(notifier: &Notifier, pairs: bool, host: &str) -> Result<(), DeliveryError> {
    let at = SystemTime::now();
    notifier
        .deliver(&sample::notification(host, at), None)
        .await?;
    if pairs {
        notifier.deliver(&sample::end(host, at), None).await?;
    }
    Ok(())
}
