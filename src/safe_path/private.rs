//! Whether files and directories are safe from other users: nobody but root and our own user can change them.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::geteuid;

use super::{OTHERS_WRITE, STICKY, SafeDir, denied};

/// Entries of a directory that are read.
const MAX_ENTRIES: usize = 10_000;

/// Whether an open file belongs to us or root and nobody else may write it.
///
/// # Errors
/// Names its owner, or the users that may write it.
pub fn check_private(file: &File) -> io::Result<()> {
    let meta = file.metadata()?;
    unsafe_because(meta.uid(), meta.mode()).map_or(Ok(()), |why| Err(denied(format!("it {why}"))))
}

/// Whether nobody but root and our own user can change what is in the directory `path`: nobody else owns it, or
/// a directory above it, or may write there. A directory above it that is sticky, like `/tmp`, is safe: others
/// can make files there, but cannot replace ours. One that does not exist yet is as safe as what is above it.
///
/// # Errors
/// Names the directory and says what to do.
pub fn check_private_dir(path: &Path) -> io::Result<()> {
    let path = std::path::absolute(path)?;
    let existing = path.ancestors().find(|at| at.symlink_metadata().is_ok());
    let opened = match existing {
        // through links: what counts is where the files are
        Some(existing) => SafeDir::open(existing).and_then(|found| found.path.canonicalize()),
        None => return Ok(()),
    };
    let real = match opened {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
        // What is not a directory is not used, and its user reports that.
        Err(_) => return Ok(()),
        Ok(real) => real,
    };
    let whole = existing == Some(&path);
    for (above, at) in real.ancestors().enumerate() {
        let meta = at.symlink_metadata()?;
        let is_itself = above == 0 && whole;
        let mode = match !is_itself && meta.mode() & STICKY != 0 {
            true => meta.mode() & !OTHERS_WRITE,
            false => meta.mode(),
        };
        if let Some(why) = unsafe_because(meta.uid(), mode) {
            let at = at.display();
            let user = geteuid();
            return Err(denied(format!(
                "the directory \"{at}\" {why}: that user could make httpok restart or kill what they \
                 choose; run `chown {user} {at} && chmod go-w {at}`, or choose another directory"
            )));
        }
    }
    Ok(())
}

/// Whether nobody but root and our own user can change what is in the directory `path`: as
/// [`check_private_dir`], and for all that is in it, of directories in it only those whose name begins with
/// one of `deep`.
///
/// # Errors
/// Names the file and says what to do.
pub fn check_private_contents(path: &Path, deep: &[&str]) -> io::Result<()> {
    check_private_dir(path)?;
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        // What does not exist cannot harm, and what cannot be read is not used.
        Err(_) => return Ok(()),
    };
    for entry in entries.take(MAX_ENTRIES) {
        let entry = entry?;
        // gone meanwhile
        let Ok(meta) = entry.metadata() else { continue };
        let at = entry.path();
        let mode = if meta.is_symlink() { 0 } else { meta.mode() };
        if let Some(why) = unsafe_because(meta.uid(), mode) {
            let at = at.display();
            return Err(denied(format!(
                "\"{at}\" {why}: that user could make httpok restart or kill any process; remove \
                 it, or run `chown {user} {at} && chmod go-w {at}` if you know what is in it",
                user = geteuid()
            )));
        }
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if meta.is_dir() && deep.iter().any(|begin| name.starts_with(begin)) {
            check_private_contents(&at, &[])?;
        }
    }
    Ok(())
}

fn unsafe_because(owner: u32, mode: u32) -> Option<String> {
    if owner != 0 && owner != geteuid().as_raw() {
        return Some(format!("belongs to user {owner}"));
    }
    match (mode & 0o002 != 0, mode & 0o020 != 0) {
        (true, _) => Some("can be written by everybody".to_owned()),
        (false, true) => Some("can be written by its group".to_owned()),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown};

    use super::super::tests::{NOBODY, owned_by_other};
    use super::*;

    #[test]
    fn a_directory_is_private_if_nobody_else_can_write_it_or_above_it() {
        type Case = (&'static str, fn(&Path), Option<&'static str>);
        let cases: [Case; 7] = [
            ("as made", |_| {}, None),
            ("readable", |at| mode(&at.join("a/b"), 0o755), None),
            ("sticky above", |at| mode(&at.join("a"), 0o1777), None),
            (
                "sticky itself",
                |at| mode(&at.join("a/b"), 0o1777),
                Some("written by everybody"),
            ),
            (
                "group above",
                |at| mode(&at.join("a"), 0o770),
                Some("written by its group"),
            ),
            (
                "another's",
                |at| owned_by_other(&at.join("a/b")),
                Some("belongs to user 65534"),
            ),
            (
                "another's above",
                |at| owned_by_other(&at.join("a")),
                Some("belongs to user 65534"),
            ),
        ];
        for (what, change, expected) in cases {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir_all(dir.path().join("a/b")).unwrap();
            change(dir.path());
            let checked = check_private_dir(&dir.path().join("a/b"));
            match (checked, expected) {
                (Ok(()), None) => {}
                (Err(why), Some(expected)) if why.to_string().contains(expected) => {
                    assert!(why.to_string().contains("chown 0 "), "{why}");
                }
                (found, _) => panic!("{what}: {found:?}"),
            }
        }
    }

    #[test]
    fn missing_directory_is_as_private_as_its_parent() {
        let dir = tempfile::tempdir().unwrap();
        let wanted = dir.path().join("a/b");
        check_private_dir(&wanted).unwrap();
        chown(dir.path(), Some(NOBODY), None).unwrap();
        assert!(check_private_dir(&wanted).is_err());
    }

    #[test]
    fn non_directory_is_not_judged() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        check_private_dir(&file).unwrap();
        check_private_dir(&file.join("below")).unwrap();
    }

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
}
