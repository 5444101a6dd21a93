//! The commands' end of a stream of events: over the control socket as lines, over HTTP as server-sent events. Blocks for as
//! long as it goes on.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::client::{ClientError, ControlTarget};
use super::protocol::{ControlCommand, RequestLine, VERSION};
use super::remote::Remote;
use super::socket;
use crate::json;
use crate::serve::events::{ALIVE_EVERY, EventFilter};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// A watchdog that says nothing for so long is gone, or hangs.
pub(super) const SILENT: Duration = ALIVE_EVERY.saturating_mul(3);
/// No event is longer, in bytes.
pub(super) const LONGEST: u64 = 1 << 20;

/// How it came to an end.
#[derive(Debug)]
pub enum FollowEnd {
    /// There is no watchdog.
    Nobody,
    /// There is nothing more, and why.
    Ended(String),
}

/// Passes each event, a line of JSON, to `take`, until that returns false.
pub fn follow(
    target: &ControlTarget,
    filter: &EventFilter,
    take: &mut dyn FnMut(&str) -> bool,
) -> FollowEnd {
    let ended = match target {
        ControlTarget::Socket(path) => over_socket(path, filter, take),
        ControlTarget::Remote(remote) => over_http(remote, filter, take),
    };
    match ended {
        Ok(why) => FollowEnd::Ended(why),
        Err(ClientError::Nobody) => FollowEnd::Nobody,
        Err(ClientError::Trouble(why)) => FollowEnd::Ended(why),
    }
}

fn over_socket(
    path: &Path,
    filter: &EventFilter,
    take: &mut dyn FnMut(&str) -> bool,
) -> Result<String, ClientError> {
    let mut stream = socket::connect(path, CONNECT)?;
    stream.set_read_timeout(Some(SILENT))?;
    let request = RequestLine {
        version: VERSION,
        ask: ControlCommand::Events {
            checks: filter.checks.clone(),
            passes: filter.passes,
        },
    };
    let mut line = serde_json::to_vec(&request).map_err(std::io::Error::other)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        std::io::Read::take(&mut reader, LONGEST).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok("the watchdog has ended".to_owned());
        }
        let mut reply: Value = json::from_bytes(&line)
            .map_err(|why| ClientError::Trouble(format!("its answer is not understood: {why}")))?;
        let text = |key: &str| reply[key].as_str().unwrap_or_default().to_owned();
        match reply["answer"].as_str() {
            Some("event") => {
                if !take(&reply["event"].take().to_string()) {
                    return Ok(String::new());
                }
            }
            Some("silence") => {}
            Some("end") => return Ok(text("why")),
            Some("error") => return Err(ClientError::Trouble(text("text"))),
            _ => {
                return Err(ClientError::Trouble(
                    "its answer is not understood".to_owned(),
                ));
            }
        }
    }
}

fn over_http(
    remote: &Remote,
    filter: &EventFilter,
    take: &mut dyn FnMut(&str) -> bool,
) -> Result<String, ClientError> {
    let (mut kind, mut why) = (String::new(), None);
    remote.stream(&query(filter), &mut |line| {
        if let Some(word) = line.strip_prefix("event: ") {
            word.clone_into(&mut kind);
        }
        let Some(data) = line.strip_prefix("data: ") else {
            return true;
        };
        match kind.as_str() {
            "decision" => take(data),
            _ => {
                let end: Value = serde_json::from_str(data).unwrap_or_default();
                why = end["why"].as_str().map(str::to_owned);
                false
            }
        }
    })?;
    Ok(why.unwrap_or_else(|| "the watchdog has ended".to_owned()))
}

fn query(filter: &EventFilter) -> String {
    const PATH: &str = "events?";
    let mut query = url::form_urlencoded::Serializer::for_suffix(PATH.to_owned(), PATH.len());
    for check in &filter.checks {
        query.append_pair("check", check);
    }
    if filter.passes {
        query.append_pair("passes", "true");
    }
    query.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_stands_in_the_query() {
        for (checks, passes, expected) in [
            (&[][..], false, "events?"),
            (
                &["shop*", "a&b"],
                true,
                "events?check=shop*&check=a%26b&passes=true",
            ),
        ] {
            let checks = checks.iter().map(|&name| name.to_owned()).collect();
            assert_eq!(query(&EventFilter { checks, passes }), expected);
        }
    }
}
