//! Whether the watchdog is ending. From then on an action begins no new step, and collecting evidence is cut short; a
//! process that was stopped is still started.

use tokio::sync::watch;

/// Set once, when the end begins. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(watch::Sender<bool>);

impl Shutdown {
    /// The end begins.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Whether the end has begun.
    pub fn has_begun(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the end begins.
    pub(super) async fn begun(&self) {
        let mut watched = self.0.subscribe();
        // never an error: the sender is our own
        let _ = watched.wait_for(|begun| *begun).await;
    }
}
