//! How many probes may begin, and be under way, at the same time. Those that begin need the loop: when thousands are
//! due at once, each would find its time used up by the others. Those that hang need a file descriptor, and nothing
//! else; when there are no more of these, others wait.

use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::unconstrained;
use tokio::time::{Instant, sleep};

/// So many begin at the same time.
const BEGINNING: usize = 128;

/// A probe that is not done after so long hangs, or waits for its peer.
const BEGINNING_TAKES: Duration = Duration::from_millis(50);

/// How often a probe under way notices that the loop runs. What is lost is known to within that.
const BEAT: Duration = Duration::from_millis(100);

/// So late a beat may be without anything being lost.
const USUAL: Duration = Duration::from_millis(50);

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

/// Runs a probe when it is its turn; its clock starts then. Tells, too, for how long the loop did not run meanwhile.
pub async fn in_turn<F: Future>(probe: impl FnOnce() -> F) -> (F::Output, Duration) {
    // neither is ever closed
    let _open: Option<SemaphorePermit<'_>> = OPEN.acquire().await.ok();
    let begin = BEGIN.acquire().await.ok();
    // made now and on the heap: thousands that wait would take the memory of thousands under way
    let mut running = Worked::new(probe());
    let mut beats = Beats::new();
    tokio::select! {
        biased;
        done = &mut running => return (done, beats.lost(running.took)),
        () = sleep(BEGINNING_TAKES) => drop(begin),
    }
    loop {
        beats.beat(running.took);
        tokio::select! {
            biased;
            done = &mut running => return (done, beats.lost(running.took)),
            // a probe that never waits has used up what tokio lets a task do at a time: the beat is to be noticed
            () = unconstrained(sleep(BEAT)) => {}
        }
    }
}

/// A probe, and how long it has worked: a peer that sends much keeps it busy, so that beats come late.
struct Worked<F> {
    probe: Pin<Box<F>>,
    took: Duration,
}

impl<F> Worked<F> {
    fn new(probe: F) -> Self {
        Self {
            probe: Box::pin(probe),
            took: Duration::ZERO,
        }
    }
}

impl<F: Future> Future for Worked<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let begun = Instant::now();
        let polled = self.probe.as_mut().poll(context);
        self.took += begun.elapsed();
        polled
    }
}

/// Notices when the loop did not run: a beat comes late then.
struct Beats {
    last: Instant,
    /// How long the probe had worked then.
    worked: Duration,
    lost: Duration,
}

impl Beats {
    fn new() -> Self {
        Self {
            last: Instant::now(),
            worked: Duration::ZERO,
            lost: Duration::ZERO,
        }
    }

    fn beat(&mut self, worked: Duration) {
        self.lost = self.lost(worked);
        self.last = Instant::now();
        self.worked = worked;
    }

    /// What was lost so far, by a probe that has worked for so long. A beat that is a little late shows a busy machine:
    /// some of these in a row are no pause.
    fn lost(&self, worked: Duration) -> Duration {
        let usual = BEAT + worked.saturating_sub(self.worked);
        match self.last.elapsed().saturating_sub(usual) {
            late if late < USUAL => self.lost,
            late => self.lost + late,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn hung_probes_do_not_block_new_ones() {
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

    #[tokio::test]
    async fn stalled_loop_is_noticed() {
        let (_, lost) = in_turn(|| sleep(Duration::from_millis(250))).await;
        assert!(lost < Duration::from_millis(200), "{lost:?}");
        let block = |after| async move {
            sleep(Duration::from_millis(after)).await;
            std::thread::sleep(Duration::from_millis(600));
        };
        let neighbour = tokio::spawn(block(120));
        let (_, lost) = in_turn(|| sleep(Duration::from_millis(300))).await;
        neighbour.await.expect("it ends");
        assert!(lost >= Duration::from_millis(400), "{lost:?}");
        // work of its own is no loss
        let (_, lost) = in_turn(|| block(120)).await;
        assert!(lost < Duration::from_millis(200), "{lost:?}");
    }
}
