//! One JSON object a line and URL (JSON lines), in the order of the command line.
//!
//! The schema is a promise: keys are added, never renamed or removed, and every key is always there.
//! Times are seconds. It is described in the manual page of `check`.

use serde::Serialize;

use super::visible;
use crate::cli::check::Checked;
use crate::escape;
use crate::health::{Phase, Phases, Reason, Verdict};
use crate::secret::shown_url;

#[derive(Serialize)]
struct JsonCheck<'a> {
    name: &'a str,
    url: &'a str,
    verdict: Verdict,
    reason: Option<Reason>,
    phase: Option<Phase>,
    detail: &'a str,
    status: Option<u16>,
    version: Option<&'a str>,
    duration: f64,
    phases: &'a Phases,
    looks: u32,
    peer: Option<&'a str>,
    redirects: u32,
    final_url: String,
    size: Option<u64>,
    excerpt: Option<String>,
    headers: &'a [(String, String)],
    expectations: Vec<JsonExpectation<'a>>,
    certificate: Option<JsonCertificate<'a>>,
}

#[derive(Serialize)]
struct JsonExpectation<'a> {
    expected: &'a str,
    actual: &'a str,
    met: bool,
}

#[derive(Serialize)]
struct JsonCertificate<'a> {
    subject: &'a str,
    issuer: &'a str,
    names: &'a [String],
    not_before: i64,
    not_after: i64,
}

/// Every result as a line.
pub fn json(results: &[Checked]) -> String {
    let line = |checked: &Checked| {
        // only a map with odd keys could fail to be written, and there is none
        serde_json::to_string(&of(checked))
            .map_or_else(|why| why.to_string(), |line| escape::unhidden(line) + "\n")
    };
    results.iter().map(line).collect()
}

fn of(checked: &Checked) -> JsonCheck<'_> {
    let (seen, judgement) = (&checked.seen, &checked.judgement);
    let body = seen.body.as_ref();
    JsonCheck {
        name: &checked.name,
        url: &checked.url,
        verdict: judgement.verdict,
        reason: judgement.reason,
        phase: judgement.phase,
        detail: &judgement.detail,
        status: seen.status.as_ref().map(|status| status.code),
        version: seen.status.as_ref().map(|status| status.version.as_str()),
        duration: seen.duration.as_secs_f64(),
        phases: &seen.phases,
        looks: checked.probes,
        peer: seen.peer.as_deref(),
        redirects: seen.redirects,
        final_url: match seen.url.is_empty() {
            true => checked.url.clone(),
            false => shown_url(&seen.url),
        },
        size: body.map(|body| body.size),
        excerpt: body
            .filter(|_| judgement.verdict != Verdict::Pass)
            .map(|body| visible::excerpt(&body.kept, body.size).0.join("\n")),
        headers: &seen.headers,
        expectations: judgement
            .findings
            .iter()
            .map(|finding| JsonExpectation {
                expected: &finding.expected,
                actual: &finding.actual,
                met: finding.met,
            })
            .collect(),
        certificate: seen.certificates.first().map(|leaf| JsonCertificate {
            subject: &leaf.subject,
            issuer: &leaf.issuer,
            names: &leaf.names,
            not_before: leaf.not_before,
            not_after: leaf.not_after,
        }),
    }
}
