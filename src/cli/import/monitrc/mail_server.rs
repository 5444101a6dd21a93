//! `set mailserver smtp.example.org port 587 username "u" password "p" using tls`.

use super::statement::{Word, after, has, number, shown};
use crate::cli::import::draft::{Draft, quoted};

const TABLE: &str = "[mail]";

/// The port of SMTP that begins with TLS.
const SMTPS: u64 = 465;

/// Takes the first server; what is said of the others is not about it.
pub(super) fn take(statement: &[Word], draft: &mut Draft) {
    let line = statement[0].line;
    let is_last = |word: &Word| !word.is_quoted && word.text.ends_with(',');
    let count = statement.iter().position(is_last);
    let count = count.map_or(statement.len(), |at| at + 1);
    let mut first = statement[..count].to_vec();
    if let Some(word) = first.last_mut().filter(|word| !word.is_quoted) {
        word.text.truncate(word.text.trim_end_matches(',').len());
    }
    if count < statement.len() {
        let text = format!("{}: the first server is the only one", shown(statement));
        draft.leave(line, &text);
    }
    let Some(host) = after(&first, "mailserver") else {
        return;
    };
    let port = number(&first, "port").unwrap_or(25);
    let is_secure = ["using", "ssl", "tls"].iter().any(|word| has(&first, word));
    let scheme = match (is_secure, port) {
        (true, SMTPS) => "smtps",
        (true, _) => "smtp+starttls",
        (false, _) => "smtp",
    };
    let user = after(&first, "username");
    let at = user.map(|user| format!("{}@", user.replace('@', "%40")));
    let url = format!("{scheme}://{}{host}:{port}", at.unwrap_or_default());
    draft.table(TABLE, "smtp", &quoted(&url));
    if let (Some(_), Some(password)) = (user, after(&first, "password")) {
        draft.table(TABLE, "password", &quoted(password));
    }
    draft.remark(line, "the mail server");
}
