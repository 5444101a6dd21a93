//! One look from start to end: addresses, attempts, redirects, body. Gathers facts as it goes, so that
//! a look that breaks off still tells what it saw. Every wait ends at the one deadline.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use hyper::{Response, Version, header};
use reqwest::{Method, Url};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::answer::Answer;
use super::attempt::Attempt;
use super::redirect::{self, Hop};
use super::request::Request;
use super::trouble;
use crate::health::{Body, Observation, Phase, Reason, StatusLine, Trouble};
use crate::probe::intake::Intake;
use crate::probe::lookup;
use crate::probe::place::{self, Place};
use crate::probe::trouble::of_timeout;

/// A look under way.
pub struct Exchange<'a> {
    request: &'a Request,
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
    pub fn new(request: &'a Request, timeout: Duration) -> Self {
        Self {
            request,
            started: Instant::now(),
            timeout,
            deadline: place::deadline(timeout),
            seen: Observation {
                url: request.shown.clone(),
                at_unix: unix_time(),
                ..Observation::default()
            },
        }
    }

    /// Looks, and tells all that was seen.
    pub async fn take(mut self) -> Observation {
        self.seen.trouble = self.walk().await.err();
        self.seen.duration = self.started.elapsed();
        self.seen
    }

    async fn walk(&mut self) -> Result<(), Trouble> {
        let mut hop = Hop {
            url: self.request.spec.url.url.clone(),
            method: self.request.spec.method.clone(),
            data: self.request.spec.data.is_some(),
        };
        loop {
            let answer = self.knock(&hop).await?;
            self.note_head(answer.head());
            match self.next(&hop, answer.head())? {
                None => {
                    let is_down = answer.head().status().is_server_error();
                    self.read(answer).await?;
                    if is_down && let Some(url) = &self.request.spec.ready {
                        self.seen.ready = self.is_ready(url.clone()).await;
                    }
                    return Ok(());
                }
                Some(next) => hop = next,
            }
            self.seen.redirects += 1;
            self.seen.url = self.request.shown_as(&hop.url);
        }
    }

    /// Whether `url` answers 2xx; `None` when it does not answer.
    async fn is_ready(&mut self, url: Url) -> Option<bool> {
        let peer = self.seen.peer.clone();
        let hop = Hop {
            url,
            method: Method::GET,
            data: false,
        };
        let answer = self.knock(&hop).await;
        // what is told is about the answer that was asked for first
        self.seen.peer = peer;
        answer
            .ok()
            .map(|answer| answer.head().status().is_success())
    }

    /// Where the answer sends us, if it does and we follow.
    fn next(&self, hop: &Hop, response: &Response<Incoming>) -> Result<Option<Hop>, Trouble> {
        if !self.request.spec.follow {
            return Ok(None);
        }
        let location = response.headers().get(header::LOCATION);
        let refuse = |why| Trouble::new(Reason::RedirectLoop, Phase::FirstByte, why);
        let next = hop
            .after(response.status(), location.map(|value| value.as_bytes()))
            .map_err(refuse)?;
        if next.is_some() && self.seen.redirects >= redirect::MAX {
            return Err(refuse(format!("more than {} redirects", redirect::MAX)));
        }
        Ok(next)
    }

    /// The head of an answer from the first place that lets us in. Where all refuse, they are asked
    /// again after a while, if the probe says so and there is time.
    async fn knock(&mut self, hop: &Hop) -> Result<Answer, Trouble> {
        if hop.url.scheme() == "https" {
            self.prepare_tls().await?;
        }
        let places = self.places(hop).await?;
        loop {
            let trouble = match self.try_each(hop, &places).await {
                Ok(response) => return Ok(response),
                Err(trouble) => trouble,
            };
            let pause = self.request.spec.retry_refused;
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
        match timeout_at(self.deadline, self.request.tls.prepare()).await {
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

    async fn try_each(&mut self, hop: &Hop, places: &[Place]) -> Result<Answer, Trouble> {
        let mut worst: Option<Trouble> = None;
        for (tried, place) in places.iter().enumerate() {
            let attempt = Attempt {
                request: self.request,
                hop,
                place,
                timeout: self.timeout,
                patience: place::patience(self.deadline, places.len() - tried),
                deadline: self.deadline,
            };
            let (marks, answer) = attempt.run().await;
            marks.add_to(&mut self.seen.phases, Instant::now());
            if marks.phase() != Phase::Connect {
                self.seen.peer = Some(place.to_string());
                self.seen.certificates = marks.certificates;
            }
            let trouble = match answer {
                Ok(response) => return Ok(response),
                Err(trouble) => trouble,
            };
            if trouble.phase != Phase::Connect || trouble.reason.is_ours() {
                return Err(trouble);
            }
            // an address that this machine has no way to reach tells less than any other
            if worst.is_none() || trouble.reason != Reason::Unreachable {
                worst = Some(trouble);
            }
        }
        Err(worst.unwrap_or_else(|| Trouble::new(Reason::Dns, Phase::Dns, "no address")))
    }

    /// Where `hop` can be asked. Never empty.
    async fn places(&mut self, hop: &Hop) -> Result<Vec<Place>, Trouble> {
        if let Some(path) = self.request.socket() {
            return Ok(vec![Place::Unix(path.to_owned())]);
        }
        let host = hop.url.host_str().unwrap_or_default();
        let port = hop.url.port_or_known_default().unwrap_or_default();
        if let Some(address) = lookup::literal(host) {
            return Ok(vec![Place::Tcp((address, port).into())]);
        }
        let known = self.request.spec.resolve.iter();
        let known = known.filter(|known| known.port == port);
        let known: Vec<_> = known
            .filter(|known| known.host.eq_ignore_ascii_case(host))
            .map(|known| Place::Tcp((known.address, port).into()))
            .collect();
        if !known.is_empty() {
            return Ok(known);
        }
        let asked = Instant::now();
        let family = self.request.spec.family;
        let found = lookup::addresses(host, family, self.deadline, self.timeout).await;
        self.seen.phases.add(Phase::Dns, asked.elapsed());
        let at = |address: SocketAddr| Place::Tcp((address.ip(), port).into());
        Ok(found?.into_iter().map(at).collect())
    }

    fn note_head(&mut self, response: &Response<Incoming>) {
        self.seen.status = Some(status_line(response));
        let headers = response.headers().iter();
        self.seen.headers = headers
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.to_string(), value)
            })
            .collect();
        self.seen.body = Some(Body::default());
    }

    async fn read(&mut self, mut answer: Answer) -> Result<(), Trouble> {
        let begun = Instant::now();
        let request = self.request;
        let mut intake = Intake::new(&request.needles, request.keep, request.spec.max_body);
        let outcome = self.drain(&mut answer, &mut intake).await;
        self.seen.body = Some(intake.finish());
        self.seen.phases.add(Phase::Body, begun.elapsed());
        outcome
    }

    async fn drain(&self, answer: &mut Answer, intake: &mut Intake<'_>) -> Result<(), Trouble> {
        let announced = answer.announced();
        let late = |intake: &Intake<'_>| {
            let mut trouble = of_timeout(Phase::Body, self.timeout, "");
            let of = announced
                .map(|total| format!(" of {total}"))
                .unwrap_or_default();
            trouble.detail += &format!(", got {}{of} bytes", intake.size());
            trouble
        };
        loop {
            match timeout_at(self.deadline, answer.piece()).await {
                Err(_) => return Err(late(intake)),
                Ok(Ok(None)) => return Ok(()),
                Ok(Err(error)) => return Err(trouble::of_body(&error, intake.size(), announced)),
                Ok(Ok(Some(chunk))) => intake.take(&chunk).map_err(|_| {
                    let max = self.request.spec.max_body;
                    let detail = format!("the body is larger than {max} bytes");
                    Trouble::new(Reason::TooLarge, Phase::Body, detail)
                })?,
            }
            // a peer that always has more at hand never lets the timer have its turn
            if Instant::now() >= self.deadline {
                return Err(late(intake));
            }
        }
    }
}

/// The status line as it was sent, except that the codec reads a phrase that is not ASCII as none.
fn status_line(response: &Response<Incoming>) -> StatusLine {
    let version = response.version();
    // the codec notes a phrase only where it is not the usual one; HTTP/2 sends none
    let phrase = match response.extensions().get::<ReasonPhrase>() {
        Some(phrase) => String::from_utf8_lossy(phrase.as_bytes()).into_owned(),
        None if version == Version::HTTP_2 => String::new(),
        None => response
            .status()
            .canonical_reason()
            .unwrap_or_default()
            .to_owned(),
    };
    StatusLine {
        version: match version {
            Version::HTTP_2 => "HTTP/2".to_owned(),
            other => format!("{other:?}"),
        },
        code: response.status().as_u16(),
        reason: phrase,
    }
}
