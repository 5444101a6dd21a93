//! What a query found, how it compares with what is written in an assertion, and how it is shown.

use std::cmp::Ordering;
use std::time::Duration;

use serde_json::Value as Json;

use super::super::body::Body;
use super::literal::{Literal, Number};
use crate::health::text::counted;

/// One value that a query found.
#[derive(Clone, Copy)]
pub enum FoundValue<'a> {
    /// Bytes of the answer, of no type yet.
    Text(&'a [u8]),
    /// The body, which may not have been kept as a whole.
    Body(&'a Body),
    Number(Number),
    /// In nanoseconds; negative when it is over.
    Time(i128),
    Size(u64),
    Json(&'a Json),
}

/// So much of a text is shown.
const SHOWN: usize = 120;

impl<'a> FoundValue<'a> {
    /// How it stands to `literal`, or why they cannot be compared.
    pub fn compare(&self, literal: &Literal) -> Result<Ordering, String> {
        let wanted = match literal {
            Literal::Text(text) => {
                // one byte more than the text decides
                return Ok(self.beginning(text.len() + 1)?.cmp(text.as_bytes()));
            }
            Literal::Null | Literal::Bool(_) => return self.compare_word(literal),
            Literal::Number(_) | Literal::Time(_) | Literal::Size(_) => literal.number(),
        };
        if let (Self::Time(time), Literal::Time(other)) = (self, literal) {
            return Ok(time.cmp(&i128::try_from(other.as_nanos()).unwrap_or(i128::MAX)));
        }
        match self.number().zip(wanted) {
            None => Err(self.mismatch("a number")),
            Some((number, wanted)) => number.compare(wanted).ok_or_else(|| self.inexact(number)),
        }
    }

    fn compare_word(&self, literal: &Literal) -> Result<Ordering, String> {
        let equal = match (self, literal) {
            // anything can be asked whether it is null
            (Self::Json(json), Literal::Null) => json.is_null(),
            (Self::Json(Json::Bool(value)), Literal::Bool(other)) => value == other,
            _ => return Err(self.mismatch(literal.kind())),
        };
        Ok(if equal {
            Ordering::Equal
        } else {
            Ordering::Less
        })
    }

    /// As text, or why it is none.
    pub fn text(&self) -> Result<&'a [u8], String> {
        match *self {
            Self::Text(text) => Ok(text),
            Self::Body(body) => whole(body),
            Self::Json(Json::String(text)) => Ok(text.as_bytes()),
            Self::Json(_) | Self::Number(_) | Self::Time(_) | Self::Size(_) => {
                Err(self.mismatch("a string"))
            }
        }
    }

    /// As text, of which `bytes` are enough; or why it is none.
    pub fn beginning(&self, bytes: usize) -> Result<&'a [u8], String> {
        match *self {
            Self::Body(body) if body.kept.len() >= bytes => Ok(&body.kept),
            _ => self.text(),
        }
    }

    /// Whether the search for `key` found it, in a body that was searched while it came.
    pub fn searched(&self, key: impl FnOnce() -> String) -> Option<bool> {
        match self {
            Self::Body(body) if !body.is_whole() => body.searched.get(&key()).copied(),
            _ => None,
        }
    }

    fn number(&self) -> Option<Number> {
        match self {
            // a header or a line has no types: what looks like a number is one
            Self::Text(text) => Number::parse(std::str::from_utf8(text).ok()?.trim()),
            Self::Body(body) => Self::Text(whole(body).ok()?).number(),
            Self::Number(number) => Some(*number),
            Self::Size(size) => Some(Number::Whole(i128::from(*size))),
            Self::Json(Json::Number(number)) => Number::parse(&number.to_string()),
            Self::Json(_) | Self::Time(_) => None,
        }
    }

    /// Whether there is nothing in it, or why that cannot be said.
    pub fn is_empty(&self) -> Result<bool, String> {
        match self {
            Self::Text(text) => Ok(text.is_empty()),
            Self::Body(body) => Ok(body.size == 0),
            Self::Json(Json::String(text)) => Ok(text.is_empty()),
            Self::Json(Json::Array(items)) => Ok(items.is_empty()),
            Self::Json(Json::Object(members)) => Ok(members.is_empty()),
            Self::Json(_) | Self::Number(_) | Self::Time(_) | Self::Size(_) => {
                Err(self.mismatch("a text or a list"))
            }
        }
    }

    /// Whether `literal` occurs in this text or is an item of this list, or why that cannot be said.
    pub fn contains(&self, literal: &Literal) -> Result<bool, String> {
        if let Self::Json(Json::Array(items)) = self {
            let mut unknown = None;
            for item in items.iter().map(Self::Json) {
                match item.compare(literal) {
                    Ok(Ordering::Equal) => return Ok(true),
                    Err(why) if item.has_lost_digits() && literal.number().is_some() => {
                        unknown = Some(why);
                    }
                    _ => {}
                }
            }
            return unknown.map_or(Ok(false), Err);
        }
        match (self, literal) {
            (Self::Body(body), Literal::Text(text)) => Ok(body.contains(text.as_bytes())),
            (_, Literal::Text(text)) => {
                let own = self.text()?;
                let mut windows = own.windows(text.len().max(1));
                Ok(text.is_empty() || windows.any(|window| window == text.as_bytes()))
            }
            _ => Err(self.mismatch("a list")),
        }
    }

    /// Why its `number` does not compare with one that was written.
    fn inexact(&self, number: Number) -> String {
        let shown = self.show();
        match self {
            _ if number.to_f64().is_nan() => format!("{shown}, which compares with nothing"),
            Self::Json(_) => format!("{shown}, which cannot be compared exactly beyond 64 bits"),
            Self::Number(_) => format!("{shown}, which cannot be compared exactly beyond 53 bits"),
            _ => format!("{shown}, which cannot be compared exactly with a float"),
        }
    }

    fn mismatch(&self, wanted: &str) -> String {
        let (shown, kind) = (self.show(), self.kind());
        match self {
            Self::Body(body) if !body.is_whole() => shown,
            Self::Json(Json::Array(_)) => {
                format!("{shown} ({kind}, not {wanted}: say every or any)")
            }
            Self::Json(Json::Null) => format!("{shown} (not {wanted})"),
            _ => format!("{shown} ({kind}, not {wanted})"),
        }
    }

    /// Whether its digits are gone: JSON's numbers are floats beyond 64 bits.
    fn has_lost_digits(&self) -> bool {
        matches!(self, Self::Json(Json::Number(number)) if number.is_f64())
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Body(_) => "a text",
            Self::Number(_) | Self::Size(_) => "a number",
            Self::Time(_) => "a duration",
            Self::Json(json) => match json {
                Json::Null => "null",
                Json::Bool(_) => "a boolean",
                Json::Number(_) => "a number",
                Json::String(_) => "a string",
                Json::Array(_) => "a list",
                Json::Object(_) => "an object",
            },
        }
    }

    /// The value for people, in one short line.
    pub fn show(&self) -> String {
        match self {
            Self::Text(text) => excerpt(text),
            Self::Body(body) if body.is_whole() => excerpt(&body.kept),
            Self::Body(body) => format!("a body of {}", counted(body.size, "byte", "bytes")),
            Self::Number(Number::Float(number)) if number.abs() < 1e15 => format!("{number}"),
            Self::Number(number) => number.to_string(),
            Self::Time(nanos) => show_time(*nanos),
            Self::Size(size) => counted(*size, "byte", "bytes"),
            Self::Json(Json::String(text)) => excerpt(text.as_bytes()),
            Self::Json(Json::Array(items)) if items.len() > 8 => {
                format!("a list of {} items", items.len())
            }
            Self::Json(json) => match json.to_string() {
                text if text.len() <= SHOWN => text,
                _ => format!("{} of {} bytes", self.kind(), json.to_string().len()),
            },
        }
    }
}

/// `bytes` in quotes, and only their beginning when they are many.
pub fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * SHOWN)]);
    let shown: String = text.chars().take(SHOWN).collect();
    if shown.len() == bytes.len() || shown.chars().count() < SHOWN && bytes.len() <= 4 * SHOWN {
        return format!("{shown:?}");
    }
    format!("{shown:?}... ({} bytes)", bytes.len())
}

fn show_time(nanos: i128) -> String {
    if nanos < 0 {
        return format!("{} ago", show_time(-nanos));
    }
    let secs = u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX);
    let rest = u32::try_from(nanos % 1_000_000_000).unwrap_or_default();
    match secs {
        0..60 => format!("{:.1?}", Duration::new(secs, rest)),
        60..3600 => format!("{}m {}s", secs / 60, secs % 60),
        3600..86_400 => format!("{}h {}m", secs / 3600, secs % 3600 / 60),
        _ => format!("{}d {}h", secs / 86_400, secs % 86_400 / 3600),
    }
}

/// All of `body`, or why there is not all of it.
pub fn whole(body: &Body) -> Result<&[u8], String> {
    if body.is_whole() {
        return Ok(&body.kept);
    }
    Err(format!(
        "a body of {}, of which only the first {} were kept",
        counted(body.size, "byte", "bytes"),
        body.kept.len()
    ))
}
