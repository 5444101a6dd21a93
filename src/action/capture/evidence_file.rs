//! The evidence file: all that was found about one process, written down piece by piece, so that what there was
//! is there even if httpok is killed.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::health::Capture;
use crate::safe_path::{SafeDir, check_private};
use crate::secret;

use super::deadline::write;
use super::folder::Folder;
use super::found::{Evidence, nothing};
use super::stem::Stem;
use super::tool::CaptureSubject;

const WHAT: &str = "evidence file";

/// An evidence file that is being written.
pub(super) struct EvidenceFile {
    folder: Folder,
    path: PathBuf,
    /// What is to be written before the next piece.
    heading: String,
    /// What it has come to: its size in bytes.
    state: Result<u64, String>,
}

impl EvidenceFile {
    /// One about `subject`. Nothing is written yet.
    pub(super) fn new(
        folder: &Folder,
        stem: &Stem,
        subject: &CaptureSubject<'_>,
        incident: &str,
    ) -> Self {
        let CaptureSubject { name, pid, check } = subject;
        Self {
            folder: folder.clone(),
            path: folder.path(&stem.with(".txt")),
            heading: format!("{name}, pid {pid}, restarted for {check}, incident {incident}\n"),
            state: Ok(0),
        }
    }

    /// Writes down what was `found` since `time`. After the first failure nothing more is tried.
    pub(super) async fn add(&mut self, time: SystemTime, found: &Evidence) {
        let Ok(size) = self.state else { return };
        let heading = std::mem::take(&mut self.heading);
        let text = heading + &piece(time, found);
        let (folder, path) = (self.folder.clone(), self.path.clone());
        self.state = write(move || {
            folder.room()?;
            append(&path, size == 0, &text)
                .map_err(|why| format!("cannot write \"{}\": {why}", path.display()))
        })
        .await;
    }

    /// As a step of the transcript.
    pub(super) fn to_capture(&self) -> Capture {
        match &self.state {
            Err(why) => nothing(WHAT, why.clone()),
            Ok(size) => Capture {
                what: WHAT.to_owned(),
                output: String::new(),
                errors: String::new(),
                failure: None,
                files: vec![(self.path.display().to_string(), *size)],
            },
        }
    }
}

fn piece(time: SystemTime, found: &Evidence) -> String {
    let Evidence { what, text, .. } = found;
    let time = humantime::format_rfc3339_millis(time);
    let failure = found.failure.as_deref();
    let failure = failure.map_or_else(String::new, |why| format!("FAILED: {why}\n"));
    format!("\n==== {what}, {time}\n{failure}{}\n", text.trim_end())
}

/// Returns the file's size. The `first` piece makes the file, which must not be there: somebody else's would
/// be another's evidence, or a trap.
fn append(path: &Path, first: bool, text: &str) -> std::io::Result<u64> {
    let (directory, name) = SafeDir::of_file(path)?;
    let mut file = match first {
        true => directory.append_new(&name, 0o600)?,
        false => directory.append(&name, 0o600)?,
    };
    check_private(&file)?;
    file.write_all(secret::mask(text).as_bytes())?;
    file.metadata().map(|meta| meta.len())
}
