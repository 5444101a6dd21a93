//! Queries and paths, decoded.

use percent_encoding::percent_decode_str;

/// The values of `key` in `query`, in order. Other keys are not looked at.
pub fn values(query: Option<&str>, key: &str) -> Vec<String> {
    let pairs = query.unwrap_or_default().split('&');
    pairs
        .filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(&name.replace('+', " ")) == key).then(|| decoded(&value.replace('+', " ")))
        })
        .collect()
}

/// `text` without its percent signs; what is no UTF-8 is replaced.
pub fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_keys_are_all_there_and_others_are_ignored() {
        for (query, expected) in [
            ("plugin=a&plugin=b", &["a", "b"][..]),
            ("x=1&plugin=a%26b&y", &["a&b"]),
            ("plugin=a+b&plugin=a%2Bb", &["a b", "a+b"]),
            ("plugin=", &[""]),
            ("plugin", &[""]),
            ("plugin=a,b", &["a,b"]),
            ("plugins=a&Plugin=b", &[]),
            ("plugin=%ff", &["\u{fffd}"]),
            ("", &[]),
        ] {
            assert_eq!(values(Some(query), "plugin"), expected, "{query}");
        }
        assert!(values(None, "plugin").is_empty());
    }
}
