//! The open sockets of a process: the tables of its network name space, matched by inode.

use crate::health::counted;
use crate::sorted;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Sockets that are listed one by one.
const MAX_LISTED: usize = 500;

/// What is read of one table: hundreds of thousands of sockets.
const MAX_TABLE: u64 = 64 << 20;

/// One socket, described for people.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Socket {
    inode: u64,
    state: &'static str,
    /// What it is connected to, or listens on, and what waits in it.
    what: String,
}

/// The open sockets of a process.
pub(super) struct Sockets {
    rows: Vec<(u32, Socket)>,
    /// Of kinds that are not in the tables.
    unknown: usize,
    unreadable: Vec<String>,
}

/// A table of the kernel, and how its lines are read.
type SocketTable = (&'static str, fn(&str) -> Option<Socket>);

const TABLES: [SocketTable; 3] = [("tcp", tcp), ("tcp6", tcp), ("unix", unix)];

/// The sockets of `pid` with an inode in `wanted`, which maps inodes to descriptors.
pub(super) fn read(pid: u32, wanted: &BTreeMap<u64, u32>) -> Sockets {
    let mut found = Sockets {
        rows: Vec::new(),
        unknown: 0,
        unreadable: Vec::new(),
    };
    for (name, parse) in TABLES {
        let path = format!("/proc/{pid}/net/{name}");
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(why) => {
                found
                    .unreadable
                    .push(format!("{path} cannot be read: {why}"));
                continue;
            }
        };
        let lines = BufReader::new(file.take(MAX_TABLE)).split(b'\n');
        for line in lines.map_while(Result::ok).skip(1) {
            if let Some(socket) = parse(&String::from_utf8_lossy(&line))
                && let Some(&number) = wanted.get(&socket.inode)
            {
                found.rows.push((number, socket));
            }
        }
    }
    sorted::by_key(&mut found.rows, |(number, _)| *number);
    found.unknown = wanted.len().saturating_sub(found.rows.len());
    found
}

impl Sockets {
    /// One line.
    pub(super) fn brief(&self) -> String {
        let mut states = BTreeMap::<_, usize>::new();
        for (_, socket) in &self.rows {
            *states.entry(socket.state).or_default() += 1;
        }
        let states = states
            .iter()
            .map(|(state, count)| format!("{count} {state}"));
        let unknown = (self.unknown > 0).then(|| counted(self.unknown, "other", "others"));
        let parts: Vec<_> = states.chain(unknown).collect();
        format!("sockets: {}", parts.join(", "))
    }

    /// One line for each.
    pub(super) fn list(&self) -> String {
        let mut list = self.brief() + "\n";
        for (number, Socket { state, what, .. }) in self.rows.iter().take(MAX_LISTED) {
            let _ = writeln!(list, "{number} {state} {what}");
        }
        if self.rows.len() > MAX_LISTED {
            list.push_str("(and more)\n");
        }
        for why in &self.unreadable {
            let _ = writeln!(list, "{why}");
        }
        list
    }
}

/// A line of `tcp` or `tcp6`: number, local, remote, state, queues, timer, retransmits, user, timeout, inode.
fn tcp(line: &str) -> Option<Socket> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let local = address(fields.next()?)?;
    let remote = address(fields.next()?)?;
    let state = tcp_state(u8::from_str_radix(fields.next()?, 16).ok()?);
    let (sends, receives) = fields.next()?.split_once(':')?;
    let queue = |text: &str| u64::from_str_radix(text, 16).ok();
    let (sends, receives) = (queue(sends)?, queue(receives)?);
    let what = match state {
        // the receive queue of a listener holds connections that were not accepted
        "LISTEN" => format!("{local}, {receives} not accepted"),
        _ => format!(
            "{local} {remote}, {} not read, {sends} not taken",
            counted(receives, "byte", "bytes")
        ),
    };
    let inode = fields.nth(4)?.parse().ok()?;
    Some(Socket { inode, state, what })
}

/// An address as the kernel prints it: words of 32 bits in its own order of bytes, and the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let word = u32::from_str_radix(ip.get(at..at + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    let ip = match ip.len() {
        8 => IpAddr::from(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (index, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(index * 8)?);
            }
            IpAddr::from(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

const fn tcp_state(number: u8) -> &'static str {
    match number {
        1 => "ESTABLISHED",
        2 => "SYN_SENT",
        3 | 12 => "SYN_RECV",
        4 => "FIN_WAIT1",
        5 => "FIN_WAIT2",
        6 => "TIME_WAIT",
        7 => "CLOSE",
        8 => "CLOSE_WAIT",
        9 => "LAST_ACK",
        10 => "LISTEN",
        11 => "CLOSING",
        _ => "?",
    }
}

/// A line of `unix`: address, references, protocol, flags, type, state, inode, and a path if it has one.
fn unix(line: &str) -> Option<Socket> {
    const LISTENS: u32 = 0x1_0000;
    const CONNECTED: u32 = 3;
    let mut fields = line.split_ascii_whitespace().skip(3);
    let mut number = || u32::from_str_radix(fields.next()?, 16).ok();
    let (flags, _kind, state) = (number()?, number()?, number()?);
    let inode = fields.next()?.parse().ok()?;
    let path: Vec<_> = fields.collect();
    let state = match (flags & LISTENS, state) {
        (LISTENS, _) => "unix LISTEN",
        (_, CONNECTED) => "unix connected",
        _ => "unix not connected",
    };
    let what = path.join(" ");
    Some(Socket { inode, state, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the kernel would print `ip` on this machine.
    fn printed(ip: IpAddr) -> String {
        let bytes = match ip {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let words = bytes.chunks_exact(4).map(|word| {
            let word = <[u8; 4]>::try_from(word).unwrap();
            format!("{:08X}", u32::from_ne_bytes(word))
        });
        words.collect()
    }

    #[test]
    fn the_kernels_lines_are_read() {
        let v4 = printed("127.0.0.1".parse().unwrap());
        let v6 = printed("fe80::1:2".parse().unwrap());
        let rest = "00:00000000 00000000     0        0 12345 1 0000000000000000 100 0 0 10 0";
        for (line, state, what) in [
            (
                format!("   0: {v4}:1F90 00000000:0000 0A 00000000:00000080 {rest}"),
                "LISTEN",
                "127.0.0.1:8080, 128 not accepted",
            ),
            (
                format!("  12: {v6}:1F90 {v6}:C350 08 00000010:00000001 {rest}"),
                "CLOSE_WAIT",
                "[fe80::1:2]:8080 [fe80::1:2]:50000, 1 byte not read, 16 not taken",
            ),
        ] {
            let what = what.to_owned();
            let expected = Socket {
                inode: 12345,
                state,
                what,
            };
            assert_eq!(tcp(&line), Some(expected), "{line}");
        }
        for (line, state, what) in [
            (
                "00000000abcdef: 00000002 00000000 00010000 0001 01 77 /run/a b",
                "unix LISTEN",
                "/run/a b",
            ),
            (
                "00000000abcdef: 00000003 00000000 00000000 0001 03 77",
                "unix connected",
                "",
            ),
        ] {
            let what = what.to_owned();
            let expected = Socket {
                inode: 77,
                state,
                what,
            };
            assert_eq!(unix(line), Some(expected), "{line}");
        }
        assert_eq!(tcp("   0: nonsense"), None);
        assert_eq!(unix(""), None);
    }
}
