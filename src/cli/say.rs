//! Text for people, on either stream. A reader that is gone is no reason to panic, as the standard
//! macros would: nothing is to be done about it, and the exit status still tells.

use std::io::Write;

/// Prints `text` and a line end on standard output.
pub fn out(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// Prints `text` and a line end on standard error, in colour where that is welcome.
pub fn err(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}
