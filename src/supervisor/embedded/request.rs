//! What a job can be asked, and how the answer comes back.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::fault::Fault;
use super::identity::Record;
use super::spec::Program;

/// Where a request's result goes.
pub type Ticket = oneshot::Sender<Result<(), Fault>>;

/// Receipts for requests whose end somebody waits for.
pub type Receipts = Vec<oneshot::Receiver<Result<(), Fault>>>;

/// Waits until all are answered, whatever the answers.
pub async fn settle(receipts: impl IntoIterator<Item = oneshot::Receiver<Result<(), Fault>>>) {
    for receipt in receipts {
        let _ = receipt.await;
    }
}

/// What a job can be asked.
#[derive(Debug)]
pub enum Request {
    /// Take over the process of that record, if it lives; else start one, if that is due.
    Begin(Option<Record>, Ticket),
    /// Start it; answered when it is up, or will not be.
    Start(Ticket),
    /// Stop it; answered when it is gone.
    Stop(Ticket),
    /// Kill it; answered when it is gone.
    Kill(Ticket),
    /// Send it the signal with this number.
    Signal(i32, Ticket),
    /// From now on it is defined so; a process that does not fit is replaced.
    Redefine(Arc<Program>, Ticket),
}
