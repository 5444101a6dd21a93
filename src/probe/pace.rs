//! How many probes may begin, and be under way, at the same time. Those that begin need the loop: when thousands are
//! due at once, each would find its time used up by the others. Those that hang need a file descriptor, and nothing
//! else; when there are no more of these, others wait.

use std::sync::LazyLock;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::sleep;

/// So many begin at the same time.
const BEGINNING: usize = 128;

/// A probe that is not done after so long hangs, or waits for its peer.
const BEGINNING_TAKES: Duration = Duration::from_millis(50);

/// Descriptors that are left for everything else.
const RESERVED: usize = 28;

static BEGIN: Semaphore = Semaphore::const_new(BEGINNING);
static OPEN: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(open_at_once()));

/// Each takes a descriptor, or two while addresses race or a name is looked up.
fn open_at_once() -> usize {
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    let soft = usize::try_from(soft).unwrap_or(usize::MAX);
    (soft.saturating_sub(RESERVED) / 2).clamp(2, Semaphore::MAX_PERMITS)
}

/// Runs a probe when it is its turn; its clock starts then.
pub async fn in_turn<F: Future>(probe: impl FnOnce() -> F) -> F::Output {
    // neither is ever closed
    let _open: Option<SemaphorePermit<'_>> = OPEN.acquire().await.ok();
    let begin = BEGIN.acquire().await.ok();
    let mut running = std::pin::pin!(probe());
    tokio::select! {
        biased;
        done = &mut running => return done,
        () = sleep(BEGINNING_TAKES) => drop(begin),
    }
    running.await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn those_that_hang_keep_nobody_from_beginning() {
        let mut hung = tokio::task::JoinSet::new();
        for _ in 0..2 * BEGINNING {
            hung.spawn(in_turn(|| sleep(Duration::from_secs(60))));
        }
        let began = tokio::time::Instant::now();
        in_turn(|| async {}).await;
        // two rounds of those before it
        assert!(
            began.elapsed() <= 3 * BEGINNING_TAKES,
            "{:?}",
            began.elapsed()
        );
    }
}
