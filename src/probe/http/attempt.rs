//! One attempt: one connection, one request, up to the answer's head.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::answer::HttpAnswer;
use super::http2;
use super::redirect::RequestHop;
use super::request::ProbeRequest;
use super::tls_trouble;
use super::trace::{HttpTimes, HttpTrace};
use super::trouble;
use crate::health::{Phase, Reason, Trouble};
use crate::net::trouble::of_timeout;
use crate::net::{Connection, Endpoint, Sending, connect, http1};

/// One attempt, about to begin.
pub struct HttpAttempt<'a> {
    pub request: &'a ProbeRequest,
    pub hop: &'a RequestHop,
    /// Where to connect: the first endpoint that accepts a connection.
    pub endpoints: &'a [Endpoint],
    /// How the time until `deadline` is called in messages.
    pub timeout: Duration,
    /// Until when the answer's head must be there.
    pub deadline: Instant,
    /// Whether the peer is sent the host's name in the TLS handshake.
    pub names_host: bool,
}

impl HttpAttempt<'_> {
    /// The answer's head, with the notes of the way there.
    pub async fn run(&self) -> (HttpTimes, Result<HttpAnswer, Trouble>) {
        let trace = HttpTrace::default();
        let answer = self.walk(&trace).await;
        (trace.take(), answer)
    }

    async fn walk(&self, trace: &HttpTrace) -> Result<HttpAnswer, Trouble> {
        trace.enter(Phase::Connect);
        let rules = &*self.request.rules;
        let is_plain = self.hop.url.scheme() == "http" && !rules.grpc;
        let sending = match is_plain && rules.data.is_none() {
            true => Sending::Whole,
            false => Sending::InParts,
        };
        let connected = connect(self.endpoints, sending, self.timeout, self.deadline);
        let (connection, endpoint) = connected.await?;
        trace.note_peer(&endpoint);
        let connected = Instant::now();
        match timeout_at(self.deadline, self.ask(connection, trace)).await {
            Ok(answer) => answer,
            Err(_) => Err(self.late(trace.phase(), connected.elapsed())),
        }
    }

    /// The deadline passed after the connection was open for `waited`.
    fn late(&self, phase: Phase, waited: Duration) -> Trouble {
        let mut trouble = of_timeout(phase, self.timeout, "");
        // a peer that had much less time than was given is not said to have had it
        if waited < self.timeout.mul_f64(0.8) {
            let waited =
                humantime::format_duration(Duration::from_millis(waited.as_millis() as u64));
            trouble.detail += &format!(", connected for {waited} of it");
        }
        trouble
    }

    async fn ask(&self, connection: Connection, trace: &HttpTrace) -> Result<HttpAnswer, Trouble> {
        let (connection, is_http2) = match self.hop.url.scheme() {
            "https" => self.shake_hands(connection, trace).await?,
            _ => (connection, false),
        };
        trace.enter(Phase::FirstByte);
        let data = match &self.request.rules.data {
            Some(data) if self.hop.data => data.expose(),
            _ => &[],
        };
        let headers = self.request.headers_for(self.hop);
        if is_http2 || self.request.rules.grpc {
            let asked = http2::request(self.hop, &headers, data).map_err(not_requestable)?;
            return http2::send(connection, asked).await.map(HttpAnswer::Http2);
        }
        let asked = http1::HttpRequest {
            method: &self.hop.method,
            target: &self.request.target_of(self.hop),
            headers: &headers,
            body: data,
        };
        let answer = asked.send(connection).await;
        answer
            .map(HttpAnswer::Http1)
            .map_err(|error| trouble::of_http1(error, Phase::FirstByte))
    }

    /// TLS over `connection`, and whether HTTP/2 is spoken on it.
    async fn shake_hands(
        &self,
        connection: Connection,
        trace: &HttpTrace,
    ) -> Result<(Connection, bool), Trouble> {
        trace.enter(Phase::Tls);
        let host = self.hop.url.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(bare.to_owned()).map_err(not_requestable)?;
        let mut config = self.request.rules.tls.config(trace);
        config.enable_sni = self.names_host;
        let connector = TlsConnector::from(Arc::new(config));
        match connector.connect(name, connection).await {
            Ok(stream) => {
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                Ok((Box::new(stream), is_http2))
            }
            Err(fault) => Err(trace.peek(|marks| match &marks.distrust {
                Some(distrust) => tls_trouble::of_distrust(distrust, &marks.certificates, host),
                None => tls_trouble::of_handshake(&fault),
            })),
        }
    }
}

/// The request could not even be made, for example because its URL is too long.
fn not_requestable(fault: impl Error) -> Trouble {
    let detail = format!("cannot ask: {fault}");
    Trouble::new(Reason::Config, Phase::Connect, detail)
}
