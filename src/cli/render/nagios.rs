//! A Nagios plugin's output: one line with performance data, then a line a URL when there are several,
//! worst first.

use super::plain::summary;
use super::visible;
use crate::cli::check::Checked;
use crate::cli::exit::Exit;
use crate::cli::range::AlertRange;
use crate::health::Verdict;
use crate::sorted;

/// The text, and the exit status, which the ranges may have made worse than the verdicts are.
pub fn nagios(
    results: &[Checked],
    warn: Option<AlertRange>,
    crit: Option<AlertRange>,
) -> (String, Exit) {
    let mut rows: Vec<Row> = results
        .iter()
        .map(|checked| row(checked, warn, crit))
        .collect();
    let ranges =
        [warn, crit].map(|range| range.map_or_else(String::new, |range| range.to_string()));
    let perf = perf(results, &ranges[0], &ranges[1]);
    // a stable sort: equals stay in the order of the command line
    sorted::by_key(&mut rows, |row| std::cmp::Reverse(row.level));
    let Some(worst) = rows.first() else {
        return (String::new(), Exit::Unknown);
    };
    let head = match rows.as_slice() {
        [only] => only.text.clone(),
        all => {
            let bad = all.iter().filter(|row| row.level > 0).count();
            match bad {
                0 if all.len() == 1 => "it passes".to_owned(),
                0 => format!("all {} pass", all.len()),
                bad => format!(
                    "{bad} of {} not well, {}: {}",
                    all.len(),
                    worst.name,
                    worst.text
                ),
            }
        }
    };
    let mut text = format!("HTTPOK {} - {head} | {perf}\n", word(worst.exit));
    if rows.len() > 1 {
        for row in &rows {
            text += &format!("{} {}: {}\n", word(row.exit), row.name, row.text);
        }
    }
    (text, worst.exit)
}

struct Row {
    name: String,
    text: String,
    level: u8,
    exit: Exit,
}

fn row(checked: &Checked, warn: Option<AlertRange>, crit: Option<AlertRange>) -> Row {
    let verdict = checked.judgement.verdict;
    let seconds = checked.seen.duration.as_secs_f64();
    let alerts = |range: Option<AlertRange>| range.is_some_and(|range| range.alerts(seconds));
    // how long it took says something only about an answer that is fine otherwise
    let (level, exit, note) = match verdict {
        Verdict::Pass if alerts(crit) => (Verdict::Fail.severity(), Exit::Fail, " (critical)"),
        Verdict::Pass if alerts(warn) => {
            (Verdict::Degraded.severity(), Exit::Degraded, " (warning)")
        }
        Verdict::Degraded | Verdict::Starting | Verdict::Draining if alerts(crit) => {
            (Verdict::Fail.severity(), Exit::Fail, " (critical)")
        }
        verdict => (verdict.severity(), Exit::of_verdict(verdict), ""),
    };
    Row {
        name: safe(&checked.name),
        text: safe(&summary(checked)) + note,
        level,
        exit,
    }
}

const fn word(exit: Exit) -> &'static str {
    match exit {
        Exit::Ok => "OK",
        Exit::Degraded => "WARNING",
        Exit::Fail => "CRITICAL",
        Exit::Unknown | Exit::Differs | Exit::CannotListen | Exit::DropInUsage => "UNKNOWN",
    }
}

/// The bar begins the performance data, so none may stand in the text.
fn safe(text: &str) -> String {
    visible::line(text).replace('|', "¦")
}

fn perf(results: &[Checked], warn: &str, crit: &str) -> String {
    let several = results.len() > 1;
    let one = |checked: &Checked| {
        let label = |what: &str| match several {
            false => what.to_owned(),
            // a label may not hold an equals sign, and its quotes are doubled
            true => format!(
                "'{} {what}'",
                safe(&checked.name).replace('=', "_").replace('\'', "''")
            ),
        };
        let seconds = checked.seen.duration.as_secs_f64();
        let time = format!("{}={seconds:.3}s;{warn};{crit};0", label("time"));
        match &checked.seen.body {
            Some(body) => format!("{time}; {}={}B;;;0", label("size"), body.size),
            None => time,
        }
    };
    results.iter().map(one).collect::<Vec<_>>().join(" ")
}
