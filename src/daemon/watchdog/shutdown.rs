//! The end of a watchdog: why it ends, its programs are stopped or left, and what must outlive it gets to the disk.
//! A first signal lets actions under way end and tries a pending start once more; a second one ends at once. What is
//! left is finished by the next run.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Watchdog;
use crate::health::{Event, Verdict};
use crate::tick::{self, Signals};

/// What is left of that is too little for a report of the last moment.
const LEAST_FOR_MAILS: Duration = Duration::from_secs(1);

/// How long the store may hold up the end.
const CLOSE_FOR: Duration = Duration::from_secs(5);

/// How long slots that are given back may hold up the end: a lease ends them, too.
const LEFT_FOR_FLEET: Duration = Duration::from_secs(4);

/// supervisord kills a listener 10 s after it has asked it to end: so long before that, restarts under way are left to
/// the next run, mails too, and the end comes.
const LISTENER_ENDS_WITHIN: Duration = Duration::from_secs(9);
const LEFT_FOR_MAILS: Duration = Duration::from_secs(4);
const LEFT_FOR_STORE: Duration = Duration::from_secs(1);

/// Waits until `end`, for ever when there is none.
pub(super) async fn passed(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}

/// Why a watchdog has ended.
#[derive(Debug)]
pub enum Ending {
    /// A signal asked for it.
    Stopped,
    /// A second signal asked for it, and work was left behind.
    Hurried,
    /// Once was asked for and is done: the worst verdict.
    Once(Verdict),
    /// No more ticks will come.
    NoTicks(tick::ListenerEnd),
    /// It could not even begin: another one supervises its programs, or a port is taken.
    CannotBegin(String),
}

impl Ending {
    /// How long open mails may hold up the end, so long after that was asked for: little when a signal asks us to stop,
    /// for its sender counts the seconds. They are delivered while restarts and programs end, too.
    pub(super) fn last_mails(&self, since_asked: Duration) -> Duration {
        match self {
            Self::Stopped | Self::Hurried | Self::CannotBegin(_) => Duration::from_secs(5)
                .saturating_sub(since_asked)
                .max(LEAST_FOR_MAILS),
            Self::Once(_) | Self::NoTicks(_) => Duration::from_secs(60),
        }
    }
}

impl Watchdog {
    /// The end begins: nothing new is done from now on.
    pub(super) fn stop(&mut self) -> Ending {
        self.sd_notify.stopping();
        self.executor.shutdown.begin();
        self.asked_to_end = Some(Instant::now());
        if self.ticks.is_listener() {
            self.ends_by = Some(Instant::now() + LISTENER_ENDS_WITHIN);
        }
        self.feed(Event::Shutdown);
        self.keep_view(false);
        Ending::Stopped
    }

    /// Until when actions under way are waited for; as long as they take, when nobody kills us for that.
    pub(super) fn actions_end_by(&self) -> Option<Instant> {
        self.ends_by.map(|end| end - LEFT_FOR_MAILS)
    }

    /// The restarts that are under way now are the next run's, which finds their intents.
    pub(super) fn leave_actions(&self) {
        self.executor.logger.trouble(
            "httpok: asked to end, which cannot wait for the restart under way: the next run goes on with it",
        );
    }

    /// Stops the programs, or leaves them. That may take its time, in which one can still ask how things
    /// are. False when it was cut short by a further signal.
    pub(super) async fn end_programs(&mut self, signals: &mut Signals) -> bool {
        let mut ended = pin!(self.programs.end());
        loop {
            tokio::select! {
                biased;
                () = signals.stop() => return false,
                () = self.sd_notify.run() => self.update_sd_notify(),
                Some(asked) = self.control.next() => self.answer(asked),
                request = self.serving.next() => self.serve(request),
                () = &mut ended => return true,
            }
        }
    }

    /// What is safe, and what could be sent, before the end. A further signal cuts it short.
    pub(super) async fn finish(&mut self, ending: &Ending, mut signals: Signals) {
        let end = passed(self.ends_by);
        let orderly = async {
            self.persist_queue.sync().await;
            let patience = self.left_for_mails(ending);
            let fleet = self.fleet.finish(patience.min(LEFT_FOR_FLEET));
            tokio::join!(self.notification_queue.finish(patience), fleet);
            while let Ok(event) = self.delivered.try_recv() {
                // the end of an incident's transcript: which reports were sent
                let _ = self.monitor.handle(self.executor.clock.now(), event);
            }
            let names: Vec<_> = self
                .monitor
                .checks()
                .map(|check| check.name.clone())
                .collect();
            names.iter().for_each(|name| self.write_down(name, false));
            self.write_passes();
            self.persist_queue.sync().await;
            // the store has reported its own trouble
            let _ = self.store.close(CLOSE_FOR).await;
        };
        tokio::select! {
            () = orderly => {}
            () = signals.stop() => {}
            () = end => {}
        }
    }

    fn left_for_mails(&self, ending: &Ending) -> Duration {
        let since_asked = self.asked_to_end.map(|asked| asked.elapsed());
        let patience = ending.last_mails(since_asked.unwrap_or_default());
        match self.ends_by {
            Some(end) => {
                let left = end.saturating_duration_since(Instant::now());
                patience.min(left.saturating_sub(LEFT_FOR_STORE))
            }
            None => patience,
        }
    }

    pub(super) fn worst(&self) -> Verdict {
        let verdicts = self.monitor.checks().filter_map(|check| {
            let samples = &self.monitor.memory(&check.name)?.samples;
            samples.newest().map(|sample| sample.verdict)
        });
        verdicts
            .max_by_key(|verdict| verdict.severity())
            .unwrap_or(Verdict::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The columns: how long ago the end was asked for, and how long mails may hold it up.
    #[test]
    fn seconds_of_a_signals_sender_are_counted_from_the_signal() {
        for (since_asked, left) in [(0, 5), (2, 3), (4, 1), (60, 1)] {
            let since_asked = Duration::from_secs(since_asked);
            let left = Duration::from_secs(left);
            assert_eq!(Ending::Stopped.last_mails(since_asked), left);
        }
        let once = Ending::Once(Verdict::Fail);
        assert_eq!(
            once.last_mails(Duration::from_secs(60)),
            Duration::from_secs(60)
        );
    }
}
