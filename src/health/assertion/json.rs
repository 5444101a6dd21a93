//! JSON read with a bound on what it takes in memory: a small text of many empty objects takes a hundred times its
//! size.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The most that the values of one body may take, in bytes.
const MEMORY_MAX: usize = 48 << 20;

/// What a value takes, about.
const VALUE: usize = 32;
/// What an object takes besides its values, about: a node of a tree is allocated as a whole.
const OBJECT: usize = 600;

/// Reads `bytes`.
///
/// # Errors
/// Says what is wrong, or that it is too much.
pub fn parse(bytes: &[u8]) -> Result<Value, String> {
    let left = Cell::new(MEMORY_MAX);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Bounded(&left).deserialize(&mut reader);
    let value = value.and_then(|value| reader.end().map(|()| value));
    value.map_err(|why| why.to_string())
}

/// So much memory is left.
#[derive(Clone, Copy)]
struct Bounded<'a>(&'a Cell<usize>);

impl Bounded<'_> {
    fn spend<E: Error>(self, bytes: usize) -> Result<(), E> {
        let left = self.0.get().checked_sub(bytes);
        self.0.set(left.unwrap_or(0));
        left.map(drop).ok_or_else(|| {
            let limit = MEMORY_MAX >> 20;
            E::custom(format!("its values take more than {limit} MiB of memory"))
        })
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
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.spend(OBJECT)?;
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            self.spend(VALUE + key.len())?;
            map.insert(key, entries.next_value_seed(self)?);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
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
        let deep = "[".repeat(1000);
        assert!(parse(deep.as_bytes()).is_err());
        let objects = format!("[{}{{}}]", "{},".repeat(200_000));
        let why = parse(objects.as_bytes()).expect_err("too much");
        assert!(why.contains("more than 48 MiB of memory"), "{why}");
    }
}
