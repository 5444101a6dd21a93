//! OpenMetrics 1.0 text: families with their metadata, samples with escaped labels, the end mark. Which
//! families there are is told by others, such as [`super::looks`].
//!
//! What is written is also Prometheus's older text format (0.0.4), because that is what node_exporter's
//! textfile collector reads: there `# UNIT` and `# EOF` are comments. Kinds of metrics that it does not
//! know would cost the whole file, so states are gauges of 0 and 1 and no `stateset`.

use std::fmt::Write;

/// Units, which are part of the names that carry them.
const UNITS: [&str; 1] = ["seconds"];

/// A text under way.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
}

impl Exposition {
    /// A family of gauges. It is written when its first sample comes, since one without samples says nothing.
    pub fn gauge(&mut self, name: &'static str, help: &'static str) -> Family<'_> {
        Family {
            text: &mut self.text,
            name,
            help,
            begun: false,
        }
    }

    /// All of it. Without the end mark a reader takes a text for cut off.
    pub fn finish(mut self) -> String {
        self.text.push_str("# EOF\n");
        self.text
    }
}

/// One family: samples of one name, which stand together.
#[derive(Debug)]
pub struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
    help: &'static str,
    begun: bool,
}

impl Family<'_> {
    /// One sample. No two of a family may have the same labels.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: f64) {
        if !self.begun {
            self.begin();
            self.begun = true;
        }
        self.text.push_str(self.name);
        for (at, (label, value)) in labels.iter().enumerate() {
            self.text.push(if at == 0 { '{' } else { ',' });
            self.text.push_str(label);
            self.text.push_str("=\"");
            escape(self.text, value);
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        self.text.push(' ');
        number(self.text, value);
        self.text.push('\n');
    }

    fn begin(&mut self) {
        let Self { name, help, .. } = *self;
        // writing to a String cannot fail
        let _ = writeln!(self.text, "# TYPE {name} gauge");
        let unit = UNITS.into_iter().find(|unit| {
            let base = name.strip_suffix(unit);
            base.is_some_and(|base| base.ends_with('_'))
        });
        if let Some(unit) = unit {
            let _ = writeln!(self.text, "# UNIT {name} {unit}");
        }
        let _ = write!(self.text, "# HELP {name} ");
        escape(self.text, help);
        self.text.push('\n');
    }
}

fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}

/// As Go and the format's grammar write it, where Rust says `inf`.
fn number(out: &mut String, value: f64) {
    let _ = match value.is_infinite() {
        true if value > 0.0 => write!(out, "+Inf"),
        true => write!(out, "-Inf"),
        false => write!(out, "{value}"),
    };
}

#[cfg(test)]
mod tests {
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
        ] {
            assert_eq!(line(label, value).as_deref(), Some(expected));
        }
    }
}
