//! The way to a program's task: requests go in, what it published is read. Holds no process.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use super::fault::ProgramError;
use super::job::{JobContext, ProgramJob};
use super::request::{JobRequest, ReplySender};
use super::spec::Program;
use super::status::ProgramStatus;
use super::unit::UnitState;

/// Requests that may wait. Whoever has one more waits outside.
const QUEUE: usize = 8;

/// The way to a job. The job ends with its last handle, and leaves the process alone.
#[derive(Clone, Debug)]
pub struct Handle {
    /// The definition it was last given.
    pub program: Arc<Program>,
    /// It is not defined any more: it is stopped, and then forgotten.
    pub retired: bool,
    requests: mpsc::Sender<JobRequest>,
    status: watch::Receiver<ProgramStatus>,
}

impl Handle {
    /// A job for `program`, which begins when asked to. Needs a runtime.
    pub fn new(program: Arc<Program>, shared: Arc<JobContext>) -> Self {
        let (requests, queue) = mpsc::channel(QUEUE);
        let (published, status) = watch::channel(ProgramStatus {
            state: UnitState::Stopped,
            record: None,
            started: None,
            last: None,
            crashes: 0,
            expected: false,
        });
        let job = ProgramJob::new(Arc::clone(&program), shared, published);
        tokio::spawn(job.run(queue));
        Self {
            program,
            retired: false,
            requests,
            status,
        }
    }

    /// Whether both lead to the same job.
    pub fn is_same_job(&self, other: &Self) -> bool {
        self.requests.same_channel(&other.requests)
    }

    /// What it published last.
    pub fn status(&self) -> ProgramStatus {
        self.status.borrow().clone()
    }

    /// Waits until it is `so`, and says how it is then.
    pub async fn wait(&mut self, so: impl FnMut(&ProgramStatus) -> bool) -> Option<ProgramStatus> {
        self.status
            .wait_for(so)
            .await
            .ok()
            .map(|status| status.clone())
    }

    /// Asks, and gives the receipt for the answer. `None`: the job is no more.
    pub async fn ask(
        &self,
        request: impl FnOnce(ReplySender) -> JobRequest,
    ) -> Option<oneshot::Receiver<Result<(), ProgramError>>> {
        let (ticket, receipt) = oneshot::channel();
        self.requests.send(request(ticket)).await.ok()?;
        Some(receipt)
    }
}
