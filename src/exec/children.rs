//! The children that this process itself waits for. As the first process of a container, and as a subreaper,
//! it also becomes the parent of orphans, which it must collect; this list distinguishes the two kinds.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

static AWAITED: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

fn awaited() -> MutexGuard<'static, BTreeSet<u32>> {
    AWAITED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As long as it is kept, the child is collected only by its owner.
#[derive(Debug)]
pub struct Awaited(u32);

impl Drop for Awaited {
    fn drop(&mut self) {
        awaited().remove(&self.0);
    }
}

/// Starts a child with `spawn`, whose process id is `id`, and puts it on the list. A child that ends at once
/// is not taken for an orphan either: orphans are not collected meanwhile.
pub fn start<T>(
    spawn: impl FnOnce() -> io::Result<T>,
    id: impl FnOnce(&T) -> Option<u32>,
) -> io::Result<(T, Option<Awaited>)> {
    let mut awaited = awaited();
    let child = spawn()?;
    let id = id(&child);
    awaited.extend(id);
    Ok((child, id.map(Awaited)))
}

/// Whether a task waits for the child `pid`: then it is not an orphan.
pub fn is_awaited(pid: u32) -> bool {
    awaited().contains(&pid)
}

/// Has `collect` done with each of `pids` that is on no list. No child is started meanwhile.
pub fn for_orphans(pids: impl IntoIterator<Item = u32>, collect: impl FnMut(u32)) {
    let awaited = awaited();
    pids.into_iter()
        .filter(|pid| !awaited.contains(pid))
        .for_each(collect);
}
