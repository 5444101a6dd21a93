//! The end of a log file.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::safe_path::SafeDir;

/// The last `bytes` bytes of the file at `path`, from a character's beginning on.
pub fn tail(path: &Path, bytes: u16) -> io::Result<String> {
    let (directory, name) = SafeDir::of_file(path)?;
    let mut file = directory.read(&name)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(bytes.into())))?;
    let mut end = Vec::new();
    file.take(bytes.into()).read_to_end(&mut end)?;
    let cut = if size > bytes.into() {
        let within = |byte: &&u8| **byte & 0xC0 == 0x80;
        end.iter().take(3).take_while(within).count()
    } else {
        0
    };
    Ok(String::from_utf8_lossy(&end[cut..]).into_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_tail_begins_with_a_whole_character() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        fs::write(&path, "caf\u{e9}s \u{1f600}").unwrap();
        for (bytes, text) in [
            (0, ""),
            (1, ""),
            (3, ""),
            (4, "\u{1f600}"),
            (6, "s \u{1f600}"),
            (7, "s \u{1f600}"),
            (8, "\u{e9}s \u{1f600}"),
            (99, "caf\u{e9}s \u{1f600}"),
        ] {
            assert_eq!(tail(&path, bytes).unwrap(), text, "{bytes}");
        }
    }
}
