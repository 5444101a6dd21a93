//! One attempt: one connection to one place, one request, up to the answer's head.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use http_body_util::Full;
use hyper::Uri;
use hyper::body::Bytes;
use hyper::client::conn::{http1, http2};
use hyper::header::{self, Entry, HeaderValue};
use hyper::rt::Executor;
use reqwest::Url;
use rustls::pki_types::ServerName;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::answer::{Answer, Driver, driven};
use super::redirect::Hop;
use super::request::Request;
use super::trace::{Marks, Trace};
use super::trouble;
use super::wire::{Head, Wire};
use crate::health::{Phase, Reason, Trouble};
use crate::probe::place::{Place, Stream};
use crate::probe::trouble::{of_io, of_timeout};

type Asked = hyper::Request<Full<Bytes>>;

/// One attempt, about to begin.
pub struct Attempt<'a> {
    pub request: &'a Request,
    pub hop: &'a Hop,
    pub place: &'a Place,
    /// How the time until `deadline` is called in words.
    pub timeout: Duration,
    /// Until when the connection must be open.
    pub patience: Instant,
    /// Until when the answer's head must be there.
    pub deadline: Instant,
}

impl Attempt<'_> {
    /// The answer's head, with the notes of the way there.
    pub async fn run(&self) -> (Marks, Result<Answer, Trouble>) {
        let trace = Trace::default();
        let answer = self.walk(&trace).await;
        (trace.take(), answer)
    }

    async fn walk(&self, trace: &Trace) -> Result<Answer, Trouble> {
        trace.enter(Phase::Connect);
        let stream = self.connect().await?;
        match timeout_at(self.deadline, self.ask(stream, trace)).await {
            Ok(answer) => answer,
            Err(_) => Err(of_timeout(trace.phase(), self.timeout, "")),
        }
    }

    async fn connect(&self) -> Result<Stream, Trouble> {
        let begun = Instant::now();
        let place = self.place.to_string();
        match timeout_at(self.patience, self.place.open()).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(fault)) => Err(of_io(&fault, Phase::Connect, &place)),
            Err(_) => {
                // the whole time is told as it was asked for, a share of it as it was
                let waited = match self.patience == self.deadline {
                    true => self.timeout,
                    false => begun.elapsed(),
                };
                Err(of_timeout(Phase::Connect, waited, &place))
            }
        }
    }

    async fn ask(&self, stream: Stream, trace: &Trace) -> Result<Answer, Trouble> {
        let (stream, is_http2) = match self.hop.url.scheme() {
            "https" => self.shake_hands(stream, trace).await?,
            _ => (stream, false),
        };
        trace.enter(Phase::FirstByte);
        let answer = match is_http2 {
            true => self.over_http2(stream).await,
            false => self.over_http1(stream).await,
        };
        answer.map_err(|fault| match fault {
            Fault::Untold(trouble) => trouble,
            Fault::Http(error) => trouble::of_attempt(&error, Phase::FirstByte),
        })
    }

    /// TLS over `stream`, and whether HTTP/2 is spoken on it.
    async fn shake_hands(&self, stream: Stream, trace: &Trace) -> Result<(Stream, bool), Trouble> {
        trace.enter(Phase::Tls);
        let host = self.hop.url.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(bare.to_owned()).map_err(unaskable)?;
        let connector = TlsConnector::from(Arc::new(self.request.tls.config(trace)));
        match connector.connect(name, stream).await {
            Ok(stream) => {
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                Ok((Box::new(stream), is_http2))
            }
            Err(fault) => Err(trace.peek(|marks| match &marks.distrust {
                Some(distrust) => trouble::of_distrust(distrust, marks.certificates.first(), host),
                None => trouble::of_attempt(&fault, Phase::Tls),
            })),
        }
    }

    async fn over_http1(&self, stream: Stream) -> Result<Answer, Fault> {
        let url = &self.hop.url;
        let query = url.query().map(|query| format!("?{query}"));
        let mut request = self.build(&format!("{}{}", url.path(), query.unwrap_or_default()))?;
        let host = HeaderValue::from_str(&authority(url)).map_err(unaskable)?;
        request.headers_mut().entry(header::HOST).or_insert(host);
        let head = Head::default();
        let (mut sender, connection) = http1::handshake(Wire::new(stream, head.clone())).await?;
        let mut driver = driver(connection);
        let response = driven(&mut driver, sender.send_request(request)).await?;
        head.arrived();
        Ok(Answer::new(response, driver))
    }

    async fn over_http2(&self, stream: Stream) -> Result<Answer, Fault> {
        let request = self.build(self.hop.url.as_str())?;
        // frames have a size, and none of them is read without end
        let head = Head::default();
        head.arrived();
        let (mut sender, connection) = http2::handshake(Tasks, Wire::new(stream, head)).await?;
        let mut driver = driver(connection);
        let response = driven(&mut driver, sender.send_request(request)).await?;
        Ok(Answer::new(response, driver))
    }

    fn build(&self, target: &str) -> Result<Asked, Fault> {
        let request = self.request;
        let data = match &request.spec.data {
            Some(data) if self.hop.data => data.expose().to_vec(),
            _ => Vec::new(),
        };
        let mut built = Asked::new(Full::from(data));
        *built.method_mut() = self.hop.method.clone();
        *built.uri_mut() = Uri::try_from(target).map_err(unaskable)?;
        *built.headers_mut() = request.headers.clone();
        // an Authorization given as a header takes the place of the user's
        if let (Some((user, password)), Entry::Vacant(slot)) = (
            &request.spec.user,
            built.headers_mut().entry(header::AUTHORIZATION),
        ) {
            let pair = BASE64_STANDARD.encode(format!("{user}:{}", password.expose()));
            let mut value = HeaderValue::from_str(&format!("Basic {pair}")).map_err(unaskable)?;
            value.set_sensitive(true);
            slot.insert(value);
        }
        Ok(built)
    }
}

/// Why there is no answer.
enum Fault {
    Untold(Trouble),
    Http(hyper::Error),
}

impl From<hyper::Error> for Fault {
    fn from(error: hyper::Error) -> Self {
        Self::Http(error)
    }
}

impl From<Trouble> for Fault {
    fn from(trouble: Trouble) -> Self {
        Self::Untold(trouble)
    }
}

fn driver<E>(connection: impl Future<Output = Result<(), E>> + Send + 'static) -> Option<Driver> {
    Some(Box::pin(async {
        // what went wrong is told to who waits for the answer
        let _ = connection.await;
    }))
}

/// Host and, unless it is the scheme's, port.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// The request could not even be made, for example because its URL is too long.
fn unaskable(fault: impl Error) -> Trouble {
    let detail = format!("cannot ask: {fault}");
    Trouble::new(Reason::Config, Phase::Connect, detail)
}

/// HTTP/2 has tasks of its own.
#[derive(Clone)]
struct Tasks;

impl<F> Executor<F> for Tasks
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, work: F) {
        tokio::spawn(work);
    }
}
