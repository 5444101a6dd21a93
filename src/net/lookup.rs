//! Names to addresses, by the system's own resolver, which blocks and cannot be cancelled.
//!
//! Each look-up runs on a thread of its own that nobody joins: it holds up neither the event loop nor
//! the end of the process, even when the resolver takes minutes. A name that is being looked up is not looked up
//! twice, so a dead resolver costs one thread per name. A look-up holds one of `SLOTS` only while it may be a quick
//! one, so names that hang keep no others waiting; those of this machine and of `/etc/hosts` need none, as no server
//! is asked for them. A name that was found keeps its answer for a while.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::Read as _;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::{Instant, timeout_at};

use super::endpoint::IpFamily;
use super::trouble;
use crate::blocking;
use crate::health::{Phase, Reason, Trouble};

/// Look-ups that begin at the same time, over the whole process.
const SLOTS: usize = 16;

/// A look-up that takes longer than this hangs, and gives up its slot.
const QUICK: Duration = Duration::from_millis(500);

/// Look-ups under way at most, those that hang included.
const THREADS: usize = 256;

/// For so long the last answer stands in for a resolver that does not answer.
const KEPT_FOR: Duration = Duration::from_secs(600);

/// More names than this are not remembered.
const NAMES_MAX: usize = 4096;

/// So much of `/etc/hosts` is read, in bytes.
const HOSTS_MAX: u64 = 1 << 20;

/// The threads of a process are shared, so their bound is.
static LOOKUPS: Lookups = Lookups::new(resolve, read_hosts);

type LookupAnswer = Result<Vec<SocketAddr>, Trouble>;
type PendingLookup = watch::Receiver<Option<LookupAnswer>>;

/// Addresses of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundAddresses {
    /// With port 0, in the resolver's order: at least one.
    pub addresses: Vec<SocketAddr>,
    /// Said when they are from an earlier look-up.
    pub note: Option<String>,
}

/// The address that `host`, as it stands in a URL, already is.
pub fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    bare.unwrap_or(host).parse().ok()
}

/// The addresses of `name`, only those of `family` if there is one. `timeout` is how the time until `deadline` is
/// called in messages.
///
/// # Errors
/// Why there are none: the name's trouble, or ours.
pub async fn addresses(
    name: &str,
    family: Option<IpFamily>,
    deadline: Instant,
    timeout: Duration,
) -> Result<FoundAddresses, Trouble> {
    let mut found = LOOKUPS.addresses(name, deadline, timeout).await?;
    let of_family = |address: &SocketAddr| family.is_none_or(|family| family.has(address.ip()));
    found.addresses.retain(of_family);
    if found.addresses.is_empty() {
        let family = family.map_or_else(String::new, |family| format!("{family} "));
        let detail = format!("{name:?} has no {family}address");
        return Err(Trouble::new(Reason::Dns, Phase::Dns, detail));
    }
    Ok(found)
}

/// Look-ups under way, by one way to look up.
struct Lookups {
    resolve: fn(&str) -> LookupAnswer,
    /// Reads what stands in for `/etc/hosts`.
    hosts: fn() -> String,
    slots: Semaphore,
    threads: Semaphore,
    flights: Mutex<BTreeMap<String, PendingLookup>>,
    /// What names resolved to last, and when.
    known: Mutex<BTreeMap<String, (Instant, Vec<SocketAddr>)>>,
}

impl Lookups {
    const fn new(resolve: fn(&str) -> LookupAnswer, hosts: fn() -> String) -> Self {
        Self {
            resolve,
            hosts,
            slots: Semaphore::const_new(SLOTS),
            threads: Semaphore::const_new(THREADS),
            flights: Mutex::new(BTreeMap::new()),
            known: Mutex::new(BTreeMap::new()),
        }
    }

    async fn addresses(
        &'static self,
        name: &str,
        deadline: Instant,
        timeout: Duration,
    ) -> Result<FoundAddresses, Trouble> {
        let known = self.known(name);
        // where there is something to fall back on, time is left to connect
        let until = match known {
            Some(_) => deadline.min(Instant::now() + timeout / 4),
            None => deadline,
        };
        let trouble = match self.asked(name, until, timeout).await {
            Ok(addresses) => {
                self.remember(name, &addresses);
                let note = None;
                return Ok(FoundAddresses { addresses, note });
            }
            Err(trouble) => trouble,
        };
        match known {
            // only a name that is known not to exist is forgotten
            Some((age, addresses)) if trouble.reason.is_ours() || is_temporary(&trouble) => {
                let age = humantime::format_duration(Duration::from_secs(age.as_secs()));
                let note = format!("{}; its addresses are {age} old", trouble.detail);
                Ok(FoundAddresses {
                    addresses,
                    note: Some(note),
                })
            }
            _ => Err(trouble),
        }
    }

    async fn asked(&'static self, name: &str, until: Instant, timeout: Duration) -> LookupAnswer {
        let limit = humantime::format_duration(timeout);
        let joined = self.flights().get(name).cloned();
        let mut flight = match joined {
            Some(flight) => flight,
            None => match timeout_at(until, self.slot(name)).await {
                Ok(slot) => self.join_or_start(name, slot)?,
                // nothing is known about this name: other look-ups are in its way
                Err(_) => {
                    let detail = format!("{name:?} not looked up within {limit}: others hang");
                    return Err(Trouble::new(Reason::Cancelled, Phase::Dns, detail));
                }
            },
        };
        match timeout_at(until, flight.wait_for(Option::is_some)).await {
            Ok(Ok(answer)) => answer.clone().unwrap_or_else(|| Err(lookup_panicked(name))),
            Ok(Err(_)) => Err(lookup_panicked(name)),
            Err(_) => {
                let detail = format!("{NO_ANSWER} of {name:?} within {limit}");
                Err(Trouble::new(Reason::Dns, Phase::Dns, detail))
            }
        }
    }

    /// Waits for a slot, unless `name` needs none.
    async fn slot(&'static self, name: &str) -> Option<SemaphorePermit<'static>> {
        if is_local(name) {
            return None;
        }
        if let Ok(slot) = self.slots.try_acquire() {
            return Some(slot);
        }
        // the file is read only now, when others are in the way
        let (hosts, wanted) = (self.hosts, name.to_owned());
        let is_listed = blocking::run("hosts", move || lists(&hosts(), &wanted)).await;
        match is_listed {
            Ok(true) => None,
            // it is never closed
            Ok(false) | Err(_) => self.slots.acquire().await.ok(),
        }
    }

    fn join_or_start(
        &'static self,
        name: &str,
        slot: Option<SemaphorePermit<'static>>,
    ) -> Result<PendingLookup, Trouble> {
        let Ok(thread) = self.threads.try_acquire() else {
            let detail = format!("{name:?} not looked up: {THREADS} other look-ups hang");
            return Err(Trouble::new(Reason::Cancelled, Phase::Dns, detail));
        };
        let (sender, flight) = watch::channel(None);
        match self.flights().entry(name.to_owned()) {
            Entry::Occupied(joined) => return Ok(joined.get().clone()),
            Entry::Vacant(place) => drop(place.insert(flight.clone())),
        }
        let guard = LookupGuard {
            lookups: self,
            name: name.to_owned(),
        };
        // no lock is held here: where there is no thread to be had, all that was to run on it is dropped at once
        let started = blocking::thread("lookup", move || {
            let answer = (self.resolve)(&guard.name);
            // in this order: a request after the answer is known starts anew
            drop(guard);
            drop(thread);
            sender.send_replace(Some(answer));
        });
        if let Err(fault) = started {
            let detail = format!("cannot start a thread to look up {name:?}: {fault}");
            return Err(Trouble::new(Reason::NoMemory, Phase::Dns, detail));
        }
        let mut quick = flight.clone();
        tokio::spawn(async move {
            let _ = tokio::time::timeout(QUICK, quick.wait_for(Option::is_some)).await;
            drop(slot);
        });
        Ok(flight)
    }

    fn flights(&self) -> MutexGuard<'_, BTreeMap<String, PendingLookup>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `name` resolved to last, and how long ago.
    fn known(&self, name: &str) -> Option<(Duration, Vec<SocketAddr>)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, addresses) = known.get(name)?;
        let age = at.elapsed();
        (age < KEPT_FOR).then(|| (age, addresses.clone()))
    }

    fn remember(&self, name: &str, addresses: &[SocketAddr]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= NAMES_MAX {
            known.retain(|_, (at, _)| at.elapsed() < KEPT_FOR);
        }
        if known.len() < NAMES_MAX || known.contains_key(name) {
            known.insert(name.to_owned(), (Instant::now(), addresses.to_vec()));
        }
    }
}

/// How it is said that a resolver did not answer in time.
const NO_ANSWER: &str = "no address";

/// Whether it is the resolver's trouble rather than the name's. The system says it in words alone.
fn is_temporary(trouble: &Trouble) -> bool {
    trouble.detail.starts_with(NO_ANSWER) || trouble.detail.contains("emporary failure")
}

/// Names of this machine (RFC 6761 section 6.3).
fn is_local(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// The part of `/etc/hosts` that is read.
fn read_hosts() -> String {
    let mut text = Vec::new();
    if let Ok(file) = File::open("/etc/hosts") {
        // what cannot be read lists no name
        let _ = file.take(HOSTS_MAX).read_to_end(&mut text);
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Whether the lines of `hosts`, an address and its names each, have `name`.
fn lists(hosts: &str, name: &str) -> bool {
    let name = name.trim_end_matches('.');
    hosts.lines().any(|line| {
        let line = line.split('#').next().unwrap_or_default();
        let mut names = line.split_ascii_whitespace().skip(1);
        names.any(|known| known.eq_ignore_ascii_case(name))
    })
}

/// Takes a look-up off the list when it is done, or panicked, or was never begun.
struct LookupGuard {
    lookups: &'static Lookups,
    name: String,
}

impl Drop for LookupGuard {
    fn drop(&mut self) {
        self.lookups.flights().remove(&self.name);
    }
}

fn resolve(name: &str) -> LookupAnswer {
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

fn lookup_panicked(name: &str) -> Trouble {
    let detail = format!("the look-up of {name:?} broke down");
    Trouble::new(Reason::Cancelled, Phase::Dns, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The resolver hangs on names that begin with `hung` as long as this is locked.
    static GATE: Mutex<()> = Mutex::new(());
    static CALLS: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());
    static SLOW: Lookups = Lookups::new(
        |name| {
            let calls = {
                let mut calls = CALLS.lock().expect("no panic");
                let calls = calls.entry(name.to_owned()).or_default();
                *calls += 1;
                *calls
            };
            assert_ne!(name, "panic");
            if name.starts_with("hung") || (name.starts_with("later") && calls > 1) {
                drop(GATE.lock());
            }
            if name.starts_with("gone") && calls > 1 {
                return Err(Trouble::new(Reason::Dns, Phase::Dns, "name not known"));
            }
            Ok(vec![SocketAddr::from(([192, 0, 2, 1], 0))])
        },
        || "192.0.2.1 listed".to_owned(),
    );

    async fn ask(name: &str, timeout: Duration) -> Result<FoundAddresses, Trouble> {
        let deadline = Instant::now() + timeout;
        SLOW.addresses(name, deadline, timeout).await
    }

    const PATIENT: Duration = Duration::from_secs(60);

    #[tokio::test]
    #[allow(clippy::await_holding_lock)] // other threads wait for it, this one does not
    async fn hung_lookups_delay_no_other_and_cost_one_thread_each() {
        assert_eq!(
            ask("panic", PATIENT).await.expect_err("broke").reason,
            Reason::Cancelled
        );
        assert_eq!(ask("later", PATIENT).await.expect("found").note, None);
        assert!(ask("gone", PATIENT).await.is_ok());
        // this machine's own names need no slot
        let all = SLOW.slots.acquire_many(u32::try_from(SLOTS).expect("few"));
        let all = all.await.expect("never closed");
        for name in ["localhost", "listed"] {
            assert!(SLOW.slot(name).await.is_none(), "{name}");
            assert!(ask(name, PATIENT).await.is_ok(), "{name}");
        }
        drop(all);
        let gate = GATE.lock().expect("no panic");
        let mut hung = tokio::task::JoinSet::new();
        for n in 0..3 * SLOTS {
            for _ in 0..2 {
                hung.spawn(async move { ask(&format!("hung{n}"), PATIENT).await });
            }
        }
        let begun = Instant::now();
        while SLOW.slots.available_permits() > 0 {
            assert!(begun.elapsed() < PATIENT, "every slot is taken");
            tokio::task::yield_now().await;
        }
        // another name gets a slot when a look-up has hung for a while
        assert!(SLOW.slot("fine").await.is_some());
        assert!(ask("fine", PATIENT).await.is_ok());
        // the last answer stands in for one that does not come, but not for one that says no
        let stale = ask("later", Duration::from_secs(2)).await.expect("known");
        assert!(stale.note.expect("it is said").contains("old"));
        assert_eq!(
            ask("gone", PATIENT).await.expect_err("gone").reason,
            Reason::Dns
        );
        let late = ask("hung0", Duration::from_millis(5))
            .await
            .expect_err("late");
        assert_eq!(late.reason, Reason::Dns);
        drop(gate);
        for answer in hung.join_all().await {
            assert!(answer.is_ok());
        }
        let calls = CALLS.lock().expect("no panic");
        let twice = calls
            .iter()
            .filter(|(name, n)| name.starts_with("hung") && **n != 1);
        assert_eq!(twice.count(), 0, "{calls:?}");
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
        let hosts = "# comment x\n127.0.0.1 localhost\n\n::1\tapp.test  App #old\n10.0.0.1";
        for (name, is) in [
            ("app.test", true),
            ("APP.", true),
            ("old", false),
            ("x", false),
            ("10.0.0.1", false),
            ("", false),
        ] {
            assert_eq!(lists(hosts, name), is, "{name}");
        }
        for (name, local) in [
            ("localhost", true),
            ("A.Localhost.", true),
            ("localhost.test", false),
        ] {
            assert_eq!(is_local(name), local, "{name}");
        }
    }
}
