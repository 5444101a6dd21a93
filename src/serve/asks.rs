//! The requests of the control protocol, by their words: for the description of the API, and for a watchdog without keys,
//! which may be read. What they mean is in `daemon/control`, where a test compares this list with them.

use serde_json::Value;

use crate::json;

/// One request.
pub struct Ask {
    pub word: &'static str,
    /// It changes nothing that is watched, kept or sent.
    pub only_reads: bool,
}

const fn reads(word: &'static str) -> Ask {
    Ask {
        word,
        only_reads: true,
    }
}

const fn changes(word: &'static str) -> Ask {
    Ask {
        word,
        only_reads: false,
    }
}

/// All of them, in the order of the protocol.
pub const ASKS: [Ask; 19] = [
    reads("status"),
    changes("pause"),
    changes("silence"),
    changes("resume"),
    changes("restart"),
    changes("reset"),
    changes("beat"),
    changes("start"),
    changes("stop"),
    changes("reload"),
    changes("health"),
    reads("flush"),
    reads("events"),
    reads("remembered"),
    changes("send"),
    changes("drop"),
    changes("test"),
    reads("fleet_status"),
    changes("fleet_release"),
];

/// Whether `request`, a line of the protocol, only reads.
pub fn only_reads(request: &[u8]) -> bool {
    let request: Value = json::from_bytes(request).unwrap_or_default();
    let word = request["ask"].as_str();
    ASKS.iter()
        .any(|ask| ask.only_reads && word == Some(ask.word))
}
