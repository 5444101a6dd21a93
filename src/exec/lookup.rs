//! Finds the file that a program's name stands for, as execvp(3) would: a path as it is, a plain name in the
//! directories of PATH.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf, absolute};

/// Where programs are looked for without PATH.
pub const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Why a program cannot be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookupError {
    /// There is no such file.
    Missing(String),
    /// There is something of that name, and it cannot be run.
    NotExecutable(String),
}

/// The file to execute for `word`. A path begins in `directory`, by default the current one; a name is looked for in
/// the directories of `path`.
///
/// # Errors
/// That it is not there, or cannot be executed.
pub fn find(word: &str, directory: Option<&Path>, path: &OsStr) -> Result<PathBuf, LookupError> {
    let missing = || LookupError::Missing(word.to_owned());
    if word.contains('/') {
        let place = directory.map_or_else(|| PathBuf::from(word), |directory| directory.join(word));
        let place = absolute(place).map_err(|_| missing())?;
        return executable(&place).map(|()| place);
    }
    if word.is_empty() {
        return Err(missing());
    }
    let mut found = missing();
    for directory in env::split_paths(path) {
        let place = absolute(directory.join(word)).map_err(|_| missing())?;
        match executable(&place) {
            Ok(()) => return Ok(place),
            Err(LookupError::Missing(_)) => {}
            Err(error) => found = error,
        }
    }
    Err(found)
}

fn executable(path: &Path) -> Result<(), LookupError> {
    let shown = || path.display().to_string();
    match path.metadata() {
        Ok(found) if found.is_file() && found.permissions().mode() & 0o111 != 0 => Ok(()),
        Ok(_) => Err(LookupError::NotExecutable(shown())),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(LookupError::NotExecutable(shown()))
        }
        Err(_) => Err(LookupError::Missing(shown())),
    }
}
