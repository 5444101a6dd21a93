//! What a job can be asked, and how the answer comes back.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::fault::ProgramError;
use super::identity::ProcessRecord;
use super::spec::Program;

/// Where a request's result goes.
pub type ReplySender = oneshot::Sender<Result<(), ProgramError>>;

/// Receipts for requests whose end somebody waits for.
pub type Replies = Vec<oneshot::Receiver<Result<(), ProgramError>>>;

/// Waits until all are answered, whatever the answers.
pub async fn settle(
    receipts: impl IntoIterator<Item = oneshot::Receiver<Result<(), ProgramError>>>,
) {
    for receipt in receipts {
        let _ = receipt.await;
    }
}

/// What a job can be asked.
#[derive(Debug)]
pub enum JobRequest {
    /// Take over the process of that record, if it lives; else start one, if that is due.
    Begin(Option<ProcessRecord>, ReplySender),
    /// Start it; answered when it is up, or will not be.
    Start(ReplySender),
    /// Stop it; answered when it is gone.
    Stop(ReplySender),
    /// Kill it; answered when it is gone.
    Kill(ReplySender),
    /// Send it the signal with this number.
    Signal(i32, ReplySender),
    /// From now on it is defined so; a process that does not fit is replaced.
    Redefine(Arc<Program>, ReplySender),
}
