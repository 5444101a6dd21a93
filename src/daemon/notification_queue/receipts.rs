//! Receipts: a command that takes a message outlives a watchdog that is killed, and the next run has to know what came of
//! it, or the message would be sent twice. Each such delivery has a file, named after its message. It is locked for as long
//! as the command runs, and says at the end that the message was taken.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::daemon::state_dir::short;
use crate::exec::Receipt;
use crate::store::MessageId;

/// The receipts of one watchdog.
#[derive(Clone, Debug)]
pub struct Receipts {
    dir: PathBuf,
}

/// What became of a delivery that an earlier run had begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EarlierDelivery {
    /// The message was taken.
    Taken,
    /// It was not, as far as is known.
    NotTaken,
    /// The command runs on.
    UnderWay,
}

impl Receipts {
    /// Those of the watchdog `key`, whose state is in `dir`.
    pub fn new(dir: &Path, key: &str) -> Self {
        Self {
            dir: dir.join(format!("deliveries-{}", short(key))),
        }
    }

    /// The receipt of a delivery that begins. Blocks.
    pub fn begin(&self, id: MessageId) -> io::Result<Receipt> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.dir)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
            .open(self.path(id))?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, why)| why)?;
        Ok(Receipt::new(lock))
    }

    /// The store knows what came of the delivery. Blocks.
    pub fn end(&self, id: MessageId) {
        // one that is left is of a message that nobody has any more
        let _ = fs::remove_file(self.path(id));
    }

    /// The deliveries that an earlier run had begun. Blocks.
    pub fn left(&self) -> Vec<(MessageId, EarlierDelivery)> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let ids = entries.filter_map(|entry| MessageId::parse(entry.file_name().to_str()?));
        ids.map(|id| (id, self.state(id))).collect()
    }

    /// How a delivery of an earlier run stands. Blocks.
    pub fn state(&self, id: MessageId) -> EarlierDelivery {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
            .open(self.path(id));
        let Ok(file) = file else {
            return EarlierDelivery::NotTaken;
        };
        // what a command has left behind may keep the lock
        if is_taken(&file) {
            return EarlierDelivery::Taken;
        }
        match Flock::lock(file, FlockArg::LockSharedNonblock) {
            Err((_, Errno::EWOULDBLOCK)) => EarlierDelivery::UnderWay,
            // it may have ended just now
            Ok(lock) if is_taken(&lock) => EarlierDelivery::Taken,
            Ok(_) | Err(_) => EarlierDelivery::NotTaken,
        }
    }

    fn path(&self, id: MessageId) -> PathBuf {
        self.dir.join(id.to_string())
    }
}

fn is_taken(mut file: &File) -> bool {
    let mut text = String::new();
    let read = file
        .seek(SeekFrom::Start(0))
        .and_then(|_| file.take(16).read_to_string(&mut text));
    read.is_ok() && text.trim() == Receipt::TAKEN
}
