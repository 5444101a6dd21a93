//! What is to be written down of a check, and whether that has changed.

use super::super::check::CheckState;
use super::super::incident::Incident;
use super::super::memory::Memory;
use super::Monitor;

/// What of a check may have to be written down.
#[derive(Debug)]
pub struct Unwritten<'a> {
    /// Its incident that has ended, or was added to after its end.
    pub closed: Option<Incident>,
    /// Another number is another memory.
    pub fingerprint: u64,
    /// What is to be remembered of it.
    pub memory: &'a Memory,
}

impl Monitor {
    /// What is to be remembered of a check.
    pub fn memory(&self, check: &str) -> Option<&Memory> {
        self.known(check).map(|state| &state.memory)
    }

    /// Stands for all of a check's memory that is worth writing to disk at once: everything but the samples, which
    /// change with every probe, and passes beyond those that count. Another number is another memory.
    pub fn fingerprint(&self, check: &str) -> Option<u64> {
        let state = self.known(check)?;
        Some(state.memory.fingerprint(state.check.policy.pass_after))
    }

    /// What of `check` may have to be written down: its incident, as [`Self::take_closed`] has it, and its memory with the
    /// fingerprint. Asked for after each probe, so that the check is searched once.
    pub fn take_unwritten(&mut self, check: &str) -> Option<Unwritten<'_>> {
        let state = self.known_mut(check)?;
        Some(Unwritten {
            closed: state.take_closed(),
            fingerprint: state.memory.fingerprint(state.check.policy.pass_after),
            memory: &state.memory,
        })
    }

    /// The incident of a check that has ended, or was added to after its end, since this was last called.
    pub fn take_closed(&mut self, check: &str) -> Option<Incident> {
        self.known_mut(check)?.take_closed()
    }

    /// The checks whose incident was added to after its end, since this was last called.
    pub fn take_noted_after_end(&mut self) -> Vec<String> {
        std::mem::take(&mut self.noted_after_end)
    }
}

impl CheckState {
    fn take_closed(&mut self) -> Option<Incident> {
        match std::mem::take(&mut self.unwritten) {
            true => self.closed.as_deref().cloned(),
            false => None,
        }
    }
}
