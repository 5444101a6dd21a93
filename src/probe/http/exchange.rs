//! One HTTP probe from start to end: addresses, attempts, redirects, body. Gathers facts as it goes, so that
//! a probe that breaks off still returns what it saw. Every wait ends at the one deadline.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Method, StatusCode};
use tokio::time::{Instant, sleep_until, timeout_at};
use url::Url;

use super::answer::HttpAnswer;
use super::attempt::HttpAttempt;
use super::redirect::{self, RequestHop};
use super::request::ProbeRequest;
use crate::blocking::Places;
use crate::health::counted;
use crate::health::{
    Body, Observation, Phase, Reason, StatusLine, TEXT_MAX, Trouble, bounded, bounded_to,
};
use crate::net::http1::Head;
use crate::net::trouble::of_timeout;
use crate::net::{self, Endpoint, lookup};
use crate::probe::body_reader::BodyReader;
use crate::secret::shown_url;

/// More headers than this are not kept, but for those that the check asks about.
const HEADERS_KEPT: usize = 100;

/// Bodies that are searched for patterns at the same time. A search that takes too long keeps its place to its end.
static SEARCHES: Places = Places::new(8);

/// A probe under way.
pub struct Exchange<'a> {
    request: &'a ProbeRequest,
    started: Instant,
    timeout: Duration,
    deadline: Instant,
    seen: Observation,
}

/// Seconds since the Unix epoch.
fn unix_time() -> Option<i64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
}

impl<'a> Exchange<'a> {
    /// The clock starts now. All must be done within `timeout`.
    pub fn new(request: &'a ProbeRequest, timeout: Duration) -> Self {
        Self {
            request,
            started: Instant::now(),
            timeout,
            deadline: net::deadline(timeout),
            seen: Observation {
                // kept with the incident, and shown
                url: shown_url(&request.shown),
                at_unix: unix_time(),
                ..Observation::default()
            },
        }
    }

    /// Asks, and returns all that was seen.
    pub async fn run(mut self) -> Observation {
        self.seen.trouble = self.walk().await.err();
        self.seen.duration = self.started.elapsed();
        self.seen
    }

    async fn walk(&mut self) -> Result<(), Trouble> {
        let mut hop = RequestHop {
            url: self.request.url.url.clone(),
            method: self.request.rules.method.clone(),
            data: self.request.rules.data.is_some(),
        };
        loop {
            let answer = self.reach(&hop).await?;
            self.note_head(answer.head());
            match self.next(&hop, answer.head())? {
                None => {
                    let is_down = (500..600).contains(&answer.head().code);
                    self.read(answer).await?;
                    if is_down && let Some(url) = &self.request.rules.ready {
                        self.seen.ready = self.is_ready(url.clone()).await;
                    }
                    return Ok(());
                }
                Some(next) => hop = next,
            }
            self.seen.redirects += 1;
            self.seen.url = shown_url(&self.request.shown_as(&hop.url));
        }
    }

    /// Whether `url` answers 2xx; `None` when it does not answer.
    async fn is_ready(&mut self, url: Url) -> Option<bool> {
        let peer = self.seen.peer.clone();
        let hop = RequestHop {
            url,
            method: Method::GET,
            data: false,
        };
        let answer = self.reach(&hop).await;
        // the peer is the one of the answer that was asked for first
        self.seen.peer = peer;
        let code = answer.ok()?.head().code;
        Some((200..300).contains(&code))
    }

    /// Where the answer sends us, if it does and we follow.
    fn next(&self, hop: &RequestHop, head: &Head) -> Result<Option<RequestHop>, Trouble> {
        if !self.request.rules.follow {
            return Ok(None);
        }
        let refuse = |why| Trouble::new(Reason::RedirectLoop, Phase::FirstByte, why);
        let status = StatusCode::from_u16(head.code).unwrap_or_default();
        let next = hop
            .after(status, head.values("location").next())
            .map_err(refuse)?;
        if next.is_some() && self.seen.redirects >= redirect::MAX {
            return Err(refuse(format!("more than {} redirects", redirect::MAX)));
        }
        Ok(next)
    }

    /// The head of a response from the first endpoint that accepts a connection. Where all refuse, they are asked again after a while,
    /// if the probe says so and there is time.
    async fn reach(&mut self, hop: &RequestHop) -> Result<HttpAnswer, Trouble> {
        if hop.url.scheme() == "https" {
            self.prepare_tls().await?;
        }
        let endpoints = self.endpoints(hop).await?;
        loop {
            let trouble = match self.attempt(hop, &endpoints).await {
                Ok(response) => return Ok(response),
                Err(trouble) => trouble,
            };
            let pause = self.request.rules.retry_refused;
            match pause.and_then(|pause| Instant::now().checked_add(pause)) {
                Some(again) if trouble.reason == Reason::Refused && again < self.deadline => {
                    sleep_until(again).await;
                }
                _ => return Err(trouble),
            }
        }
    }

    async fn prepare_tls(&self) -> Result<(), Trouble> {
        let trouble = |reason, detail| Err(Trouble::new(reason, Phase::Tls, detail));
        match timeout_at(self.deadline, self.request.rules.tls.prepare()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => trouble(
                Reason::Config,
                format!("cannot load the system's certificates: {why}"),
            ),
            Err(_) => trouble(
                Reason::Cancelled,
                "loading the system's certificates takes too long".to_owned(),
            ),
        }
    }

    async fn attempt(
        &mut self,
        hop: &RequestHop,
        endpoints: &[Endpoint],
    ) -> Result<HttpAnswer, Trouble> {
        let mut attempt = HttpAttempt {
            request: self.request,
            hop,
            endpoints,
            timeout: self.timeout,
            deadline: self.deadline,
            names_host: true,
        };
        let (mut marks, mut answer) = attempt.run().await;
        marks.add_to(&mut self.seen.phases, Instant::now());
        if self.request.rules.tls.is_as_original()
            && answer
                .as_ref()
                .is_err_and(|trouble| trouble.phase == Phase::Tls)
            && marks.distrust.is_none()
            && Instant::now() < self.deadline
        {
            attempt.names_host = false;
            (marks, answer) = attempt.run().await;
            marks.add_to(&mut self.seen.phases, Instant::now());
        }
        if marks.peer.is_some() {
            self.seen.peer = marks.peer;
            self.seen.certificates = marks.certificates;
        }
        answer
    }

    /// Where `hop` can be asked. Never empty.
    async fn endpoints(&mut self, hop: &RequestHop) -> Result<Vec<Endpoint>, Trouble> {
        if let Some(path) = self.request.socket() {
            return Ok(vec![Endpoint::Unix(path.to_owned())]);
        }
        let host = hop.url.host_str().unwrap_or_default();
        let port = hop.url.port_or_known_default().unwrap_or_default();
        let known = self.request.rules.resolve.iter();
        let known = known.filter(|known| known.port == port);
        let known: Vec<_> = known
            .filter(|known| known.host.eq_ignore_ascii_case(host))
            .map(|known| Endpoint::Tcp((known.address, port).into()))
            .collect();
        if !known.is_empty() {
            return Ok(known);
        }
        if let Some(address) = lookup::literal(host) {
            return Ok(vec![Endpoint::Tcp((address, port).into())]);
        }
        let asked = Instant::now();
        let family = self.request.rules.family;
        let found = lookup::addresses(host, family, self.deadline, self.timeout).await;
        self.seen.phases.add(Phase::Dns, asked.elapsed());
        let at = |address: SocketAddr| Endpoint::Tcp((address.ip(), port).into());
        let found = found?;
        self.seen.notes.extend(found.note);
        Ok(found.addresses.into_iter().map(at).collect())
    }

    fn note_head(&mut self, head: &Head) {
        self.seen.status = Some(StatusLine {
            version: head.version.clone(),
            code: head.code,
            reason: bounded(&head.reason),
        });
        let asked = |name: &str| {
            let mut names = self.request.rules.asked_headers.iter();
            names.any(|asked| asked.eq_ignore_ascii_case(name))
        };
        let kept = |(at, (name, value)): (usize, &(String, String))| {
            let max = match asked(name) {
                true => usize::MAX,
                false if at < HEADERS_KEPT => TEXT_MAX,
                false => return None,
            };
            Some((bounded(name), bounded_to(value.clone(), max)))
        };
        self.seen.headers = head.headers.iter().enumerate().filter_map(kept).collect();
        self.seen.body = Some(Body::default());
        self.note_oddities(head);
    }

    /// Adds what is odd about an answer and was not noted before.
    fn note_oddities(&mut self, head: &Head) {
        for note in &head.notes {
            if !self.seen.notes.contains(note) {
                self.seen.notes.push(note.clone());
            }
        }
    }

    async fn read(&mut self, mut answer: HttpAnswer) -> Result<(), Trouble> {
        let begun = Instant::now();
        let request = self.request;
        let mut body_reader = BodyReader::new(
            &request.rules.needles,
            request.rules.keep,
            request.rules.max_body,
        )
        .with_patterns(&request.rules.patterns);
        let outcome = self.drain(&mut answer, &mut body_reader).await;
        self.seen.body = Some(body_reader.finish());
        self.seen.phases.add(Phase::Body, begun.elapsed());
        self.note_oddities(answer.head());
        if request.rules.grpc {
            let trailers = answer.trailers().iter().take(HEADERS_KEPT);
            let kept = trailers.map(|(name, value)| (bounded(name), bounded(value)));
            self.seen.headers.extend(kept);
        }
        outcome
    }

    async fn drain(
        &self,
        answer: &mut HttpAnswer,
        body_reader: &mut BodyReader<'_>,
    ) -> Result<(), Trouble> {
        loop {
            match timeout_at(self.deadline, answer.piece(body_reader.size())).await {
                Err(_) => return Err(self.late(answer, body_reader)),
                Ok(Ok(None)) => {
                    self.search(body_reader, true).await?;
                    body_reader.end_searches();
                    return Ok(());
                }
                Ok(Err(trouble)) => return Err(trouble),
                Ok(Ok(Some(piece))) => body_reader.take(piece).map_err(|_| {
                    let max = self.request.rules.max_body;
                    let detail =
                        format!("the body is larger than {}", counted(max, "byte", "bytes"));
                    Trouble::new(Reason::TooLarge, Phase::Body, detail)
                })?,
            }
            self.search(body_reader, false).await?;
            // a peer that always has more at hand never lets the timer have its turn
            let all = answer
                .announced()
                .is_some_and(|size| size == body_reader.size());
            if Instant::now() >= self.deadline && !all {
                return Err(self.late(answer, body_reader));
            }
        }
    }

    /// Searches what came for patterns, when it is much, or with `all` what is left. A search may take long, so that it
    /// is made beside the loop.
    async fn search(&self, body_reader: &mut BodyReader<'_>, all: bool) -> Result<(), Trouble> {
        let Some(slice) = body_reader.slice(all) else {
            return Ok(());
        };
        let trouble = |reason, detail| Err(Trouble::new(reason, Phase::Body, detail));
        match timeout_at(self.deadline, SEARCHES.run("search", || slice.search())).await {
            Ok(Ok(searches)) => {
                body_reader.put_back(searches);
                Ok(())
            }
            Ok(Err(broken)) => trouble(Reason::Cancelled, broken.to_string()),
            Err(_) => {
                let within = humantime::format_duration(self.timeout);
                let size = body_reader.size();
                trouble(
                    Reason::Assertion,
                    format!(
                        "not judged within {within}: the body to be searched for a pattern has {}",
                        counted(size, "byte", "bytes")
                    ),
                )
            }
        }
    }

    fn late(&self, answer: &HttpAnswer, body_reader: &BodyReader<'_>) -> Trouble {
        let mut trouble = of_timeout(Phase::Body, self.timeout, "");
        let of = match answer.announced() {
            Some(total) => format!(" of {total}"),
            None => String::new(),
        };
        trouble.detail += &format!(", got {}{of}", counted(body_reader.size(), "byte", "bytes"));
        // what is odd about the head may be why the end of the body is not known
        for note in &answer.head().notes {
            trouble.detail += &format!("; {note}");
        }
        trouble
    }
}
