//! Values that only programs have: signals, masks, limits, when to start again.

use nix::sys::signal::Signal;
use toml::de::DeValue;

use crate::config::diagnostics::Diagnostic;
use crate::config::table::TomlTable;
use crate::config::value::TomlValue;
use crate::health::suggest::nearest;
use crate::supervisor::embedded::spec::{Autorestart, Rlimits};

/// What programs are usually stopped with.
const STOP_SIGNALS: [&str; 7] = ["term", "hup", "int", "quit", "kill", "usr1", "usr2"];
/// More open files than any kernel allows.
const MOST_FILES: u32 = 1 << 30;

/// `rlimits = { nofile = 4096, core = "unlimited" }`.
pub fn read_limits(table: &TomlTable<'_>) -> Rlimits {
    let Some(table) = table.table("rlimits") else {
        return Rlimits::default();
    };
    let limits = Rlimits {
        nofile: table.read("nofile", files),
        core: table.read("core", core),
    };
    table.finish();
    limits
}

/// When a program is started again.
pub fn autorestart(value: &TomlValue<'_>) -> Option<Autorestart> {
    let expected = "expected true, false or \"unexpected\"";
    match value.found {
        DeValue::Boolean(true) => Some(Autorestart::Always),
        DeValue::Boolean(false) => Some(Autorestart::Never),
        DeValue::String(text) if *text == "unexpected" => Some(Autorestart::Unexpected),
        DeValue::String(text) => {
            value.reject(Diagnostic::new(
                format!("{text:?} does not say when"),
                expected,
            ));
            None
        }
        _ => value.mistyped("true, false or \"unexpected\"", expected),
    }
}

/// `TERM`, `SIGTERM`, or a number.
pub fn signal(value: &TomlValue<'_>) -> Option<Signal> {
    let text = match value.found {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
        _ => value.text()?,
    };
    let upper = text.to_uppercase();
    let signal = match upper.parse::<i32>() {
        Ok(number) => Signal::try_from(number).ok(),
        Err(_) if upper.starts_with("SIG") => upper.parse().ok(),
        Err(_) => format!("SIG{upper}").parse().ok(),
    };
    if signal.is_none() {
        let help = match nearest(text.trim_start_matches("SIG"), &STOP_SIGNALS) {
            Some(near) => format!("did you mean {:?}?", near.to_uppercase()),
            None => "expected the name of a signal, such as \"TERM\", \"INT\" or \"QUIT\", or its number, such as 15".to_owned(),
        };
        value.reject(Diagnostic::new(format!("{text:?} is not a signal"), help));
    }
    signal
}

/// An octal mask.
pub fn umask(value: &TomlValue<'_>) -> Option<u32> {
    let digits = match value.found {
        DeValue::String(text) => text.as_ref(),
        DeValue::Integer(number) if number.radix() == 8 => number.as_str(),
        _ => return value.mistyped("a mask", "put it in quotes: \"022\""),
    };
    let octal = !digits.is_empty() && digits.bytes().all(|digit| matches!(digit, b'0'..=b'7'));
    let mask = u32::from_str_radix(digits, 8).ok();
    let mask = mask.filter(|&mask| octal && mask <= 0o777);
    if mask.is_none() {
        value.reject(Diagnostic::new(
            format!("{digits:?} is not a mask"),
            "expected an octal number from \"000\" to \"777\", such as \"022\"",
        ));
    }
    mask
}

fn files(value: &TomlValue<'_>) -> Option<u64> {
    value.count(1, MOST_FILES).map(u64::from)
}

fn core(value: &TomlValue<'_>) -> Option<u64> {
    match value.plain() {
        Some("unlimited") => Some(u64::MAX),
        _ => value.size(),
    }
}
