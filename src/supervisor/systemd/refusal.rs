//! What `systemctl` means when it exits with an error. Its exit codes are shared by different troubles, so its
//! messages decide; they are in English, because the environment asks for that.

use super::spec::ManagerScope;
use crate::health::CallError;

/// Parts of messages, and the kind of error that each means. The first match decides.
const KINDS: [(&str, RefusalKind); 18] = [
    (
        "interactive authentication required",
        RefusalKind::Permission,
    ),
    ("access denied", RefusalKind::Permission),
    ("permission denied", RefusalKind::Permission),
    ("operation not permitted", RefusalKind::Permission),
    ("no main process to kill", RefusalKind::NotRunning),
    ("no control process to kill", RefusalKind::NotRunning),
    ("failed to connect to", RefusalKind::Unreachable),
    ("has not been booted with systemd", RefusalKind::Unreachable),
    ("connection timed out", RefusalKind::Unreachable),
    ("connection reset", RefusalKind::Unreachable),
    ("transport endpoint", RefusalKind::Unreachable),
    ("failed to get properties", RefusalKind::Unreachable),
    ("is masked", RefusalKind::Refused),
    ("operation refused", RefusalKind::Refused),
    ("not found", RefusalKind::Missing),
    ("dependency job for", RefusalKind::Refused),
    ("job for", RefusalKind::Failed),
    ("not loaded", RefusalKind::NotRunning),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RefusalKind {
    Permission,
    Unreachable,
    Missing,
    NotRunning,
    Refused,
    Failed,
}

/// The error that `stderr` describes.
pub(super) fn refusal(stderr: &str, scope: ManagerScope) -> CallError {
    let line = relevant_line(stderr);
    let lower = line.to_lowercase();
    let kind = KINDS.iter().find(|(part, _)| lower.contains(part));
    let fault = |code, text: &str| CallError::Fault {
        code,
        text: text.to_owned(),
    };
    match kind.map(|(_, kind)| kind) {
        Some(RefusalKind::Permission) => CallError::Unauthorized {
            detail: format!("systemd: {}; {}", line.trim_end_matches('.'), hint(scope)),
        },
        Some(RefusalKind::Unreachable) => CallError::Unreachable {
            detail: format!("systemd: {line}"),
        },
        Some(RefusalKind::Missing) => fault(CallError::BAD_NAME, line),
        Some(RefusalKind::NotRunning) => fault(CallError::NOT_RUNNING, line),
        Some(RefusalKind::Failed) => fault(CallError::ABNORMAL_TERMINATION, line),
        Some(RefusalKind::Refused) | None => fault(CallError::FAILED, line),
    }
}

/// The first line, without the name of the failed action, which the caller knows.
fn relevant_line(stderr: &str) -> &str {
    let lines = stderr.lines().map(str::trim);
    let line = lines
        .filter(|line| !line.is_empty() && !line.starts_with("Warning:"))
        .find(|line| !line.starts_with("Stopping ") && !line.starts_with("See "));
    let line = line.unwrap_or("systemctl failed without a message");
    match line.split_once(": ") {
        Some((action, why)) if is_failed_action(action) => why,
        _ => line,
    }
}

fn is_failed_action(stderr: &str) -> bool {
    [
        "start ",
        "stop ",
        "kill unit ",
        "reset failed state of unit ",
    ]
    .iter()
    .any(|action| {
        stderr
            .strip_prefix("Failed to ")
            .is_some_and(|rest| rest.starts_with(action))
    })
}

/// Which user has the permission.
const fn hint(scope: ManagerScope) -> &'static str {
    match scope {
        ManagerScope::System => {
            "run httpok as root, allow its user org.freedesktop.systemd1.manage-units in polkit, or set scope = \
             \"user\" for the user's own units"
        }
        ManagerScope::User => "run httpok as the user whose units these are",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_words_map_to_states() {
        let name = |error: &CallError| match error {
            CallError::Fault { code, .. } => code.to_string(),
            CallError::Unauthorized { .. } => "permission".to_owned(),
            CallError::Unreachable { .. } => "unreachable".to_owned(),
            CallError::TimedOut { .. } | CallError::Malformed { .. } => "other".to_owned(),
        };
        for (stderr, kind, expected) in [
            (
                "Failed to start nosuch.service: Unit nosuch.service not found.\n",
                "10",
                "Unit nosuch.service not found.",
            ),
            (
                "Failed to stop manual.service: Operation refused, unit manual.service may be requested by \
                 dependency only (it is configured to refuse manual start/stop).\nSee user logs and 'systemctl \
                 --user status manual.service' for details.\n",
                "30",
                "Operation refused, unit manual.service may",
            ),
            (
                "Failed to start a.service: Unit a.service is masked.\n",
                "30",
                "is masked",
            ),
            (
                "Job for bad.service failed because the control process exited with error code.\nSee \"systemctl \
                 status bad.service\" for details.\n",
                "40",
                "Job for bad.service failed because",
            ),
            ("Job for a.service canceled.\n", "40", "canceled"),
            (
                "A dependency job for a.service failed. See 'journalctl -xe' for details.\n",
                "30",
                "A dependency job for a.service failed",
            ),
            (
                "Failed to stop nginx.service: Interactive authentication required.\nSee system logs\n",
                "permission",
                "Interactive authentication required; run httpok as root",
            ),
            (
                "Failed to start nginx.service: Access denied\n",
                "permission",
                "scope = \"user\"",
            ),
            (
                "Failed to connect to bus: No such file or directory\n",
                "unreachable",
                "systemd: Failed to connect to bus: No such file",
            ),
            (
                "System has not been booted with systemd as init system (PID 1). Can't operate.\nFailed to connect \
                 to bus: Host is down\n",
                "unreachable",
                "has not been booted with systemd",
            ),
            (
                "Failed to kill unit web.service: No main process to kill\n",
                "70",
                "No main process to kill",
            ),
            (
                "Failed to kill unit web.service: Unit web.service not loaded.\n",
                "70",
                "not loaded",
            ),
            (
                "Warning: The unit file, source configuration file or drop-ins of a.service changed on disk. Run \
                 'systemctl daemon-reload' to reload units.\nJob for a.service failed.\n",
                "40",
                "Job for a.service failed",
            ),
            ("", "30", "without a message"),
        ] {
            let error = refusal(stderr, ManagerScope::System);
            assert_eq!(name(&error), kind, "{stderr}");
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn user_manager_has_its_own_hint() {
        let error = refusal(
            "Failed to stop a.service: Access denied",
            ManagerScope::User,
        );
        assert!(
            error
                .to_string()
                .ends_with("as the user whose units these are")
        );
    }
}
