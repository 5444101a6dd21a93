//! The process of a job: spawned, signalled, and noted on disk before its signal.

use std::io;

use nix::errno::Errno;
use nix::sys::signal::Signal;

use super::ProgramJob;
use crate::supervisor::embedded::cleanup::Leftovers;
use crate::supervisor::embedded::spawn::spawn;
use crate::supervisor::embedded::unit::UnitEvent;

impl ProgramJob {
    pub(super) fn spawn(&mut self) -> UnitEvent {
        self.left = None;
        self.fingerprint = self.program.fingerprint();
        let shared = &self.shared;
        match spawn(&self.program, shared.notes.as_ref(), &shared.log_writers) {
            Ok(child) => {
                self.started = Some(child.started());
                self.child = Some(child);
                UnitEvent::Spawned
            }
            Err(error) => {
                self.remove_note();
                UnitEvent::SpawnFailed(error)
            }
        }
    }

    pub(super) fn remove_note(&self) {
        if let Some(notes) = &self.shared.notes {
            notes.remove(&self.program.full_name());
        }
    }

    /// Sends the stop signal. The note records it first: the next watchdog must not treat the process as running.
    pub(super) fn terminate(&mut self) {
        self.mark_stopping();
        let signal = self.program.stopsignal;
        match (&self.child, &self.left) {
            (Some(child), _) => {
                let sent = match self.program.stopasgroup {
                    true => child.signal_group(signal as i32),
                    false => child.signal(signal as i32),
                };
                self.unsent(signal, sent);
            }
            (None, Some(left)) => self.rest = Some(Leftovers::asked(left.clone(), signal)),
            (None, None) => {}
        }
    }

    pub(super) fn kill(&mut self) {
        self.mark_stopping();
        if let Some(child) = &self.child {
            let number = Signal::SIGKILL as i32;
            let sent = match self.program.killasgroup {
                true => child.signal_group(number),
                false => child.signal(number),
            };
            self.unsent(Signal::SIGKILL, sent);
        }
        if let Some(rest) = &mut self.rest {
            rest.kill();
        }
    }

    pub(super) fn mark_stopping(&self) {
        if let Some(notes) = &self.shared.notes {
            notes.mark_stopping(&self.program.full_name());
        }
    }

    /// That a process ends before it is signalled is no trouble.
    pub(super) fn unsent(&self, signal: Signal, sent: io::Result<()>) {
        if let Err(error) = sent
            && error.raw_os_error() != Some(Errno::ESRCH as i32)
        {
            let name = self.program.full_name();
            tracing::warn!("cannot send {signal} to program \"{name}\": {error}");
        }
    }
}
