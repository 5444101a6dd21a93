//! Reads a file that a person names, such as a configuration, whole: never more than a bound, and never something that
//! would have to be waited for.

use std::fs::{File, FileType, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// Opens the regular file at `path`.
///
/// # Errors
/// As the system says, or that it is no regular file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    // opening a FIFO would wait for a writer, and a terminal could become ours
    let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY | nix::libc::O_CLOEXEC;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    let kind = file.metadata()?.file_type();
    if !kind.is_file() {
        return Err(io::Error::other(format!(
            "it is {}, not a file",
            named(kind)
        )));
    }
    Ok(file)
}

/// The bytes of the regular file at `path`, at most `most`.
///
/// # Errors
/// As the system says, or that it is no regular file, or too large.
pub fn read_regular(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = open_regular(path)?;
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let most = match most.is_multiple_of(1 << 20) {
            true => format!("{} MiB", most >> 20),
            false => format!("{} KiB", most >> 10),
        };
        return Err(io::Error::other(format!("it is larger than {most}")));
    }
    Ok(bytes)
}

/// The text of the regular file at `path`, of at most `most` bytes.
///
/// # Errors
/// As the system says, or that it is no regular file, too large or no UTF-8.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read_regular(path, most)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let before = &error.as_bytes()[..at];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        io::Error::other(format!("it is not UTF-8, on line {line}"))
    })
}

fn named(kind: FileType) -> &'static str {
    match () {
        () if kind.is_dir() => "a directory",
        () if kind.is_fifo() => "a FIFO",
        () if kind.is_socket() => "a socket",
        () => "a device",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_a_bounded_size_are_read() {
        let dir = tempfile::tempdir().expect("a directory");
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
        let plain = dir.path().join("plain");
        std::fs::write(&plain, "x".repeat(1024)).expect("written");
        assert_eq!(read_text(&plain, 1024).expect("it fits").len(), 1024);
        for (path, why) in [
            (fifo.as_path(), "it is a FIFO, not a file"),
            (Path::new("/dev/zero"), "it is a device, not a file"),
            (dir.path(), "it is a directory, not a file"),
        ] {
            assert_eq!(read_text(path, 1024).expect_err(why).to_string(), why);
        }
        std::fs::write(&plain, "x".repeat(1025)).expect("written");
        let why = read_text(&plain, 1024).expect_err("too large").to_string();
        assert_eq!(why, "it is larger than 1 KiB");
    }
}
