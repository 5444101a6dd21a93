//! A file with holes where zeros would be, of bounded size on the disk: most of a program's memory was never used.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

/// Zeros are searched in blocks of one page.
const PAGE: usize = 4096;
static ZEROS: [u8; PAGE] = [0; PAGE];

/// A new file that is written from its beginning to its end.
pub(super) struct Sparse {
    file: File,
    /// Zeros since the last byte that was written.
    hole: u64,
    /// Bytes that may still be written.
    room: u64,
}

impl Sparse {
    /// Writes to `file`, which is empty, at most `room` bytes that are no holes.
    pub(super) fn new(file: File, room: u64) -> Self {
        Self {
            file,
            hole: 0,
            room,
        }
    }

    /// Gives the file its full length.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let end = self.file.stream_position()? + self.hole;
        self.file.set_len(end)
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        let left = self.room.checked_sub(bytes.len() as u64);
        self.room = left.ok_or_else(|| io::Error::other("it would be larger than is allowed"))?;
        if self.hole > 0 {
            let hole = i64::try_from(self.hole).map_err(io::Error::other)?;
            self.file.seek(SeekFrom::Current(hole))?;
            self.hole = 0;
        }
        self.file.write_all(bytes)
    }
}

impl Write for Sparse {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let is_hole = |page: &[u8]| page == &ZEROS[..page.len()];
        let mut pages = bytes.chunks(PAGE).peekable();
        let mut at = 0;
        while let Some(page) = pages.next() {
            let mut end = at + page.len();
            if is_hole(page) {
                self.hole += page.len() as u64;
            } else {
                while let Some(page) = pages.next_if(|page| !is_hole(page)) {
                    end += page.len();
                }
                self.data(&bytes[at..end])?;
            }
            at = end;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn zeros_are_written_as_holes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("core");
        let mut bytes = vec![0; 40 * PAGE + 10];
        bytes[3] = 1;
        bytes[30 * PAGE] = 2;
        bytes[31 * PAGE] = 3;
        let mut sparse = Sparse::new(File::create_new(&path).unwrap(), 3 * PAGE as u64);
        sparse.write_all(&bytes[..35 * PAGE]).unwrap();
        sparse.write_all(&bytes[35 * PAGE..]).unwrap();
        sparse.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), bytes);
        assert!(fs::metadata(&path).unwrap().blocks() * 512 < bytes.len() as u64 / 2);
    }

    #[test]
    fn output_over_the_bound_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = File::create_new(dir.path().join("core")).unwrap();
        let mut sparse = Sparse::new(file, 10);
        sparse.write_all(&[1; 8]).unwrap();
        sparse.write_all(&[0; PAGE]).unwrap();
        let refused = sparse.write_all(&[1; 8]).unwrap_err();
        assert_eq!(refused.to_string(), "it would be larger than is allowed");
    }
}
