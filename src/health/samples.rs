//! The last results of a check, for strips on pages and in mails. Packed: there are sixty of them for every check, so
//! that they are most of what a check takes in memory.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::memory::ResultSample;
use super::moment::Moment;
use super::moments::Moments;
use super::reason::Reason;
use super::verdict::Verdict;

/// So many are kept of a check.
const KEPT: usize = 60;

/// The last results, oldest first. Only the newest one has a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    packed: VecDeque<PackedSample>,
    /// Of the newest one.
    detail: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct PackedSample {
    at: Moment,
    /// In microseconds, an hour at most.
    took: u32,
    /// 0 when none came.
    code: u16,
    verdict: Verdict,
    reason: Option<Reason>,
}

impl Samples {
    /// Adds the newest one; the oldest goes when there are many.
    pub fn push(&mut self, sample: ResultSample) {
        if self.packed.len() >= KEPT {
            self.packed.pop_front();
        }
        if self.packed.len() == self.packed.capacity() {
            let more = self.packed.len().clamp(4, KEPT);
            self.packed
                .reserve_exact(more.min(KEPT - self.packed.len()));
        }
        self.detail = sample.detail.into_boxed_str();
        self.packed.push_back(PackedSample {
            at: sample.at,
            took: u32::try_from(sample.took.as_micros()).unwrap_or(u32::MAX),
            code: sample.code.unwrap_or_default(),
            verdict: sample.verdict,
            reason: sample.reason,
        });
    }

    /// The newest one.
    pub fn newest(&self) -> Option<ResultSample> {
        self.iter().next_back()
    }

    /// When the newest one came, and what it came to.
    pub fn newest_verdict(&self) -> Option<(Moment, Verdict)> {
        self.packed.back().map(|packed| (packed.at, packed.verdict))
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = ResultSample> + '_ {
        let newest = self.packed.len().saturating_sub(1);
        self.packed
            .iter()
            .enumerate()
            .map(move |(at, packed)| ResultSample {
                detail: match at == newest {
                    true => self.detail.to_string(),
                    false => String::new(),
                },
                ..packed.unpacked()
            })
    }
}

impl PackedSample {
    fn unpacked(self) -> ResultSample {
        ResultSample {
            at: self.at,
            verdict: self.verdict,
            reason: self.reason,
            took: Duration::from_micros(self.took.into()),
            code: (self.code != 0).then_some(self.code),
            detail: String::new(),
        }
    }
}

impl FromIterator<ResultSample> for Samples {
    fn from_iter<T: IntoIterator<Item = ResultSample>>(samples: T) -> Self {
        let mut all = Self::default();
        samples.into_iter().for_each(|sample| all.push(sample));
        all
    }
}

impl Moments for Samples {
    fn each_moment(&mut self, change: &mut dyn FnMut(&mut Moment)) {
        let Self { packed, detail: _ } = self;
        for PackedSample {
            at,
            took: _,
            code: _,
            verdict: _,
            reason: _,
        } in packed
        {
            change(at);
        }
    }
}

impl Serialize for Samples {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Samples {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<ResultSample>::deserialize(deserializer)?
            .into_iter()
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(number: u64) -> ResultSample {
        ResultSample {
            at: Moment::from_secs(number),
            verdict: [Verdict::Pass, Verdict::Fail][usize::from(number.is_multiple_of(3))],
            reason: number.is_multiple_of(3).then_some(Reason::Status),
            took: Duration::from_micros(1234 * number),
            code: (!number.is_multiple_of(5)).then_some(200),
            detail: format!("text {number}"),
        }
    }

    #[test]
    fn newest_samples_are_kept_as_they_were() {
        let all: Samples = (0..100).map(sample).collect();
        let expected: Vec<_> = (40..100)
            .map(|number| ResultSample {
                detail: match number {
                    99 => "text 99".to_owned(),
                    _ => String::new(),
                },
                ..sample(number)
            })
            .collect();
        assert_eq!(all.iter().collect::<Vec<_>>(), expected);
        assert_eq!(all.newest().as_ref(), expected.last());
        assert_eq!(Samples::default().newest(), None);
    }

    #[test]
    fn they_are_stored_as_a_list_of_samples() {
        let all: Samples = (0..3).map(sample).collect();
        let text = serde_json::to_string(&all).expect("JSON");
        assert_eq!(serde_json::from_str::<Samples>(&text).expect("read"), all);
        let list: Vec<ResultSample> = serde_json::from_str(&text).expect("a list");
        assert_eq!(list, all.iter().collect::<Vec<_>>());
    }

    #[test]
    fn they_take_little_memory() {
        let all: Samples = (0..1000).map(sample).collect();
        assert_eq!(all.packed.capacity(), KEPT);
        assert_eq!(size_of::<PackedSample>(), 16);
    }
}
