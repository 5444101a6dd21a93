//! Metrics as text, in OpenMetrics 1.0 or in Prometheus's older format (0.0.4): families with their metadata,
//! samples with escaped labels, the end mark. Which families there are is in `super::metrics` and
//! [`super::probes`].
//!
//! States are gauges of 0 and 1 and no `stateset`, so that the OpenMetrics text of a one-shot check, which has
//! gauges alone, is also what node_exporter's textfile collector reads: `# UNIT` and `# EOF` are comments there.

mod text;

use std::fmt::Write;

use super::reply::Reply;
use crate::health::Histogram;
use text::{BUCKETS, Labels, ShownLabels, escape, number, write_labels};

/// Units, which are part of the names that carry them.
const UNITS: [&str; 1] = ["seconds"];

/// The format of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetricsFormat {
    /// OpenMetrics 1.0.
    #[default]
    OpenMetrics,
    /// Prometheus 0.0.4.
    Prometheus,
}

impl MetricsFormat {
    /// The media type, as the formats' own documents write it.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// A text under way.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
    format: MetricsFormat,
    /// Every family, also those without a sample.
    families: Vec<MetricFamilyName>,
    labels: ShownLabels,
    /// The last moment that something began to be counted, and how it is written.
    created: (u64, String),
}

/// What a family is, without its samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricFamilyName {
    /// As samples have it, but for the suffixes of a histogram.
    pub name: &'static str,
    /// What its samples end with: `_total`, `_info` or nothing.
    pub suffix: &'static str,
    pub help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MetricType {
    Gauge,
    Counter,
    Histogram,
    Info,
}

/// Points from a sample to what it came from. Only OpenMetrics has a place for it.
#[derive(Clone, Copy, Debug)]
pub struct Exemplar<'a> {
    pub label: (&'a str, &'a str),
    pub value: f64,
    /// In seconds since 1970.
    pub at: f64,
}

impl Exposition {
    pub fn new(format: MetricsFormat) -> Self {
        Self {
            text: String::new(),
            format,
            families: Vec::new(),
            labels: ShownLabels::default(),
            created: (0, String::new()),
        }
    }

    /// Every family that was begun, also those without a sample.
    pub fn families(&self) -> &[MetricFamilyName] {
        &self.families
    }

    /// A family of gauges. A family is written when its first sample comes, since one without samples says nothing.
    pub fn gauge(&mut self, name: &'static str, help: &'static str) -> MetricFamily<'_> {
        self.family(MetricType::Gauge, name, help)
    }

    /// A family of counters; `name` is without `_total`.
    pub fn counter(&mut self, name: &'static str, help: &'static str) -> MetricFamily<'_> {
        self.family(MetricType::Counter, name, help)
    }

    /// A family of histograms.
    pub fn histogram(&mut self, name: &'static str, help: &'static str) -> MetricFamily<'_> {
        self.family(MetricType::Histogram, name, help)
    }

    /// A family whose labels are what it says; `name` is without `_info`.
    pub fn info(&mut self, name: &'static str, help: &'static str) -> MetricFamily<'_> {
        self.family(MetricType::Info, name, help)
    }

    fn family(
        &mut self,
        kind: MetricType,
        name: &'static str,
        help: &'static str,
    ) -> MetricFamily<'_> {
        let suffix = match kind {
            MetricType::Counter => "_total",
            MetricType::Info => "_info",
            MetricType::Gauge | MetricType::Histogram => "",
        };
        self.families.push(MetricFamilyName { name, suffix, help });
        MetricFamily {
            format: self.format,
            text: &mut self.text,
            labels: &mut self.labels,
            created: &mut self.created,
            kind,
            name,
            help,
            begun: false,
        }
    }

    /// All of it. Without its end mark a reader takes an OpenMetrics text for cut off.
    pub fn finish(mut self) -> String {
        if self.format == MetricsFormat::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    /// All of it, as an answer.
    pub fn reply(self) -> Reply {
        let content_type = self.format.content_type();
        Reply::new(hyper::StatusCode::OK, content_type, self.finish())
    }
}

/// One family: samples of one name, which stand together.
#[derive(Debug)]
pub struct MetricFamily<'a> {
    text: &'a mut String,
    labels: &'a mut ShownLabels,
    created: &'a mut (u64, String),
    format: MetricsFormat,
    kind: MetricType,
    name: &'static str,
    help: &'static str,
    begun: bool,
}

impl MetricFamily<'_> {
    /// One sample. No two of a family may have the same labels.
    pub fn sample(&mut self, labels: &Labels<'_>, value: f64) {
        self.begin();
        let suffix = match self.kind {
            MetricType::Info => "_info",
            MetricType::Gauge | MetricType::Counter | MetricType::Histogram => "",
        };
        self.line(suffix, labels, value, None);
    }

    /// One counter, which began at `created` (seconds since 1970).
    pub fn count(
        &mut self,
        labels: &Labels<'_>,
        value: u64,
        created: f64,
        exemplar: Option<Exemplar<'_>>,
    ) {
        self.begin();
        self.line("_total", labels, value as f64, exemplar);
        self.created(labels, created);
    }

    /// One histogram, which began at `created`.
    pub fn buckets(&mut self, labels: &Labels<'_>, histogram: &Histogram, created: f64) {
        self.begin();
        // most lines of a page are these, and they differ in their ends only
        let mut start = format!("{}_bucket", self.name);
        write_labels(&mut start, self.labels, labels);
        match start.strip_suffix('}').map(str::len) {
            Some(open) => start.replace_range(open.., ",le=\""),
            None => start.push_str("{le=\""),
        }
        for ((_, count), bound) in histogram.cumulative().zip(BUCKETS.iter()) {
            self.text.push_str(&start);
            self.text.push_str(bound);
            self.text.push_str("\"} ");
            number(self.text, count as f64);
            self.text.push('\n');
        }
        self.line("_sum", labels, histogram.sum(), None);
        self.line("_count", labels, histogram.count() as f64, None);
        self.created(labels, created);
    }

    /// The older format would take it for a family of its own.
    fn created(&mut self, labels: &Labels<'_>, at: f64) {
        if self.format == MetricsFormat::OpenMetrics {
            // all that a watchdog counts began with it
            if self.created.0 != at.to_bits() || self.created.1.is_empty() {
                let mut text = String::new();
                number(&mut text, at);
                *self.created = (at.to_bits(), text);
            }
            self.text.push_str(self.name);
            self.text.push_str("_created");
            write_labels(self.text, self.labels, labels);
            self.text.push(' ');
            self.text.push_str(&self.created.1);
            self.text.push('\n');
        }
    }

    fn line(
        &mut self,
        suffix: &str,
        labels: &Labels<'_>,
        value: f64,
        exemplar: Option<Exemplar<'_>>,
    ) {
        self.text.push_str(self.name);
        self.text.push_str(suffix);
        write_labels(self.text, self.labels, labels);
        self.text.push(' ');
        number(self.text, value);
        if let (Some(exemplar), MetricsFormat::OpenMetrics) = (exemplar, self.format) {
            self.text.push_str(" # ");
            write_labels(self.text, self.labels, &[exemplar.label]);
            self.text.push(' ');
            number(self.text, exemplar.value);
            self.text.push(' ');
            number(self.text, exemplar.at);
        }
        self.text.push('\n');
    }

    fn begin(&mut self) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let Self {
            name, help, kind, ..
        } = *self;
        // writing to a String cannot fail
        match self.format {
            MetricsFormat::OpenMetrics => {
                let word = match kind {
                    MetricType::Gauge => "gauge",
                    MetricType::Counter => "counter",
                    MetricType::Histogram => "histogram",
                    MetricType::Info => "info",
                };
                let _ = writeln!(self.text, "# TYPE {name} {word}");
                let unit = UNITS.into_iter().find(|unit| {
                    let base = name.strip_suffix(unit);
                    base.is_some_and(|base| base.ends_with('_'))
                });
                if let Some(unit) = unit {
                    let _ = writeln!(self.text, "# UNIT {name} {unit}");
                }
                let _ = write!(self.text, "# HELP {name} ");
                escape(self.text, help, true);
            }
            MetricsFormat::Prometheus => {
                let (suffix, word) = match kind {
                    MetricType::Gauge => ("", "gauge"),
                    MetricType::Counter => ("_total", "counter"),
                    MetricType::Histogram => ("", "histogram"),
                    MetricType::Info => ("_info", "gauge"),
                };
                let _ = write!(self.text, "# HELP {name}{suffix} ");
                escape(self.text, help, false);
                let _ = write!(self.text, "\n# TYPE {name}{suffix} {word}");
            }
        }
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_family_is_its_metadata_and_then_its_samples() {
        let mut page = Exposition::default();
        let mut family = page.gauge("took_seconds", "How long it took.");
        family.sample(&[("check", "a"), ("phase", "dns")], 0.25);
        family.sample(&[("check", "b"), ("phase", "dns")], 3.0);
        page.gauge("plain", "A \"good\" one:\n\\o/")
            .sample(&[], 1.0);
        page.gauge("unused", "Nothing came.");
        assert_eq!(
            page.finish(),
            "# TYPE took_seconds gauge\n\
             # UNIT took_seconds seconds\n\
             # HELP took_seconds How long it took.\n\
             took_seconds{check=\"a\",phase=\"dns\"} 0.25\n\
             took_seconds{check=\"b\",phase=\"dns\"} 3\n\
             # TYPE plain gauge\n\
             # HELP plain A \\\"good\\\" one:\\n\\\\o/\n\
             plain 1\n\
             # EOF\n"
        );
    }

    fn all(format: MetricsFormat) -> String {
        let mut histogram = Histogram::default();
        histogram.add(Duration::from_millis(1500));
        let mut page = Exposition::new(format);
        let exemplar = Exemplar {
            label: ("incident", "0a-1"),
            value: 1.0,
            at: 12.5,
        };
        page.counter("seen", "Looks \"so far\".")
            .count(&[("check", "a")], 3, 10.0, Some(exemplar));
        page.histogram("lasted_seconds", "Time.")
            .buckets(&[], &histogram, 10.0);
        page.info("build", "Which.")
            .sample(&[("version", "1")], 1.0);
        page.finish()
    }

    #[test]
    fn openmetrics_has_counters_histograms_infos_and_exemplars() {
        let text = all(MetricsFormat::OpenMetrics);
        for part in [
            "# TYPE seen counter\n# HELP seen Looks \\\"so far\\\".\n",
            "\nseen_total{check=\"a\"} 3 # {incident=\"0a-1\"} 1 12.5\nseen_created{check=\"a\"} 10\n",
            "\nlasted_seconds_bucket{le=\"1.0\"} 0\n",
            "\nlasted_seconds_bucket{le=\"2.5\"} 1\n",
            "\nlasted_seconds_bucket{le=\"+Inf\"} 1\nlasted_seconds_sum 1.5\nlasted_seconds_count 1\n",
            "\nlasted_seconds_created 10\n",
            "\n# TYPE build info\n# HELP build Which.\nbuild_info{version=\"1\"} 1\n# EOF\n",
        ] {
            assert!(format!("\n{text}").contains(part), "{part:?} in {text}");
        }
    }

    #[test]
    fn prometheus_format_has_full_names_and_no_openmetrics_syntax() {
        let text = all(MetricsFormat::Prometheus);
        for part in [
            "\n# HELP seen_total Looks \"so far\".\n# TYPE seen_total counter\nseen_total{check=\"a\"} 3\n",
            "\n# TYPE build_info gauge\nbuild_info{version=\"1\"} 1\n",
        ] {
            assert!(format!("\n{text}").contains(part), "{part:?} in {text}");
        }
        for absent in ["EOF", "UNIT", "_created", "incident"] {
            assert!(!text.contains(absent), "{absent} in {text}");
        }
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn labels_and_numbers_are_written_as_the_grammar_has_them() {
        let line = |label: &str, value: f64| {
            let mut page = Exposition::default();
            page.gauge("x", "").sample(&[("check", label)], value);
            let text = page.finish();
            text.lines().nth(2).map(str::to_owned)
        };
        for (label, value, expected) in [
            (
                "caf\u{e9} \u{1f600}",
                1.5,
                "x{check=\"caf\u{e9} \u{1f600}\"} 1.5",
            ),
            ("a\"b\\c\nd", 0.0, "x{check=\"a\\\"b\\\\c\\nd\"} 0"),
            ("{},=", 1_795_215_633.0, "x{check=\"{},=\"} 1795215633"),
            ("", f64::INFINITY, "x{check=\"\"} +Inf"),
            ("", f64::NEG_INFINITY, "x{check=\"\"} -Inf"),
            ("", f64::NAN, "x{check=\"\"} NaN"),
            ("", 0.000_000_001, "x{check=\"\"} 0.000000001"),
            ("", -42.0, "x{check=\"\"} -42"),
            ("", -0.5, "x{check=\"\"} -0.5"),
            (
                "",
                9_007_199_254_740_991.0,
                "x{check=\"\"} 9007199254740991",
            ),
            ("", 1e300, &format!("x{{check=\"\"}} {}", 1e300)),
        ] {
            assert_eq!(line(label, value).as_deref(), Some(expected));
        }
    }
}
