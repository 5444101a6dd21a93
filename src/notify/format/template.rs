//! The user's own body: a template in Jinja's syntax over the keys of a report's JSON.

use std::time::SystemTime;

use minijinja::{Environment, UndefinedBehavior};
use serde_json::Value;

use crate::notify::sample;

/// A template may take so many steps: a loop without end is an error.
const FUEL: u64 = 100_000;

/// The longest body, in bytes.
const LONGEST: usize = 256 * 1024;

/// A template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(String);

impl Template {
    /// The template `text`, whatever is wrong with it.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The body for a sample.
    ///
    /// # Errors
    /// Says what is wrong with the template, and on which of its lines.
    pub fn sample(&self) -> Result<String, String> {
        self.render(&sample::notification("localhost", SystemTime::UNIX_EPOCH).event)
    }

    /// The body for the report `event`.
    ///
    /// # Errors
    /// Says what in it cannot be evaluated.
    pub fn render(&self, event: &Value) -> Result<String, String> {
        let mut environment = Environment::empty();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_fuel(Some(FUEL));
        environment.add_filter("tojson", minijinja::filters::tojson);
        environment.add_filter("upper", minijinja::filters::upper);
        environment.add_filter("lower", minijinja::filters::lower);
        environment.add_filter("default", minijinja::filters::default);
        environment.add_filter("replace", minijinja::filters::replace);
        environment.add_filter("join", minijinja::filters::join);
        environment.add_filter("first", minijinja::filters::first);
        environment.add_filter("last", minijinja::filters::last);
        environment.add_filter("length", minijinja::filters::length);
        environment.add_filter("round", minijinja::filters::round);
        environment.add_filter("trim", minijinja::filters::trim);
        let rendered = environment.render_str(&self.0, event).map_err(|error| {
            let line = error.line().map(|line| format!(" (line {line} of it)"));
            let detail = error.detail().map(|detail| format!(": {detail}"));
            format!(
                "the template does not work: {}{}{}",
                error.kind(),
                detail.unwrap_or_default(),
                line.unwrap_or_default()
            )
        })?;
        if rendered.len() > LONGEST {
            return Err(format!("the template gives more than {LONGEST} bytes"));
        }
        Ok(rendered)
    }
}
