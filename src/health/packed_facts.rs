//! The numbers of a check's newest probe, packed: every check has them, in case that somebody asks for metrics.

use std::time::Duration;

use super::observation::{Observation, Phases};
use super::reason::Phase;
use super::snapshot::ProbeFacts;

/// A phase that was not reached, or not needed.
const NONE: u32 = u32::MAX;

/// What [`ProbeFacts`] are made of, to the microsecond; a phase that took an hour took `u32::MAX - 1` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedFacts {
    micros: [u32; Phase::ALL.len()],
    certificate_expires: Option<i64>,
}

impl From<&Observation> for PackedFacts {
    fn from(seen: &Observation) -> Self {
        let micros = |phase: Phase| match seen.phases.get(phase) {
            Some(took) => {
                u32::try_from(took.as_micros()).map_or(NONE - 1, |took| took.min(NONE - 1))
            }
            None => NONE,
        };
        let ends = seen.certificates.iter().map(|one| one.not_after);
        Self {
            micros: Phase::ALL.map(micros),
            certificate_expires: ends.min(),
        }
    }
}

impl From<PackedFacts> for ProbeFacts {
    fn from(packed: PackedFacts) -> Self {
        let mut phases = Phases::default();
        for (phase, micros) in Phase::ALL.into_iter().zip(packed.micros) {
            if micros != NONE {
                phases.add(phase, Duration::from_micros(micros.into()));
            }
        }
        Self {
            phases,
            certificate_expires: packed.certificate_expires,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_unpacked_as_they_were_to_the_microsecond() {
        let mut seen = Observation::default();
        let facts = |seen: &Observation| ProbeFacts::from(PackedFacts::from(seen));
        assert_eq!(facts(&seen).phases, Phases::default());
        seen.phases.add(Phase::Dns, Duration::ZERO);
        seen.phases.add(Phase::Connect, Duration::from_nanos(1_999));
        seen.phases.add(Phase::Body, Duration::from_secs(7200));
        let phases = facts(&seen).phases;
        for (phase, expected) in [
            (Phase::Dns, Some(0)),
            (Phase::Connect, Some(1)),
            (Phase::Tls, None),
            (Phase::FirstByte, None),
            (Phase::Body, Some(u64::from(NONE) - 1)),
        ] {
            let micros = phases.get(phase).map(|took| took.as_micros());
            assert_eq!(micros, expected.map(u128::from), "{phase:?}");
        }
        assert!(size_of::<PackedFacts>() <= 40);
    }
}
