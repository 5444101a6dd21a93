//! The last lines that a process wrote, from the logs that its supervisor keeps.

use std::time::Duration;

use crate::health::{CallError, ProcessName};
use crate::supervisor::{OutputStream, Supervisors};

use super::deadline::Deadline;
use super::found::{Evidence, tail};

/// What is asked for of each of the two logs.
const BYTES: u16 = 32 * 1024;

/// A supervisor that does not answer must not take the time of the rest.
const FOR: Duration = Duration::from_secs(5);

const WHAT: &str = "last lines";

/// The ends of `name`'s logs.
pub(super) async fn collect(
    name: &ProcessName,
    supervisors: &Supervisors,
    deadline: &Deadline,
) -> Evidence {
    let deadline = deadline.or_after(FOR);
    let mut found = Evidence {
        what: WHAT.to_owned(),
        ..Evidence::default()
    };
    for (stream, title) in [
        (OutputStream::Stdout, "standard output"),
        (OutputStream::Stderr, "standard error"),
    ] {
        let asked = supervisors.log_tail(name, stream, BYTES);
        let answer = deadline.bound(asked).await;
        let answer = answer.unwrap_or(Err(CallError::TimedOut { after: FOR }));
        match answer {
            Ok(text) if text.trim().is_empty() => {}
            Ok(text) => {
                found.text += &format!("-- {title}\n{}\n\n", text.trim_end());
                // what went wrong is said last
                found.brief = tail(&text);
            }
            Err(error) => found.failure = Some(format!("{title}: {error}")),
        }
    }
    found
}
