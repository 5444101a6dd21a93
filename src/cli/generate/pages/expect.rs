//! The page about what is expected of answers. Presets, reasons and metrics are written from what the program
//! itself uses.

use serde_json::Value;

use super::super::roff::Paragraph::{Term, Text};
use super::super::roff::{Paragraph, Roff};
use crate::config::presets;
use crate::health::{Reason, Verdict};
use crate::serve::metrics;

const GRAMMAR: &[Paragraph] = &[Text(
    "An assertion is a query, a predicate and a value, such as jsonpath \"$.status\" == \"UP\". It stands in expect, \
         degraded and the when of verdicts in httpok.toml(5), and after --expect. All assertions are evaluated, and all \
         that do not hold are reported with what was expected and what was found. One that cannot be evaluated, such as a \
         jsonpath over a body that is not JSON, does not hold, with not before it or without. JSON is what RFC 8259 says, nested \
         up to 512 levels; half a character (\\ud800 alone) is read as U+FFFD.",
)];

const QUERIES: &[Paragraph] = &[
    Term(
        "status",
        "The status code: status == 200, status in 200-299.",
    ),
    Term(
        "header \"NAME\"",
        "The values of the header: header \"Content-Type\" startsWith \"text/\".",
    ),
    Term("body", "The body as text: body contains \"all fine\"."),
    Term(
        "line",
        "The body without its last line end: line == \"OK\".",
    ),
    Term(
        "jsonpath \"PATH\"",
        "The values that the path (RFC 9535) finds in the body: jsonpath \"$.items\" count > 0.",
    ),
    Term(
        "metric NAME{label=\"value\"}",
        "The samples of the metric in a body in the text formats of Prometheus or OpenMetrics: metric queue_length < 100.",
    ),
    Term(
        "duration",
        "How long the whole probe took: duration < 500ms. A bare number is seconds.",
    ),
    Term("size", "The bytes of the body: size <= 10KiB."),
    Term(
        "certificate expires",
        "How long the certificate is still valid, the first to expire of the chain that was sent: certificate expires > 14d.",
    ),
    Term("version", "The protocol: version == \"HTTP/1.1\"."),
    Term("url", "The URL that answered, after redirects."),
];

const PREDICATES: &[Paragraph] = &[
    Term(
        "==, !=, <, <=, >, >=",
        "Comparisons with a number, a text in quotes, a duration or a size.",
    ),
    Term("in", "A value or range of a list: in 200-299, in 200, 204."),
    Term(
        "contains, startsWith, endsWith",
        "Parts of a text; contains also finds an element of a JSON list.",
    ),
    Term(
        "matches",
        "A regular expression between slashes: matches /^ok$/i. A body of any size is searched while it comes; where the \
         pattern has a \\b, that goes as far as max_parsed, unless it is (?-u:\\b), the word boundary of ASCII.",
    ),
    Term("exists", "Something was found."),
    Term("isEmpty", "The text, list or object is empty."),
    Term("count", "The number of values that were found: count >= 3."),
    Term("not", "Before any predicate: it does not hold."),
    Term(
        "every, any",
        "Before a comparison: over each element of a JSON list. Several values that were found must all meet a predicate, \
         unless any stands before it.",
    ),
];

const NUMBERS: &[Paragraph] = &[Text(
    "Whole numbers are compared exactly: in texts (header, line, body) and in assertions of any usual length, in JSON up to 64 \
         bits. JSON's larger numbers, and the values of metrics beyond 53 bits, are floats of about 16 digits. A comparison \
         that the lost digits would decide, such as == with a whole number next to it, cannot be evaluated: it does not hold, \
         with not before it or without. One with a number further away, a range around it, or a number that is written as a \
         float (1.8446744073709552e19) is decided. A number beyond the range of floats, such as 1e400, counts as 1e308.",
)];

const EXIT: &[Paragraph] = &[
    Text("Of httpok check and of httpok watch --once:"),
    Term("0", "All pass."),
    Term("1", "The worst verdict is degraded, starting or draining."),
    Term("2", "The worst verdict is fail."),
    Term(
        "3",
        "Unknown: malformed usage, an invalid configuration, or trouble of httpok itself.",
    ),
    Text(
        "Of other commands: 0 done, 3 not done. httpok simulate returns 1 where decisions differ from the journal's, httpok watch \
         after a second SIGTERM.",
    ),
    Text(
        "Of the listener under supervisord: 0 when it was asked to end, 1 when it cannot listen there, 255 for a malformed \
         command line.",
    ),
    Text(
        "Of a command that is a check: 0 passes, 1 is degraded, 3 is unknown, and anything else fails, as for plugins of \
         Nagios.",
    ),
];

pub fn write(page: &mut Roff) {
    page.heading("DESCRIPTION");
    paragraphs(page, GRAMMAR);
    page.heading("QUERIES");
    paragraphs(page, QUERIES);
    page.heading("PREDICATES");
    paragraphs(page, PREDICATES);
    page.heading("LARGE NUMBERS");
    paragraphs(page, NUMBERS);
    page.heading("VERDICTS");
    for verdict in Verdict::ALL {
        page.term(verdict.as_str(), meaning(verdict));
    }
    page.heading("PRESETS");
    page.text(
        "A preset is a set of keys for a product's endpoint. It stands between the keys of a check and the defaults, so \
         each key can be overridden.",
    );
    presets::all().for_each(|preset| write_preset(page, preset));
    page.heading("FAILURE REASONS");
    page.text("Of the service:");
    write_reasons(page, false);
    page.text("Of httpok itself; the verdict is unknown then, and never leads to a restart:");
    write_reasons(page, true);
    page.heading("EXIT STATUS");
    paragraphs(page, EXIT);
    page.heading("METRICS");
    page.text(
        "At /metrics of [serve] listen and of httpok check --format openmetrics; those of a check have its name as label \
         check. Names that begin with probe_ mean what they mean in blackbox_exporter. What was not seen is left out.",
    );
    for family in metrics::catalogue() {
        page.term(&format!("{}{}", family.name, family.suffix), family.help);
    }
}

fn paragraphs(page: &mut Roff, paragraphs: &[Paragraph]) {
    paragraphs
        .iter()
        .for_each(|paragraph| page.paragraph(paragraph));
}

const fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "The answer is as expected.",
        Verdict::Degraded => {
            "It answers, and a person should know something; a restart would not help."
        }
        Verdict::Starting => "It is coming up: the grace goes on.",
        Verdict::Draining => "It is going down on purpose: nothing is done.",
        Verdict::Fail => "It is not as expected. Only this verdict counts towards a restart.",
        Verdict::Unknown => {
            "Unknown, for a reason of httpok itself or of its configuration; the probe does not count."
        }
    }
}

fn write_reasons(page: &mut Roff, ours: bool) {
    for reason in Reason::ALL
        .into_iter()
        .filter(|reason| reason.is_ours() == ours)
    {
        let meaning = reason.meaning();
        let (first, rest) = meaning.split_at(1);
        page.term(reason.as_str(), &format!("{}{rest}.", first.to_uppercase()));
    }
}

fn write_preset(page: &mut Roff, preset: &presets::Preset) {
    page.subheading(preset.name);
    for (end, keys) in preset.texts() {
        let words: Vec<_> = keys
            .lines()
            .map_while(|line| line.strip_prefix("# "))
            .collect();
        page.text(&words.join(" "));
        if !end.is_empty() {
            page.text(&format!("For URLs whose path ends with {end}:"));
        }
        for (what, value) in statements(keys) {
            page.term(&what, &value);
        }
    }
}

/// What a preset sends and asserts, each with the word for it.
fn statements(keys: &str) -> Vec<(String, String)> {
    let keys = keys.replace("{plugins}", "1").replace("{lines}", "{1}");
    // presets are TOML, which a test holds
    let table: Value = toml::from_str(&keys).unwrap_or_default();
    let table = table.as_object();
    let entries = table.into_iter().flatten();
    entries
        .flat_map(|(key, value)| match (key.as_str(), value) {
            ("url", value) => vec![("asks".to_owned(), shown(value))],
            ("expect", value) => each("passes when", value),
            ("degraded", value) => each("degraded unless", value),
            ("ready", value) => vec![(
                "degraded when".to_owned(),
                format!("the status is a 5xx and {} answers 2xx", shown(value)),
            )],
            ("verdicts", Value::Array(rules)) => rules
                .iter()
                .map(|rule| (format!("{} when", shown(&rule["is"])), shown(&rule["when"])))
                .collect(),
            (key, value) => vec![(key.to_owned(), shown(value))],
        })
        .collect()
}

fn each(what: &str, value: &Value) -> Vec<(String, String)> {
    let items = value.as_array().into_iter().flatten();
    items.map(|item| (what.to_owned(), shown(item))).collect()
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text
            .escape_default()
            .to_string()
            .replace("\\\"", "\"")
            .replace("\\\\", "\\")
            .replace("\\'", "'"),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::Exit;
    use crate::health;

    fn page() -> String {
        let mut roff = Roff::titled("X", 7);
        write(&mut roff);
        roff.finish().replace("\\-", "-")
    }

    /// The terms of the section, words apart.
    fn terms(page: &str, section: &str) -> Vec<String> {
        let begin = page.find(&format!(".SH {section}\n")).expect("the section");
        let rest = &page[begin + 4..];
        let part = rest.split("\n.SH ").next().expect("a part");
        let bold = part.lines().filter_map(|line| line.strip_prefix("\\fB"));
        bold.flat_map(|line| line.trim_end_matches("\\fR").split([' ', ',', '{']))
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn every_query_predicate_preset_reason_verdict_and_metric_is_named() {
        let page = page();
        let named = |section: &str, words: Vec<&str>| {
            let terms = terms(&page, section);
            for word in words {
                assert!(terms.iter().any(|term| term == word), "{section}: {word}");
            }
        };
        named("QUERIES", health::QUERIES.to_vec());
        named("PREDICATES", health::PREDICATES.to_vec());
        named("VERDICTS", Verdict::ALL.map(Verdict::as_str).to_vec());
        named(
            "\"FAILURE REASONS\"",
            Reason::ALL.map(Reason::as_str).to_vec(),
        );
        for name in presets::names() {
            assert!(page.contains(&format!(".SS \"{name}\"\n")), "{name}");
        }
        let exit = page
            .split(".SH \"EXIT STATUS\"")
            .nth(1)
            .expect("the section");
        for code in Exit::ALL.map(|exit| exit.code().to_string()) {
            assert!(
                exit.contains(&format!("\\fB{code}\\fR")) || exit.contains(&format!(" {code} ")),
                "{code}"
            );
        }
    }

    /// The names of metrics are taken from the code that writes them, so here is asked that none is left out there.
    #[test]
    fn every_metric_of_the_source_is_named() {
        let page = page();
        let sources = [
            include_str!("../../../serve/metrics.rs"),
            include_str!("../../../serve/probes.rs"),
        ];
        let mut found = 0;
        for source in sources {
            let product = source
                .split("#[cfg(test)]")
                .next()
                .expect("the product's part");
            for name in product.split('"').filter(|word| {
                word.starts_with("httpok_")
                    || word.starts_with("probe_")
                    || *word == "process_start_time_seconds"
            }) {
                assert!(page.contains(&format!("\\fB{name}")), "{name}");
                found += 1;
            }
        }
        assert!(found >= 20, "{found}");
    }

    #[test]
    fn preset_documents_its_assertions() {
        let page = page();
        let kumomta = page.split(".SS \"kumomta\"").nth(1).expect("its part");
        assert!(
            kumomta.contains("\\fBpasses when\\fR\nline == \"OK\"\n"),
            "{kumomta}"
        );
        assert!(kumomta.contains("\\fBdraining when\\fR\nline == \"shutting down\"\n"));
        assert!(
            page.contains("\\fBdegraded when\\fR\nthe status is a 5xx and /ready answers 2xx\n")
        );
    }
}
