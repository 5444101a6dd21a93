//! Growing pauses between attempts, with jitter that comes from a seed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `min`, then `factor` times longer after every attempt, never longer than `max`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Backoff {
    /// The first pause.
    pub min: Duration,
    /// The longest pause, jitter aside.
    pub max: Duration,
    /// At least 1.
    pub factor: f64,
}

impl Backoff {
    /// No pause at all.
    pub const NONE: Self = Self {
        min: Duration::ZERO,
        max: Duration::ZERO,
        factor: 1.0,
    };

    /// The pause after `attempts` attempts, lengthened by up to a tenth so that many watchdogs do not
    /// act in step; `seed` picks how much.
    pub fn pause(&self, attempts: u32, seed: u64) -> Duration {
        if attempts == 0 || self.min.is_zero() {
            return Duration::ZERO;
        }
        let exponent = i32::try_from(attempts - 1).unwrap_or(i32::MAX);
        let grown = self.min.as_secs_f64() * self.factor.max(1.0).powi(exponent);
        let bounded = grown.min(self.max.max(self.min).as_secs_f64());
        Duration::from_secs_f64(bounded * (1.0 + unit(seed) / 10.0))
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            min: Duration::from_secs(10),
            max: Duration::from_secs(300),
            factor: 2.0,
        }
    }
}

/// A number in 0..1 from a seed (the finalizer of splitmix64: neighbouring seeds give unrelated numbers).
fn unit(seed: u64) -> f64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    #[expect(clippy::cast_precision_loss, reason = "53 bits are all that is used")]
    let unit = (z >> 11) as f64 / (1_u64 << 53) as f64;
    unit
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn doubles_up_to_its_maximum() {
        let backoff = Backoff::default();
        for (attempts, least) in [
            (0, 0),
            (1, 10),
            (2, 20),
            (3, 40),
            (5, 160),
            (6, 300),
            (60, 300),
            (u32::MAX, 300),
        ] {
            let pause = backoff.pause(attempts, 7).as_secs_f64();
            let least = f64::from(least);
            assert!(
                (least..=least * 1.1).contains(&pause),
                "{attempts}: {pause}"
            );
        }
        assert_eq!(Backoff::NONE.pause(9, 7), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn the_same_seed_gives_the_same_pause_within_a_tenth(attempts in 1_u32..50, seed: u64) {
            let backoff = Backoff::default();
            let pause = backoff.pause(attempts, seed);
            prop_assert_eq!(pause, backoff.pause(attempts, seed));
            prop_assert!(pause >= backoff.min && pause.as_secs_f64() <= 330.0);
        }
    }
}
