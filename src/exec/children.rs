//! The children that this process itself waits for. As the first process of a container, and as a subreaper,
//! it also becomes the parent of orphans, which it must collect; this list distinguishes the two kinds.
//! And their limit on open files: a watchdog of many services needs more than the usual soft limit (1024), so it raises
//! its own to the hard one; its children get the first one back, because programs that use `select` break with more.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::collections::BTreeSet;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

static CHILDREN: Mutex<Children> = Mutex::new(Children {
    awaited: BTreeSet::new(),
    starting: 0,
});

struct Children {
    awaited: BTreeSet<u32>,
    /// Starts under way: the new process has no number yet that is known here.
    starting: usize,
}

fn children() -> MutexGuard<'static, Children> {
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As long as it is kept, the child is collected only by its owner.
#[derive(Debug)]
pub struct Awaited(u32);

impl Drop for Awaited {
    fn drop(&mut self) {
        children().awaited.remove(&self.0);
    }
}

/// A start under way.
struct Start;

impl Start {
    fn new() -> Self {
        children().starting += 1;
        Self
    }
}

impl Drop for Start {
    fn drop(&mut self) {
        children().starting -= 1;
    }
}

/// Whose turn it is to start a child, by number; 0 is nobody's.
struct Turns {
    holder: u64,
    last: u64,
}

static TURNS: Mutex<Turns> = Mutex::new(Turns { holder: 0, last: 0 });
static NEXT: Condvar = Condvar::new();

/// A start takes a millisecond, on a busy machine some more. One that takes longer hangs, and is waited for no longer.
const TURN: Duration = Duration::from_secs(1);

/// The turn of one start. A new process has copies of all descriptors until it becomes its program: if it hangs before
/// that, the pipes of another start that is under way stay open in it, so nobody would see their end.
struct Turn(u64);

impl Turn {
    fn take() -> Self {
        let turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = NEXT.wait_timeout_while(turns, TURN, |turns| turns.holder != 0);
        let (mut turns, _) = waited.unwrap_or_else(PoisonError::into_inner);
        turns.last += 1;
        turns.holder = turns.last;
        Self(turns.holder)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
        // one that hung has lost it to another
        if turns.holder == self.0 {
            turns.holder = 0;
            NEXT.notify_one();
        }
    }
}

/// Starts a child with `spawn`, whose process id is `id`, and puts it on the list. A child that ends at once
/// is not taken for an orphan either: orphans are not collected meanwhile. A start may block, and holds up others for
/// a second at most.
pub fn start<T>(
    spawn: impl FnOnce() -> io::Result<T>,
    id: impl FnOnce(&T) -> Option<u32>,
) -> io::Result<(T, Option<Awaited>)> {
    let start = Start::new();
    let turn = Turn::take();
    let child = spawn()?;
    drop(turn);
    let id = id(&child);
    children().awaited.extend(id);
    drop(start);
    Ok((child, id.map(Awaited)))
}

/// Whether a task waits for the child `pid`: then it is not an orphan.
pub fn is_awaited(pid: u32) -> bool {
    children().awaited.contains(&pid)
}

/// Has `collect` done with each of `pids` that is on no list. Returns false when a child is being started: nothing is
/// collected then, as it could be one of them.
pub fn for_orphans(pids: impl IntoIterator<Item = u32>, collect: impl FnMut(u32)) -> bool {
    let children = children();
    if children.starting > 0 {
        return false;
    }
    pids.into_iter()
        .filter(|pid| !children.awaited.contains(pid))
        .for_each(collect);
    true
}

/// What we were started with, once it was raised.
static FIRST_LIMIT: OnceLock<libc::rlimit> = OnceLock::new();

/// Raises our soft limit to the hard one. What is not allowed is left as it is.
pub fn raise_open_files() {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return;
    };
    // noted first: from here on a child may be started
    let given = libc::rlimit {
        rlim_cur: soft,
        rlim_max: hard,
    };
    if soft < hard && FIRST_LIMIT.set(given).is_ok() {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// Gives the limit back that we were started with: to be called in a new process before it executes its program.
/// Makes one system call, without memory or locks. A limit that was lowered from outside meanwhile is left as it is.
pub fn restore_open_files() {
    if let Some(given) = FIRST_LIMIT.get() {
        // SAFETY: a pointer to a static.
        unsafe {
            libc::setrlimit(libc::RLIMIT_NOFILE, given);
        }
    }
}
