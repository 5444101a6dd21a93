//! The directory that evidence is kept in, and its bounds: it is private, it never fills the disk, and
//! the oldest evidence is deleted first. Only files with evidence names are ever deleted.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;

use crate::safe_path::SafeDir;
use crate::sorted;

use super::deadline::write;
use super::spec::CaptureSpec;
use super::staging::Staging;
use super::stem::{self, EvidenceName, Stem};

const MIB: u64 = 1 << 20;

/// A directory with evidence.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    dir: PathBuf,
    keep: usize,
    max_bytes: u64,
    min_free: u64,
}

impl Folder {
    pub(super) fn new(dir: &Path, spec: &CaptureSpec) -> Self {
        Self {
            dir: dir.to_owned(),
            keep: usize::try_from(spec.keep).unwrap_or(usize::MAX).max(1),
            max_bytes: spec.max_bytes,
            min_free: spec.min_free,
        }
    }

    /// A place in it for a dumper to write to. It exists. Blocks.
    pub(super) fn staging(&self) -> io::Result<Staging> {
        Staging::new(&self.dir)
    }

    /// The path of a file in it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// How many bytes may be written now; says why when there are none. Makes the directory. Blocks.
    pub(super) fn room(&self) -> Result<u64, String> {
        let dir = self.dir.display();
        SafeDir::make_all(&self.dir, 0o700)
            .map_err(|why| format!("cannot use the directory \"{dir}\": {why}"))?;
        let disk = statvfs(&self.dir).map_err(|why| {
            format!(
                "cannot tell what is free on \"{dir}\": {}",
                io::Error::from(why)
            )
        })?;
        #[allow(clippy::useless_conversion, reason = "elsewhere they have 32 bits")]
        let free =
            u64::from(disk.blocks_available()).saturating_mul(u64::from(disk.fragment_size()));
        match free.checked_sub(self.min_free).filter(|room| *room > 0) {
            Some(room) => Ok(room.min(self.max_bytes)),
            None => Err(format!(
                "{} free for \"{dir}\", and {} MiB are to stay free",
                match free / MIB {
                    0 => "less than 1 MiB is".to_owned(),
                    free => format!("only {free} MiB are"),
                },
                self.min_free / MIB
            )),
        }
    }

    /// Deletes the oldest evidence until what is left is within the bounds. What `now` names stays.
    /// A failure is logged when that `is_news`.
    pub(super) async fn prune(&self, now: &Stem, is_news: bool) {
        let (folder, now) = (self.clone(), now.clone());
        if let Err(why) = write(move || folder.delete_the_oldest(&now)).await
            && is_news
        {
            tracing::warn!("old evidence cannot be deleted: {why}");
        }
    }

    fn delete_the_oldest(&self, now: &Stem) -> Result<(), String> {
        let unread = |why| format!("cannot read \"{}\": {why}", self.dir.display());
        let directory = SafeDir::open(&self.dir).map_err(unread)?;
        let files = evidence_files(&self.dir).map_err(unread)?;
        let outlived = outlived(&files, now, self.keep);
        let mut bytes: u64 = files.iter().map(|file| file.bytes).sum();
        for file in &files {
            let Some(name) = stem::parse(&file.name) else {
                continue;
            };
            let is_one_too_many = outlived.contains(name.incident) && now.is_of_same_process(&name);
            let is_too_much = bytes > self.max_bytes && !now.is_of_same_incident(&name);
            if is_one_too_many || is_too_much {
                let path = self.path(&file.name);
                let removed = directory.remove(OsStr::new(&file.name));
                removed.map_err(|why| format!("\"{}\": {why}", path.display()))?;
                bytes -= file.bytes;
                tracing::info!("deleted old evidence \"{}\"", path.display());
            }
        }
        Ok(())
    }
}

/// An evidence file.
struct File {
    name: String,
    /// What it takes of the disk: a core has holes.
    bytes: u64,
}

/// The evidence files in `dir`, the oldest first, and of one incident the core before the text.
fn evidence_files(dir: &Path) -> io::Result<Vec<File>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        // links are not followed: their targets are not evidence
        let Ok(meta) = entry.metadata() else { continue };
        if meta.is_file() && stem::parse(&name).is_some() {
            let bytes = meta.blocks() * 512;
            files.push(File { name, bytes });
        }
    }
    sorted::by(&mut files, |a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// The incidents of the process of `now` that are older than its newest `keep` ones.
fn outlived<'a>(files: &'a [File], now: &Stem, keep: usize) -> BTreeSet<&'a str> {
    let names = files.iter().filter_map(|file| stem::parse(&file.name));
    let mut incidents: Vec<EvidenceName<'_>> = Vec::new();
    for name in names.filter(|name| now.is_of_same_process(name)) {
        if !now.is_of_same_incident(&name)
            && !incidents.iter().any(|seen| seen.incident == name.incident)
        {
            incidents.push(name);
        }
    }
    // `now` is one of them, whatever the clock said when the others were written
    let surplus = (incidents.len() + 1).saturating_sub(keep);
    incidents
        .iter()
        .take(surplus)
        .map(|name| name.incident)
        .collect()
}
