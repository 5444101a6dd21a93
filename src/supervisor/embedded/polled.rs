//! Descriptors that the runtime waits on for us.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Something that owns one descriptor.
pub trait Owner: AsRawFd {}

impl Owner for OwnedFd {}

/// Has the runtime tell when there is something to read. Needs a runtime.
pub fn polled<T: Owner>(owner: T) -> io::Result<AsyncFd<T>> {
    // SAFETY: an owner keeps its descriptor open, and gives the same one each time, until it is dropped;
    // and the registration goes first.
    Ok(unsafe { AsyncFd::register_with_interest(owner, Interest::READABLE) }?)
}
