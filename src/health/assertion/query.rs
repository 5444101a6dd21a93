//! What an assertion asks about: the part of an answer before the predicate.

use std::fmt;

use super::super::reason::Phase;
use super::condition::suggest;
use super::facts::Facts;
use super::literal::Number;
use super::path::Path;
use super::scan::{ParseError, Scanner, is_of_word, quote};
use super::series::Series;
use super::value::{FoundValue, whole};

/// The words that queries begin with.
pub const QUERIES: [&str; 11] = [
    "status",
    "header",
    "body",
    "line",
    "jsonpath",
    "metric",
    "duration",
    "size",
    "certificate",
    "version",
    "url",
];

/// What is asked about.
#[derive(Clone, Debug, PartialEq)]
pub enum Query {
    Status,
    Header(String),
    Body,
    Line,
    JsonPath(Path),
    Metric(Series),
    Duration,
    Size,
    Expires,
    Version,
    Url,
}

/// What kind of values a query finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// A number without a unit.
    Code,
    /// Text without a type: a number can be read from it.
    Text,
    /// Anything that JSON has.
    Json,
    /// A number; seconds and bytes can be meant.
    Sample,
    Time,
    Size,
}

impl Query {
    pub fn parse(scan: &mut Scanner<'_>) -> Result<Self, ParseError> {
        let start = scan.at();
        let word = scan.take(is_of_word);
        let whole_word = !scan
            .rest()
            .starts_with(|c: char| c.is_alphanumeric() || c == '-');
        scan.skip_blanks();
        match word {
            "status" if whole_word => Ok(Self::Status),
            "body" if whole_word => Ok(Self::Body),
            "line" if whole_word => Ok(Self::Line),
            "duration" if whole_word => Ok(Self::Duration),
            "size" if whole_word => Ok(Self::Size),
            "version" if whole_word => Ok(Self::Version),
            "url" if whole_word => Ok(Self::Url),
            "header" if whole_word => header(scan),
            "jsonpath" if whole_word => Path::parse(scan).map(Self::JsonPath),
            "metric" if whole_word => Series::parse(scan).map(Self::Metric),
            "certificate" if whole_word => match scan.eat_word("expires") {
                true => Ok(Self::Expires),
                false => Err(scan.here(
                    "nothing is asked of the certificate",
                    "for example: certificate expires > 14d",
                )),
            },
            _ => {
                scan.back_to(start);
                Err(unknown(scan))
            }
        }
        .inspect(|_| scan.skip_blanks())
    }

    pub fn kind(&self) -> ValueKind {
        match self {
            Self::Status => ValueKind::Code,
            Self::Header(_) | Self::Body | Self::Line | Self::Version | Self::Url => {
                ValueKind::Text
            }
            Self::JsonPath(_) => ValueKind::Json,
            Self::Metric(_) => ValueKind::Sample,
            Self::Duration | Self::Expires => ValueKind::Time,
            Self::Size => ValueKind::Size,
        }
    }

    /// Whether it can find several values.
    pub fn is_list(&self) -> bool {
        matches!(self, Self::Header(_) | Self::JsonPath(_) | Self::Metric(_))
    }

    /// The stage of a probe that what it asks about comes from.
    pub fn phase(&self) -> Phase {
        match self {
            Self::Expires => Phase::Tls,
            Self::Status | Self::Header(_) | Self::Version | Self::Url => Phase::FirstByte,
            Self::Body
            | Self::Line
            | Self::JsonPath(_)
            | Self::Metric(_)
            | Self::Duration
            | Self::Size => Phase::Body,
        }
    }

    /// All that is found, which may be nothing, or why nothing can be searched.
    pub fn find<'f>(&'f self, facts: &'f Facts<'_>) -> Result<Vec<FoundValue<'f>>, String> {
        let seen = facts.seen;
        let text = text_value;
        let one = match self {
            Self::Status => {
                let code = seen.status.as_ref().map(|line| i128::from(line.code));
                let code = code.or(seen.exit.map(i128::from));
                code.map(|code| FoundValue::Number(Number::Whole(code)))
            }
            Self::Version => seen.status.as_ref().map(|line| text(&line.version)),
            Self::Url => Some(text(&seen.url)).filter(|_| !seen.url.is_empty()),
            Self::Body => seen.body.as_ref().map(FoundValue::Body),
            Self::Line => match &seen.body {
                Some(body) => Some(FoundValue::Text(without_line_end(whole(body)?))),
                None => None,
            },
            Self::Size => seen.body.as_ref().map(|body| FoundValue::Size(body.size)),
            Self::Duration => i128::try_from(seen.duration.as_nanos())
                .ok()
                .map(FoundValue::Time),
            Self::Expires => facts
                .expires_in()?
                .map(|left| FoundValue::Time(i128::from(left) * 1_000_000_000)),
            Self::Header(name) => {
                return Ok(facts.headers(name).map(text).collect());
            }
            Self::JsonPath(path) => {
                let nodes = path.nodes(facts.json()?);
                return Ok(nodes.into_iter().map(FoundValue::Json).collect());
            }
            Self::Metric(series) => {
                let values = facts.samples()?.values(series)?;
                let number = |value| FoundValue::Number(Number::Float(value));
                return Ok(values.into_iter().map(number).collect());
            }
        };
        Ok(one.into_iter().collect())
    }

    /// What it means when nothing is found.
    pub fn nothing(&self) -> String {
        match self {
            Self::Status => "no status".to_owned(),
            Self::Header(_) => "no such header".to_owned(),
            Self::Body | Self::Line | Self::Size => "no body at all".to_owned(),
            Self::JsonPath(path) => format!("nothing at {path}"),
            Self::Metric(_) => "no such series".to_owned(),
            Self::Duration => "no duration".to_owned(),
            Self::Expires => "no certificate".to_owned(),
            Self::Version => "no HTTP answer".to_owned(),
            Self::Url => "no URL".to_owned(),
        }
    }
}

fn text_value(text: &str) -> FoundValue<'_> {
    FoundValue::Text(text.as_bytes())
}

fn unknown(scan: &Scanner<'_>) -> ParseError {
    match scan.token() {
        "" => scan.here("an assertion is missing", "for example: status == 200"),
        "not" => scan.here(
            "\"not\" comes first",
            "it stands before the predicate: body not contains \"error\"",
        ),
        token => {
            let word = token.trim_matches(|c: char| !c.is_alphanumeric());
            let help = suggest(word, &QUERIES);
            scan.here(
                format!("{token:?} is nothing that can be asked about"),
                help,
            )
        }
    }
}

fn header(scan: &mut Scanner<'_>) -> Result<Query, ParseError> {
    let example = "for example: header \"Content-Type\" contains \"json\"";
    let Some(name) = scan.quoted()? else {
        return Err(scan.here("a header without its name in quotes", example));
    };
    let of_name = |c: char| c.is_ascii_graphic() && !"\"(),/:;<=>?@[\\]{}".contains(c);
    if name.text.is_empty() || !name.text.chars().all(of_name) {
        let message = format!("{:?} is not a header name", name.text);
        return Err(scan.error(name.start..scan.at(), message, example));
    }
    Ok(Query::Header(name.text))
}

fn without_line_end(bytes: &[u8]) -> &[u8] {
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    match line.len() < bytes.len() {
        true => line.strip_suffix(b"\r").unwrap_or(line),
        false => line,
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status => f.write_str("status"),
            Self::Header(name) => write!(f, "header {}", quote(name)),
            Self::Body => f.write_str("body"),
            Self::Line => f.write_str("line"),
            Self::JsonPath(path) => write!(f, "jsonpath {}", quote(&path.to_string())),
            Self::Metric(series) => write!(f, "metric {series}"),
            Self::Duration => f.write_str("duration"),
            Self::Size => f.write_str("size"),
            Self::Expires => f.write_str("certificate expires"),
            Self::Version => f.write_str("version"),
            Self::Url => f.write_str("url"),
        }
    }
}
