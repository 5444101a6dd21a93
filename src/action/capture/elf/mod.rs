//! A process's threads and memory as a core file in ELF's format, by the elfcore crate.

mod sparse;

use std::error::Error;
use std::fs::File;
use std::iter::successors;

use elfcore::{CoreError, ProcessView, write_core_dump};

use super::dump::DumpFailure;
use sparse::Sparse;

/// Writes a core of the process `pid` to `file`, which is empty. It takes at most `room` bytes of the disk.
pub(super) fn write(pid: i32, file: File, room: u64) -> Result<(), DumpFailure> {
    // stops all its threads
    let view = ProcessView::new(pid).map_err(failure)?;
    let mut core = Sparse::new(file, room);
    let written = write_core_dump(&mut core, &view);
    // they run again from here on
    drop(view);
    written.map_err(failure)?;
    core.finish()
        .map_err(|why| DumpFailure::Other(why.to_string()))
}

fn failure(error: CoreError) -> DumpFailure {
    if let CoreError::RaceTryAgain = error {
        return DumpFailure::Race;
    }
    let causes = successors(Some(&error as &dyn Error), |&error| error.source());
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    DumpFailure::Other(causes.join(": "))
}
