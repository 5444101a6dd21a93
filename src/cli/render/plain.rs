//! One line a URL, for logs and for `cut`: verdict, name, what was seen, how long it took.

use super::visible;
use crate::cli::check::Checked;

/// `pass http://h/ 200 OK in 0.012s`, `fail http://h/ status: expected status 200, got 500 in 0.003s`.
pub fn plain(results: &[Checked]) -> String {
    let line = |checked: &Checked| {
        let name = visible::line(&checked.name);
        format!(
            "{} {name} {}\n",
            checked.judgement.verdict,
            summary(checked)
        )
    };
    results.iter().map(line).collect()
}

/// What was seen, in one line: the reason and its detail, or the status line, and the time.
pub fn summary(checked: &Checked) -> String {
    let judgement = &checked.judgement;
    let what = match (judgement.reason, &checked.seen.status) {
        (Some(reason), _) => format!("{reason}: {}", judgement.detail),
        // an inverted check passes without a good status
        (None, Some(status)) if judgement.detail == format!("status {status}") => {
            status.to_string()
        }
        (None, _) => judgement.detail.clone(),
    };
    let seconds = checked.seen.duration.as_secs_f64();
    let probes = match checked.probes {
        1 => String::new(),
        probes => format!(" after {probes} probes"),
    };
    format!("{} in {seconds:.3}s{probes}", visible::line(&what))
}
