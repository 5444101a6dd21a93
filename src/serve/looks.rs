//! The newest look of each check as metrics, under the names that blackbox_exporter has made common, so that
//! existing rules and dashboards fit; with the check's name as label `check`.
//!
//! What was not seen is not told: no status without an answer, no phase that was not reached. A zero in its
//! place could not be told from a measured one.

use std::collections::BTreeMap;

use super::openmetrics::Exposition;
use crate::health::{Judgement, Observation, Phase, Verdict};

/// One look and what it came to.
#[derive(Clone, Copy, Debug)]
pub struct CheckSample<'a> {
    /// The check's name.
    pub check: &'a str,
    pub seen: &'a Observation,
    pub judgement: &'a Judgement,
}

/// Tells `looks` in families. Of checks that have the same name all but the first are told apart by a number.
pub fn tell(looks: &[CheckSample<'_>], page: &mut Exposition) {
    let names = names(looks);
    let named = || names.iter().map(String::as_str).zip(looks);

    let mut family = page.gauge(
        "probe_success",
        "Whether the check passes; degraded passes, too.",
    );
    for (check, look) in named() {
        let good = matches!(look.judgement.verdict, Verdict::Pass | Verdict::Degraded);
        family.sample(&[("check", check)], f64::from(u8::from(good)));
    }

    let mut family = page.gauge("probe_duration_seconds", "How long the whole look took.");
    for (check, look) in named() {
        family.sample(&[("check", check)], look.seen.duration.as_secs_f64());
    }

    let mut family = page.gauge(
        "httpok_check_verdict",
        "1 for the verdict, 0 for the others.",
    );
    for (check, look) in named() {
        for verdict in Verdict::ALL {
            let is = f64::from(u8::from(verdict == look.judgement.verdict));
            family.sample(&[("check", check), ("verdict", verdict.as_str())], is);
        }
    }

    let mut family = page.gauge(
        "probe_failure_reason",
        "1 for the reason why the check does not pass; the other reasons are not listed.",
    );
    for (check, look) in named() {
        if let Some(reason) = look.judgement.reason {
            family.sample(&[("check", check), ("reason", reason.as_str())], 1.0);
        }
    }

    let mut family = page.gauge(
        "probe_http_status_code",
        "The status of the answer, after redirects.",
    );
    for (check, look) in named() {
        if let Some(status) = &look.seen.status {
            family.sample(&[("check", check)], f64::from(status.code));
        }
    }

    let mut family = page.gauge(
        "probe_http_duration_seconds",
        "How long each phase of the look took, summed over redirects; only those that were reached.",
    );
    for (check, look) in named() {
        for (phase, span) in look.seen.phases.iter() {
            let labels = [("check", check), ("phase", phase_name(phase))];
            family.sample(&labels, span.as_secs_f64());
        }
    }

    let mut family = page.gauge(
        "probe_ssl_earliest_cert_expiry",
        "When the first of the peer's certificates expires, in seconds since 1970, trusted or not.",
    );
    for (check, look) in named() {
        let ends = look.seen.certificates.iter().map(|one| one.not_after);
        if let Some(first) = ends.min() {
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

/// The label of each of `looks`. Two samples with the same labels would make the whole text invalid.
fn names(looks: &[CheckSample<'_>]) -> Vec<String> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let checks = looks.iter().map(|look| look.check);
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

    fn told(looks: &[(&str, Observation)]) -> String {
        let judgements: Vec<_> = looks
            .iter()
            .map(|(_, seen)| Expectation::default().judge(seen))
            .collect();
        let looks: Vec<_> = looks
            .iter()
            .zip(&judgements)
            .map(|((check, seen), judgement)| CheckSample {
                check,
                seen,
                judgement,
            })
            .collect();
        let mut page = Exposition::default();
        tell(&looks, &mut page);
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
        }
    }

    #[test]
    fn an_answer_is_told_with_all_that_was_seen_of_it() {
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
        let text = told(&[("shop", seen)]);
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
    fn trouble_has_its_reason_and_nothing_that_was_not_seen() {
        let trouble = Trouble::new(Reason::Refused, Phase::Connect, "nobody");
        let text = told(&[("db", Observation::of_trouble(trouble))]);
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
        let text = told(&["a", "a", "b", "a"].map(|name| (name, Observation::default())));
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
