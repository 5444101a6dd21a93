//! Colour, where it is wanted, and the colour and mark of each verdict.

use anstyle::{AnsiColor, Style};

use crate::health::Verdict;

/// Paints, or does not.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    pub colour: bool,
}

impl Paint {
    /// For standard output: a terminal, and neither `NO_COLOR` nor `TERM=dumb`.
    pub fn of_stdout() -> Self {
        let choice = anstream::AutoStream::choice(&std::io::stdout());
        Self {
            colour: choice != anstream::ColorChoice::Never,
        }
    }

    pub fn with(self, style: Style, text: &str) -> String {
        match self.colour {
            true => format!("{style}{text}{style:#}"),
            false => text.to_owned(),
        }
    }

    pub fn colour(self, colour: AnsiColor, text: &str) -> String {
        self.with(colour.on_default(), text)
    }

    pub fn dim(self, text: &str) -> String {
        self.with(Style::new().dimmed(), text)
    }

    pub fn bold(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }
}

pub const fn mark(verdict: Verdict) -> (AnsiColor, &'static str) {
    match verdict {
        Verdict::Pass => (AnsiColor::Green, "✓"),
        Verdict::Degraded | Verdict::Starting | Verdict::Draining => (AnsiColor::Yellow, "!"),
        Verdict::Fail => (AnsiColor::Red, "✗"),
        Verdict::Unknown => (AnsiColor::Magenta, "?"),
    }
}
