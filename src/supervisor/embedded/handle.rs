//! The handle of a program's job: it sends requests and reads the published status. The job itself is in `job`.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use super::fault::ProgramError;
use super::identity::ProcessRecord;
use super::job::{JobContext, ProgramJob};
use super::spec::Program;
use super::status::ProgramStatus;
use super::unit::UnitState;

/// The capacity of the request queue. A further request waits for room.
const QUEUE: usize = 8;

/// Receives the result of one request.
pub type ReplySender = oneshot::Sender<Result<(), ProgramError>>;

/// The pending results of several requests.
pub type Replies = Vec<oneshot::Receiver<Result<(), ProgramError>>>;

/// Waits until every request has a result.
pub async fn settle(
    receipts: impl IntoIterator<Item = oneshot::Receiver<Result<(), ProgramError>>>,
) {
    for receipt in receipts {
        let _ = receipt.await;
    }
}

/// A request to the job of one program. Each variant carries the sender for its result.
#[derive(Debug)]
pub enum JobRequest {
    /// Adopt the recorded process if it lives; otherwise start the program if it is due.
    Begin(Option<ProcessRecord>, ReplySender),
    /// Start the program. The result is sent when it is RUNNING, or when the start has failed.
    Start(ReplySender),
    /// Stop the program. The result is sent when it has ended.
    Stop(ReplySender),
    /// Kill the program. The result is sent when it has ended.
    Kill(ReplySender),
    /// Send the signal with this number to the program.
    Signal(i32, ReplySender),
    /// Replace the definition. A running process that does not fit the new definition is restarted.
    Redefine(Arc<Program>, ReplySender),
}

/// The handle of a job. The job ends with its last handle, and leaves the process running.
#[derive(Clone, Debug)]
pub struct JobHandle {
    /// The definition it was last given.
    pub program: Arc<Program>,
    /// The program is no longer defined: it is being stopped and then removed.
    pub retired: bool,
    requests: mpsc::Sender<JobRequest>,
    status: watch::Receiver<ProgramStatus>,
}

impl JobHandle {
    /// A job for `program`, which begins when asked to. Needs a runtime.
    pub fn new(program: Arc<Program>, shared: Arc<JobContext>) -> Self {
        let (requests, queue) = mpsc::channel(QUEUE);
        let (published, status) = watch::channel(ProgramStatus {
            state: UnitState::Stopped,
            record: None,
            started: None,
            restarted: false,
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

    /// Sends a request, and returns the receiver of its result. `None`: the job has ended.
    pub async fn ask(
        &self,
        request: impl FnOnce(ReplySender) -> JobRequest,
    ) -> Option<oneshot::Receiver<Result<(), ProgramError>>> {
        let (ticket, receipt) = oneshot::channel();
        self.requests.send(request(ticket)).await.ok()?;
        Some(receipt)
    }
}
