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

use super::endpoint::Family;
use super::trouble;
use crate::health::{Phase, Reason, Trouble};

/// Look-ups at the same time, over the whole process.
const SLOTS: usize = 16;

/// The threads of a process are shared, so their bound is.
static LOOKUPS: Lookups = Lookups::new(resolve);

type Answer = Result<Vec<SocketAddr>, Trouble>;
type Flight = watch::Receiver<Option<Answer>>;

/// The address that `host`, as it stands in a URL, already is.
pub fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    bare.unwrap_or(host).parse().ok()
}

/// The addresses of `name`, with port 0, in the resolver's order: at least one, and only those of
/// `family` if there is one. `timeout` is how the time until `deadline` is called in words.
pub async fn addresses(
    name: &str,
    family: Option<Family>,
    deadline: Instant,
    timeout: Duration,
) -> Answer {
    let mut found = LOOKUPS.addresses(name, deadline, timeout).await?;
    found.retain(|address| family.is_none_or(|family| family.has(address.ip())));
    if found.is_empty() {
        let family = family.map_or_else(String::new, |family| format!("{family} "));
        let detail = format!("{name:?} has no {family}address");
        return Err(Trouble::new(Reason::Dns, Phase::Dns, detail));
    }
    Ok(found)
}

/// Look-ups under way, by one way to look up.
struct Lookups {
    resolve: fn(&str) -> Answer,
    slots: Semaphore,
    flights: Mutex<BTreeMap<String, Flight>>,
}

impl Lookups {
    const fn new(resolve: fn(&str) -> Answer) -> Self {
        Self {
            resolve,
            slots: Semaphore::const_new(SLOTS),
            flights: Mutex::new(BTreeMap::new()),
        }
    }

    async fn addresses(&'static self, name: &str, deadline: Instant, timeout: Duration) -> Answer {
        let in_words = humantime::format_duration(timeout);
        let joined = self.flights().get(name).cloned();
        let mut flight = match joined {
            Some(flight) => flight,
            None => match timeout_at(deadline, self.slots.acquire()).await {
                Ok(Ok(slot)) => self.join_or_start(name, slot)?,
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

    fn join_or_start(
        &'static self,
        name: &str,
        slot: SemaphorePermit<'static>,
    ) -> Result<Flight, Trouble> {
        let mut flights = self.flights();
        if let Some(flight) = flights.get(name) {
            return Ok(flight.clone());
        }
        let (tell, flight) = watch::channel(None);
        let landing = Landing {
            lookups: self,
            name: name.to_owned(),
        };
        let started = thread::Builder::new().name("lookup".into()).spawn(move || {
            let answer = (self.resolve)(&landing.name);
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

    fn flights(&self) -> MutexGuard<'_, BTreeMap<String, Flight>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a look-up off the list when it is done, or panicked.
struct Landing {
    lookups: &'static Lookups,
    name: String,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.lookups.flights().remove(&self.name);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The resolver hangs as long as this is locked.
    static GATE: Mutex<()> = Mutex::new(());
    static CALLS: Mutex<u32> = Mutex::new(0);
    static SLOW: Lookups = Lookups::new(|name| {
        *CALLS.lock().expect("no panic") += 1;
        assert_ne!(name, "panic");
        drop(GATE.lock());
        Ok(vec![SocketAddr::from(([192, 0, 2, 1], 0))])
    });

    async fn ask(name: &str, millis: u64) -> Answer {
        let timeout = Duration::from_millis(millis);
        SLOW.addresses(name, Instant::now() + timeout, timeout)
            .await
    }

    fn reason(answer: Answer) -> Reason {
        answer.expect_err("no answer").reason
    }

    #[tokio::test]
    #[allow(clippy::await_holding_lock)] // other threads wait for it, this one does not
    async fn a_dead_resolver_costs_a_thread_per_name_and_no_more_than_the_slots() {
        assert_eq!(reason(ask("panic", 5000).await), Reason::Cancelled);
        let gate = GATE.lock().expect("no panic");
        for n in 0..SLOTS {
            let name = format!("hung{n}");
            assert_eq!(reason(ask(&name, 5).await), Reason::Dns);
            assert_eq!(reason(ask(&name, 1).await), Reason::Dns);
        }
        // it is not this name that hangs, so nothing may be held against it
        assert_eq!(reason(ask("fine", 5).await), Reason::Cancelled);
        let joined = tokio::spawn(async { ask("hung0", 5000).await });
        tokio::task::yield_now().await;
        drop(gate);
        assert_eq!(joined.await.expect("no panic").expect("found").len(), 1);
        assert_eq!(ask("fine", 5000).await.expect("found").len(), 1);
        assert_eq!(*CALLS.lock().expect("no panic"), 2 + SLOTS as u32);
    }

    #[test]
    fn addresses_in_urls_need_no_look_up() {
        for (host, is) in [
            ("127.0.0.1", true),
            ("[::1]", true),
            ("h", false),
            ("[h]", false),
        ] {
            assert_eq!(literal(host).is_some(), is, "{host}");
        }
    }
}
