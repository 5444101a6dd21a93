//! When the dead man's switch is asked: by the loop, so that a loop that stands still asks no more. One request at a time;
//! what goes wrong with it is logged once, until it works again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::logger::Logger;
use crate::notify::ping::{Ping, PingSender};
use crate::notify::spec::PingSpec;

/// From the start to the first sign of life.
const FIRST_AFTER: Duration = Duration::from_secs(1);

/// The dead man's switch of this watchdog.
#[derive(Debug)]
pub struct Pings {
    live: Option<LivePings>,
    logger: Logger,
}

#[derive(Debug)]
struct LivePings {
    spec: PingSpec,
    sender: PingSender,
    next: Instant,
    has_started: bool,
    request: Option<JoinHandle<()>>,
    is_failing: Arc<AtomicBool>,
}

impl Drop for LivePings {
    fn drop(&mut self) {
        if let Some(request) = &self.request {
            request.abort();
        }
    }
}

impl Pings {
    /// Those of `spec`; none without one. Needs a runtime.
    pub fn new(spec: Option<PingSpec>, logger: Logger) -> Self {
        let live = spec.map(|spec| LivePings {
            sender: PingSender::new(spec.clone()),
            spec,
            next: Instant::now(),
            has_started: false,
            request: None,
            is_failing: Arc::default(),
        });
        Self { live, logger }
    }

    /// Takes new settings; equal ones change nothing.
    pub fn change(&mut self, spec: Option<PingSpec>) {
        if self.live.as_ref().map(|live| &live.spec) != spec.as_ref() {
            let has_started = self.live.is_some();
            *self = Self::new(spec, self.logger.clone());
            if let Some(live) = &mut self.live {
                live.has_started = has_started;
            }
        }
    }

    /// Comes back when the next one is due.
    pub async fn due(&self) {
        match &self.live {
            Some(live) => sleep_until(live.next).await,
            None => std::future::pending().await,
        }
    }

    /// Sends what is due, with how the watchdog is: `trouble` of its own, or else `status`.
    pub fn send(&mut self, trouble: Option<String>, status: String) {
        let Some(live) = &mut self.live else { return };
        let (ping, after) = match (live.has_started, &trouble) {
            (false, _) => (Ping::Start, FIRST_AFTER.min(live.spec.every)),
            (true, None) => (Ping::Alive, live.spec.every),
            (true, Some(_)) => (Ping::Failing, live.spec.every),
        };
        live.next = Instant::now() + after;
        let running = live.request.as_ref();
        if running.is_some_and(|request| !request.is_finished()) {
            // the receiver hangs; its own deadline ends that
            return;
        }
        live.has_started = true;
        let (sender, logger) = (live.sender.clone(), self.logger.clone());
        let is_failing = Arc::clone(&live.is_failing);
        live.request = Some(tokio::spawn(async move {
            let sent = sender.send(ping, &trouble.unwrap_or(status)).await;
            let was_failing = is_failing.swap(sent.is_err(), Ordering::Relaxed);
            match sent {
                Err(why) if !was_failing => logger.trouble(&format!("httpok: {why}")),
                Ok(()) if was_failing => tracing::info!("the heartbeat is taken again"),
                _ => {}
            }
        }));
    }
}
