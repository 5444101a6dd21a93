//! How often each verdict was reached. In JSON an object of those that were; in memory a row of numbers, as there is one for
//! every check.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::verdict::Verdict;

/// Results by verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerdictCounts([u32; Verdict::ALL.len()]);

impl VerdictCounts {
    /// Counts one more.
    pub fn add(&mut self, verdict: Verdict) {
        let count = &mut self.0[verdict as usize];
        *count = count.saturating_add(1);
    }

    /// How many there were of `verdict`.
    pub fn of(&self, verdict: Verdict) -> u64 {
        self.0[verdict as usize].into()
    }

    /// How many there were at all.
    pub fn total(&self) -> u64 {
        self.0.iter().copied().map(u64::from).sum()
    }
}

impl Serialize for VerdictCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counts = Verdict::ALL.map(|verdict| (verdict, self.of(verdict)));
        serializer.collect_map(counts.into_iter().filter(|(_, count)| *count > 0))
    }
}

impl<'de> Deserialize<'de> for VerdictCounts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut counts = Self::default();
        for (verdict, count) in BTreeMap::<Verdict, u64>::deserialize(deserializer)? {
            counts.0[verdict as usize] = u32::try_from(count).unwrap_or(u32::MAX);
        }
        Ok(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_an_object_of_what_was_reached() {
        let mut counts = VerdictCounts::default();
        for verdict in [Verdict::Fail, Verdict::Unknown, Verdict::Fail] {
            counts.add(verdict);
        }
        let text = serde_json::to_string(&counts).expect("JSON");
        assert_eq!(text, r#"{"fail":2,"unknown":1}"#);
        assert_eq!(
            serde_json::from_str::<VerdictCounts>(&text).expect("read"),
            counts
        );
        assert_eq!((counts.total(), counts.of(Verdict::Pass)), (3, 0));
        for verdict in Verdict::ALL {
            assert_eq!(Verdict::ALL[verdict as usize], verdict);
        }
    }
}
