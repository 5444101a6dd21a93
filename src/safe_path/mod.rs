//! Files in directories that others may write to. A path is walked one name at a time: a symbolic link is
//! followed only if it belongs to root or to our own user, so that no other user can lead us elsewhere. What
//! is at the end is opened relative to the directory that was found, without following a link, and is checked
//! and changed through its descriptor. Says also whether a directory is safe from others altogether.

mod private;
mod regular;

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, FcntlArg, OFlag, fcntl, openat, readlinkat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};

pub use private::{check_private, check_private_contents, check_private_dir};
pub use regular::{open_regular, read_regular, read_text};

/// Links on the way to one file. The kernel follows as many.
const MAX_LINKS: usize = 40;

/// Writable by the group or by everybody.
const OTHERS_WRITE: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// An open directory: whatever becomes of its path, it is the same one.
#[derive(Debug)]
pub struct SafeDir {
    fd: OwnedFd,
    path: PathBuf,
    shared: bool,
}

impl SafeDir {
    /// Opens the directory at `path`.
    ///
    /// # Errors
    /// As the system says, or because a link of another user is on the way.
    pub fn open(path: &Path) -> io::Result<Self> {
        match walk(path, false)? {
            (directory, None) => Ok(directory),
            (_, Some(_)) => Err(Errno::ENOTDIR.into()),
        }
    }

    /// The same, and what is missing of it is made with `mode`.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn make_all(path: &Path, mode: u32) -> io::Result<Self> {
        match (Self::open(path), path.parent(), path.file_name()) {
            (Err(error), Some(parent), Some(name)) if error.kind() == io::ErrorKind::NotFound => {
                match Self::make_all(parent, mode)?.create_dir(name, mode) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::open(path),
                    made => made,
                }
            }
            (opened, ..) => opened,
        }
    }

    /// Opens the directory that the file at `path` is in, or is to be in, and returns the file's name there.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn of_file(path: &Path) -> io::Result<(Self, OsString)> {
        match walk(path, true)? {
            (directory, Some(name)) => Ok((directory, name)),
            (_, None) => Err(Errno::EISDIR.into()),
        }
    }

    /// Where it was found.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether others than root and our own user may put files into it.
    pub const fn is_shared(&self) -> bool {
        self.shared
    }

    /// A path to the file `name` in this directory that stays true when the directory is moved, for a program
    /// that wants a path. Valid as long as `self` and our process live.
    pub fn steady_path(&self, name: &OsStr) -> PathBuf {
        let (pid, fd) = (std::process::id(), self.fd.as_raw_fd());
        PathBuf::from(format!("/proc/{pid}/fd/{fd}")).join(name)
    }

    /// Opens the regular file `name` for reading.
    ///
    /// # Errors
    /// As the system says, or because it is a link or no regular file.
    pub fn read(&self, name: &OsStr) -> io::Result<File> {
        self.regular(name, OFlag::O_RDONLY, 0)
    }

    /// Opens the regular file `name` for appending, and makes it with `mode` where it is missing.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn append(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        self.regular(
            name,
            OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_CREAT,
            mode,
        )
    }

    /// The same, and what is there can be read.
    ///
    /// # Errors
    /// As the system says, or because it is no regular file.
    pub fn append_readable(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        let flags = OFlag::O_RDWR | OFlag::O_APPEND | OFlag::O_CREAT;
        self.regular(name, flags, mode)
    }

    /// Makes the file `name`, which must not exist, for writing.
    ///
    /// # Errors
    /// As the system says.
    pub fn create_new(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
        Ok(self.raw(name, flags, mode)?.into())
    }

    /// The same for appending.
    ///
    /// # Errors
    /// As the system says.
    pub fn append_new(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        let flags = OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_CREAT | OFlag::O_EXCL;
        Ok(self.raw(name, flags, mode)?.into())
    }

    /// Opens the pipe or character device `name` for writing, without waiting: a pipe that nobody reads is an
    /// error.
    ///
    /// # Errors
    /// As the system says, or because it is something else.
    pub fn special(&self, name: &OsStr) -> io::Result<File> {
        let fd = self.raw(
            name,
            OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_NONBLOCK,
            0,
        )?;
        let stat = fstat(&fd)?;
        if !is(&stat, SFlag::S_IFIFO) && !is(&stat, SFlag::S_IFCHR) {
            return Err(denied("it was exchanged for another file"));
        }
        fcntl(&fd, FcntlArg::F_SETFL(OFlag::O_APPEND))?;
        Ok(fd.into())
    }

    /// Makes the directory `name`, which must not exist, and opens it.
    ///
    /// # Errors
    /// As the system says.
    pub fn create_dir(&self, name: &OsStr, mode: u32) -> io::Result<Self> {
        mkdirat(&self.fd, name, Mode::from_bits_truncate(mode))?;
        let fd = self.raw(name, OFlag::O_PATH | OFlag::O_DIRECTORY, 0)?;
        let stat = fstat(&fd)?;
        if stat.st_uid != geteuid().as_raw() {
            return Err(io::Error::other(
                "it was exchanged for another user's directory",
            ));
        }
        Ok(Self {
            fd,
            path: self.path.join(name),
            shared: is_shared(&stat),
        })
    }

    /// What is known about `name`; a link is not followed.
    ///
    /// # Errors
    /// As the system says.
    pub fn stat(&self, name: &OsStr) -> io::Result<FileStat> {
        Ok(fstatat(&self.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW)?)
    }

    /// Gives the file `from` the name `to` in the directory `into`, and replaces what has that name. Links are
    /// renamed, not followed.
    ///
    /// # Errors
    /// As the system says.
    pub fn rename(&self, from: &OsStr, into: &Self, to: &OsStr) -> io::Result<()> {
        Ok(renameat(&self.fd, from, &into.fd, to)?)
    }

    /// Removes the file `name`. A link is removed, not what it leads to.
    ///
    /// # Errors
    /// As the system says.
    pub fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.fd, name, UnlinkatFlags::NoRemoveDir)?)
    }

    /// Removes the empty directory `name`.
    ///
    /// # Errors
    /// As the system says.
    pub fn remove_dir(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.fd, name, UnlinkatFlags::RemoveDir)?)
    }

    fn regular(&self, name: &OsStr, flags: OFlag, mode: u32) -> io::Result<File> {
        let shown = || self.path.join(name).display().to_string();
        let file = match self.raw(name, flags | OFlag::O_NONBLOCK, mode) {
            Err(Errno::ELOOP) => return Err(denied(format!("\"{}\" is a symbolic link", shown()))),
            other => other?,
        };
        let stat = fstat(&file)?;
        if !is(&stat, SFlag::S_IFREG) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("\"{}\" is not a regular file", shown()),
            ));
        }
        // A second name may be that of a file which its maker may not even read.
        if self.shared && stat.st_nlink > 1 {
            let why = "has a second name (a hard link), which may be another user's file";
            return Err(denied(format!("\"{}\" {why}", shown())));
        }
        Ok(file.into())
    }

    fn raw(&self, name: &OsStr, flags: OFlag, mode: u32) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
        openat(&self.fd, name, flags, Mode::from_bits_truncate(mode))
    }
}

impl AsFd for SafeDir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Walks `path`. With `to_file`, its last name is not opened but returned; where that is a link that may be
/// followed, the walk goes on to where it leads.
fn walk(path: &Path, to_file: bool) -> io::Result<(SafeDir, Option<OsString>)> {
    let mut rest = names(path);
    let mut at = match path.is_absolute() {
        true => start(Path::new("/"))?,
        false => start(Path::new("."))?,
    };
    let mut links = 0;
    while let Some(name) = rest.pop_front() {
        let last = rest.is_empty() && to_file;
        let stat = match fstatat(&at.fd, name.as_os_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Err(Errno::ENOENT) if last => return Ok((at, Some(name))),
            other => other?,
        };
        if is(&stat, SFlag::S_IFLNK) {
            if ![0, geteuid().as_raw()].contains(&stat.st_uid) {
                let (link, owner) = (at.path.join(&name), stat.st_uid);
                let link = link.display();
                return Err(denied(format!(
                    "\"{link}\" is a symbolic link that belongs to user {owner}"
                )));
            }
            links += 1;
            if links > MAX_LINKS {
                return Err(Errno::ELOOP.into());
            }
            let target = PathBuf::from(readlinkat(&at.fd, name.as_os_str())?);
            if target.is_absolute() {
                at = start(Path::new("/"))?;
            }
            for name in names(&target).into_iter().rev() {
                rest.push_front(name);
            }
        } else if last && !is(&stat, SFlag::S_IFDIR) {
            return Ok((at, Some(name)));
        } else {
            // a link that took the directory's place meanwhile is an error here
            let fd = at.raw(&name, OFlag::O_PATH | OFlag::O_DIRECTORY, 0)?;
            let shared = is_shared(&fstat(&fd)?);
            at = SafeDir {
                fd,
                path: at.path.join(&name),
                shared,
            };
        }
    }
    Ok((at, None))
}

fn start(path: &Path) -> io::Result<SafeDir> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let fd = openat(nix::fcntl::AT_FDCWD, path, flags, Mode::empty())?;
    let shared = is_shared(&fstat(&fd)?);
    Ok(SafeDir {
        fd,
        path: path.to_owned(),
        shared,
    })
}

fn names(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}

fn is_shared(stat: &FileStat) -> bool {
    let owner_is_other = stat.st_uid != 0 && stat.st_uid != geteuid().as_raw();
    owner_is_other || stat.st_mode & OTHERS_WRITE != 0
}

/// Whether what `stat` is about is of this `kind`.
pub fn is(stat: &FileStat, kind: SFlag) -> bool {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == kind
}

fn denied(why: impl Display) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why.to_string())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read, Write};
    use std::os::unix::fs::{lchown, symlink};

    use super::*;

    pub const NOBODY: u32 = 65534;

    pub fn owned_by_other(path: &Path) {
        lchown(path, Some(NOBODY), Some(NOBODY)).expect("these tests run as root");
    }

    fn read(path: &Path) -> io::Result<String> {
        let (directory, name) = SafeDir::of_file(path)?;
        let mut text = String::new();
        directory.read(&name)?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn links_of_root_are_followed_and_links_of_others_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("real")).unwrap();
        fs::write(at("real/log"), "text").unwrap();
        symlink("real", at("dir")).unwrap();
        symlink(at("real/log"), at("file")).unwrap();
        symlink("../dir/log", at("real/relative")).unwrap();
        symlink("loop", at("loop")).unwrap();
        for path in [
            "real/log",
            "dir/log",
            "file",
            "real/relative",
            "dir/../real/./log",
        ] {
            assert_eq!(read(&at(path)).unwrap(), "text", "{path}");
        }
        assert!(read(&at("loop")).is_err());
        owned_by_other(&at("dir"));
        owned_by_other(&at("file"));
        for path in ["dir/log", "file", "real/relative"] {
            let why = read(&at(path)).unwrap_err().to_string();
            assert!(
                why.ends_with("is a symbolic link that belongs to user 65534"),
                "{path}: {why}"
            );
        }
    }

    #[test]
    fn replaced_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (directory, name) = SafeDir::of_file(&dir.path().join("log")).unwrap();
        let secret = dir.path().join("secret");
        fs::write(&secret, "secret").unwrap();
        symlink(&secret, dir.path().join("log")).unwrap();
        for opened in [directory.read(&name), directory.append(&name, 0o644)] {
            let why = opened.unwrap_err().to_string();
            assert!(why.ends_with("log\" is a symbolic link"), "{why}");
        }
        assert!(directory.create_new(&name, 0o600).is_err());
        directory.remove(&name).unwrap();
        nix::unistd::mkfifo(&dir.path().join("log"), Mode::S_IRWXU).unwrap();
        let why = directory.read(&name).unwrap_err().to_string();
        assert!(why.ends_with("is not a regular file"), "{why}");
        assert_eq!(fs::read_to_string(secret).unwrap(), "secret");
    }

    #[test]
    fn a_hard_link_in_a_directory_of_another_user_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let secret = dir.path().join("secret");
        fs::write(&secret, "secret").unwrap();
        let theirs = dir.path().join("theirs");
        fs::create_dir(&theirs).unwrap();
        fs::hard_link(&secret, theirs.join("log")).unwrap();
        assert_eq!(
            read(&theirs.join("log")).unwrap(),
            "secret",
            "the directory is ours"
        );
        owned_by_other(&theirs);
        let why = read(&theirs.join("log")).unwrap_err().to_string();
        assert!(why.contains("has a second name"), "{why}");
    }

    #[test]
    fn an_open_directory_stays_the_same_when_it_is_moved() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("logs")).unwrap();
        let (directory, name) = SafeDir::of_file(&at("logs/log")).unwrap();
        fs::rename(at("logs"), at("moved")).unwrap();
        symlink("/etc", at("logs")).unwrap();
        directory
            .append(&name, 0o644)
            .unwrap()
            .write_all(b"text")
            .unwrap();
        fs::write(directory.steady_path(OsStr::new("other")), "more").unwrap();
        directory
            .rename(&name, &directory, OsStr::new("log.1"))
            .unwrap();
        assert_eq!(fs::read_to_string(at("moved/log.1")).unwrap(), "text");
        assert_eq!(fs::read_to_string(at("moved/other")).unwrap(), "more");
    }
}
