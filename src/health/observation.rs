//! What one probe saw: facts only. Whether they are good news is for [`super::Expectation`] to judge.
//! Texts from outside are bounded here, where the fact is made. A reason is of a closed list; the last five of it are
//! trouble of our own, which gives `unknown` and never counts towards a restart.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::body::Body;
use super::exit;
use super::grpc::GrpcAnswer;
use super::reason::{Phase, Reason};
use super::text::bounded;
use super::text::counted;

/// Facts of one probe, as far as it came. A probe that failed in its body still holds the status and
/// headers it saw and the time of every phase it reached.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// From the start of the probe to its end, all phases and redirects included.
    #[serde(with = "seconds")]
    pub duration: Duration,
    /// The wall clock's time of the probe, in seconds since the Unix epoch: certificates expire by it.
    #[serde(default)]
    pub at_unix: Option<i64>,
    /// How long each phase took, summed over redirects.
    pub phases: Phases,
    /// The URL that answered in the end, without secrets.
    pub url: String,
    /// Redirects that were followed.
    pub redirects: u32,
    /// Address and port of the peer.
    pub peer: Option<String>,
    /// The status line, if one came.
    pub status: Option<StatusLine>,
    /// The headers in the order received. Values are shown lossily where they are not UTF-8.
    pub headers: Vec<(String, String)>,
    /// The body as far as it came; `None` when there was no head.
    pub body: Option<Body>,
    /// The peer's certificates, leaf first, trusted or not.
    pub certificates: Vec<Certificate>,
    /// Whether the service said that it is ready, asked after an answer of 5xx.
    #[serde(default)]
    pub ready: Option<bool>,
    /// Exit code of an exec probe.
    pub exit: Option<i32>,
    /// What gRPC's health service said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<GrpcAnswer>,
    /// What is odd about the answer and does not matter, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What went wrong while asking.
    pub trouble: Option<Trouble>,
}

impl Observation {
    /// An observation that is nothing but trouble.
    pub fn of_trouble(trouble: Trouble) -> Self {
        Self {
            trouble: Some(trouble),
            ..Self::default()
        }
    }

    /// When the first certificate expires of those that the chain was verified by, in seconds since the Unix epoch;
    /// where none was, when the leaf does. What a peer sends besides is of no use to anybody, and no harm.
    pub fn first_expiry(&self) -> Option<i64> {
        let verified = self.certificates.iter().filter(|one| one.verified);
        let ends = verified.map(|one| one.not_after);
        ends.min()
            .or_else(|| Some(self.certificates.first()?.not_after))
    }

    /// A copy of what is kept as evidence, which has a bound.
    pub fn evidence(&self) -> Self {
        let kept = |body: &Body| Body {
            kept: body.kept[..body.kept.len().min(Body::EVIDENCE)].to_vec(),
            size: body.size,
            found: body.found.clone(),
            searched: body.searched.clone(),
        };
        let copy = Self {
            body: self.body.as_ref().map(kept),
            url: self.url.clone(),
            peer: self.peer.clone(),
            status: self.status.clone(),
            headers: self.headers.clone(),
            certificates: self.certificates.clone(),
            grpc: self.grpc.clone(),
            notes: self.notes.clone(),
            trouble: self.trouble.clone(),
            ..*self
        };
        copy.into_evidence()
    }

    /// The same without a copy.
    pub fn into_evidence(mut self) -> Self {
        self.shorten();
        self
    }

    /// Forgets what only the judge needed: what is kept as evidence has a bound.
    pub fn shorten(&mut self) {
        if let Some(body) = &mut self.body {
            body.shorten(Body::EVIDENCE);
        }
        for (_, value) in &mut self.headers {
            *value = bounded(std::mem::take(value));
        }
    }

    /// The answer as it came, as far as it is kept: status line, headers and body; or what a command printed. Empty when
    /// nothing came.
    pub fn answer_text(&self) -> String {
        let mut text = String::new();
        if let Some(line) = &self.status {
            text = format!("{} {line}\n", line.version);
            for (name, value) in &self.headers {
                text += &format!("{name}: {value}\n");
            }
            text.push('\n');
        }
        if let Some(body) = &self.body {
            text += &String::from_utf8_lossy(&body.kept);
            if !body.is_whole() {
                let kept = body.kept.len();
                text += &format!(
                    "\n[the first {kept} of {}]",
                    counted(body.size, "byte", "bytes")
                );
            }
        }
        text
    }

    /// What came, in a few words: the status, the exit code, or the first line of an answer that has
    /// neither, or just the connection.
    pub fn gist(&self) -> String {
        if let Some(answer) = &self.grpc {
            return answer.to_string();
        }
        match (&self.status, self.exit) {
            (Some(line), _) => format!("status {line}"),
            (None, Some(code)) => exit::code_text(code, self.body.as_ref()),
            (None, None) => match self.body.as_ref().and_then(Body::first_line) {
                Some(line) => format!("answer {line:?}"),
                None if self.phases.get(Phase::Connect).is_some() => "connected".to_owned(),
                None => String::new(),
            },
        }
    }
}

/// The first line of an HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusLine {
    /// For example `HTTP/1.1`.
    pub version: String,
    /// 100 to 999.
    pub code: u16,
    /// As sent, which may be empty.
    pub reason: String,
}

/// One certificate of the peer's chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The subject, in RFC 4514 form.
    pub subject: String,
    /// The issuer, in RFC 4514 form.
    pub issuer: String,
    /// DNS names and addresses it is for.
    pub names: Vec<String>,
    /// Start of validity, seconds since the Unix epoch.
    pub not_before: i64,
    /// End of validity, seconds since the Unix epoch.
    pub not_after: i64,
    /// It is part of the path on which the chain was verified.
    #[serde(default)]
    pub verified: bool,
}

/// How long each phase took; `None` for a phase that was not reached or not needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phases {
    #[serde(with = "optional_seconds")]
    dns: Option<Duration>,
    #[serde(with = "optional_seconds")]
    connect: Option<Duration>,
    #[serde(with = "optional_seconds")]
    tls: Option<Duration>,
    #[serde(with = "optional_seconds")]
    first_byte: Option<Duration>,
    #[serde(with = "optional_seconds")]
    body: Option<Duration>,
}

impl Phases {
    /// How long `phase` took.
    pub fn get(&self, phase: Phase) -> Option<Duration> {
        match phase {
            Phase::Dns => self.dns,
            Phase::Connect => self.connect,
            Phase::Tls => self.tls,
            Phase::FirstByte => self.first_byte,
            Phase::Body => self.body,
        }
    }

    /// Adds `span` to `phase`.
    pub fn add(&mut self, phase: Phase, span: Duration) {
        let slot = match phase {
            Phase::Dns => &mut self.dns,
            Phase::Connect => &mut self.connect,
            Phase::Tls => &mut self.tls,
            Phase::FirstByte => &mut self.first_byte,
            Phase::Body => &mut self.body,
        };
        *slot = Some(slot.unwrap_or_default() + span);
    }

    /// The phases that were reached, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Phase, Duration)> + '_ {
        Phase::ALL
            .into_iter()
            .filter_map(|phase| self.get(phase).map(|span| (phase, span)))
    }
}

/// What went wrong while asking, as opposed to an answer that is not the wanted one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// From the closed list; never `status` or `assertion`, which are opinions.
    pub reason: Reason,
    /// Where it happened.
    pub phase: Phase,
    /// The deepest cause in words, without secrets.
    pub detail: String,
}

impl Trouble {
    /// Trouble of `reason` in `phase`, described by `detail`.
    pub fn new(reason: Reason, phase: Phase, detail: impl Into<String>) -> Self {
        Self {
            reason,
            phase,
            detail: bounded(detail),
        }
    }
}

mod seconds {
    use super::Duration;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(span: &Duration, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_f64(span.as_secs_f64())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

mod optional_seconds {
    use super::Duration;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(span: &Option<Duration>, s: S) -> Result<S::Ok, S::Error> {
        span.map(|span| span.as_secs_f64()).serialize(s)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Duration>, D::Error> {
        Option::<f64>::deserialize(d)?
            .map(Duration::try_from_secs_f64)
            .transpose()
            .map_err(serde::de::Error::custom)
    }
}
