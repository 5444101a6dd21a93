//! For people: the verdict, every expectation beside what came, where the time went, whose certificate
//! it was, and the beginning of an answer that was not the wanted one.

use std::fmt::Write;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use super::paint::{Paint, look};
use super::{plain::summary, visible};
use crate::cli::checked::Checked;
use crate::health::{Certificate, Finding, Phase, Verdict};

/// The width of the longest bar, in characters.
const BAR: usize = 24;

/// All results, one block each, with escape sequences when `colour` is wanted.
pub fn human(results: &[Checked], colour: bool) -> String {
    let paint = Paint { colour };
    let blocks: Vec<String> = results
        .iter()
        .map(|checked| block(checked, paint))
        .collect();
    blocks.join("\n")
}

fn block(checked: &Checked, paint: Paint) -> String {
    let verdict = checked.judgement.verdict;
    let (colour, mark) = look(verdict);
    let bold = colour.on_default().bold();
    let mut out = format!(
        "{} {}  {}\n",
        paint.with(bold, &format!("{mark} {verdict}")),
        paint.with(Style::new().bold(), &visible::line(&checked.name)),
        summary(checked),
    );
    findings(&mut out, &checked.judgement.findings, paint);
    phases(&mut out, checked, paint);
    if let Some(leaf) = checked.seen.certificates.first() {
        certificate(&mut out, leaf, paint);
    }
    if verdict != Verdict::Pass {
        answer(&mut out, checked, paint);
    }
    out
}

// writing to a String cannot fail, so the results of `write!` below are let go

fn findings(out: &mut String, findings: &[Finding], paint: Paint) {
    let shown: Vec<(String, &Finding)> = findings
        .iter()
        .map(|finding| (visible::line(&finding.expected), finding))
        .collect();
    let width = shown
        .iter()
        .map(|(text, _)| text.chars().count())
        .max()
        .unwrap_or(0);
    for (expected, finding) in shown {
        let (colour, mark) = look(if finding.met {
            Verdict::Pass
        } else {
            finding.otherwise
        });
        let _ = writeln!(
            out,
            "    {} {expected:<width$}  {}",
            paint.colour(colour, mark),
            paint.dim(&visible::line(&finding.actual)),
        );
    }
}

fn phases(out: &mut String, checked: &Checked, paint: Paint) {
    let total = checked.seen.duration.as_secs_f64();
    let mut before = 0.0;
    for (phase, span) in checked.seen.phases.iter() {
        let seconds = span.as_secs_f64();
        let bar = paint.colour(AnsiColor::Cyan, &bar(before, seconds, total));
        let _ = writeln!(out, "    {:<10} {:>9}  {bar}", words(phase), time(span));
        before += seconds;
    }
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

fn certificate(out: &mut String, leaf: &Certificate, paint: Paint) {
    let end = u64::try_from(leaf.not_after).unwrap_or(0);
    let end = std::time::UNIX_EPOCH + Duration::from_secs(end.min(253_402_300_799));
    let end = humantime::format_rfc3339_seconds(end).to_string();
    let _ = writeln!(
        out,
        "    {:<10} {}, valid until {}, issued by {}",
        "certificate",
        visible::line(&leaf.subject),
        end.get(..10).unwrap_or(&end),
        paint.dim(&visible::line(&leaf.issuer)),
    );
}

fn answer(out: &mut String, checked: &Checked, paint: Paint) {
    let Some(body) = &checked.seen.body else {
        return;
    };
    let (lines, more) = visible::excerpt(&body.kept, body.size);
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(out, "    answer, {} bytes:", body.size);
    for line in lines {
        let _ = writeln!(out, "    {} {line}", paint.dim("│"));
    }
    if more {
        let _ = writeln!(out, "    {}", paint.dim("┆"));
    }
}
