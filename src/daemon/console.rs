//! The watchdog's life as lines for a person at a terminal: local time, a coloured mark, the check, what
//! happened; one line for a restart, with what each step took. Programs get the lines of `logger`.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::mem::{Discriminant, discriminant};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use anstyle::Style;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::health::{Decision, Gate, Note, Step};
use crate::notify::text::{brief, visible};
use crate::terminal::{self, cut, pad, width, wrap};

use super::console_text::{BAD, Mark, NEWS, ODD, action, words};
use super::result_runs::ResultRuns;
use super::stderr::Stderr;

/// The most columns that the check's name is padded to, so that texts stand below each other.
const NAME: usize = 16;

/// The most characters of one piece of text from outside.
pub(super) const BRIEF: usize = 300;

/// Writes lines for a person.
#[derive(Clone, Debug)]
pub struct Console {
    stderr: Stderr,
    colour: bool,
    /// Every pass has a line as well.
    verbose: bool,
    state: Arc<Mutex<ConsoleState>>,
}

/// What was said last, so that it is not said again.
#[derive(Debug, Default)]
struct ConsoleState {
    /// The date of the last line.
    date: String,
    /// The widest name of a check so far.
    name: usize,
    /// Actions under way: what their supervisor logs meanwhile is part of their own line.
    actions: usize,
    /// The gate that held each check back.
    held: BTreeMap<String, Discriminant<Gate>>,
    results: ResultRuns,
}

impl Console {
    /// For the terminal that `stderr` is; with `verbose` every pass has a line as well.
    pub fn new(stderr: Stderr, colour: bool, verbose: bool) -> Self {
        Self {
            stderr,
            colour,
            verbose,
            state: Arc::default(),
        }
    }

    /// Says what was decided.
    pub fn note(&self, note: &Note) {
        let check = note.check.as_str();
        let news = {
            let mut state = self.state();
            match &note.decision {
                // while it is down every failing probe is held back anew
                Decision::Held(gate) => {
                    state.held.insert(check.to_owned(), discriminant(gate))
                        != Some(discriminant(gate))
                }
                Decision::Judged { .. } => {
                    self.verbose || state.results.is_news(check, &note.decision)
                }
                _ => {
                    state.held.remove(check);
                    true
                }
            }
        };
        if let Some((mark, text)) = words(&note.decision, self.verbose).filter(|_| news) {
            self.line(mark, check, &text);
        }
    }

    /// An action begins; what it did is said when it is over.
    pub fn action(&self) -> ConsoleAction {
        self.state().actions += 1;
        ConsoleAction {
            console: self.clone(),
            check: String::new(),
            steps: Vec::new(),
        }
    }

    /// Says that these checks are watched from now on.
    pub fn begin(&self, checks: &[&str]) {
        let text = match checks {
            [check] => format!("watching {}; Ctrl-C ends", brief(check, BRIEF)),
            checks => format!("watching {} checks; Ctrl-C ends", checks.len()),
        };
        self.line(NEWS, "", &text);
    }

    /// Says something that is wrong with the watchdog itself.
    pub fn trouble(&self, text: &str) {
        let lines: Vec<_> = text.lines().map(visible).collect();
        self.line(ODD, "", &lines.join("\n"));
    }

    fn line(&self, (sign, style): Mark, check: &str, text: &str) {
        let (date, time) = terminal::local(SystemTime::now());
        let check = brief(check, BRIEF);
        let mut out = String::new();
        let mut state = self.state();
        if state.date != date {
            let _ = writeln!(out, "{}", self.paint(Style::new().dimmed(), &date));
            state.date = date;
        }
        state.name = state.name.max(width(&check)).min(NAME);
        let mut name = match check.is_empty() {
            true => String::new(),
            false => pad(&check, state.name) + "  ",
        };
        drop(state);
        // time, two spaces, sign, space
        let mut indent = width(&time) + 4 + width(&name);
        let room = terminal::size(&std::io::stderr()).map_or(usize::MAX, |(columns, _)| columns);
        // a long name leaves no room beside it: the text begins on the next line
        let is_apart = width(&check) > NAME && indent + width(text) > room;
        if is_apart {
            indent = width(&time) + 4;
            name = cut(&check, room.saturating_sub(indent));
        }
        let mut lines = text
            .lines()
            .flat_map(|line| wrap(line, room.saturating_sub(indent)));
        let beside = match is_apart {
            true => String::new(),
            false => lines.next().unwrap_or_default(),
        };
        let _ = writeln!(
            out,
            "{}  {} {}{}",
            self.paint(Style::new().dimmed(), &time),
            self.paint(style.bold(), sign),
            self.paint(Style::new().bold(), &name),
            self.paint(style, &beside),
        );
        for line in lines {
            let _ = writeln!(out, "{}{}", " ".repeat(indent), self.paint(style, &line));
        }
        self.stderr.write(out);
    }

    fn state(&self) -> MutexGuard<'_, ConsoleState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn paint(&self, style: Style, text: &str) -> String {
        match self.colour && !text.is_empty() {
            true => format!("{style}{text}{style:#}"),
            false => text.to_owned(),
        }
    }
}

/// An action's steps, until it is over.
#[derive(Debug)]
pub struct ConsoleAction {
    console: Console,
    check: String,
    steps: Vec<Step>,
}

impl ConsoleAction {
    /// Keeps `step`.
    pub fn step(&mut self, check: &str, step: &Step) {
        check.clone_into(&mut self.check);
        self.steps.push(step.clone());
    }
}

/// However it ends, also by a panic, what was done is said.
impl Drop for ConsoleAction {
    fn drop(&mut self) {
        self.console.state().actions -= 1;
        for (mark, text) in action(&self.steps) {
            self.console.line(mark, &self.check, &text);
        }
    }
}

/// What the parts of the watchdog log by themselves.
impl<S: Subscriber> Layer<S> for Console {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let by_supervisor = metadata.target().starts_with("httpok::supervisor");
        let news = *metadata.level() > Level::WARN;
        if news && by_supervisor && !self.verbose && self.state().actions > 0 {
            return;
        }
        let mut fields = LogFields::default();
        event.record(&mut fields);
        let mark = match *metadata.level() {
            Level::ERROR => BAD,
            Level::WARN => ODD,
            _ => NEWS,
        };
        self.line(mark, &fields.check, &fields.text);
    }
}

/// An event's message, and the check that it is about.
#[derive(Default)]
struct LogFields {
    check: String,
    text: String,
}

impl Visit for LogFields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.text = visible(&format!("{value:?}")),
            "check" => self.check = format!("{value:?}"),
            name => _ = write!(self.text, " ({name} {value:?})"),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "check" => value.clone_into(&mut self.check),
            "message" => self.text = visible(value),
            name => _ = write!(self.text, " ({name} {})", visible(value)),
        }
    }
}
