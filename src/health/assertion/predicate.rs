//! What must hold for what a query found: `not`, `every` and `any`, `exists`, `count`, and the conditions of
//! single values. What a query can never fulfil is refused when it is read, not at night.

use std::fmt;

use serde_json::Value as Json;

use super::condition::{Condition, Op};
use super::query::Query;
use super::scan::{ParseError, Scanner};
use super::value::FoundValue;

/// What must hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    /// Something is found.
    Exists { not: bool },
    /// So many are found.
    Count { not: bool, op: Op, wanted: u64 },
    /// The values are as wanted.
    Holds {
        over: Quantifier,
        /// Negates the condition of each value.
        not: bool,
        condition: Condition,
    },
}

/// Which of the values must pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    /// Nothing was said. All of them: a check that passes by the luck of one value is worse than one that
    /// asks to be put more exactly. A list that is one JSON value is a list.
    Each,
    /// All of them, or all items of the one list.
    Every { not: bool },
    /// One of them, or one item of the one list.
    Any { not: bool },
}

impl Predicate {
    pub fn parse(scan: &mut Scanner<'_>, query: &Query) -> Result<Self, ParseError> {
        let not = scan.eat_word("not");
        let at = scan.at();
        if scan.eat_word("exists") {
            return Ok(Self::Exists { not });
        }
        if scan.eat_word("count") {
            if !query.is_list() {
                scan.back_to(at);
                return Err(no_list(scan, query, "\"count\" counts several values"));
            }
            return Self::count(scan, not);
        }
        let over = match (scan.eat_word("every"), scan.eat_word("any")) {
            (true, _) => Quantifier::Every { not },
            (_, true) => Quantifier::Any { not },
            _ => Quantifier::Each,
        };
        if over == Quantifier::Each {
            let condition = Condition::parse(scan, query)?;
            return Ok(Self::Holds {
                over,
                not,
                condition,
            });
        }
        if !query.is_list() {
            scan.back_to(at);
            return Err(no_list(
                scan,
                query,
                "\"every\" and \"any\" are for several values",
            ));
        }
        let not = scan.eat_word("not");
        let condition = Condition::parse(scan, query)?;
        Ok(Self::Holds {
            over,
            not,
            condition,
        })
    }

    fn count(scan: &mut Scanner<'_>, not: bool) -> Result<Self, ParseError> {
        let example = "for example: count >= 2";
        let Some(op) = Op::parse(scan) else {
            return Err(scan.here("\"count\" without a comparison", example));
        };
        let start = scan.at();
        let digits = scan.take(|c| c.is_ascii_digit());
        match digits.parse() {
            Ok(wanted) => Ok(Self::Count { not, op, wanted }),
            Err(_) => {
                scan.back_to(start);
                Err(scan.here("\"count\" wants a whole number", example))
            }
        }
    }

    /// Whether it holds for what `query` found, and what that was.
    pub fn check(&self, query: &Query, found: &[FoundValue<'_>]) -> (bool, String) {
        match self {
            Self::Exists { not } => match found {
                [] => (*not, query.nothing()),
                [one] => (!not, one.show()),
                several => (!not, format!("{} values", several.len())),
            },
            Self::Count { not, op, wanted } => {
                let count = match found {
                    [FoundValue::Json(Json::Array(items))] => items.len(),
                    [FoundValue::Json(Json::Object(members))] => members.len(),
                    values => values.len(),
                };
                let holds = op.holds(u64::try_from(count).unwrap_or(u64::MAX).cmp(wanted));
                (holds != *not, format!("a count of {count}"))
            }
            Self::Holds {
                over,
                not,
                condition,
            } => {
                if found.is_empty() {
                    return (false, query.nothing());
                }
                over.check(found, |value| {
                    condition.passes(value).map(|passes| passes != *not)
                })
            }
        }
    }
}

fn no_list(scan: &Scanner<'_>, query: &Query, message: &str) -> ParseError {
    let help = format!("\"{query}\" is one value: leave it out");
    scan.here(message, help)
}

type PredicateResult = Result<bool, String>;

impl Quantifier {
    fn check(
        self,
        found: &[FoundValue<'_>],
        passes: impl Fn(&FoundValue<'_>) -> PredicateResult,
    ) -> (bool, String) {
        let items;
        let values = match found {
            [FoundValue::Json(Json::Array(list))] if self != Self::Each => {
                items = list.iter().map(FoundValue::Json).collect::<Vec<_>>();
                items.as_slice()
            }
            values => values,
        };
        if values.is_empty() {
            return (false, "an empty list".to_owned());
        }
        let passed: Vec<_> = values.iter().map(passes).collect();
        match self {
            Self::Each | Self::Every { not: false } => all(values, &passed),
            Self::Any { not: false } => any(values, &passed),
            Self::Every { not: true } => negated(&passed, all(values, &passed)),
            Self::Any { not: true } => negated(&passed, any(values, &passed)),
        }
    }
}

fn all(values: &[FoundValue<'_>], passed: &[PredicateResult]) -> (bool, String) {
    let bad = passed.iter().position(|passed| *passed != Ok(true));
    match bad {
        Some(at) => (false, values_text(values, passed, at)),
        None => match values {
            [one] => (true, one.show()),
            several => (true, format!("all of {} values", several.len())),
        },
    }
}

fn any(values: &[FoundValue<'_>], passed: &[PredicateResult]) -> (bool, String) {
    if let Some(at) = passed.iter().position(|passed| *passed == Ok(true)) {
        return (true, values_text(values, passed, at));
    }
    if values.len() == 1 {
        return (false, values_text(values, passed, 0));
    }
    let shown = (0..values.len().min(5)).map(|at| values[at].show());
    let mut shown: Vec<_> = shown.collect();
    if values.len() > shown.len() {
        shown.push("...".to_owned());
    }
    let shown = shown.join(", ");
    (false, format!("none of {} values: {shown}", values.len()))
}

/// `not` turns what was said about the values around; what could not be said stays unsaid.
fn negated(passed: &[PredicateResult], (holds, actual): (bool, String)) -> (bool, String) {
    match passed.iter().find_map(|passed| passed.as_ref().err()) {
        Some(why) => (false, why.clone()),
        None => (!holds, actual),
    }
}

fn values_text(values: &[FoundValue<'_>], passed: &[PredicateResult], at: usize) -> String {
    let shown = match &passed[at] {
        Ok(_) => values[at].show(),
        Err(why) => why.clone(),
    };
    match values.len() {
        1 => shown,
        many => format!("{shown}, which is value {} of {many}", at + 1),
    }
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let no = |not: &bool| if *not { "not " } else { "" };
        match self {
            Self::Exists { not } => write!(f, "{}exists", no(not)),
            Self::Count { not, op, wanted } => write!(f, "{}count {op} {wanted}", no(not)),
            Self::Holds {
                over,
                not,
                condition,
            } => {
                match over {
                    Quantifier::Each => {}
                    Quantifier::Every { not } => write!(f, "{}every ", no(not))?,
                    Quantifier::Any { not } => write!(f, "{}any ", no(not))?,
                }
                write!(f, "{}{condition}", no(not))
            }
        }
    }
}
