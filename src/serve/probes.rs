//! The newest probe of each check as metrics, under the names that blackbox_exporter has made common, so that
//! existing rules and dashboards fit; with the check's name as label `check`.
//!
//! What was not seen is not written: no status without an answer, no phase that was not reached. A zero in its
//! place would look like a measured one.

use std::collections::BTreeMap;

use super::openmetrics::Exposition;
use crate::health::{CheckView, Judgement, Observation, Phase, ProbeFacts, Reason, Verdict};

/// One probe in numbers.
#[derive(Clone, Copy, Debug)]
pub struct ProbeSample<'a> {
    /// The check's name.
    pub check: &'a str,
    pub verdict: Verdict,
    pub reason: Option<Reason>,
    /// In seconds; `None` where nothing was asked.
    pub took: Option<f64>,
    pub code: Option<u16>,
    /// `None`: an earlier run probed it.
    pub facts: Option<ProbeFacts>,
}

impl<'a> ProbeSample<'a> {
    /// One probe of `check` and what it came to.
    pub fn of(check: &'a str, seen: &Observation, judgement: &Judgement) -> Self {
        Self {
            check,
            verdict: judgement.verdict,
            reason: judgement.reason,
            took: Some(seen.duration.as_secs_f64()),
            code: seen.status.as_ref().map(|line| line.code),
            facts: Some(ProbeFacts::from(seen)),
        }
    }

    /// The newest probe of `check`, if there was one.
    pub fn newest(check: &'a CheckView) -> Option<Self> {
        let last = check.last.as_ref()?;
        Some(Self {
            check: &check.name,
            verdict: last.verdict,
            reason: last.reason,
            took: check.is_probed().then_some(last.took),
            code: last.code,
            facts: check.seen,
        })
    }
}

/// Writes `samples` in families. Of checks that have the same name all but the first get a number.
pub fn write(samples: &[ProbeSample<'_>], page: &mut Exposition) {
    let names = names(samples);
    let named = || names.iter().map(String::as_str).zip(samples);

    let mut family = page.gauge(
        "probe_success",
        "Whether the check passes; degraded passes, too.",
    );
    for (check, sample) in named() {
        let good = matches!(sample.verdict, Verdict::Pass | Verdict::Degraded);
        family.sample(&[("check", check)], f64::from(u8::from(good)));
    }

    let mut family = page.gauge("probe_duration_seconds", "How long the whole probe took.");
    for (check, sample) in named() {
        if let Some(took) = sample.took {
            family.sample(&[("check", check)], took);
        }
    }

    let mut family = page.gauge(
        "httpok_check_verdict",
        "1 for the verdict, 0 for the others.",
    );
    for (check, sample) in named() {
        for verdict in Verdict::ALL {
            let is = f64::from(u8::from(verdict == sample.verdict));
            family.sample(&[("check", check), ("verdict", verdict.as_str())], is);
        }
    }

    let mut family = page.gauge(
        "probe_failure_reason",
        "1 for the reason why the check does not pass; the other reasons are not listed.",
    );
    for (check, sample) in named() {
        if let Some(reason) = sample.reason {
            family.sample(&[("check", check), ("reason", reason.as_str())], 1.0);
        }
    }

    let mut family = page.gauge(
        "probe_http_status_code",
        "The status of the answer, after redirects.",
    );
    for (check, sample) in named() {
        if let Some(code) = sample.code {
            family.sample(&[("check", check)], f64::from(code));
        }
    }

    let mut family = page.gauge(
        "probe_http_duration_seconds",
        "How long each phase of the probe took, summed over redirects; only those that were reached.",
    );
    for (check, sample) in named() {
        let phases = sample.facts.map(|facts| facts.phases).unwrap_or_default();
        for (phase, span) in phases.iter() {
            let labels = [("check", check), ("phase", phase_name(phase))];
            family.sample(&labels, span.as_secs_f64());
        }
    }

    let mut family = page.gauge(
        "probe_ssl_earliest_cert_expiry",
        "When the first of the peer's certificates expires, in seconds since 1970, trusted or not.",
    );
    for (check, sample) in named() {
        let first = sample.facts.and_then(|facts| facts.certificate_expires);
        if let Some(first) = first {
            #[expect(clippy::cast_precision_loss, reason = "exact for 285 million years")]
            family.sample(&[("check", check)], first as f64);
        }
    }
}

/// What blackbox_exporter calls it.
const fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Dns => "resolve",
        Phase::Connect => "connect",
        Phase::Tls => "tls",
        Phase::FirstByte => "processing",
        Phase::Body => "transfer",
    }
}

/// The label of each of `samples`. Two samples with the same labels would make the whole text invalid.
fn names(samples: &[ProbeSample<'_>]) -> Vec<String> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let checks = samples.iter().map(|sample| sample.check);
    let numbered = checks.map(|check| {
        let count = seen.entry(check).or_default();
        *count += 1;
        match *count {
            1 => check.to_owned(),
            n => format!("{check} #{n}"),
        }
    });
    numbered.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::health::{Certificate, Expectation, Reason, StatusLine, Trouble};

    fn written(probes: &[(&str, Observation)]) -> String {
        let samples: Vec<_> = probes
            .iter()
            .map(|(check, seen)| ProbeSample::of(check, seen, &Expectation::default().judge(seen)))
            .collect();
        let mut page = Exposition::default();
        write(&samples, &mut page);
        page.finish()
    }

    fn samples(text: &str) -> Vec<&str> {
        text.lines().filter(|line| !line.starts_with('#')).collect()
    }

    fn ends(not_after: i64) -> Certificate {
        Certificate {
            subject: String::new(),
            issuer: String::new(),
            names: Vec::new(),
            not_before: 0,
            not_after,
            verified: false,
        }
    }

    #[test]
    fn response_is_written_with_all_observed_facts() {
        let mut seen = Observation {
            duration: Duration::from_millis(1500),
            status: Some(StatusLine {
                version: "HTTP/1.1".into(),
                code: 200,
                reason: "OK".into(),
            }),
            certificates: vec![ends(1_900_000_000), ends(1_800_000_000)],
            ..Observation::default()
        };
        seen.phases.add(Phase::Dns, Duration::from_millis(250));
        seen.phases.add(Phase::FirstByte, Duration::from_secs(1));
        let text = written(&[("shop", seen)]);
        assert_eq!(
            samples(&text),
            [
                "probe_success{check=\"shop\"} 1",
                "probe_duration_seconds{check=\"shop\"} 1.5",
                "httpok_check_verdict{check=\"shop\",verdict=\"pass\"} 1",
                "httpok_check_verdict{check=\"shop\",verdict=\"degraded\"} 0",
                "httpok_check_verdict{check=\"shop\",verdict=\"starting\"} 0",
                "httpok_check_verdict{check=\"shop\",verdict=\"draining\"} 0",
                "httpok_check_verdict{check=\"shop\",verdict=\"fail\"} 0",
                "httpok_check_verdict{check=\"shop\",verdict=\"unknown\"} 0",
                "probe_http_status_code{check=\"shop\"} 200",
                "probe_http_duration_seconds{check=\"shop\",phase=\"resolve\"} 0.25",
                "probe_http_duration_seconds{check=\"shop\",phase=\"processing\"} 1",
                "probe_ssl_earliest_cert_expiry{check=\"shop\"} 1800000000",
            ]
        );
    }

    #[test]
    fn trouble_has_its_reason_and_only_observed_facts() {
        let trouble = Trouble::new(Reason::Refused, Phase::Connect, "nobody");
        let text = written(&[("db", Observation::of_trouble(trouble))]);
        let samples = samples(&text);
        assert!(samples.contains(&"probe_success{check=\"db\"} 0"), "{text}");
        assert!(
            samples.contains(&"probe_failure_reason{check=\"db\",reason=\"refused\"} 1"),
            "{text}"
        );
        for absent in ["status_code", "http_duration", "cert_expiry"] {
            assert!(!text.contains(absent), "{absent}: {text}");
        }
    }

    #[test]
    fn no_two_samples_have_the_same_labels() {
        let text = written(&["a", "a", "b", "a"].map(|name| (name, Observation::default())));
        let mut samples: Vec<_> = samples(&text)
            .into_iter()
            .filter(|line| line.starts_with("probe_success"))
            .collect();
        assert!(
            samples.contains(&"probe_success{check=\"a #3\"} 1"),
            "{text}"
        );
        samples.sort_unstable();
        samples.dedup();
        assert_eq!(samples.len(), 4);
    }
}
