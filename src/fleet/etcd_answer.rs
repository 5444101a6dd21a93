//! What stands in etcd's answers: keys and values are base64, 64-bit numbers are strings, zero is left out.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::Value;

use crate::health::SlotHolder;

/// A key of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub key: String,
    pub value: String,
    pub created: u64,
    pub modified: u64,
    pub lease: String,
}

impl Entry {
    /// Whom it stands for; `None` when another program has written it.
    pub fn holder(&self) -> Option<SlotHolder> {
        serde_json::from_str(&self.value).ok()
    }

    /// Whether it waits for a slot alone, not for a budget or the end of a panic: then it comes before those that came later.
    pub fn is_queued(&self) -> bool {
        let value: Value = serde_json::from_str(&self.value).unwrap_or_default();
        value["queued"] == true
    }
}

pub(super) fn encoded(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

/// The keys of an answer to a range. One that is no text is left out: we write none such.
pub(super) fn entries(answer: &Value) -> Vec<Entry> {
    let kvs = answer["kvs"].as_array();
    kvs.into_iter().flatten().filter_map(entry).collect()
}

fn entry(kv: &Value) -> Option<Entry> {
    let text = |field: &str| {
        let bytes = BASE64_STANDARD.decode(kv[field].as_str()?).ok()?;
        String::from_utf8(bytes).ok()
    };
    Some(Entry {
        key: text("key")?,
        value: text("value")?,
        created: number(&kv["create_revision"])?,
        modified: number(&kv["mod_revision"])?,
        lease: kv["lease"].as_str().unwrap_or("0").to_owned(),
    })
}

pub(super) fn number(value: &Value) -> Option<u64> {
    value.as_str()?.parse().ok()
}

/// Whether the comparison of a transaction was right.
pub(super) fn succeeded(answer: &Value) -> bool {
    answer["succeeded"].as_bool() == Some(true)
}
