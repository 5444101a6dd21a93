//! One piece of evidence as text: in full for the evidence file, in brief for the report.

use crate::health::Capture;

/// The bounds of a piece of evidence in a report: lines
const BRIEF_LINES: usize = 20;
/// and bytes.
const BRIEF_BYTES: usize = 2048;

/// What one source gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    /// Where it is from.
    pub what: String,
    /// All of it.
    pub text: String,
    /// The part of it that a report shows.
    pub brief: String,
    /// What a tool complained about.
    pub errors: String,
    /// Why it is missing, or not whole.
    pub failure: Option<String>,
}

impl Evidence {
    /// Nothing, and why.
    pub(super) fn nothing(what: &str, why: String) -> Self {
        Self {
            what: what.to_owned(),
            failure: Some(why),
            ..Self::default()
        }
    }

    /// As a step of the transcript.
    pub(super) fn into_capture(self) -> Capture {
        Capture {
            what: self.what,
            output: self.brief,
            errors: head(&self.errors),
            failure: self.failure,
            files: Vec::new(),
        }
    }
}

/// The beginning of `text`.
pub(super) fn head(text: &str) -> String {
    let lines: Vec<_> = text.lines().take(BRIEF_LINES).collect();
    cut(&lines.join("\n"), BRIEF_BYTES).to_owned()
}

/// The end of `text`.
pub(super) fn tail(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    let from = lines.len().saturating_sub(BRIEF_LINES);
    let brief = lines[from..].join("\n");
    let mut from = brief.len().saturating_sub(BRIEF_BYTES);
    while !brief.is_char_boundary(from) {
        from += 1;
    }
    brief[from..].to_owned()
}

/// `text`, or as many whole characters of it as `most` bytes hold.
pub(super) fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A capture that gave nothing, and why.
pub(super) fn nothing(what: &str, why: String) -> Capture {
    Capture {
        what: what.to_owned(),
        output: String::new(),
        errors: String::new(),
        failure: Some(why),
        files: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_gets_the_beginning_or_the_end() {
        let rows = |range: std::ops::Range<u32>| {
            let rows: Vec<_> = range.map(|row| row.to_string()).collect();
            rows.join("\n")
        };
        let text = rows(0..100) + "\n";
        assert_eq!(head(&text), rows(0..20));
        assert_eq!(tail(&text), rows(80..100));
        assert_eq!((head(""), tail("")), (String::new(), String::new()));
        // 3 bytes each: the bound falls within a character
        let line = "\u{20ac}".repeat(1000);
        assert_eq!(head(&line), "\u{20ac}".repeat(682));
        assert_eq!(tail(&line), "\u{20ac}".repeat(682));
    }
}
