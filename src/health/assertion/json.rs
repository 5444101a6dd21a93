//! JSON read with a bound on what it takes in memory: a small text of many empty objects takes a hundred times its
//! size.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::{Map, Number, Value};

use super::lenient::within_range;

/// The most that the values of one body may take, in bytes.
const MEMORY_MAX: usize = 48 << 20;

/// What a value takes, about.
const VALUE: usize = 32;
/// What an object takes besides its values, about: a node of a tree is allocated as a whole.
const OBJECT: usize = 600;

/// The deepest that lists and objects may nest: they are read, searched and dropped recursively.
const DEEPEST: usize = 512;

/// Why there is no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoValue {
    /// The text is no JSON.
    NotJson(String),
    /// It is more than is read.
    TooMuch(String),
}

/// Reads `bytes`: all that RFC 8259 allows. What a value cannot hold is taken for the nearest that it can
/// ([`within_range`]).
///
/// # Errors
/// Says what is wrong, or that it is too much.
pub fn parse(bytes: &[u8]) -> Result<Value, NoValue> {
    read(bytes).or_else(|why| match (&why, within_range(bytes)) {
        (NoValue::NotJson(_), Some(changed)) => read(&changed),
        _ => Err(why),
    })
}

fn read(bytes: &[u8]) -> Result<Value, NoValue> {
    let left = Cell::new(MEMORY_MAX);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    reader.disable_recursion_limit();
    let bounded = Bounded {
        memory: &left,
        depth: DEEPEST,
    };
    let value = bounded.deserialize(&mut reader);
    let value = value.and_then(|value| reader.end().map(|()| value));
    value.map_err(|why| match why.classify() {
        // any value will do, so that only the bounds are not met
        Category::Data => NoValue::TooMuch(why.to_string()),
        Category::Io | Category::Syntax | Category::Eof => NoValue::NotJson(why.to_string()),
    })
}

/// So much memory is left, and so many levels.
#[derive(Clone, Copy)]
struct Bounded<'a> {
    memory: &'a Cell<usize>,
    depth: usize,
}

impl Bounded<'_> {
    fn spend<E: Error>(self, bytes: usize) -> Result<(), E> {
        let left = self.memory.get().checked_sub(bytes);
        self.memory.set(left.unwrap_or(0));
        left.map(drop).ok_or_else(|| {
            let limit = MEMORY_MAX >> 20;
            E::custom(format!("its values take more than {limit} MiB of memory"))
        })
    }

    /// For the values within this one.
    fn within<E: Error>(self) -> Result<Self, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Self { depth, ..self }),
            None => Err(E::custom(format!("it nests deeper than {DEEPEST} levels"))),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.spend(VALUE)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.spend(value.len())?;
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let within = self.within()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(within)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.spend(OBJECT)?;
        let within = self.within()?;
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            self.spend(VALUE + key.len())?;
            map.insert(key, entries.next_value_seed(within)?);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_parser_matches_serde_json_and_is_bounded() {
        for text in [
            "null",
            " [1, -2, 3.5, true, \"a\\u00e9\", {\"b\": {\"c\": []}}] ",
            "18446744073709551616",
            "{\"a\": 1, \"a\": 2}",
            "[",
            "1 2",
            "nope",
        ] {
            let expected: Result<Value, _> = serde_json::from_str(text);
            match (parse(text.as_bytes()), expected) {
                (Ok(value), Ok(expected)) => assert_eq!(value, expected, "{text}"),
                (Err(_), Err(_)) => {}
                (value, expected) => panic!("{text}: {value:?}, {expected:?}"),
            }
        }
        let objects = format!("[{}{{}}]", "{},".repeat(200_000));
        let why = parse(objects.as_bytes()).expect_err("too much");
        assert!(
            matches!(&why, NoValue::TooMuch(why) if why.contains("more than 48 MiB of memory")),
            "{why:?}"
        );
    }

    #[test]
    fn what_a_value_cannot_hold_is_still_json() {
        for (text, expected) in [
            ("1e400", json!(1e308)),
            ("-1E+9999", json!(-1e308)),
            ("-1e-999", json!(-0.0)),
            (
                r#"{"x": 1e400, "y": [1e309 , 2]}"#,
                json!({"x": 1e308, "y": [1e308, 2]}),
            ),
            (r#""\ud800""#, json!("\u{fffd}")),
            (r#""\uDC00\uD800\u0041""#, json!("\u{fffd}\u{fffd}A")),
            (r#""\ud83d\ude00 \ud83d""#, json!("\u{1f600} \u{fffd}")),
            (
                r#"{"\ud800": "1e400 \\ud800 \"1e400"}"#,
                json!({"\u{fffd}": "1e400 \\ud800 \"1e400"}),
            ),
        ] {
            assert_eq!(parse(text.as_bytes()), Ok(expected), "{text}");
        }
        let digits = "9".repeat(400);
        assert_eq!(parse(digits.as_bytes()), Ok(json!(1e308)));
        for text in [
            "1e",
            "1e400.",
            "\"\\ud8\"",
            "\"\\ud800",
            "[1e400",
            "NaN",
            "Infinity",
            "\"\t\"",
            "1e400 1",
        ] {
            let found = parse(text.as_bytes());
            assert!(
                matches!(found, Err(NoValue::NotJson(_))),
                "{text}: {found:?}"
            );
        }
    }

    /// A test has a stack like the one of a thread that judges.
    #[test]
    fn nested_json_is_read_searched_and_dropped_up_to_a_bound() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        let objects = |depth: usize| "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth);
        let path = serde_json_path::JsonPath::parse("$..a").expect("a path");
        for text in [nested(DEEPEST), objects(DEEPEST)] {
            let value = parse(text.as_bytes()).expect("within the bound");
            let found = path.query(&value).len();
            assert_eq!(found, if text.starts_with('[') { 0 } else { DEEPEST });
            assert_eq!(value.to_string(), text);
        }
        for text in [
            nested(DEEPEST + 1),
            objects(DEEPEST + 1),
            "[".repeat(1 << 20),
        ] {
            let why = parse(text.as_bytes()).expect_err("too deep");
            let NoValue::TooMuch(why) = why else {
                panic!("{why:?}");
            };
            assert!(why.starts_with("it nests deeper than 512 levels"), "{why}");
        }
    }
}
