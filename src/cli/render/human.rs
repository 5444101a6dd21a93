//! For people: the verdict, the URL that was asked, every expectation beside what came, where the time went, whose
//! certificate it was, and the beginning of an answer that was not the wanted one.

use std::time::Duration;

use anstyle::AnsiColor;

use super::paint::{Paint, mark};
use super::{plain::summary, visible};
use crate::cli::check::Checked;
use crate::health::counted;
use crate::health::{Certificate, Finding, Phase, Reason, Verdict};
use crate::secret::shown_url;
use crate::terminal::{cut, pad, width, wrap};

/// The width of the longest bar, in columns.
const BAR: usize = 24;

/// What stands below a headline begins so far from the left.
const INDENT: usize = 4;

/// Time outside all phases is worth a row from this share of the whole on, and from this span on.
const UNEXPLAINED_SHARE: f64 = 0.05;
const UNEXPLAINED: Duration = Duration::from_millis(1);

/// How results are shown to people.
#[derive(Clone, Copy, Debug)]
pub struct HumanOptions {
    pub paint: Paint,
    /// The terminal's width; without it nothing is wrapped or cut.
    pub columns: Option<usize>,
    /// Headers and the whole kept body, also of a pass.
    pub verbose: bool,
}

/// All results, one block each.
pub fn human(results: &[Checked], options: HumanOptions) -> String {
    let blocks: Vec<String> = results
        .iter()
        .map(|checked| block(checked, options))
        .collect();
    blocks.join("\n")
}

fn block(checked: &Checked, options: HumanOptions) -> String {
    let verdict = checked.judgement.verdict;
    let mut out = headline(checked, options);
    for row in [
        (checked.url != checked.name).then(|| format!("asked {}", checked.url)),
        redirected(checked).map(|url| format!("answered by {url}")),
    ]
    .into_iter()
    .flatten()
    {
        line(&mut out, &options.paint.dim(&visible::line(&row)));
    }
    findings(&mut out, &checked.judgement.findings, options);
    phases(&mut out, checked, options.paint);
    for note in &checked.seen.notes {
        let note = format!("note: {note}");
        line(&mut out, &options.paint.dim(&visible::line(&note)));
    }
    if let Some(leaf) = checked.seen.certificates.first() {
        certificate(&mut out, leaf, options);
    }
    if options.verbose {
        headers(&mut out, checked, options);
    }
    if options.verbose || verdict != Verdict::Pass {
        answer(&mut out, checked, options);
    }
    out
}

/// Verdict, name and what was seen, wrapped between words.
fn headline(checked: &Checked, options: HumanOptions) -> String {
    let verdict = checked.judgement.verdict;
    let (colour, mark) = mark(verdict);
    let verdict = format!("{mark} {verdict}");
    let name = visible::line(&checked.name);
    let begin = width(&verdict) + 1 + width(&name);
    let begin_painted = format!(
        "{} {}",
        options.paint.with(colour.on_default().bold(), &verdict),
        options.paint.bold(&name)
    );
    let said = summary(checked);
    let room = options.columns.unwrap_or(usize::MAX);
    if begin + 2 + width(&said) <= room {
        return format!("{begin_painted}  {said}\n");
    }
    let mut out = begin_painted + "\n";
    for text in wrap(&said, room.saturating_sub(INDENT)) {
        line(&mut out, &text);
    }
    out
}

fn line(out: &mut String, text: &str) {
    *out += &" ".repeat(INDENT);
    *out += text;
    out.push('\n');
}

fn redirected(checked: &Checked) -> Option<String> {
    let url = checked.seen.url.as_str();
    (checked.seen.redirects > 0 && !url.is_empty()).then(|| shown_url(url))
}

fn findings(out: &mut String, findings: &[Finding], options: HumanOptions) {
    let expected: Vec<_> = findings
        .iter()
        .map(|finding| visible::line(&finding.expected))
        .collect();
    let room = options.columns.unwrap_or(usize::MAX).saturating_sub(INDENT);
    // one long expectation does not push the others' answers away
    let widths = expected.iter().map(|text| width(text));
    let widest = widths.filter(|it| *it <= room / 2).max().unwrap_or(0);
    for (expected, finding) in expected.iter().zip(findings) {
        let (colour, mark) = mark(if finding.met {
            Verdict::Pass
        } else {
            finding.otherwise
        });
        let mark = options.paint.colour(colour, mark);
        let actual = visible::line(&finding.actual);
        if 2 + widest.max(width(expected)) + 2 + width(&actual) <= room {
            let expected = pad(expected, widest);
            line(
                out,
                &format!("{mark} {expected}  {}", options.paint.dim(&actual)),
            );
            continue;
        }
        // too wide side by side: one below the other
        for (at, part) in wrap(expected, room.saturating_sub(2)).iter().enumerate() {
            let mark = if at == 0 { mark.as_str() } else { " " };
            line(out, &format!("{mark} {part}"));
        }
        for part in wrap(&actual, room.saturating_sub(4)) {
            line(out, &format!("    {}", options.paint.dim(&part)));
        }
    }
}

/// Where the time went, the phase that failed in red, and what no phase explains.
fn phases(out: &mut String, checked: &Checked, paint: Paint) {
    let seen = &checked.seen;
    let total = seen.duration;
    let timed: Vec<_> = seen.phases.iter().collect();
    let explained: Duration = timed.iter().map(|(_, span)| *span).sum();
    let rest = total.saturating_sub(explained);
    let failed = failed_phase(checked);
    let mut rows: Vec<_> = timed
        .iter()
        .map(|(phase, span)| (words(*phase), *span, failed == Some(*phase)))
        .collect();
    let broke_off = failed.filter(|phase| seen.phases.get(*phase).is_none());
    let share = rest.as_secs_f64() / total.as_secs_f64().max(f64::MIN_POSITIVE);
    match broke_off {
        // a phase that was not finished has no time of its own
        Some(phase) => rows.push((words(phase), rest, true)),
        None if !rows.is_empty() && rest >= UNEXPLAINED && share >= UNEXPLAINED_SHARE => {
            rows.push(("other", rest, false));
        }
        None => {}
    }
    let mut before = Duration::ZERO;
    for (name, span, failed) in rows {
        let bar = bar(
            before.as_secs_f64(),
            span.as_secs_f64(),
            total.as_secs_f64(),
        );
        let time = time(span);
        let row = match failed {
            true => {
                let row = format!("{name:<10} {time:>9}  {bar} ✗");
                paint.colour(AnsiColor::Red, &row)
            }
            false => {
                let colour = if name == "other" {
                    AnsiColor::BrightBlack
                } else {
                    AnsiColor::Cyan
                };
                format!("{name:<10} {time:>9}  {}", paint.colour(colour, &bar))
            }
        };
        line(out, &row);
        before += span;
    }
}

/// The phase in which something went wrong; what an answer says of the service is no phase's fault.
fn failed_phase(checked: &Checked) -> Option<Phase> {
    let judgement = &checked.judgement;
    let opinion = matches!(judgement.reason, Some(Reason::Status | Reason::Assertion));
    let bad = matches!(judgement.verdict, Verdict::Fail | Verdict::Unknown);
    judgement.phase.filter(|_| bad && !opinion)
}

/// A piece of the whole, standing where it happened.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "clamped to the width of a bar"
)]
fn bar(before: f64, span: f64, total: f64) -> String {
    let cells = |part: f64| {
        let share = if total > 0.0 {
            (part / total).clamp(0.0, 1.0)
        } else {
            0.0
        };
        (share * BAR as f64).round() as usize
    };
    let start = cells(before);
    match cells(before + span).saturating_sub(start) {
        0 => " ".repeat(start.min(BAR - 1)) + "▏",
        length => " ".repeat(start) + &"█".repeat(length),
    }
}

const fn words(phase: Phase) -> &'static str {
    match phase {
        Phase::Dns => "name",
        Phase::Connect => "connect",
        Phase::Tls => "tls",
        Phase::FirstByte => "first byte",
        Phase::Body => "body",
    }
}

fn time(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    if seconds >= 1.0 {
        format!("{seconds:.2} s")
    } else {
        format!("{:.1} ms", seconds * 1000.0)
    }
}

fn certificate(out: &mut String, leaf: &Certificate, options: HumanOptions) {
    let end = u64::try_from(leaf.not_after).unwrap_or(0);
    let end = std::time::UNIX_EPOCH + Duration::from_secs(end.min(253_402_300_799));
    let end = humantime::format_rfc3339_seconds(end).to_string();
    let text = format!(
        "{}, valid until {}, issued by {}",
        visible::line(&leaf.subject),
        end.get(..10).unwrap_or(&end),
        visible::line(&leaf.issuer),
    );
    let title = "certificate ";
    let room = options.columns.unwrap_or(usize::MAX);
    let lines = wrap(&text, room.saturating_sub(INDENT + title.len()));
    for (at, text) in lines.iter().enumerate() {
        let title = if at == 0 { title } else { "            " };
        line(out, &format!("{title}{text}"));
    }
}

fn headers(out: &mut String, checked: &Checked, options: HumanOptions) {
    if let Some(status) = &checked.seen.status {
        line(out, &format!("{} {status}", status.version));
    }
    let room = options.columns.unwrap_or(usize::MAX).saturating_sub(INDENT);
    for (name, value) in &checked.seen.headers {
        let (name, value) = (visible::line(name), visible::line(value));
        let value = cut(&value, room.saturating_sub(width(&name) + 2));
        line(
            out,
            &format!("{}: {value}", options.paint.colour(AnsiColor::Cyan, &name)),
        );
    }
}

fn answer(out: &mut String, checked: &Checked, options: HumanOptions) {
    let Some(body) = &checked.seen.body else {
        return;
    };
    let (lines, more) = match options.verbose {
        true => visible::all(&body.kept, body.size),
        false => visible::excerpt(&body.kept, body.size),
    };
    if lines.is_empty() {
        return;
    }
    line(
        out,
        &format!("answer, {}:", counted(body.size, "byte", "bytes")),
    );
    let room = options
        .columns
        .unwrap_or(usize::MAX)
        .saturating_sub(INDENT + 2);
    for text in lines {
        line(
            out,
            &format!("{} {}", options.paint.dim("│"), cut(&text, room)),
        );
    }
    if more {
        line(out, &options.paint.dim("┆"));
    }
}
