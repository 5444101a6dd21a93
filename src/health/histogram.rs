//! How long probes took, counted in buckets: what a histogram in metrics is made of. The bounds are fixed, so
//! that counts of different checks and hosts can be added up.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Upper bounds of the buckets in microseconds, from a local service's usual answer to the longest timeouts; what
/// takes longer falls into one more bucket without a bound.
const BOUNDS: [u64; 12] = [
    5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000, 30_000_000,
];

/// Durations, counted since the start of the watchdog.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Histogram {
    /// Per bucket, not cumulative; the last one has no upper bound. Small numbers, as there is a row of them for every
    /// check: a probe each 100 ms for 13 years.
    counts: [u32; BOUNDS.len() + 1],
    sum_micros: u64,
}

impl Histogram {
    /// Counts `span`.
    pub fn add(&mut self, span: Duration) {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < micros);
        self.counts[bucket] = self.counts[bucket].saturating_add(1);
        self.sum_micros = self.sum_micros.saturating_add(micros);
    }

    /// Each bucket's upper bound in seconds (infinity for the last) with how many took no longer.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let bounds = BOUNDS.iter().map(|micros| *micros as f64 / 1e6);
        let bounds = bounds.chain([f64::INFINITY]);
        bounds.zip(&self.counts).scan(0, |total, (bound, count)| {
            *total += u64::from(*count);
            Some((bound, *total))
        })
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().copied().map(u64::from).sum()
    }

    /// All of them together, in seconds.
    pub fn sum(&self) -> f64 {
        self.sum_micros as f64 / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_counts_in_its_bucket_and_all_above() {
        let mut histogram = Histogram::default();
        for millis in [0, 5, 6, 1000, 60_000] {
            histogram.add(Duration::from_millis(millis));
        }
        let at = |bound: f64| {
            let mut buckets = histogram.cumulative();
            buckets.find(|(found, _)| *found >= bound).map(|(_, n)| n)
        };
        assert_eq!(at(0.005), Some(2), "a bound belongs to its bucket");
        assert_eq!(at(0.01), Some(3));
        assert_eq!(at(1.0), Some(4));
        assert_eq!(at(30.0), Some(4));
        assert_eq!(at(f64::INFINITY), Some(5));
        assert_eq!((histogram.count(), histogram.sum()), (5, 61.011));
    }
}
