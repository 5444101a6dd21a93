//! The file descriptors of a process: how many of which kind, and what they are open on.

use crate::sorted;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;

/// The number of descriptors that are read.
const MAX: usize = 20_000;

/// Descriptors other than sockets that are listed one by one.
const MAX_LISTED: usize = 500;

/// What a process has open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Files {
    /// The inode of each socket, with the descriptor.
    pub sockets: BTreeMap<u64, u32>,
    kinds: BTreeMap<&'static str, usize>,
    others: Vec<(u32, String)>,
    /// There are more than were read.
    more: bool,
}

/// What `pid` has open.
pub(super) fn read(pid: u32) -> io::Result<Files> {
    let mut files = Files::default();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let entry = entry?;
        let Some(number) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        // closed meanwhile
        let Ok(target) = fs::read_link(entry.path()) else {
            continue;
        };
        if files.kinds.values().sum::<usize>() == MAX {
            files.more = true;
            break;
        }
        files.add(number, &target.to_string_lossy());
    }
    sorted::plain(&mut files.others);
    Ok(files)
}

impl Files {
    fn add(&mut self, number: u32, target: &str) {
        *self.kinds.entry(kind(target)).or_default() += 1;
        match inode(target) {
            Some(inode) => _ = self.sockets.insert(inode, number),
            None => self.others.push((number, target.to_owned())),
        }
    }

    /// One line.
    pub(super) fn brief(&self) -> String {
        let count: usize = self.kinds.values().sum();
        let kinds: Vec<_> = self
            .kinds
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        let more = if self.more { " or more" } else { "" };
        format!("file descriptors {count}{more}: {}", kinds.join(", "))
    }

    /// The line, and everything but the sockets.
    pub(super) fn list(&self) -> String {
        let mut list = self.brief() + "\n";
        for (number, target) in self.others.iter().take(MAX_LISTED) {
            let _ = writeln!(list, "{number} {target}");
        }
        if self.others.len() > MAX_LISTED {
            list.push_str("(and more)\n");
        }
        list
    }
}

fn inode(target: &str) -> Option<u64> {
    let inode = target.strip_prefix("socket:[")?.strip_suffix(']')?;
    inode.parse().ok()
}

fn kind(target: &str) -> &'static str {
    let kinds = [
        ("socket:", "sockets"),
        ("pipe:", "pipes"),
        ("anon_inode:", "of the kernel"),
        ("/dev/", "devices"),
        ("/", "files"),
    ];
    let mut kinds = kinds.into_iter();
    kinds
        .find(|(prefix, _)| target.starts_with(prefix))
        .map_or("others", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_counted_by_kind() {
        let mut files = Files::default();
        for (number, target) in [
            (0, "/dev/null"),
            (1, "pipe:[12]"),
            (2, "/var/log/a b (deleted)"),
            (3, "socket:[4711]"),
            (4, "socket:[4712]"),
            (5, "anon_inode:[eventpoll]"),
            (6, "net:[4026531840]"),
        ] {
            files.add(number, target);
        }
        assert_eq!(
            files.brief(),
            "file descriptors 7: 1 devices, 1 files, 1 of the kernel, 1 others, 1 pipes, 2 sockets"
        );
        assert_eq!(files.sockets, BTreeMap::from([(4711, 3), (4712, 4)]));
        assert!(files.list().ends_with("\n6 net:[4026531840]\n"));
    }
}
