//! The process of a job: spawned, signalled, and noted on disk before its signal.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::Signal;

use super::{ProgramJob, deadline};
use crate::health::ProcessName;
use crate::supervisor::embedded::cleanup::Leftovers;
use crate::supervisor::embedded::notes::ProcessNotes;
use crate::supervisor::embedded::spawn::{os_message, spawn};
use crate::supervisor::embedded::unit::UnitEvent;

/// When a process is noted that could not be noted.
const NOTE_AGAIN: Duration = Duration::from_secs(5);

impl ProgramJob {
    pub(super) async fn spawn(&mut self) -> UnitEvent {
        self.left = None;
        self.note_due = None;
        self.fingerprint = self.program.fingerprint();
        let note = self.begin_note().await;
        let is_noted = note.is_some();
        let (program, shared) = (Arc::clone(&self.program), Arc::clone(&self.shared));
        let work = move || spawn(&program, note, &shared.log_writers);
        match self.shared.spawners.spawn(&self.hung, work).await {
            Ok(child) => {
                self.started = Some(child.started());
                self.child = Some(child);
                if is_noted {
                    self.check_note().await;
                }
                UnitEvent::Spawned
            }
            Err(error) => {
                self.clear_note().await;
                UnitEvent::SpawnFailed(error)
            }
        }
    }

    /// The note that the new process finishes. A full disk, or one that hangs, must not keep a program from running. It
    /// costs the next watchdog's knowing it.
    async fn begin_note(&mut self) -> Option<File> {
        let shared = Arc::clone(&self.shared);
        let program = Arc::clone(&self.program);
        let notes = shared.notes.as_ref()?;
        let begun = notes.run(move |notes| notes.begin(&program)).await;
        match begun.flatten() {
            Ok(note) => Some(note),
            Err(error) => {
                self.unnoted(&os_message(&error));
                None
            }
        }
    }

    /// Warns when the new process could not finish its note.
    async fn check_note(&mut self) {
        let shared = Arc::clone(&self.shared);
        let Some(notes) = &shared.notes else {
            return;
        };
        let name = self.program.full_name();
        match notes.run(move |notes| notes.knows(&name)).await {
            Ok(true) => {}
            Ok(false) => self.unnoted("it could not be written"),
            Err(error) => self.unnoted(&error.to_string()),
        }
    }

    fn unnoted(&mut self, why: &str) {
        let name = self.program.full_name();
        tracing::warn!(
            "cannot note \"{name}\": it is tried again, and until then the next watchdog would not know it: {why}"
        );
        self.note_due = deadline(NOTE_AGAIN);
    }

    /// Notes the process that could not be noted when it was started.
    pub(super) async fn note_again(&mut self) {
        self.note_due = None;
        let record = self.published.borrow().record.clone();
        let record = record.filter(|record| !record.stopping && !record.ended);
        let Some((record, notes)) = record.zip(self.shared.notes.as_ref()) else {
            return;
        };
        let name = record.name.clone();
        match notes.run(move |notes| notes.add(&record)).await.flatten() {
            Ok(()) => tracing::info!("\"{name}\" is noted: the next watchdog will know it"),
            // it was said
            Err(_) => self.note_due = deadline(NOTE_AGAIN),
        }
    }

    pub(super) async fn clear_note(&self) {
        self.change_note("is cleared", ProcessNotes::clear).await;
    }

    /// Has the note of the program changed, after all changes before.
    pub(super) async fn change_note(&self, what: &str, change: fn(&ProcessNotes, &ProcessName)) {
        let Some(notes) = &self.shared.notes else {
            return;
        };
        let name = self.program.full_name();
        let about = name.clone();
        if let Err(error) = notes.run(move |notes| change(notes, &about)).await {
            tracing::warn!("the note on \"{name}\" {what} late: {error}");
        }
    }

    /// Sends the stop signal. The note records it first: the next watchdog must not treat the process as running.
    pub(super) async fn terminate(&mut self) {
        self.mark_stopping().await;
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

    pub(super) async fn kill(&mut self) {
        self.mark_stopping().await;
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

    async fn mark_stopping(&self) {
        self.change_note("is marked", ProcessNotes::mark_stopping)
            .await;
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
