//! Accepts the clients of a server, a bounded number at a time. When there are more, the oldest client that has no
//! request under way is disconnected first: silent clients keep out no other.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

/// The pause after a connection could not be accepted, such as when there are no file descriptors left.
const PAUSE: Duration = Duration::from_millis(500);

/// Whether a client's request is being answered.
#[derive(Clone, Debug, Default)]
pub struct ClientBusy(Arc<AtomicBool>);

impl ClientBusy {
    pub fn set(&self, busy: bool) {
        self.0.store(busy, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Whether there is room for a new client.
#[derive(Clone, Debug)]
pub enum Admission {
    /// There is; the client sets the flag while its request is being answered.
    Admitted(ClientBusy),
    /// The requests of all other clients are being answered. This one is to be sent away.
    Full,
}

/// A socket that clients connect to.
pub trait Accept {
    type Stream;

    /// The next connection. Dropping the future loses none.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// Serves each connection to `listener` by a task of `client`, `most` at a time. Ends when it is dropped, and its
/// clients with it.
pub async fn serve<A, F>(listener: A, most: usize, client: impl Fn(A::Stream, Admission) -> F)
where
    A: Accept,
    F: Future<Output = ()> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    let mut clients = VecDeque::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = tasks.join_next() => continue,
        };
        match accepted {
            Ok(stream) => {
                let busy = ClientBusy::default();
                let admission = match make_room(&mut clients, most) {
                    true => Admission::Admitted(busy.clone()),
                    false => Admission::Full,
                };
                let task = tasks.spawn(client(stream, admission));
                clients.push_back((task, busy));
            }
            Err(why) => {
                tracing::debug!("cannot accept a connection: {why}");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Whether there is room for one more of `clients`, the oldest first; one may be disconnected for it.
fn make_room(clients: &mut VecDeque<(AbortHandle, ClientBusy)>, most: usize) -> bool {
    if clients.len() < most {
        return true;
    }
    clients.retain(|(task, _)| !task.is_finished());
    if clients.len() < most {
        return true;
    }
    let silent = clients.iter().position(|(_, busy)| !busy.is_set());
    let Some((task, _)) = silent.and_then(|index| clients.remove(index)) else {
        return false;
    };
    task.abort();
    true
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::sync::mpsc;

    use super::*;

    struct Connections(tokio::sync::Mutex<mpsc::UnboundedReceiver<(u32, bool)>>);

    impl Accept for Connections {
        type Stream = (u32, bool);

        async fn accept(&self) -> io::Result<Self::Stream> {
            let next = self.0.lock().await.recv().await;
            next.ok_or_else(|| io::Error::other("no more"))
        }
    }

    /// Says on drop that a client has gone.
    struct Gone(u32, Arc<Mutex<Vec<String>>>);

    impl Drop for Gone {
        fn drop(&mut self) {
            let mut seen = self.1.lock().expect("not poisoned");
            seen.push(format!("{} is gone", self.0));
        }
    }

    #[tokio::test]
    async fn oldest_silent_client_makes_room_and_busy_clients_stay() {
        let (connect, connections) = mpsc::unbounded_channel();
        let listener = Connections(tokio::sync::Mutex::new(connections));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let client = move |(number, is_busy): (u32, bool), admission: Admission| {
            let gone = Gone(number, Arc::clone(&log));
            let note = {
                let log = Arc::clone(&log);
                move |text: &str| {
                    let mut seen = log.lock().expect("not poisoned");
                    seen.push(format!("{number} {text}"));
                }
            };
            async move {
                let _gone = gone;
                let Admission::Admitted(busy) = admission else {
                    return note("is too many");
                };
                busy.set(is_busy);
                note("runs");
                std::future::pending::<()>().await;
            }
        };
        let steps = async {
            for (connection, expected) in [
                ((1, true), &["1 runs"][..]),
                ((2, false), &["2 runs"]),
                // 2 is the oldest without a request
                ((3, true), &["3 runs", "2 is gone"]),
                ((4, false), &["4 is too many", "4 is gone"]),
            ] {
                connect.send(connection).expect("it accepts");
                let has = |text: &&str| {
                    let seen = seen.lock().expect("not poisoned");
                    seen.iter().any(|one| one == text)
                };
                let wait = async {
                    while !expected.iter().all(has) {
                        sleep(Duration::from_millis(5)).await;
                    }
                };
                let waited = tokio::time::timeout(Duration::from_secs(60), wait).await;
                assert!(waited.is_ok(), "{expected:?}: {seen:?}");
            }
            assert_eq!(seen.lock().expect("not poisoned").len(), 6, "{seen:?}");
        };
        tokio::select! {
            () = serve(listener, 2, client) => unreachable!("it has no end"),
            () = steps => {}
        }
    }
}
