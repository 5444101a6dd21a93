//! The conditions that one value can meet: comparisons, sets, parts of texts, patterns.

use std::cmp::Ordering;
use std::fmt;

use super::literal::{Literal, Number};
use super::pattern::Pattern;
use super::query::{Query, ValueKind};
use super::scan::{ParseError, Scanner, is_of_word, quote};
use super::value::FoundValue;
use crate::health::suggest;

/// A condition that one value can meet.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    Compare(Op, Literal),
    In(Vec<Member>),
    Contains(Literal),
    StartsWith(String),
    EndsWith(String),
    Matches(Pattern),
    IsEmpty,
}

/// A part of a set.
#[derive(Clone, Debug, PartialEq)]
pub enum Member {
    One(Literal),
    /// With both ends.
    Range(Literal, Literal),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// The words of predicates.
pub const PREDICATES: [&str; 17] = [
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "in",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "exists",
    "isEmpty",
    "count",
    "not",
    "every",
    "any",
];

impl Condition {
    pub fn parse(scan: &mut Scanner<'_>, query: &Query) -> Result<Self, ParseError> {
        if let Some(op) = Op::parse(scan) {
            let value = literal(scan, query, Some(op))?;
            return Ok(Self::Compare(op, value));
        }
        let start = scan.at();
        let word = scan.take(is_of_word);
        let behind = scan.at();
        scan.skip_blanks();
        let of_text = matches!(
            word,
            "contains" | "startsWith" | "endsWith" | "matches" | "isEmpty"
        );
        if of_text && !matches!(query.kind(), ValueKind::Text | ValueKind::Json) {
            let help = "it is compared with ==, !=, <, <=, >, >= or in";
            let message = format!("{word:?} is for texts, and \"{query}\" is none");
            return Err(scan.error(start..behind, message, help));
        }
        match word {
            "in" => set(scan, query).map(Self::In),
            "contains" if query.kind() == ValueKind::Json => {
                Literal::parse(scan).map(Self::Contains)
            }
            "contains" => text(scan, word).map(|text| Self::Contains(Literal::Text(text))),
            "startsWith" => text(scan, word).map(Self::StartsWith),
            "endsWith" => text(scan, word).map(Self::EndsWith),
            "matches" => Pattern::parse(scan).map(Self::Matches),
            "isEmpty" => Ok(Self::IsEmpty),
            _ => {
                scan.back_to(start);
                Err(unknown(scan))
            }
        }
    }

    /// Whether `value` passes, or why that cannot be said.
    pub fn passes(&self, value: &FoundValue<'_>) -> Result<bool, String> {
        match self {
            Self::Compare(op, literal) => value.compare(literal).map(|order| op.holds(order)),
            Self::In(members) => is_member(value, members),
            Self::Contains(literal) => value.contains(literal),
            Self::StartsWith(text) => Ok(value.beginning(text.len())?.starts_with(text.as_bytes())),
            Self::EndsWith(text) => match value.searched(|| Pattern::ending_key(text)) {
                Some(found) => Ok(found),
                None => Ok(value.text()?.ends_with(text.as_bytes())),
            },
            Self::Matches(pattern) => match value.searched(|| pattern.to_string()) {
                Some(found) => Ok(found),
                None => Ok(pattern.is_match(value.text()?)),
            },
            Self::IsEmpty => value.is_empty(),
        }
    }
}

fn is_member(value: &FoundValue<'_>, members: &[Member]) -> Result<bool, String> {
    let mut sayable = Err(String::new());
    for member in members {
        let is = match member {
            Member::One(one) => value.compare(one).map(Ordering::is_eq),
            Member::Range(low, high) => value
                .compare(low)
                .and_then(|low| Ok(low.is_ge() && value.compare(high)?.is_le())),
        };
        match is {
            Ok(true) => return Ok(true),
            Ok(false) => sayable = Ok(false),
            Err(why) => sayable = sayable.map_err(|_| why),
        }
    }
    sayable
}

fn unknown(scan: &Scanner<'_>) -> ParseError {
    match scan.token() {
        "" => scan.here(
            "a predicate is missing",
            "for example: == 200, contains \"fine\", exists",
        ),
        token => {
            let message = format!("{token:?} is not a predicate");
            scan.here(message, suggest(token, &PREDICATES))
        }
    }
}

fn text(scan: &mut Scanner<'_>, word: &str) -> Result<String, ParseError> {
    match scan.quoted()? {
        Some(quoted) => Ok(quoted.text),
        None => {
            let help = match scan.token() {
                "" => format!("for example: {word} \"fine\""),
                token => format!("put it in quotes: {word} {}", quote(token)),
            };
            Err(scan.here(format!("{word:?} wants a text in quotes"), help))
        }
    }
}

/// A value that can be compared with what `query` finds.
fn literal(scan: &mut Scanner<'_>, query: &Query, op: Option<Op>) -> Result<Literal, ParseError> {
    let start = scan.at();
    let value = Literal::parse(scan)?;
    let ordered = op.is_some_and(|op| !matches!(op, Op::Equal | Op::Unequal));
    let help = match (query.kind(), &value) {
        (_, Literal::Text(_) | Literal::Bool(_) | Literal::Null) if ordered => {
            "only numbers, durations and sizes are less or greater: use == or !="
        }
        (ValueKind::Code, Literal::Number(_)) => return Ok(value),
        (ValueKind::Code, _) => "expected a number, such as 200, without quotes",
        (ValueKind::Text, Literal::Text(_) | Literal::Number(_)) => return Ok(value),
        (ValueKind::Text, _) => "expected a text in quotes, or a number",
        (ValueKind::Time, Literal::Time(_)) => return Ok(value),
        (ValueKind::Time, Literal::Number(number)) if *query == Query::Duration => {
            match number.as_seconds() {
                Some(time) => return Ok(Literal::Time(time)),
                None => "expected at least 0s and at most ten years; a bare number is seconds",
            }
        }
        (ValueKind::Time, _) if *query == Query::Duration => {
            "expected a duration, such as 500ms or 5s; a bare number is seconds"
        }
        // days to many other programs: asked rather than guessed
        (ValueKind::Time, _) => "expected a number with a unit, such as 12h or 14d",
        (ValueKind::Size, Literal::Number(_) | Literal::Size(_)) => return Ok(value),
        (ValueKind::Size, _) => "expected a number of bytes, or a size such as 10KiB",
        (ValueKind::Sample, Literal::Number(_) | Literal::Time(_) | Literal::Size(_)) => {
            return Ok(value);
        }
        (ValueKind::Sample, _) => "expected a number, or a number with a unit, such as 5s or 2GiB",
        (ValueKind::Json, _) => return Ok(value),
    };
    let message = format!("\"{query}\" cannot be compared with {}", value.kind());
    Err(scan.error(start..scan.at(), message, help))
}

/// `200-299,304`, `"UP","OK"`; for a status `2xx` too.
fn set(scan: &mut Scanner<'_>, query: &Query) -> Result<Vec<Member>, ParseError> {
    let mut members = Vec::new();
    loop {
        members.push(match class(scan, query) {
            Some(class) => class,
            None => member(scan, query)?,
        });
        scan.skip_blanks();
        if !scan.eat(",") {
            return Ok(members);
        }
        scan.skip_blanks();
    }
}

fn class(scan: &mut Scanner<'_>, query: &Query) -> Option<Member> {
    let start = scan.at();
    let hundred = scan.take(|c| c.is_ascii_digit());
    let is_class = *query == Query::Status && (scan.eat("xx") || scan.eat("XX"));
    let class = hundred.parse::<i128>().ok();
    match class.filter(|class| is_class && (1..=9).contains(class)) {
        Some(class) => {
            let code = |code| Literal::Number(Number::Whole(code));
            Some(Member::Range(code(class * 100), code(class * 100 + 99)))
        }
        None => {
            scan.back_to(start);
            None
        }
    }
}

fn member(scan: &mut Scanner<'_>, query: &Query) -> Result<Member, ParseError> {
    let start = scan.at();
    let low = literal(scan, query, None)?;
    let behind = scan.at();
    scan.skip_blanks();
    if !scan.eat("-") {
        scan.back_to(behind);
        return Ok(Member::One(low));
    }
    scan.skip_blanks();
    let high = literal(scan, query, Some(Op::AtMost))?;
    let ends = low.number().zip(high.number());
    let order = ends.and_then(|(low, high)| low.compare(high));
    if low.kind() == high.kind() && order.is_some_and(Ordering::is_le) {
        return Ok(Member::Range(low, high));
    }
    let help = "expected two numbers of one kind, the lower one first";
    Err(scan.error(start..scan.at(), "a range without numbers in it", help))
}

impl Op {
    /// Longer ones first.
    const ALL: [(&str, Self); 6] = [
        ("==", Self::Equal),
        ("!=", Self::Unequal),
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("<", Self::Less),
        (">", Self::Greater),
    ];

    pub fn parse(scan: &mut Scanner<'_>) -> Option<Self> {
        let signs = scan.rest();
        let end = signs.find(|c| !"=!<>~&|".contains(c));
        let signs = &signs[..end.unwrap_or(signs.len())];
        let (_, op) = Self::ALL.into_iter().find(|(sign, _)| *sign == signs)?;
        scan.eat(signs);
        scan.skip_blanks();
        Some(op)
    }

    /// Whether two things that stand to each other like this are as asked.
    pub fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signs = Self::ALL.iter().find(|(_, op)| op == self);
        f.write_str(signs.map_or("", |(sign, _)| sign))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compare(op, value) => write!(f, "{op} {value}"),
            Self::In(members) => {
                for (at, member) in members.iter().enumerate() {
                    f.write_str(if at == 0 { "in " } else { "," })?;
                    match member {
                        Member::One(one) => write!(f, "{one}")?,
                        Member::Range(low, high) => write!(f, "{low}-{high}")?,
                    }
                }
                Ok(())
            }
            Self::Contains(value) => write!(f, "contains {value}"),
            Self::StartsWith(text) => write!(f, "startsWith {}", quote(text)),
            Self::EndsWith(text) => write!(f, "endsWith {}", quote(text)),
            Self::Matches(pattern) => write!(f, "matches {pattern}"),
            Self::IsEmpty => f.write_str("isEmpty"),
        }
    }
}

/// `did you mean ...?`, or all of `words`; knows what other languages call them.
pub fn suggest(text: &str, words: &[&str]) -> String {
    let lower = text.to_ascii_lowercase();
    let alias = ALIASES.iter().find(|(other, _)| *other == lower);
    match alias.filter(|(_, meant)| words.contains(meant)) {
        Some((_, meant)) => format!("did you mean {meant:?}?"),
        None => suggest::suggest(text, words),
    }
}

const ALIASES: [(&str, &str); 13] = [
    ("=", "=="),
    ("===", "=="),
    ("is", "=="),
    ("equals", "=="),
    ("<>", "!="),
    ("!==", "!="),
    ("=~", "matches"),
    ("~", "matches"),
    ("regex", "matches"),
    ("includes", "contains"),
    ("code", "status"),
    ("latency", "duration"),
    ("response_time", "duration"),
];
