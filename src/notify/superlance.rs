//! The original's words: what superlance's httpok prints on standard error and mails, byte for byte, and new
//! lines in the same manner for what it did not have. Scripts read these; people get `report`'s words.

use std::fmt::Write as _;

use crate::health::{
    ActionStep, CallError, Capture, CheckResult, ProcessState, Reason, Report, Skip, Step,
};
use crate::secret::redact_url;

use super::text::{header_value, is_printable};

/// What the original's words need to know of its command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OriginalMail {
    /// `-n`.
    pub name: Option<String>,
    /// `-a`.
    pub all: bool,
    /// Every `-p`, as written.
    pub targets: Vec<String>,
}

impl OriginalMail {
    /// The line that opens an action.
    pub fn heading(&self) -> String {
        heading(self.all, &self.targets)
    }

    /// Subject and body of the original's mail about the last action in `report`.
    pub fn mail(&self, report: &Report) -> (String, String) {
        let incident = &report.incident;
        let mut body = Vec::new();
        let subject = match incident.last_fail() {
            Some(result) => {
                body.push(reason(&report.url, result));
                subject(self.name.as_deref(), &report.url, result)
            }
            None => titled(self.name.as_deref(), &report.url, "bad status returned"),
        };
        body.push(self.heading());
        if let Some((_, outcome)) = incident.actions().last() {
            body.extend(outcome.steps.iter().flat_map(lines));
        }
        (subject, body.join("\n"))
    }
}

/// The line that opens an action on `targets`.
pub fn heading(all: bool, targets: &[String]) -> String {
    if all {
        "Restarting all running processes".to_owned()
    } else {
        format!("Restarting selected processes {}", python_list(targets))
    }
}

/// What was wrong: an answer that is not the wanted one, or none.
pub fn reason(url: &str, result: &CheckResult) -> String {
    let url = redact_url(url);
    match (&result.seen.trouble, &result.seen.status) {
        (Some(trouble), _) => format!("error contacting {url}:\n\n {}", trouble.detail),
        // the space stays when there is no reason phrase
        (None, Some(line)) => format!("status contacting {url}: {} {}", line.code, line.reason),
        (None, None) => format!("error contacting {url}:\n\n {}", result.judgement.detail),
    }
}

/// The subject of the mail about `result`.
pub fn subject(name: Option<&str>, url: &str, result: &CheckResult) -> String {
    let body_only =
        result.seen.trouble.is_none() && result.judgement.reason == Some(Reason::Assertion);
    titled(
        name,
        url,
        if body_only {
            "bad body returned"
        } else {
            "bad status returned"
        },
    )
}

fn titled(name: Option<&str>, url: &str, what: &str) -> String {
    let url = redact_url(url);
    match name {
        None => format!("httpok: {url}: {what}"),
        Some(name) => format!("httpok [{name}]: {url}: {what}"),
    }
}

/// The whole mail: two headers and the body, no line end after it. No value can begin a header of its own.
pub fn mail(to: &str, subject: &str, body: &str) -> Vec<u8> {
    let (to, subject) = (header_value(to), header_value(subject));
    format!("To: {to}\nSubject: {subject}\n\n{body}").into_bytes()
}

/// What is printed after `mail` was handed over. The line end is ours: without it the next action's first
/// line would be glued on.
pub fn mailed(mail: &[u8]) -> Vec<u8> {
    [b"Mailed:\n\n", mail, b"\n"].concat()
}

/// What a captured command printed on its standard error; the original lets it through to its own, before
/// the lines of the step, and keeps it out of the mail.
pub fn aside(step: &Step) -> Option<&str> {
    match &step.action {
        ActionStep::Captured(capture) => {
            Some(capture.errors.as_str()).filter(|text| !text.is_empty())
        }
        _ => None,
    }
}

/// The lines about one step; none where the original says nothing.
pub fn lines(step: &Step) -> Vec<String> {
    let name = step
        .process
        .as_ref()
        .map_or_else(|| "?".to_owned(), crate::health::ProcessName::namespec);
    match &step.action {
        ActionStep::ListFailed { error } => vec![format!(
            "Exception retrieving process info {}, not acting",
            exception(error)
        )],
        ActionStep::Unasked { backend, error } => vec![format!(
            "Exception retrieving process info from {backend} {}, not acting there",
            exception(error)
        )],
        ActionStep::Skipped(skip) => vec![skipped(&name, skip)],
        ActionStep::Captured(capture) if capture.what == Capture::ORIGINAL => {
            captured(&name, capture)
        }
        // the original keeps no other evidence
        ActionStep::Captured(_) => vec![],
        ActionStep::Signalled { .. } | ActionStep::EndedBySignal { .. } | ActionStep::Ran(_) => {
            vec![super::transcript::sentence(step)]
        }
        ActionStep::Restarting { .. } => vec![format!("{name} is in RUNNING state, restarting")],
        ActionStep::Starting { state } => vec![format!("{name} is in {state} state, starting")],
        ActionStep::Resumed { state } => vec![format!(
            "{name} is in {state} state after an interrupted restart"
        )],
        ActionStep::Stopped { error: None } => vec![],
        ActionStep::Stopped { error: Some(error) } => {
            vec![format!(
                "Failed to stop process {name}: {}",
                exception(error)
            )]
        }
        ActionStep::Started { error: None } => vec![format!("{name} restarted")],
        ActionStep::Started { error: Some(error) } => {
            vec![format!(
                "Failed to start process {name}: {}",
                exception(error)
            )]
        }
        ActionStep::Settled {
            state: ProcessState::Running,
            ..
        } => vec![],
        ActionStep::Settled { state, .. } => {
            vec![format!(
                "{name} in {state} state after its start, NOT RUNNING"
            )]
        }
        ActionStep::Missing { targets } => vec![format!(
            "Programs not restarted because they did not exist: {}",
            python_list(targets)
        )],
        ActionStep::BrokeOff { detail } => vec![format!("The restart broke off: {detail}")],
    }
}

fn skipped(name: &str, skip: &Skip) -> String {
    match skip {
        Skip::NotRunning { .. } => format!("{name} not in RUNNING state, NOT restarting"),
        // a life that has no pid, or one pid for all
        Skip::Replaced { probed, found } if probed == found => {
            format!("{name} was replaced since the check, NOT restarting")
        }
        Skip::Replaced { probed, found } => {
            let (then, now) = (pid(*probed), pid(*found));
            format!("{name} was replaced since the check (pid {then}, now {now}), NOT restarting")
        }
        Skip::Ourselves => format!("{name} is this listener, NOT restarting"),
        Skip::Watchdog => format!("{name} is a watchdog, NOT restarting"),
        Skip::OtherWatchdog { watchdog } => {
            format!("{name} is being restarted by {watchdog}, NOT restarting")
        }
        Skip::Unfinished => format!("{name} is being restarted already, NOT restarting"),
        Skip::DryRun => format!("{name} is in RUNNING state, NOT restarting (dry run)"),
        Skip::WouldBeDone { what } => format!("{name}: NOT doing this (dry run): {what}"),
        Skip::Halted(halt) => format!("{name} left alone, NOT restarting: {halt}"),
    }
}

fn pid(pid: Option<u32>) -> String {
    pid.map_or_else(|| "none".to_owned(), |pid| pid.to_string())
}

fn captured(name: &str, capture: &Capture) -> Vec<String> {
    let Capture { what, output, .. } = capture;
    let mut lines = vec![format!("{what} output for {name}:\n\n {output}")];
    if let Some(failure) = &capture.failure {
        lines.push(format!("Failed to capture {what} of {name}: {failure}"));
    }
    lines
}

/// What Python prints for the exception that `error` would have been.
fn exception(error: &CallError) -> String {
    match error {
        CallError::Fault { code, text } => format!("<Fault {code}: {}>", python_repr(text)),
        CallError::Unauthorized { .. }
        | CallError::Unreachable { .. }
        | CallError::TimedOut { .. }
        | CallError::Malformed { .. } => error.to_string(),
    }
}

fn python_list(items: &[String]) -> String {
    let items: Vec<_> = items.iter().map(|item| python_repr(item)).collect();
    format!("[{}]", items.join(", "))
}

/// `text` as Python 3's `repr` writes a `str`.
pub fn python_repr(text: &str) -> String {
    let quote = match text.contains('\'') && !text.contains('"') {
        true => '"',
        false => '\'',
    };
    let mut repr = String::with_capacity(text.len() + 2);
    repr.push(quote);
    for c in text.chars() {
        match (c, u32::from(c)) {
            ('\\', _) => repr.push_str("\\\\"),
            ('\t', _) => repr.push_str("\\t"),
            ('\n', _) => repr.push_str("\\n"),
            ('\r', _) => repr.push_str("\\r"),
            _ if c == quote => repr.extend(['\\', c]),
            _ if is_printable(c) => repr.push(c),
            (_, code @ ..0x100) => _ = write!(repr, "\\x{code:02x}"),
            (_, code @ ..0x1_0000) => _ = write!(repr, "\\u{code:04x}"),
            (_, code) => _ = write!(repr, "\\U{code:08x}"),
        }
    }
    repr.push(quote);
    repr
}
