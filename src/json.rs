//! JSON to values of ours, always from text. The code that reads a type is in the program once for each kind of input it is
//! read from, and these types are many: bytes, parts of a document and documents themselves become text first.

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error};
use serde_json::Value;

/// Reads JSON that should be UTF-8.
///
/// # Errors
/// It is not, or no JSON, or no `T`.
pub fn from_bytes<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> serde_json::Result<T> {
    let text = std::str::from_utf8(bytes)
        .map_err(|why| serde_json::Error::custom(format_args!("not UTF-8: {why}")))?;
    serde_json::from_str(text)
}

/// Reads what a document says.
///
/// # Errors
/// It is no `T`.
pub fn from_value<T: DeserializeOwned>(value: &Value) -> serde_json::Result<T> {
    serde_json::from_str(&value.to_string())
}

/// For `#[serde(deserialize_with)]` of a field with large types within a tagged enum, which serde reads from a buffer.
///
/// # Errors
/// It is no `T`.
pub fn part<'de, T: DeserializeOwned, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    from_value(&Value::deserialize(from)?).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        List {
            #[serde(deserialize_with = "part")]
            items: Vec<u8>,
        },
    }

    #[test]
    fn parts_of_tagged_enums_are_read_and_refused() {
        let read = |text: &str| from_bytes::<Tagged>(text.as_bytes());
        let list = Tagged::List { items: vec![1, 2] };
        assert_eq!(
            read(r#"{"kind":"List","items":[1,2]}"#).expect("right"),
            list
        );
        let why = read(r#"{"kind":"List","items":["x"]}"#).expect_err("no number");
        assert!(why.to_string().contains("expected u8"), "{why}");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused() {
        let why = from_bytes::<String>(b"\"\xff\"").expect_err("not UTF-8");
        assert!(why.to_string().starts_with("not UTF-8"), "{why}");
    }
}
