//! A file that hangs when it is opened or executed, as one does on a file system that does not answer: the kernel has
//! openers wait for the end of a lease.

use std::fs::File;
use std::os::fd::AsRawFd;
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
