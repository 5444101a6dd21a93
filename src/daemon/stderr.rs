//! Standard error, written by a thread of its own: a reader that does not read (a full pipe to a log
//! collector, a stopped terminal) must not stop the watchdog. What does not fit is counted and said later.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use crate::health::counted;
use crate::{escape, secret};

use anstream::{AutoStream, ColorChoice};

/// Lines that may wait for a slow reader.
const WAITING: usize = 1024;

/// A handle to standard error that never blocks.
#[derive(Clone, Debug)]
pub struct Stderr {
    lines: SyncSender<StderrLine>,
    lost: Arc<AtomicU64>,
}

#[derive(Debug)]
enum StderrLine {
    Text(Vec<u8>),
    Flush(SyncSender<()>),
}

impl Stderr {
    /// Starts the writer.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start() -> io::Result<Self> {
        let (lines, receiver) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&lost);
        std::thread::Builder::new()
            .name("stderr".to_owned())
            .stack_size(128 * 1024)
            .spawn(move || write_all(&receiver, &counter))?;
        Ok(Self { lines, lost })
    }

    /// Whether a person reads it.
    pub fn is_terminal(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// Whether colours are welcome: on a terminal without `NO_COLOR` and `TERM=dumb`, or forced with
    /// `CLICOLOR_FORCE`.
    pub fn is_coloured(&self) -> bool {
        AutoStream::choice(&io::stderr()) != ColorChoice::Never
    }

    /// Writes `text`, which brings its own line ends.
    /// Known secrets are masked, and what could trick a reader is made visible.
    pub fn write(&self, text: impl Into<Vec<u8>>) {
        let text = text.into();
        let text = String::from_utf8_lossy(&text);
        let text = escape::unhidden(secret::mask(&text).into_owned());
        if self
            .lines
            .try_send(StderrLine::Text(text.into_bytes()))
            .is_err()
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all was written, but no longer than `patience`.
    pub fn flush(&self, patience: Duration) {
        let (done, wait) = sync_channel(1);
        if self.lines.try_send(StderrLine::Flush(done)).is_ok() {
            // an end without an answer is the reader's affair; we have waited long enough
            let _ = wait.recv_timeout(patience);
        }
    }
}

/// For `tracing`: one event is one write.
impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Self::write(self, event(&String::from_utf8_lossy(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An event as it is logged. What it has of lines after the first begins with blanks: no text from outside can look
/// like an event.
fn event(text: &str) -> String {
    let lines = text.trim_end_matches('\n').split('\n');
    let lines: Vec<_> = lines.map(escape::visible).collect();
    lines.join("\n    ") + "\n"
}

fn write_all(lines: &Receiver<StderrLine>, lost: &AtomicU64) {
    let mut stderr = io::stderr();
    for line in lines {
        match line {
            StderrLine::Text(text) => {
                let missed = lost.swap(0, Ordering::Relaxed);
                if missed > 0 {
                    let _ = writeln!(
                        stderr,
                        "({} lost: standard error was not read in time)",
                        counted(missed, "line was", "lines were")
                    );
                }
                // there is no better place to complain about standard error
                let _ = stderr.write_all(&text);
            }
            StderrLine::Flush(done) => {
                let _ = stderr.flush();
                let _ = done.send(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_is_one_line_or_has_its_further_lines_set_in() {
        for (text, logged) in [
            ("INFO fine\n", "INFO fine\n"),
            (
                "INFO a\nINFO b\0\u{1b}\r\n",
                "INFO a\n    INFO b\\x00\\x1b\\r\n",
            ),
            ("INFO é\u{202e}\n\n", "INFO é\\u{202e}\n"),
            ("", "\n"),
        ] {
            assert_eq!(event(text), logged, "{text:?}");
        }
    }
}
