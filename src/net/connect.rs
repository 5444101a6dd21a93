//! One connection to the first of several endpoints that accepts one, as RFC 8305 (Happy Eyeballs) has it: an
//! address that does not answer costs 250 ms, not the deadline.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};
use url::Url;

use super::endpoint::{Connection, Endpoint, Sending, deadline};
use super::lookup;
use super::tls::secured;
use super::trouble::{of_io, of_timeout};
use crate::health::{Phase, Reason, Trouble};

/// The head start of each endpoint over the next one (RFC 8305 section 8).
const HEAD_START: Duration = Duration::from_millis(250);

/// A connection to `port` of `host`, a name or an address as it stands in a URL. `timeout` is for looking it up
/// and connecting together.
///
/// # Errors
/// Why there is none.
pub async fn connect_to(host: &str, port: u16, timeout: Duration) -> Result<Connection, Trouble> {
    let deadline = deadline(timeout);
    let mut addresses = match lookup::literal(host) {
        Some(address) => vec![(address, port).into()],
        None => {
            let found = lookup::addresses(host, None, deadline, timeout).await?;
            found.addresses
        }
    };
    for address in &mut addresses {
        address.set_port(port);
    }
    let endpoints: Vec<_> = addresses.into_iter().map(Endpoint::Tcp).collect();
    let (connection, _) = connect(&endpoints, Sending::InParts, timeout, deadline).await?;
    Ok(connection)
}

/// A connection to the host of `url`, through TLS as `tls` has it when there is one. `timeout` bounds the look-up
/// and the connection, but not the handshake.
///
/// # Errors
/// Says why there is none.
pub async fn connect_to_url(
    url: &Url,
    tls: Option<ClientConfig>,
    timeout: Duration,
) -> Result<Connection, String> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let connected = connect_to(host, port, timeout).await;
    let connection = connected.map_err(|trouble| trouble.detail)?;
    match tls {
        Some(config) => secured(connection, host, config).await,
        None => Ok(connection),
    }
}

/// A connection to one of `endpoints`, and to which one. `timeout` is how the time until `deadline` is called in
/// messages.
///
/// # Errors
/// What says most about why none of them lets us in.
pub async fn connect(
    endpoints: &[Endpoint],
    sending: Sending,
    timeout: Duration,
    deadline: Instant,
) -> Result<(Connection, Endpoint), Trouble> {
    if let [only] = endpoints {
        return match timeout_at(deadline, only.open(sending)).await {
            Ok(Ok(connection)) => Ok((connection, only.clone())),
            Ok(Err(fault)) => Err(of_io(&fault, Phase::Connect, &only.to_string())),
            Err(_) => Err(of_timeout(Phase::Connect, timeout, &only.to_string())),
        };
    }
    let mut race = Race::new(endpoints, sending);
    match timeout_at(deadline, race.run()).await {
        Ok(result) => result,
        Err(_) => Err(of_timeout(Phase::Connect, timeout, &race.names())),
    }
}

/// Attempts under way.
struct Race {
    sending: Sending,
    waiting: VecDeque<Endpoint>,
    running: JoinSet<(Endpoint, io::Result<Connection>)>,
    /// Those that were begun and have not failed.
    begun: Vec<Endpoint>,
    /// What says most of what went wrong so far.
    worst: Option<(u8, Trouble)>,
}

impl Race {
    fn new(endpoints: &[Endpoint], sending: Sending) -> Self {
        Self {
            sending,
            waiting: alternating_families(endpoints),
            running: JoinSet::new(),
            begun: Vec::new(),
            worst: None,
        }
    }

    async fn run(&mut self) -> Result<(Connection, Endpoint), Trouble> {
        loop {
            if let Some(next) = self.waiting.pop_front() {
                self.begun.push(next.clone());
                let sending = self.sending;
                self.running.spawn(async move {
                    let opened = next.open(sending).await;
                    (next, opened)
                });
            }
            let turn = Instant::now() + HEAD_START;
            let ended = tokio::select! {
                biased;
                ended = self.running.join_next() => ended,
                () = sleep_until(turn), if !self.waiting.is_empty() => continue,
            };
            match ended {
                Some(Ok((endpoint, Ok(connection)))) => return Ok((connection, endpoint)),
                Some(Ok((endpoint, Err(fault)))) => self.note(&endpoint, &fault),
                // a task that broke down: as if it had never begun
                Some(Err(_)) => {}
                None if self.waiting.is_empty() => {
                    let worst = self.worst.take().map(|(_, trouble)| trouble);
                    let none = || Trouble::new(Reason::Dns, Phase::Dns, "no address");
                    return Err(worst.unwrap_or_else(none));
                }
                None => {}
            }
        }
    }

    fn note(&mut self, endpoint: &Endpoint, fault: &io::Error) {
        self.begun.retain(|begun| begun != endpoint);
        let trouble = of_io(fault, Phase::Connect, &endpoint.to_string());
        // an address that this machine has no way to reach says less than any other; a shortage of ours more
        let weight = match (fault.raw_os_error(), trouble.reason) {
            (Some(libc::EADDRNOTAVAIL), _) => 0,
            (_, Reason::Unreachable) => 1,
            (_, reason) if reason.is_ours() => 3,
            _ => 2,
        };
        if self
            .worst
            .as_ref()
            .is_none_or(|(worst, _)| weight >= *worst)
        {
            self.worst = Some((weight, trouble));
        }
    }

    /// The endpoints that were tried and did not respond.
    fn names(&self) -> String {
        let names: Vec<_> = self.begun.iter().map(ToString::to_string).collect();
        names.join(", ")
    }
}

/// The families take turns, beginning with the first one's, so that one that is dead costs one head start.
fn alternating_families(endpoints: &[Endpoint]) -> VecDeque<Endpoint> {
    let is_v6 =
        |endpoint: &&Endpoint| matches!(endpoint, Endpoint::Tcp(address) if address.is_ipv6());
    let first_is_v6 = endpoints.first().as_ref().is_some_and(is_v6);
    let (mut one, mut other): (VecDeque<_>, VecDeque<_>) = endpoints
        .iter()
        .partition(|endpoint| is_v6(endpoint) == first_is_v6);
    let mut order = VecDeque::with_capacity(endpoints.len());
    while let Some(next) = one.pop_front().or_else(|| other.pop_front()) {
        order.push_back(next.clone());
        order.extend(other.pop_front().cloned());
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_families_alternate() {
        let endpoints = |texts: &[&str]| -> Vec<Endpoint> {
            let parse = |text: &&str| Endpoint::Tcp(text.parse().expect("an address"));
            texts.iter().map(parse).collect()
        };
        for (given, expected) in [
            (
                &["[::1]:1", "[::2]:1", "1.1.1.1:1", "1.1.1.2:1"][..],
                &["[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1"][..],
            ),
            (
                &["1.1.1.1:1", "[::1]:1", "[::2]:1"],
                &["1.1.1.1:1", "[::1]:1", "[::2]:1"],
            ),
            (&["1.1.1.1:1"], &["1.1.1.1:1"]),
            (&[], &[]),
        ] {
            assert_eq!(alternating_families(&endpoints(given)), endpoints(expected));
        }
    }
}
