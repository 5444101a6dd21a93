//! The requests of the control protocol, by their words: for the description of the API, and for a watchdog without keys,
//! which may be read. What they mean is in `daemon/control`, where a test compares this list with them.

use serde_json::Value;

use crate::health::suggest::nearest;
use crate::{escape, json};

/// One request.
pub struct Ask {
    pub word: &'static str,
    /// It changes nothing that is watched, kept or sent.
    pub only_reads: bool,
    /// What it may say beside its word and the version.
    pub keys: &'static [&'static str],
}

const fn reads(word: &'static str, keys: &'static [&'static str]) -> Ask {
    Ask {
        word,
        only_reads: true,
        keys,
    }
}

const fn changes(word: &'static str, keys: &'static [&'static str]) -> Ask {
    Ask {
        word,
        only_reads: false,
        keys,
    }
}

/// All of them, in the order of the protocol.
pub const ASKS: [Ask; 19] = [
    reads("status", &[]),
    changes("pause", &["check", "reason", "for", "silent"]),
    changes("silence", &["check", "reason", "for"]),
    changes("resume", &["check"]),
    changes("restart", &["check"]),
    changes("reset", &["check"]),
    changes("beat", &["check", "fail"]),
    changes("start", &["program"]),
    changes("stop", &["program"]),
    changes("reload", &[]),
    changes("health", &["healthy", "reason"]),
    reads("flush", &[]),
    reads("events", &["checks", "passes"]),
    reads("remembered", &["query"]),
    changes("send", &["from", "to"]),
    changes("drop", &["from"]),
    changes("test", &["notifier"]),
    reads("fleet_status", &[]),
    changes("fleet_release", &["host"]),
];

/// Refuses a key that a request called `word` does not know: with `fro` in place of `for`, a pause would have no end. Those
/// of `said` are said elsewhere, such as in a path.
///
/// # Errors
/// Names the key, and what was probably meant.
pub fn only_known<'a>(
    word: &str,
    said: &[&str],
    mut given: impl Iterator<Item = &'a str>,
) -> Result<(), String> {
    let Some(ask) = ASKS.iter().find(|ask| ask.word == word) else {
        return Ok(());
    };
    let known = ask.keys.iter().copied();
    let known: Vec<_> = known.filter(|key| !said.contains(key)).collect();
    let Some(key) = given.find(|key| !known.contains(key)) else {
        return Ok(());
    };
    let key = escape::brief(key, 40);
    Err(match nearest(&key, &known) {
        Some(near) => format!("unknown key \"{key}\"; did you mean \"{near}\"?"),
        None if known.is_empty() => format!("unknown key \"{key}\": there are none here"),
        None => format!(
            "unknown key \"{key}\": expected one of {}",
            known.join(", ")
        ),
    })
}

/// Whether `request`, a line of the protocol, only reads.
pub fn only_reads(request: &[u8]) -> bool {
    let request: Value = json::from_bytes(request).unwrap_or_default();
    let word = request["ask"].as_str();
    ASKS.iter()
        .any(|ask| ask.only_reads && word == Some(ask.word))
}
