//! Files that hang when they are opened or executed, as they do on a file system that does not answer: the kernel has
//! openers wait for the end of a lease, or for the guard of a directory.

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::sys::signal::{SigHandler, Signal, signal};

/// Has everyone who opens a file wait until this is dropped, or for 45 s (`fs.lease-break-time`).
pub struct Lease(File);

impl Lease {
    pub fn on(path: &Path) -> Self {
        // SAFETY: the signal that asks for the lease back is ignored, no handler runs.
        unsafe { signal(Signal::SIGIO, SigHandler::SigIgn) }.unwrap();
        let file = File::open(path).unwrap();
        // SAFETY: integers.
        let leased = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_WRLCK) };
        assert_eq!(leased, 0, "{}", std::io::Error::last_os_error());
        Self(file)
    }
}

impl Drop for Lease {
    /// Closing would not do: a process that waits for the file has inherited the descriptor.
    fn drop(&mut self) {
        // SAFETY: integers.
        unsafe { libc::fcntl(self.0.as_raw_fd(), libc::F_SETLEASE, libc::F_UNLCK) };
    }
}

/// Has everyone who opens a file in a directory wait until this is dropped.
pub struct HungDirectory(#[allow(dead_code, reason = "closed when dropped")] OwnedFd);

impl HungDirectory {
    pub fn on(directory: &Path) -> Self {
        let path = std::ffi::CString::new(directory.as_os_str().as_bytes()).unwrap();
        // SAFETY: integers, and a path that ends in a zero.
        unsafe {
            let group = libc::fanotify_init(libc::FAN_CLASS_CONTENT | libc::FAN_CLOEXEC, 0);
            assert!(group >= 0, "{}", std::io::Error::last_os_error());
            let group = OwnedFd::from_raw_fd(group);
            let marked = libc::fanotify_mark(
                group.as_raw_fd(),
                libc::FAN_MARK_ADD,
                libc::FAN_OPEN_PERM | libc::FAN_EVENT_ON_CHILD,
                libc::AT_FDCWD,
                path.as_ptr(),
            );
            assert_eq!(marked, 0, "{}", std::io::Error::last_os_error());
            Self(group)
        }
    }
}
