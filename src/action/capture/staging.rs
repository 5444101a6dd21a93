//! Where a dumper writes. A dumper opens a path as root, and follows links: where others may make files, too, it
//! gets a private directory inside the folder, and the core is moved to its place when it is complete.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::safe_path::SafeDir;

/// A directory for one core.
#[derive(Debug)]
pub(super) struct Staging {
    folder: SafeDir,
    /// The folder as it is written in the configuration.
    dir: PathBuf,
    /// With its name.
    own: Option<(SafeDir, OsString)>,
}

impl Staging {
    /// In the directory `dir`, which exists.
    ///
    /// # Errors
    /// It cannot be used.
    pub(super) fn new(dir: &Path) -> io::Result<Self> {
        let folder = SafeDir::open(dir)?;
        let own = match folder.is_shared() {
            false => None,
            true => {
                let name = OsString::from(format!(".httpok-{:016x}", fastrand::u64(..)));
                Some((folder.create_dir(&name, 0o700)?, name))
            }
        };
        Ok(Self {
            folder,
            dir: dir.to_owned(),
            own,
        })
    }

    /// The path of `name` for the dumper.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        match &self.own {
            None => self.dir.join(name),
            Some((own, _)) => own.steady_path(OsStr::new(name)),
        }
    }

    /// The directory that is passed to the dumper, as it is in the paths above.
    pub(super) fn dumper_dir(&self) -> PathBuf {
        self.path("")
    }

    /// Opens the file `name` that the dumper made.
    ///
    /// # Errors
    /// There is none, or it is no plain file.
    pub(super) fn open(&self, name: &str) -> io::Result<File> {
        self.place().read(OsStr::new(name))
    }

    /// Makes the file `name`, open as `file`, private to httpok, and moves it to its place in the folder.
    ///
    /// # Errors
    /// As the system says.
    pub(super) fn keep(&self, name: &str, file: &File) -> io::Result<()> {
        file.set_permissions(Permissions::from_mode(0o600))?;
        self.release(name)
    }

    /// Gives the file `name` its place in the folder, as it is.
    ///
    /// # Errors
    /// As the system says.
    pub(super) fn release(&self, name: &str) -> io::Result<()> {
        let name = OsStr::new(name);
        match &self.own {
            None => Ok(()),
            Some((own, _)) => own.rename(name, &self.folder, name),
        }
    }

    /// Removes the file `name`, if there is one.
    pub(super) fn discard(&self, name: &str) {
        let _ = self.place().remove(OsStr::new(name));
    }

    fn place(&self) -> &SafeDir {
        self.own.as_ref().map_or(&self.folder, |(own, _)| own)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Some((own, name)) = &self.own {
            // what a dumper that was killed has left
            let entries = std::fs::read_dir(own.steady_path(OsStr::new(""))).into_iter();
            for entry in entries.flatten().flatten() {
                let _ = own.remove(&entry.file_name());
            }
            let _ = self.folder.remove_dir(name);
        }
    }
}
