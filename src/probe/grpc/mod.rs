//! gRPC's health service as a probe: [`GrpcSpec`] in, [`Observation`] out. It is asked as kubelet and Consul do it, over
//! the HTTP/2 of [`super::http`]; here is what its answer says.

pub mod message;
pub mod spec;

use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::escape::visible;
use crate::health::{Body, BodyNeeds, GrpcAnswer, Observation, Phase, Reason, Trouble, bounded};
use crate::probe::http::{HttpProbe, HttpSpecError, RulesPool};

use message::MessageFault;
pub use spec::GrpcSpec;

/// What its messages are sent as.
const CONTENT_TYPE: &str = "application/grpc";

/// A question to gRPC's health service, ready to be asked as often as wanted.
#[derive(Debug)]
pub struct GrpcProbe {
    http: HttpProbe,
    url: String,
}

impl GrpcProbe {
    /// A probe for what `spec` asks. Reads the certificate files that it names.
    ///
    /// # Errors
    /// Says what cannot be read or used.
    pub fn new(spec: GrpcSpec, needs: &BodyNeeds) -> Result<Self, HttpSpecError> {
        let needs = BodyNeeds {
            needles: Vec::new(),
            patterns: Vec::new(),
            keep: message::LONGEST,
            is_read: true,
            headers: needs.headers.clone(),
        };
        Ok(Self {
            http: HttpProbe::new(spec.http, &needs)?,
            url: spec.url,
        })
    }

    /// Has rules that were met before take the place of equal ones.
    pub fn share_rules(&mut self, pool: &mut RulesPool) {
        self.http.share_rules(pool);
    }

    /// As it was written.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The spec's timeout.
    pub fn timeout(&self) -> Duration {
        self.http.timeout()
    }

    /// Asks once, within `timeout`, whatever the peer does.
    pub async fn run(&self, timeout: Duration) -> Observation {
        let mut seen = self.http.run(timeout).await;
        seen.url.clone_from(&self.url);
        read(&mut seen);
        seen
    }
}

/// Makes of what HTTP saw what gRPC says. The body is the answer in words from then on, so that assertions can name it.
fn read(seen: &mut Observation) {
    // another status is said by a proxy, or by a server that is not gRPC's; it speaks for itself
    let is_answer = seen.status.as_ref().is_some_and(|line| line.code == 200);
    if seen.trouble.is_some() || !is_answer {
        return;
    }
    match answer(seen) {
        Ok(answer) => {
            let words = answer.to_string().into_bytes();
            seen.body = Some(Body {
                size: words.len() as u64,
                kept: words,
                ..Body::default()
            });
            seen.grpc = Some(answer);
        }
        Err(trouble) => seen.trouble = Some(trouble),
    }
}

fn answer(seen: &Observation) -> Result<GrpcAnswer, Trouble> {
    let malformed = |phase, detail: String| Trouble::new(Reason::Malformed, phase, detail);
    let header = |name: &str| {
        // trailers come last
        let mut headers = seen.headers.iter().rev();
        headers
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    };
    let kind = header("content-type").unwrap_or_default();
    if !kind.starts_with(CONTENT_TYPE) {
        let detail = match kind {
            "" => format!("no content-type, expected {CONTENT_TYPE}: is it gRPC?"),
            kind => format!("content-type {kind:?}, expected {CONTENT_TYPE}: is it gRPC?"),
        };
        return Err(malformed(Phase::FirstByte, detail));
    }
    let Some(status) = header("grpc-status") else {
        let detail = "the answer ended without a grpc-status".to_owned();
        return Err(malformed(Phase::Body, detail));
    };
    let code = status.trim().parse::<u32>().map_err(|_| {
        malformed(
            Phase::Body,
            format!("grpc-status {status:?} is not a number"),
        )
    })?;
    let message = header("grpc-message").unwrap_or_default();
    let message = bounded(visible(&percent_decode_str(message).decode_utf8_lossy()));
    if code != 0 {
        return Ok(GrpcAnswer {
            code,
            message,
            serving: None,
        });
    }
    let body = seen.body.as_ref().map_or(&[][..], |body| &body.kept);
    let serving = message::serving(body).map_err(|fault| match fault {
        MessageFault::Short(detail) => Trouble::new(Reason::Truncated, Phase::Body, detail),
        MessageFault::Malformed(detail) => malformed(Phase::Body, detail),
    })?;
    Ok(GrpcAnswer {
        code,
        message,
        serving: Some(serving),
    })
}
