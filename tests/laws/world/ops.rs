//! What happens in a world.

use proptest::prelude::*;

use super::PROCESSES;

/// One step of a world.
#[derive(Clone, Debug)]
pub enum Op {
    Advance(u32),
    Tick(usize, Option<u16>),
    Answer(usize, u8),
    /// A tick whose list, if any, and probe are answered at once.
    Probe(usize, u8),
    Pause(usize, Option<u16>),
    Silence(usize, Option<u16>),
    /// A maintenance window that holds restarts, reports, both or nothing: then it is over.
    Maintenance(usize, bool, bool, Option<u16>),
    Resume(usize),
    /// A heartbeat, which reports a failure or not.
    Beat(usize, bool),
    Reset(usize),
    Replace(usize),
    RestartManually(usize),
    /// A reload with one check changed.
    Change(usize),
    /// A reload with the slots of one check changed, or taken away.
    ChangeFleet(usize, u8),
    /// A reload with one check taken away, or put back.
    Toggle(usize),
    /// An earlier run left the restart of a process unfinished, for this check.
    Inherit(usize, usize),
    /// The supervisor performs a stop that an earlier run had asked for.
    StopsLate(usize),
    /// Someone else starts a process, or stops it.
    Elsewhere(usize, bool),
    /// A process crashes and is being started anew, or waits for that.
    Crashes(usize, bool),
    /// The lease of a check's slot could not be renewed.
    LoseLease(usize),
    Shutdown,
}

pub fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0_u32..20_000).prop_map(Op::Advance),
        2 => (0_u32..600).prop_map(Op::Advance),
        6 => (0_usize..4, prop::option::weighted(0.3, 0_u16..20_000)).prop_map(|(c, age)| Op::Tick(c, age)),
        14 => (0_usize..8, any::<u8>()).prop_map(|(i, how)| Op::Answer(i, how)),
        8 => (0_usize..4, any::<u8>()).prop_map(|(c, how)| Op::Probe(c, how)),
        1 => (0_usize..4, prop::option::of(any::<u16>())).prop_map(|(c, ms)| Op::Pause(c, ms)),
        1 => (0_usize..4, prop::option::of(any::<u16>())).prop_map(|(c, ms)| Op::Silence(c, ms)),
        1 => (0_usize..4, any::<bool>(), any::<bool>(), prop::option::of(any::<u16>()))
            .prop_map(|(c, restarts, reports, ms)| Op::Maintenance(c, restarts, reports, ms)),
        1 => (0_usize..4).prop_map(Op::Resume),
        3 => (0_usize..4, prop::bool::weighted(0.2)).prop_map(|(c, failed)| Op::Beat(c, failed)),
        1 => (0_usize..4).prop_map(Op::Reset),
        1 => (0..PROCESSES).prop_map(Op::Replace),
        1 => (0_usize..4).prop_map(Op::RestartManually),
        1 => (0_usize..4).prop_map(Op::Change),
        1 => (0_usize..4, any::<u8>()).prop_map(|(c, how)| Op::ChangeFleet(c, how)),
        1 => (0_usize..4).prop_map(Op::Toggle),
        1 => (0..PROCESSES, 0_usize..5).prop_map(|(process, check)| Op::Inherit(process, check)),
        1 => (0..PROCESSES).prop_map(Op::StopsLate),
        1 => (0..PROCESSES, any::<bool>()).prop_map(|(process, up)| Op::Elsewhere(process, up)),
        1 => (0..PROCESSES, any::<bool>()).prop_map(|(process, waits)| Op::Crashes(process, waits)),
        1 => (0_usize..4).prop_map(Op::LoseLease),
        1 => Just(Op::Shutdown),
    ]
}
