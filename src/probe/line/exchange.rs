//! One exchange from start to end: addresses, connection, question, answer. Gathers facts as it goes,
//! so that one that breaks off still returns what it saw. Every wait ends at the one deadline.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use crate::health::counted;
use crate::health::{Observation, Phase, Trouble};
use crate::net::trouble::{of_io, of_timeout};
use crate::net::{self, Connection, Endpoint, Sending, connect, lookup};

use super::LineProbe;
use super::answer::LineAnswer;
use super::spec::{LineSpec, Peer};

/// An exchange under way.
pub struct LineExchange<'a> {
    probe: &'a LineProbe,
    spec: &'a LineSpec,
    started: Instant,
    timeout: Duration,
    deadline: Instant,
    seen: Observation,
}

impl<'a> LineExchange<'a> {
    /// The clock starts now. All must be done within `timeout`.
    pub fn new(probe: &'a LineProbe, timeout: Duration) -> Self {
        let spec = &probe.spec;
        Self {
            probe,
            spec,
            started: Instant::now(),
            timeout,
            deadline: net::deadline(timeout),
            seen: Observation {
                url: spec.url.clone(),
                ..Observation::default()
            },
        }
    }

    /// Talks, and returns all that was seen.
    pub async fn run(mut self) -> Observation {
        self.seen.trouble = self.walk().await.err();
        self.seen.duration = self.started.elapsed();
        self.seen
    }

    async fn walk(&mut self) -> Result<(), Trouble> {
        let endpoints = self.endpoints().await?;
        let begun = Instant::now();
        let connected = connect(&endpoints, Sending::InParts, self.timeout, self.deadline).await;
        self.seen.phases.add(Phase::Connect, begun.elapsed());
        let (connection, endpoint) = connected?;
        self.seen.peer = Some(endpoint.to_string());
        self.exchange(connection).await
    }

    /// Where the peer may be. Never empty.
    async fn endpoints(&mut self) -> Result<Vec<Endpoint>, Trouble> {
        let (host, port) = match &self.spec.peer {
            Peer::Unix(path) => return Ok(vec![Endpoint::Unix(path.clone())]),
            Peer::Tcp { host, port } => (host, *port),
        };
        if let Some(address) = lookup::literal(host) {
            return Ok(vec![Endpoint::Tcp((address, port).into())]);
        }
        let asked = Instant::now();
        let family = self.spec.family;
        let found = lookup::addresses(host, family, self.deadline, self.timeout).await;
        self.seen.phases.add(Phase::Dns, asked.elapsed());
        let at = |address: SocketAddr| Endpoint::Tcp((address.ip(), port).into());
        let found = found?;
        self.seen.notes.extend(found.note);
        Ok(found.addresses.into_iter().map(at).collect())
    }

    /// Sends and reads at the same time: a peer may answer before it has read everything.
    async fn exchange(&mut self, connection: Connection) -> Result<(), Trouble> {
        let spec = self.spec;
        let Some(until) = &self.probe.until else {
            return Ok(());
        };
        let (mut reader, mut writer) = tokio::io::split(connection);
        let sending = async {
            if let Some(question) = &spec.send {
                // a peer that does not want to read on may have answered: reading shows it
                let _ = writer.write_all(question.expose()).await;
            }
        };
        let mut answer =
            LineAnswer::new(until, &self.probe.needles, self.probe.keep, spec.max_body);
        let outcome = {
            let mut sending = pin!(sending);
            let mut reading = pin!(self.read(&mut reader, &mut answer));
            tokio::select! {
                outcome = &mut reading => outcome,
                () = &mut sending => reading.await,
            }
        };
        self.seen.body = answer.finish();
        outcome
    }

    async fn read<R: AsyncRead + Unpin>(
        &mut self,
        reader: &mut R,
        answer: &mut LineAnswer<'_>,
    ) -> Result<(), Trouble> {
        let mut piece = [0; 4096];
        let mut since = Instant::now();
        loop {
            let phase = answer.phase();
            let read = timeout_at(self.deadline, reader.read(&mut piece)).await;
            let now = Instant::now();
            self.seen.phases.add(phase, now.duration_since(since));
            since = now;
            let outcome = match read {
                Err(_) => return Err(self.late(answer)),
                Ok(Ok(0)) => return answer.closed(),
                Ok(Ok(got)) => answer.take(&piece[..got]),
                Ok(Err(fault)) => Err(of_io(&fault, phase, "")),
            };
            if answer.phase() != phase {
                self.seen.phases.add(Phase::Body, Duration::ZERO);
            }
            if outcome? {
                return Ok(());
            }
            // a peer that always has more at hand never lets the timer have its turn
            if now >= self.deadline {
                return Err(self.late(answer));
            }
        }
    }

    fn late(&self, answer: &LineAnswer<'_>) -> Trouble {
        let mut trouble = of_timeout(answer.phase(), self.timeout, "");
        if answer.phase() == Phase::Body {
            let within = humantime::format_duration(self.timeout);
            let (lacks, got) = (answer.lacks(), answer.size());
            trouble.detail = format!(
                "{lacks} within {within}, got {}",
                counted(got, "byte", "bytes")
            );
        }
        trouble
    }
}
