//! The limit on open files. A watchdog of many services needs more descriptors than the soft limit that most
//! systems give (1024), so it raises its own to the hard one. Its children get back what it was given: programs that
//! use `select` break with descriptors from 1024 on, and some close every descriptor up to the limit when they start.

use std::sync::OnceLock;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// What we were started with, once it was raised.
static GIVEN: OnceLock<libc::rlimit> = OnceLock::new();

/// Raises our soft limit to the hard one. What is not allowed is left as it is.
pub fn raise_limit() {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return;
    };
    // noted first: from here on a child may be started
    let given = libc::rlimit {
        rlim_cur: soft,
        rlim_max: hard,
    };
    if soft < hard && GIVEN.set(given).is_ok() {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// Gives the limit back that we were started with: to be called in a new process before it executes its program.
/// Makes one system call, without memory or locks. A limit that was lowered from outside meanwhile is left as it is.
pub fn give_back() {
    if let Some(given) = GIVEN.get() {
        // SAFETY: a pointer to a static.
        unsafe {
            libc::setrlimit(libc::RLIMIT_NOFILE, given);
        }
    }
}
