//! A process that ends with httpok, also when httpok is killed: beside the child a guard waits in its group, which is
//! httpok's copy without anything of it, and kills the group when the pipe to httpok breaks. A signal at the parent's
//! death would reach the child alone, and not what a shell or a debugger has started.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{OwnedFd, RawFd};

use nix::fcntl::OFlag;
use nix::unistd::pipe2;

/// httpok's end of the pipe to the guard. Dropped, it has the group killed.
#[derive(Debug)]
pub(super) struct Guard(File);

impl Guard {
    /// A pipe, and the end of it that [`watch`] reads.
    pub fn new() -> io::Result<(Self, OwnedFd)> {
        let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
        Ok((Self(File::from(write)), read))
    }

    /// The child has ended by itself: what is left of its group is not killed.
    pub fn dismiss(mut self) {
        // without a guard there is nobody to read it
        let _ = self.0.write_all(b".");
    }
}

/// Starts the guard. To be called in the new process, which leads its group, before it executes its program: makes
/// system calls only. `pipe` is the end that is read.
pub(super) fn watch(pipe: RawFd) -> io::Result<()> {
    // SAFETY: like fork, but without the handlers of libc, which may take locks; no signal is sent to the child when
    // the guard ends.
    match unsafe { libc::syscall(libc::SYS_clone, 0, 0, 0, 0, 0) } {
        -1 => Err(io::Error::last_os_error()),
        0 => wait_and_kill(pipe),
        _ => Ok(()),
    }
}

/// The life of the guard.
fn wait_and_kill(pipe: RawFd) -> ! {
    let mut byte = [0_u8];
    // SAFETY: system calls with descriptors and a buffer of this process.
    unsafe {
        libc::dup2(pipe, 0);
        // every other one: others wait for the ends of the child's pipes
        if libc::syscall(libc::SYS_close_range, 1_u32, u32::MAX, 0_u32) != 0 {
            (1..OLD_KERNELS_FILES).for_each(|fd| {
                libc::close(fd);
            });
        }
        loop {
            match libc::read(0, byte.as_mut_ptr().cast(), 1) {
                0 => {
                    // our group, in which we keep its number from being reused
                    libc::kill(0, libc::SIGKILL);
                }
                -1 if *libc::__errno_location() == libc::EINTR => continue,
                _ => {}
            }
            libc::_exit(0)
        }
    }
}

/// So many descriptors are closed one by one on a kernel that cannot close a range (before 5.9).
const OLD_KERNELS_FILES: RawFd = 65_536;
