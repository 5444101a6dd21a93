//! The socket's file: private, one per watchdog, taken over from a run that is gone, never from one that
//! lives.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{self, AddressFamily, Backlog, SockFlag, SockType, UnixAddr, sockopt};
use nix::sys::stat::{Mode, fchmod};
use nix::sys::time::{TimeVal, TimeValLike};

/// A socket of this age is listened on, or never will be.
const SETTLED: Duration = Duration::from_secs(60);

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 16;

/// A socket's file. It is removed with this, unless it is another one by then.
#[derive(Debug)]
pub struct BoundSocket {
    path: PathBuf,
    file: SocketIdentity,
}

/// A file, whatever its name becomes. Its number may be given to another one, its age not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SocketIdentity {
    device: u64,
    inode: u64,
    changed: (i64, i64),
}

impl Drop for BoundSocket {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| found == self.file) {
            // at the end nothing is left to be done about it
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Listens at `path`, for our own user alone. The directory is made where it is missing.
pub fn bind(path: &Path) -> io::Result<(UnixListener, BoundSocket)> {
    if let Some(dir) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    let listener = match listen(path) {
        Err(Errno::EADDRINUSE) => {
            match probe_socket(path) {
                Ok(()) => {
                    return Err(io::Error::other(
                        "another watchdog of this name answers there",
                    ));
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) => return Err(error),
            }
            // a plain file refuses connections, too, and is not ours to remove
            if !fs::symlink_metadata(path)?.file_type().is_socket() {
                return Err(io::Error::other(
                    "something that is no socket is in its place",
                ));
            }
            fs::remove_file(path)?;
            listen(path)?
        }
        other => other?,
    };
    let file = identity(path)?;
    let path = path.to_path_buf();
    Ok((listener, BoundSocket { path, file }))
}

/// Removes what watchdogs that were killed have left among `paths`: sockets on which no process listens,
/// and not because the process that made them is just about to listen.
pub fn sweep(paths: &[PathBuf]) {
    for path in paths {
        let dead = probe_socket(path)
            .err()
            .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
        let old = fs::symlink_metadata(path).is_ok_and(|meta| {
            let age = meta.modified().ok().and_then(|then| then.elapsed().ok());
            meta.file_type().is_socket() && age.is_some_and(|age| age > SETTLED)
        });
        if dead && old {
            // another watchdog that starts just now may have been faster
            let _ = fs::remove_file(path);
        }
    }
}

fn listen(path: &Path) -> nix::Result<UnixListener> {
    let fd = stream(SockFlag::SOCK_NONBLOCK)?;
    // before it has a name, so that there is no moment in which others could connect
    fchmod(&fd, Mode::S_IRUSR | Mode::S_IWUSR)?;
    socket::bind(fd.as_raw_fd(), &UnixAddr::new(path)?)?;
    socket::listen(&fd, Backlog::new(BACKLOG)?)?;
    Ok(UnixListener::from(fd))
}

/// Connects, and waits for so long when many do so at once.
pub fn connect(path: &Path, patience: Duration) -> io::Result<UnixStream> {
    let fd = stream(SockFlag::empty())?;
    // on a Unix socket this bounds the connection, too
    let limit = TimeVal::milliseconds(i64::try_from(patience.as_millis()).unwrap_or(i64::MAX));
    socket::setsockopt(&fd, sockopt::SendTimeout, &limit)?;
    socket::connect(fd.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(UnixStream::from(fd))
}

/// The process that listens at the other end of `stream`.
pub fn listener(stream: &UnixStream) -> Option<u32> {
    let peer = socket::getsockopt(stream, sockopt::PeerCredentials).ok()?;
    u32::try_from(peer.pid()).ok().filter(|pid| *pid > 0)
}

/// Whether a process listens at `path`; does not wait for anything.
fn probe_socket(path: &Path) -> io::Result<()> {
    let fd = stream(SockFlag::SOCK_NONBLOCK)?;
    match socket::connect(fd.as_raw_fd(), &UnixAddr::new(path)?) {
        // so many want to be heard that the next had to wait
        Ok(()) | Err(Errno::EAGAIN) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn stream(flags: SockFlag) -> nix::Result<std::os::fd::OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | flags;
    socket::socket(AddressFamily::Unix, SockType::Stream, flags, None)
}

fn identity(path: &Path) -> io::Result<SocketIdentity> {
    let meta = fs::symlink_metadata(path)?;
    Ok(SocketIdentity {
        device: meta.dev(),
        inode: meta.ino(),
        changed: (meta.ctime(), meta.ctime_nsec()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn socket_is_private_and_replaces_only_a_stale_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("state/control-1.sock");
        let (listener, bound) = bind(&path).expect("a socket");
        let mode = |path: &Path| {
            fs::metadata(path)
                .expect("it is there")
                .permissions()
                .mode()
        };
        assert_eq!(mode(&path) & 0o777, 0o600);
        assert_eq!(mode(&dir.path().join("state")) & 0o777, 0o700);

        let why = bind(&path).expect_err("it is taken");
        assert!(why.to_string().contains("another watchdog"), "{why}");

        drop(listener);
        let (_listener, next) = bind(&path).expect("nobody answers");
        drop(bound);
        assert!(path.exists(), "it is the next one's file");
        drop(next);
        assert!(!path.exists());
    }

    #[test]
    fn only_old_stale_sockets_are_removed() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        let (_living, _bound) = bind(&at("living")).expect("a socket");
        drop(UnixListener::bind(at("old")).expect("a socket"));
        drop(UnixListener::bind(at("young")).expect("a socket"));
        fs::write(at("plain"), "precious").expect("written");
        for name in ["living", "old", "plain"] {
            let long_ago = nix::sys::time::TimeSpec::new(1, 0);
            nix::sys::stat::utimensat(
                nix::fcntl::AT_FDCWD,
                &at(name),
                &long_ago,
                &long_ago,
                nix::sys::stat::UtimensatFlags::NoFollowSymlink,
            )
            .expect("aged");
        }
        sweep(&["living", "old", "young", "plain", "gone"].map(at));
        let left = ["living", "old", "young", "plain"].map(|name| at(name).exists());
        assert_eq!(left, [true, false, true, true]);
    }

    #[test]
    fn other_files_are_left_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("control-1.sock");
        fs::write(&path, "precious").expect("written");
        // connecting to a plain file is refused, too
        let bound = bind(&path);
        assert!(bound.is_err() && path.exists(), "{bound:?}");
    }
}
