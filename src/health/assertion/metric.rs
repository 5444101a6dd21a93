//! Reads metrics: Prometheus' text format 0.0.4 and OpenMetrics. Only the series that are asked for are
//! read closely, so that an oddity of some other metric does no harm.

use super::series::{Series, is_name, is_of_name};
use super::value::excerpt;

/// The samples of a body, by their names.
pub struct Samples<'a>(Vec<MetricLine<'a>>);

struct MetricLine<'a> {
    number: usize,
    name: &'a str,
    /// Labels, value and what may follow.
    rest: &'a str,
}

impl<'a> Samples<'a> {
    /// The samples of `text`; `open`: it says that it is OpenMetrics, which ends with a line that says so.
    pub fn read(text: &'a str, open: bool) -> Result<Self, String> {
        if open && text.trim_end_matches('\n').lines().next_back() != Some("# EOF") {
            return Err("OpenMetrics without \"# EOF\" at its end: cut off".to_owned());
        }
        let lines = text.lines().enumerate();
        let lines = lines.map(|(at, line)| (at + 1, line.trim()));
        let lines = lines.filter(|(_, line)| {
            // a brace begins a name in quotes, which cannot be asked for
            !line.is_empty() && !line.starts_with(['#', '{'])
        });
        lines
            .map(|(number, line)| {
                let end = line.find(|c| !is_of_name(c)).unwrap_or(line.len());
                let (name, rest) = line.split_at(end);
                let named = is_name(name) && rest.starts_with(['{', ' ', '\t']);
                let found = MetricLine { number, name, rest };
                named.then_some(found).ok_or_else(|| {
                    let line = excerpt(line.as_bytes());
                    format!("a body that is not metrics text: line {number} is {line}")
                })
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The values of all series that have at least these labels.
    pub fn values(&self, Series { name, labels }: &Series) -> Result<Vec<f64>, String> {
        let lines = self.0.iter().filter(|line| line.name == name);
        let mut values = Vec::new();
        for line in lines {
            let Some((own, value)) = sample(line.rest) else {
                return Err(format!("line {} is not a sample of {name}", line.number));
            };
            if labels.iter().all(|label| own.contains(label)) {
                values.push(value);
            }
        }
        Ok(values)
    }
}

type Labels = Vec<(String, String)>;

/// `{a="b"} 1.5`, with or without a timestamp and an exemplar behind it.
fn sample(rest: &str) -> Option<(Labels, f64)> {
    let mut labels = Vec::new();
    let mut rest = rest.trim_start();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner.trim_start();
        while !rest.starts_with('}') {
            let (name, behind) = rest.split_once('=')?;
            let behind = behind.trim_start().strip_prefix('"')?;
            let (value, behind) = label_value(behind)?;
            labels.push((name.trim().to_owned(), value));
            let behind = behind.trim_start();
            let more = behind.strip_prefix(',').map(str::trim_start);
            rest = more.unwrap_or(behind);
            if more.is_none() && !rest.starts_with('}') {
                return None;
            }
        }
        rest = &rest[1..];
    }
    // Rust reads +Inf, -Inf and NaN as these formats write them
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some((labels, value))
}

/// A label's value up to its closing quote, and what is behind that.
fn label_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                c => value.push(c),
            },
            c => value.push(c),
        }
    }
    None
}
