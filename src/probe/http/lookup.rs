//! Names to addresses, by the system's own resolver, which blocks and cannot be cancelled.
//!
//! Each look-up runs on a thread of its own that nobody joins: it holds up neither the event loop nor
//! the end of the process, even when the resolver takes minutes. Who asks for a name that is being
//! looked up already waits for that answer, so a dead resolver costs one thread per name, and never
//! more than [`SLOTS`] in all.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::{Instant, timeout_at};

use super::trouble;
use crate::health::{Phase, Reason, Trouble};

type Answer = Result<Vec<SocketAddr>, Trouble>;
type Flight = watch::Receiver<Option<Answer>>;

/// Look-ups at the same time, over the whole process.
static SLOTS: Semaphore = Semaphore::const_new(16);
static FLIGHTS: Mutex<BTreeMap<String, Flight>> = Mutex::new(BTreeMap::new());

/// The address that `host`, as it stands in a URL, already is.
pub fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    bare.unwrap_or(host).parse().ok()
}

/// The addresses of `name`, with port 0, in the resolver's order. `timeout` is how the time until
/// `deadline` is called in words.
pub async fn addresses(name: &str, deadline: Instant, timeout: Duration) -> Answer {
    let in_words = humantime::format_duration(timeout);
    let joined = flights().get(name).cloned();
    let mut flight = match joined {
        Some(flight) => flight,
        None => match timeout_at(deadline, SLOTS.acquire()).await {
            Ok(Ok(slot)) => join_or_start(name, slot)?,
            // nothing is known about this name: other look-ups are in its way
            _ => {
                let detail = format!("{name:?} not looked up within {in_words}: others hang");
                return Err(Trouble::new(Reason::Cancelled, Phase::Dns, detail));
            }
        },
    };
    match timeout_at(deadline, flight.wait_for(Option::is_some)).await {
        Ok(Ok(answer)) => answer.clone().unwrap_or_else(|| Err(broke_down(name))),
        Ok(Err(_)) => Err(broke_down(name)),
        Err(_) => {
            let detail = format!("no address of {name:?} within {in_words}");
            Err(Trouble::new(Reason::Dns, Phase::Dns, detail))
        }
    }
}

fn join_or_start(name: &str, slot: SemaphorePermit<'static>) -> Result<Flight, Trouble> {
    let mut flights = flights();
    if let Some(flight) = flights.get(name) {
        return Ok(flight.clone());
    }
    let (tell, flight) = watch::channel(None);
    let landing = Landing(name.to_owned());
    let started = thread::Builder::new().name("lookup".into()).spawn(move || {
        let answer = resolve(&landing.0);
        // in this order: who asks after the answer was told starts anew
        drop(landing);
        drop(slot);
        tell.send_replace(Some(answer));
    });
    match started {
        Ok(_) => {
            flights.insert(name.to_owned(), flight.clone());
            Ok(flight)
        }
        Err(fault) => {
            let detail = format!("cannot start a thread to look up {name:?}: {fault}");
            Err(Trouble::new(Reason::NoMemory, Phase::Dns, detail))
        }
    }
}

/// Takes a look-up off the list when it is done, or panicked.
struct Landing(String);

impl Drop for Landing {
    fn drop(&mut self) {
        flights().remove(&self.0);
    }
}

fn resolve(name: &str) -> Answer {
    let found = (name, 0).to_socket_addrs().map_err(|fault| {
        // a resolver that cannot open a socket says no more than "temporary failure"
        let fault = File::open("/dev/null").err().unwrap_or(fault);
        trouble::of_lookup(name, &fault)
    })?;
    let mut addresses = Vec::new();
    for address in found {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

fn broke_down(name: &str) -> Trouble {
    let detail = format!("the look-up of {name:?} broke down");
    Trouble::new(Reason::Cancelled, Phase::Dns, detail)
}

fn flights() -> MutexGuard<'static, BTreeMap<String, Flight>> {
    FLIGHTS.lock().unwrap_or_else(PoisonError::into_inner)
}
