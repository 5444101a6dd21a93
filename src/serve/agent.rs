//! HAProxy's agent-check: one line that says how a server stands. Every line is the whole state, since HAProxy leaves
//! what is not said as it was. `agent-send` names the check; without it all checks are meant.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::hub::Source;
use super::listener::ClientStream;
use super::view::{ServedState, View, one_line, trouble};
use crate::health::{CheckView, Unhealthy};
use crate::net::clients::ClientBusy;

/// Clients at a time.
pub const CLIENTS: usize = 64;
/// How long a name may take to come. HAProxy sends it at once, or never.
const NAME_WITHIN: Duration = Duration::from_millis(150);
/// No name is longer, in bytes.
const NAME: usize = 1024;
/// How long the answer may take to be read.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves one client.
pub async fn talk(mut stream: ClientStream, source: Source, busy: ClientBusy) {
    let name = name(&mut stream).await;
    busy.set(true);
    let view = source.view().await;
    let line = line(&view, name.as_deref());
    let said = async {
        stream.write_all(line.as_bytes()).await?;
        stream.shutdown().await
    };
    // a client that is gone connects again
    let _ = timeout(PATIENCE, said).await;
}

/// What was sent before the wait was over, up to its line end.
async fn name(stream: &mut ClientStream) -> Option<String> {
    let mut bytes = Vec::new();
    let read = async {
        let mut piece = [0; NAME];
        while bytes.len() < NAME && !bytes.contains(&b'\n') {
            match stream.read(&mut piece).await {
                Ok(count @ 1..) => bytes.extend_from_slice(&piece[..count]),
                Ok(0) | Err(_) => return,
            }
        }
    };
    // what came counts, with a line end or without
    let _ = timeout(NAME_WITHIN, read).await;
    let text = String::from_utf8_lossy(&bytes);
    let name = text.lines().next().unwrap_or_default().trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// The line for the check `name`, or for all of them.
pub fn line(view: &View, name: Option<&str>) -> String {
    let maintenance = view
        .reasons
        .iter()
        .any(|reason| matches!(reason, Unhealthy::SetByPerson { .. }));
    if maintenance {
        return "maint\n".to_owned();
    }
    // services that are being stopped must not get requests
    if view.snapshot.shutting_down && !view.programs.is_empty() {
        return "drain up\n".to_owned();
    }
    match name {
        Some(name) => match view.check(name) {
            Some(check) => state(Some(check)),
            None => format!("down #{}\n", one_line(&view.no_such_check(name))),
        },
        None => {
            let checks = view.snapshot.checks.iter();
            state(checks.max_by_key(|check| ServedState::of(check)))
        }
    }
}

fn state(check: Option<&CheckView>) -> String {
    let Some(check) = check else {
        return "ready up 100%\n".to_owned();
    };
    match ServedState::of(check) {
        ServedState::Up => "ready up 100%\n".to_owned(),
        ServedState::Failing | ServedState::Degraded => "ready up 50%\n".to_owned(),
        ServedState::Draining => "drain up\n".to_owned(),
        ServedState::Pending | ServedState::Starting => "down #starting\n".to_owned(),
        ServedState::Down => format!("down #{}: {}\n", one_line(&check.name), trouble(check)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::testing::{self, SeenResult};

    #[test]
    fn each_line_is_the_whole_state() {
        let view = testing::view(&[
            ("shop", SeenResult::Code(200)),
            ("db", SeenResult::Refused),
            ("new", SeenResult::Nothing),
        ]);
        for (name, expected) in [
            (Some("shop"), "ready up 100%\n"),
            (Some("db"), "down #db: connection refused\n"),
            (Some("new"), "down #starting\n"),
            (
                Some("shpo"),
                "down #no such check: \"shpo\"; did you mean \"shop\"?\n",
            ),
            (None, "down #db: connection refused\n"),
        ] {
            assert_eq!(line(&view, name), expected);
        }
        assert_eq!(line(&testing::view(&[]), None), "ready up 100%\n");
    }

    #[test]
    fn watchdog_set_unhealthy_manually_is_in_maintenance() {
        let mut view = testing::view(&[("shop", SeenResult::Code(200))]);
        view.reasons = vec![Unhealthy::SetByPerson {
            reason: "deploy".to_owned(),
        }];
        assert_eq!(line(&view, Some("shop")), "maint\n");
    }

    #[test]
    fn ending_watchdog_does_not_drain_checks() {
        let mut view = testing::view(&[("shop", SeenResult::Code(200))]);
        view.snapshot.shutting_down = true;
        assert_eq!(line(&view, Some("shop")), "ready up 100%\n");
    }
}
