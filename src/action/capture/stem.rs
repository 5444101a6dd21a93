//! The names of evidence files: `TIME-INCIDENT-PROCESS` and an ending. They sort by time, and say which
//! files in a directory are evidence.

use std::time::SystemTime;

use super::found::cut;

/// The longest part of a name that is a process's: file systems allow 255 bytes for all.
const MAX_PROCESS: usize = 150;

/// What all evidence of one process in one incident is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stem {
    time: String,
    /// Not empty, without anything but letters, digits and `-`.
    incident: String,
    process: String,
}

/// The parts of an evidence file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EvidenceName<'a> {
    pub time: &'a str,
    pub incident: &'a str,
    pub process: &'a str,
}

impl Stem {
    /// For evidence that was begun at `time`.
    pub(super) fn new(time: SystemTime, incident: &str, process: &str) -> Self {
        let time = humantime::format_rfc3339_seconds(time).to_string();
        Self {
            time: time.replace(['-', ':'], ""),
            incident: incident.to_owned(),
            process: cut(&plain(process), MAX_PROCESS).to_owned(),
        }
    }

    /// The name with `ending`.
    pub(super) fn with(&self, ending: &str) -> String {
        let Self {
            time,
            incident,
            process,
        } = self;
        format!("{time}-{incident}-{process}{ending}")
    }

    /// Whether `file` belongs to the same incident.
    pub(super) fn is_of_same_incident(&self, file: &EvidenceName<'_>) -> bool {
        self.incident == file.incident
    }

    /// Whether `file` is about the same process.
    pub(super) fn is_of_same_process(&self, file: &EvidenceName<'_>) -> bool {
        self.process == file.process
    }
}

/// `name` without what means something in paths, shells and terminals.
fn plain(name: &str) -> String {
    let plain = |c: char| match c {
        c if c.is_alphanumeric() || ".:_-+@".contains(c) => c,
        _ => '_',
    };
    name.chars().map(plain).collect()
}

/// The parts of `name`, if it is the name of an evidence file.
pub(super) fn parse(name: &str) -> Option<EvidenceName<'_>> {
    let (time, rest) = name.split_once('-')?;
    let (seed, rest) = rest.split_once('-')?;
    let (number, rest) = rest.split_once('-')?;
    let incident = &name[time.len() + 1..][..seed.len() + 1 + number.len()];
    let process = rest
        .strip_suffix(".txt")
        .or_else(|| rest.strip_suffix(".core"))
        .or_else(|| {
            // gcore adds the pid
            let (rest, pid) = rest.rsplit_once('.')?;
            let process = rest.strip_suffix(".core")?;
            digits(pid).then_some(process)
        })?;
    let hexadecimal = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let is_evidence = is_time(time)
        && seed.len() == 8
        && hexadecimal(seed)
        && digits(number)
        && !process.is_empty();
    is_evidence.then_some(EvidenceName {
        time,
        incident,
        process,
    })
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `20260102T030405Z`.
fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 16
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            8 => *byte == b'T',
            15 => *byte == b'Z',
            _ => byte.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn generated_names_are_parsed_as_evidence() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_322_984);
        let stem = Stem::new(time, "0a1b2c3d-7", "app:we-b/$(x) \u{e9}.core");
        let stood = "20260102T030304Z-0a1b2c3d-7-app:we-b___x__\u{e9}.core";
        for ending in [".txt", ".core", ".core.4711"] {
            let name = stem.with(ending);
            assert_eq!(name, format!("{stood}{ending}"));
            let parsed = parse(&name).expect("an evidence name");
            assert_eq!(parsed.time, "20260102T030304Z");
            assert!(
                stem.is_of_same_incident(&parsed) && stem.is_of_same_process(&parsed),
                "{parsed:?}"
            );
        }
        assert!(
            Stem::new(time, "0a1b2c3d-7", &"\u{e9}".repeat(200))
                .with(".core.4194304")
                .len()
                < 255
        );
    }

    #[test]
    fn foreign_names_are_not_evidence() {
        for name in [
            "",
            "core.4711",
            "web.4711",
            "20260102T030304Z-0a1b2c3d-7-.core",
            "20260102T030304Z-0a1b2c3d-7-web.core.",
            "20260102T030304Z-0a1b2c3d-7-web.core.1x",
            "20260102T030304Z-0a1b2c3d-7-web.gz",
            "20260102T030304Z-0a1b2c3-7-web.txt",
            "20260102T030304Z-0A1B2C3D-7-web.txt",
            "20260102T030304Z-0a1b2c3d-x-web.txt",
            "2026-01-02T03:03:04Z-0a1b2c3d-7-web.txt",
            "x20260102T030304Z-0a1b2c3d-7-web.txt",
        ] {
            assert_eq!(parse(name), None, "{name}");
        }
    }
}
