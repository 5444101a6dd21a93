//! Between requests and the loop. Views are kept for a moment, so that many requests cost the loop one view; a
//! loop that does not answer makes no request wait for long, and is reported as unhealthy once its last view is old.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::events::EventBus;
use super::view::View;
use crate::health::{Incident, Moment, Unhealthy};

/// Requests that may wait for the loop.
const WAITING: usize = 64;
/// A view is as good as new for so long.
const FRESH: Duration = Duration::from_millis(100);
/// How long one request waits for the loop, and for how long after that the others do not.
const PATIENCE: Duration = Duration::from_secs(1);
/// A view that is older than this says more about the loop than about the checks.
const OLD: Duration = Duration::from_secs(30);
/// What is to be changed or read from the disk may take longer.
const ASK_PATIENCE: Duration = Duration::from_secs(25);

/// An incident and its timeline.
#[derive(Clone, Debug)]
pub struct IncidentText {
    pub incident: Incident,
    /// What happened, in order.
    pub lines: Vec<(Moment, String)>,
}

/// What the loop is asked for.
#[derive(Debug)]
pub enum ServeRequest {
    /// The last incidents, of one check or of all, newest first.
    Incidents {
        check: Option<String>,
        answer: oneshot::Sender<Vec<Incident>>,
    },
    /// One incident.
    IncidentText {
        id: String,
        answer: oneshot::Sender<Option<IncidentText>>,
    },
    /// How things are.
    View {
        /// With the last results of each check, which only people and `/api` are shown.
        with_samples: bool,
        answer: oneshot::Sender<View>,
    },
    /// One request of the control protocol, as JSON; answered in the same words.
    Control {
        request: Vec<u8>,
        answer: oneshot::Sender<ControlAnswer>,
    },
}

/// The answer to [`ServeRequest::Control`].
#[derive(Debug)]
pub struct ControlAnswer {
    /// JSON, one line.
    pub json: Vec<u8>,
    pub outcome: ControlOutcome,
}

/// What came of a control request, for a status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlOutcome {
    Done,
    BadRequest,
    NotFound,
    /// It cannot be done as things are.
    Conflict,
    Unavailable,
}

/// The asking end. Clones are the same.
#[derive(Clone, Debug)]
pub struct Source(Arc<HubState>);

#[derive(Debug)]
struct HubState {
    requests: mpsc::Sender<ServeRequest>,
    kept: Mutex<CachedView>,
    /// Held by the request that asks the loop for a view, so that the others wait for that view.
    asking: AsyncMutex<()>,
    events: EventBus,
}

#[derive(Debug)]
struct CachedView {
    view: Arc<View>,
    made: Instant,
    /// The loop is not asked before.
    not_before: Instant,
    /// There will be no other.
    last: bool,
}

/// A way to the loop, which begins with `first`; and where the loop is asked.
pub fn hub(first: View, events: EventBus) -> (Source, mpsc::Receiver<ServeRequest>) {
    let (requests, receiver) = mpsc::channel(WAITING);
    let now = Instant::now();
    let shared = HubState {
        requests,
        kept: Mutex::new(CachedView {
            view: Arc::new(first),
            made: now,
            not_before: now,
            last: false,
        }),
        asking: AsyncMutex::new(()),
        events,
    };
    (Source(Arc::new(shared)), receiver)
}

impl Source {
    /// How things are, as the loop last said, perhaps without the last results of each check: for what asks often,
    /// as load balancers and scrapes do. Never waits for longer than a second.
    pub async fn view(&self) -> Arc<View> {
        self.view_of(false).await
    }

    /// The same, with the last results of each check unless the loop does not answer.
    pub async fn view_with_samples(&self) -> Arc<View> {
        self.view_of(true).await
    }

    async fn view_of(&self, with_samples: bool) -> Arc<View> {
        if let Some(view) = self.fresh(with_samples) {
            return view;
        }
        let _asking = self.0.asking.lock().await;
        if let Some(view) = self.fresh(with_samples) {
            return view;
        }
        let (answer, answered) = oneshot::channel();
        let request = ServeRequest::View {
            with_samples,
            answer,
        };
        let asked = timeout(PATIENCE, async {
            self.0.requests.send(request).await.ok()?;
            answered.await.ok()
        });
        match asked.await {
            Ok(Some(view)) => self.keep(view, false),
            Ok(None) | Err(_) => {
                let mut kept = self.kept();
                kept.not_before = Instant::now() + PATIENCE;
                aged(&kept)
            }
        }
    }

    /// Has the loop do what `request`, a line of the control protocol, says. `None`: it did not answer.
    pub async fn control(&self, request: Vec<u8>) -> Option<ControlAnswer> {
        // the loop bounds each command by itself: a program may take long to stop
        let (answer, answered) = oneshot::channel();
        let asked = ServeRequest::Control { request, answer };
        let sent = timeout(ASK_PATIENCE, self.0.requests.send(asked)).await;
        let controlled = match sent {
            Ok(Ok(())) => answered.await.ok(),
            Ok(Err(_)) | Err(_) => None,
        };
        // a client sees its own changes
        self.forget();
        controlled
    }

    /// The last incidents, of one check or of all, newest first. `None`: the store did not answer.
    pub async fn incidents(&self, check: Option<String>) -> Option<Vec<Incident>> {
        self.ask(|answer| ServeRequest::Incidents { check, answer })
            .await
    }

    /// The incident `id`, if it is remembered. `None`: the store did not answer.
    pub async fn incident_text(&self, id: String) -> Option<Option<IncidentText>> {
        self.ask(|answer| ServeRequest::IncidentText { id, answer })
            .await
    }

    /// Where what is decided can be followed.
    pub fn events(&self) -> &EventBus {
        &self.0.events
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> ServeRequest) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let asked = timeout(ASK_PATIENCE, async {
            self.0.requests.send(request(answer)).await.ok()?;
            answered.await.ok()
        });
        asked.await.ok().flatten()
    }

    /// Keeps `view`; as the last one, when the loop will answer no more.
    pub fn keep(&self, view: View, last: bool) -> Arc<View> {
        let view = Arc::new(view);
        let now = Instant::now();
        let mut kept = self.kept();
        *kept = CachedView {
            view: Arc::clone(&view),
            made: now,
            not_before: now,
            last: last || kept.last,
        };
        view
    }

    fn forget(&self) {
        let mut kept = self.kept();
        kept.made = kept.made.checked_sub(FRESH).unwrap_or(kept.made);
    }

    fn fresh(&self, with_samples: bool) -> Option<Arc<View>> {
        let kept = self.kept();
        let has_enough = kept.view.with_samples || !with_samples;
        if kept.last || (has_enough && kept.made.elapsed() < FRESH) {
            return Some(Arc::clone(&kept.view));
        }
        (Instant::now() < kept.not_before).then(|| aged(&kept))
    }

    /// What is behind the lock is whole after every statement.
    fn kept(&self) -> MutexGuard<'_, CachedView> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The view, with what its age says about the loop.
fn aged(kept: &CachedView) -> Arc<View> {
    if kept.made.elapsed() < OLD {
        return Arc::clone(&kept.view);
    }
    let mut view = View::clone(&kept.view);
    view.reasons.insert(0, Unhealthy::NotAnswering);
    Arc::new(view)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::testing;

    #[tokio::test(start_paused = true)]
    async fn concurrent_requests_share_one_snapshot() {
        let (source, mut requests) = hub(testing::view(&[]), EventBus::default());
        tokio::time::advance(FRESH).await;
        let all = (0..50).map(|_| {
            let source = source.clone();
            tokio::spawn(async move { source.view().await.outbox })
        });
        let all: Vec<_> = all.collect();
        let Some(ServeRequest::View { answer, .. }) = requests.recv().await else {
            panic!("a view is asked for");
        };
        let mut view = testing::view(&[]);
        view.outbox = 7;
        answer.send(view).expect("somebody waits");
        for one in all {
            assert_eq!(one.await.expect("it ends"), 7);
        }
        assert!(requests.try_recv().is_err(), "once is enough");
    }

    #[tokio::test(start_paused = true)]
    async fn page_asks_for_the_samples_that_a_scrape_left_out() {
        let (source, mut requests) = hub(testing::view(&[]), EventBus::default());
        tokio::time::advance(FRESH).await;
        let answering = tokio::spawn(async move {
            let mut asked = Vec::new();
            while let Some(ServeRequest::View {
                with_samples,
                answer,
            }) = requests.recv().await
            {
                asked.push(with_samples);
                let mut view = testing::view(&[]);
                view.with_samples = with_samples;
                answer.send(view).expect("the requester waits");
            }
            asked
        });
        source.view().await;
        assert!(source.view_with_samples().await.with_samples);
        assert!(source.view().await.with_samples, "more than enough");
        drop(source);
        assert_eq!(answering.await.expect("it ends"), [false, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn hung_loop_delays_no_response_and_is_reported() {
        let (source, _requests) = hub(testing::view(&[]), EventBus::default());
        tokio::time::advance(FRESH).await;
        let begun = Instant::now();
        assert!(source.view().await.reasons.is_empty(), "still young");
        assert_eq!(begun.elapsed(), PATIENCE);
        assert!(source.view().await.reasons.is_empty());
        assert_eq!(begun.elapsed(), PATIENCE, "the second one does not wait");
        tokio::time::advance(OLD).await;
        assert_eq!(source.view().await.reasons, [Unhealthy::NotAnswering]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_view_stays() {
        let (source, requests) = hub(testing::view(&[]), EventBus::default());
        drop(requests);
        let mut view = testing::view(&[]);
        view.outbox = 3;
        source.keep(view, true);
        tokio::time::advance(OLD * 2).await;
        assert_eq!(source.view().await.outbox, 3);
    }
}
