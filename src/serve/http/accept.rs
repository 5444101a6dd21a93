//! What a client takes, by its `Accept` headers.

use crate::serve::openmetrics::MetricsFormat;
use crate::sorted;

/// One member of an `Accept` header.
#[derive(Clone, Debug, PartialEq)]
struct Range<'a> {
    media: String,
    version: Option<&'a str>,
    weight: f64,
}

fn ranges(accept: &str) -> Vec<Range<'_>> {
    let mut ranges: Vec<_> = accept.split(',').filter_map(range).collect();
    // stable: of equal weights the first is meant
    sorted::by(&mut ranges, |one, other| {
        other.weight.total_cmp(&one.weight)
    });
    ranges
}

fn range(text: &str) -> Option<Range<'_>> {
    let mut parts = text.split(';').map(str::trim);
    let media = parts.next().filter(|media| !media.is_empty())?;
    let mut range = Range {
        media: media.to_ascii_lowercase(),
        version: None,
        weight: 1.0,
    };
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "q" => range.weight = value.trim().parse().ok().filter(|q: &f64| q.is_finite())?,
            "version" => range.version = Some(value.trim().trim_matches('"')),
            _ => {}
        }
    }
    (range.weight > 0.0).then_some(range)
}

/// The format of metrics. What matches nothing gets the older one, not an error: so do browsers, curl, and those
/// who ask for versions that are not spoken here.
pub fn metrics(accept: &str) -> MetricsFormat {
    let fits = |range: &Range<'_>| match range.media.as_str() {
        "application/openmetrics-text" => {
            matches!(range.version, None | Some("1.0.0")).then_some(MetricsFormat::OpenMetrics)
        }
        "text/plain" => {
            matches!(range.version, None | Some("0.0.4")).then_some(MetricsFormat::Prometheus)
        }
        "text/*" | "*/*" => Some(MetricsFormat::Prometheus),
        _ => None,
    };
    ranges(accept)
        .iter()
        .find_map(fits)
        .unwrap_or(MetricsFormat::Prometheus)
}

/// Whether `media` is wanted rather than what is sent without an Accept header.
pub fn prefers(accept: &str, media: &str) -> bool {
    let ranges = ranges(accept);
    let wanted = ranges.iter().find(|range| range.media == media);
    let json = ranges
        .iter()
        .find(|range| range.media == "application/json");
    match (wanted, json) {
        (Some(wanted), Some(json)) => wanted.weight >= json.weight,
        (wanted, _) => wanted.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Prometheus 3 sends by default.
    const PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
        application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
        text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

    #[test]
    fn metrics_are_negotiated_by_weight_and_version() {
        use MetricsFormat::{OpenMetrics, Prometheus};
        for (accept, format) in [
            (PROMETHEUS, OpenMetrics),
            ("", Prometheus),
            ("*/*", Prometheus),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Prometheus),
            ("application/openmetrics-text", OpenMetrics),
            (
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
                OpenMetrics,
            ),
            (
                "Application/OpenMetrics-Text;Version=\"1.0.0\"",
                OpenMetrics,
            ),
            ("application/openmetrics-text;version=0.0.1", Prometheus),
            (
                "application/openmetrics-text;version=0.0.1,text/plain;version=0.0.4;q=0.1",
                Prometheus,
            ),
            (
                "application/openmetrics-text;version=1.0.0;q=0.2,text/plain;q=0.5",
                Prometheus,
            ),
            (
                "application/openmetrics-text;version=1.0.0;q=0,*/*",
                Prometheus,
            ),
            (
                "text/plain;version=1.0.0,application/openmetrics-text;q=0.1",
                OpenMetrics,
            ),
            ("application/vnd.google.protobuf;proto=x", Prometheus),
            (",,;q=1,application/openmetrics-text;q=nan", Prometheus),
        ] {
            assert_eq!(metrics(accept), format, "{accept}");
        }
    }

    #[test]
    fn health_json_requires_its_media_type() {
        let media = "application/health+json";
        for (accept, wanted) in [
            ("application/health+json", true),
            ("application/health+json, application/json;q=0.9", true),
            ("application/json, application/health+json;q=0.5", false),
            ("*/*", false),
            ("application/*", false),
            ("", false),
            ("application/health+json;q=0", false),
        ] {
            assert_eq!(prefers(accept, media), wanted, "{accept}");
        }
    }
}
