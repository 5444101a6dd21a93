//! The last lines of a unit from the journal. They are a help to people and nothing else: whatever goes wrong,
//! there are none.

use std::time::Duration;

use super::ManagerScope;
use super::systemctl::environment;
use crate::exec::{self, Command, CommandLine};

/// So many lines are asked for.
const LINES: &str = "200";
/// How long that may take.
const FOR: Duration = Duration::from_secs(4);
/// Bound on the output.
const MOST: usize = 4 << 20;

/// At most the last `bytes` bytes that `unit` wrote. The caller has validated the name.
pub(super) async fn tail(scope: ManagerScope, unit: &str, bytes: u16) -> String {
    let manager = match scope {
        ManagerScope::System => "--system",
        ManagerScope::User => "--user",
    };
    let unit = format!("--unit={unit}");
    let arguments = [
        "journalctl",
        manager,
        "--quiet",
        "--no-pager",
        "--output=cat",
    ];
    let arguments = arguments.into_iter().chain(["--lines", LINES, &unit]);
    let command = Command {
        program: CommandLine::Argv(arguments.map(str::to_owned).collect()),
        stdin: None,
        timeout: FOR,
        max_output: MOST,
        ends_with_us: false,
        receipt: None,
        env: environment(scope),
    };
    match exec::run(&command).await {
        Ok(done) if done.status.success() => last(&done.stdout.text(), bytes.into()).to_owned(),
        _ => String::new(),
    }
}

/// The end of `text`: whole characters.
fn last(text: &str, bytes: usize) -> &str {
    let from = text.ceil_char_boundary(text.len().saturating_sub(bytes));
    &text[from..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_cut_between_characters() {
        for (bytes, expected) in [
            (0, ""),
            (1, "."),
            (2, "."),
            (3, "\u{e9}."),
            (99, "caf\u{e9}."),
        ] {
            assert_eq!(last("caf\u{e9}.", bytes), expected, "{bytes}");
        }
    }
}
