//! Parses the names and numbers of signals.

use nix::sys::signal::Signal;

/// The number of the signal `HUP`, `SIGHUP` or `1`.
pub fn signal_number(text: &str) -> Option<i32> {
    let upper = text.to_ascii_uppercase();
    let signal = match upper.parse::<i32>() {
        Ok(number) => Signal::try_from(number),
        Err(_) if upper.starts_with("SIG") => upper.parse(),
        Err(_) => format!("SIG{upper}").parse(),
    };
    signal.ok().map(|signal| signal as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        for (text, number) in [
            ("HUP", Some(1)),
            ("hup", Some(1)),
            ("SIGHUP", Some(1)),
            ("1", Some(1)),
            ("USR2", Some(12)),
            ("", None),
            ("0", None),
            ("-9", None),
            ("999", None),
            ("SIG", None),
            ("HUP ", None),
        ] {
            assert_eq!(signal_number(text), number, "{text:?}");
        }
    }
}
