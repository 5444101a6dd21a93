//! What `systemctl` means when it exits with an error. Its exit codes are shared by different troubles, so its
//! words decide; they are in English, since we ask for that.

use super::spec::Scope;
use crate::health::CallError;

/// Parts of its words, and the kind of trouble each stands for. The first that fits decides.
const KINDS: [(&str, Kind); 18] = [
    ("interactive authentication required", Kind::Permission),
    ("access denied", Kind::Permission),
    ("permission denied", Kind::Permission),
    ("operation not permitted", Kind::Permission),
    ("no main process to kill", Kind::NotRunning),
    ("no control process to kill", Kind::NotRunning),
    ("failed to connect to", Kind::Unreachable),
    ("has not been booted with systemd", Kind::Unreachable),
    ("connection timed out", Kind::Unreachable),
    ("connection reset", Kind::Unreachable),
    ("transport endpoint", Kind::Unreachable),
    ("failed to get properties", Kind::Unreachable),
    ("is masked", Kind::Refused),
    ("operation refused", Kind::Refused),
    ("not found", Kind::Missing),
    ("dependency job for", Kind::Refused),
    ("job for", Kind::Failed),
    ("not loaded", Kind::NotRunning),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Permission,
    Unreachable,
    Missing,
    NotRunning,
    Refused,
    Failed,
}

/// What `words`, its standard error, say.
pub(super) fn refusal(words: &str, scope: Scope) -> CallError {
    let line = telling_line(words);
    let lower = line.to_lowercase();
    let kind = KINDS.iter().find(|(part, _)| lower.contains(part));
    let fault = |code, text: &str| CallError::Fault {
        code,
        text: text.to_owned(),
    };
    match kind.map(|(_, kind)| kind) {
        Some(Kind::Permission) => CallError::Unauthorized {
            detail: format!("systemd: {}; {}", line.trim_end_matches('.'), hint(scope)),
        },
        Some(Kind::Unreachable) => CallError::Unreachable {
            detail: format!("systemd: {line}"),
        },
        Some(Kind::Missing) => fault(CallError::BAD_NAME, line),
        Some(Kind::NotRunning) => fault(CallError::NOT_RUNNING, line),
        Some(Kind::Failed) => fault(CallError::ABNORMAL_TERMINATION, line),
        Some(Kind::Refused) | None => fault(CallError::FAILED, line),
    }
}

/// The first line, without who failed to do what: that is known.
fn telling_line(words: &str) -> &str {
    let lines = words.lines().map(str::trim);
    let line = lines
        .filter(|line| !line.is_empty() && !line.starts_with("Warning:"))
        .find(|line| !line.starts_with("Stopping ") && !line.starts_with("See "));
    let line = line.unwrap_or("systemctl failed without a word");
    match line.split_once(": ") {
        Some((deed, why)) if is_deed(deed) => why,
        _ => line,
    }
}

fn is_deed(words: &str) -> bool {
    [
        "start ",
        "stop ",
        "kill unit ",
        "reset failed state of unit ",
    ]
    .iter()
    .any(|deed| {
        words
            .strip_prefix("Failed to ")
            .is_some_and(|rest| rest.starts_with(deed))
    })
}

/// Who may do it.
const fn hint(scope: Scope) -> &'static str {
    match scope {
        Scope::System => {
            "run httpok as root, allow its user org.freedesktop.systemd1.manage-units in polkit, or set scope = \
             \"user\" for the user's own units"
        }
        Scope::User => "run httpok as the user whose units these are",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_decide() {
        let name = |error: &CallError| match error {
            CallError::Fault { code, .. } => code.to_string(),
            CallError::Unauthorized { .. } => "permission".to_owned(),
            CallError::Unreachable { .. } => "unreachable".to_owned(),
            CallError::TimedOut { .. } | CallError::Malformed { .. } => "other".to_owned(),
        };
        for (words, kind, told) in [
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
            ("", "30", "without a word"),
        ] {
            let error = refusal(words, Scope::System);
            assert_eq!(name(&error), kind, "{words}");
            assert!(error.to_string().contains(told), "{error}");
        }
    }

    #[test]
    fn a_users_manager_has_another_hint() {
        let error = refusal("Failed to stop a.service: Access denied", Scope::User);
        assert!(
            error
                .to_string()
                .ends_with("as the user whose units these are")
        );
    }
}
