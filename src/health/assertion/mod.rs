//! The language of `expect`: a query, a predicate, a value, as in `jsonpath "$.status" == "UP"`.
//!
//! A query finds values: none, one, or several (header, jsonpath, metric). A condition must hold for each of
//! them, unless `any` says that one is enough; `every` and `any` also read a JSON list. Where nothing
//! is found only `not exists` and `count` can hold. What cannot be said, such as whether `"x" < 5`, is not
//! met, with `not` before it or without.

mod condition;
mod facts;
mod json;
mod lenient;
mod literal;
mod metric;
mod path;
mod pattern;
mod predicate;
mod query;
mod scan;
mod search;
mod series;
mod value;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::codes::StatusSet;
use super::observation::{Certificate, Observation, StatusLine};
use super::reason::Phase;
use condition::Condition;
use literal::Literal;
use pattern::Pattern;
use predicate::Predicate;
use query::Query;
use scan::Scanner;

pub use condition::PREDICATES;
pub(super) use facts::Facts;
pub use query::QUERIES;
pub use scan::ParseError;
pub use search::{BodyPattern, BodySearch};

/// One assertion about an answer.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Assertion {
    query: Query,
    predicate: Predicate,
}

impl Assertion {
    /// Reads an assertion.
    ///
    /// # Errors
    /// Says where the text is wrong and what would be right.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut scan = Scanner::new(text)?;
        let query = Query::parse(&mut scan)?;
        let predicate = Predicate::parse(&mut scan, &query)?;
        scan.end()?;
        Ok(Self { query, predicate })
    }

    /// Whether it is met, and what was seen.
    pub(super) fn check(&self, facts: &Facts<'_>) -> (bool, String) {
        match self.query.find(facts) {
            Ok(found) => self.predicate.check(&self.query, &found),
            Err(why) => (false, why),
        }
    }

    /// Whether there is what it asks about, although the probe as a whole came to trouble: the head of an
    /// answer that broke off, the certificate that was not trusted.
    pub(super) fn is_settled(&self, facts: &Facts<'_>) -> bool {
        self.phase() < Phase::Body && self.query.find(facts).is_ok_and(|found| !found.is_empty())
    }

    /// Whether even a good answer does not meet it: status 200 within a millisecond, with a certificate for a hundred
    /// years. `false` for assertions about the content of answers.
    pub fn fails_for_good_answer(&self) -> bool {
        const CENTURY: i64 = 100 * 365 * 86_400;
        if !matches!(self.query, Query::Status | Query::Duration | Query::Expires) {
            return false;
        }
        let good = Observation {
            duration: Duration::from_millis(1),
            at_unix: Some(0),
            status: Some(StatusLine {
                version: String::new(),
                code: 200,
                reason: String::new(),
            }),
            certificates: vec![Certificate {
                not_after: CENTURY,
                ..Certificate::default()
            }],
            ..Observation::default()
        };
        !self.check(&Facts::new(&good, 0)).0
    }

    /// Whether it asks for another status than those of `set`, so that no answer meets both.
    pub fn excludes(&self, set: &StatusSet) -> bool {
        let passes = |code: u16| {
            let seen = Observation {
                status: Some(StatusLine {
                    version: String::new(),
                    code,
                    reason: String::new(),
                }),
                ..Observation::default()
            };
            self.check(&Facts::new(&seen, 0)).0
        };
        matches!(self.query, Query::Status) && !set.codes().any(passes)
    }

    /// The stage of the probe that it is about.
    pub(super) fn phase(&self) -> Phase {
        self.query.phase()
    }

    /// The text to search in the body while that streams by.
    pub(super) fn needle(&self) -> Option<&str> {
        match (&self.query, &self.predicate) {
            (
                Query::Body,
                Predicate::Holds {
                    condition: Condition::Contains(Literal::Text(text)),
                    ..
                },
            ) => Some(text),
            _ => None,
        }
    }

    /// Whether it reads the body as a language: JSON or metrics.
    pub(super) fn is_parsed(&self) -> bool {
        matches!(self.query, Query::JsonPath(_) | Query::Metric(_))
    }

    /// The header that it asks about.
    pub(super) fn header(&self) -> Option<&str> {
        match &self.query {
            Query::Header(name) => Some(name),
            _ => None,
        }
    }

    /// What is searched for in the body while that streams by, where it is a pattern or what the body ends with.
    pub(super) fn pattern(&self) -> Option<BodyPattern> {
        match self.body_condition()? {
            Condition::Matches(pattern) => pattern.streamed().cloned(),
            Condition::EndsWith(text) => Pattern::ending(text),
            _ => None,
        }
    }

    fn body_condition(&self) -> Option<&Condition> {
        match (&self.query, &self.predicate) {
            (Query::Body, Predicate::Holds { condition, .. }) => Some(condition),
            _ => None,
        }
    }

    /// Whether it is about what stands in the body, beyond texts that are found on the way.
    pub(super) fn reads_body(&self) -> bool {
        match (&self.query, self.body_condition()) {
            (Query::Line | Query::JsonPath(_) | Query::Metric(_), _) => true,
            (_, Some(condition)) => {
                !matches!(condition, Condition::Contains(_) | Condition::IsEmpty)
            }
            (_, None) => false,
        }
    }

    /// Whether it needs the body as a whole. What it is compared with is shorter than what is kept in any case.
    pub(super) fn needs_body(&self) -> bool {
        match &self.query {
            Query::Line | Query::JsonPath(_) | Query::Metric(_) => true,
            Query::Body => self
                .body_condition()
                .is_some_and(|condition| matches!(condition, Condition::Matches(pattern) if pattern.streamed().is_none())),
            Query::Status
            | Query::Header(_)
            | Query::Duration
            | Query::Size
            | Query::Expires
            | Query::Version
            | Query::Url => false,
        }
    }
}

impl fmt::Display for Assertion {
    /// The text that reads as this assertion, always in the same spelling.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.query, self.predicate)
    }
}

impl fmt::Debug for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Assertion({self})")
    }
}

impl FromStr for Assertion {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Assertion {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        Self::parse(&text)
    }
}

impl From<Assertion> for String {
    fn from(assertion: Assertion) -> Self {
        assertion.to_string()
    }
}
