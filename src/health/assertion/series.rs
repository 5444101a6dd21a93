//! Which series of a metric a query asks for: `name{label="value"}`.

use std::fmt;

use super::scan::{ParseError, Scanner, is_of_word, quote};

/// The series of a metric that have these labels, and maybe more.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub name: String,
    pub labels: Vec<(String, String)>,
}

impl Series {
    pub fn parse(scan: &mut Scanner<'_>) -> Result<Self, ParseError> {
        let name = scan.take(is_of_name);
        if !is_name(name) {
            return Err(scan.here(
                "a metric without its name",
                "for example: metric up{job=\"shop\"} == 1",
            ));
        }
        let mut labels = Vec::new();
        if scan.eat("{") {
            scan.skip_blanks();
            while !scan.eat("}") {
                labels.push(label(scan)?);
                scan.skip_blanks();
                if !scan.eat(",") && scan.peek() != Some('}') {
                    return Err(scan.here("the labels have no end", "expected , or }"));
                }
                scan.skip_blanks();
            }
        }
        let name = name.to_owned();
        Ok(Self { name, labels })
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for (at, (name, value)) in self.labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            write!(f, "{before}{name}={}", quote(value))?;
        }
        f.write_str(if self.labels.is_empty() { "" } else { "}" })
    }
}

fn label(scan: &mut Scanner<'_>) -> Result<(String, String), ParseError> {
    let name = scan.take(is_of_word);
    scan.skip_blanks();
    let wanted = !name.is_empty() && scan.eat("=");
    scan.skip_blanks();
    let value = if wanted { scan.quoted()? } else { None };
    match value {
        Some(value) => Ok((name.to_owned(), value.text)),
        None => Err(scan.here("a label without its value", "expected name=\"value\"")),
    }
}

/// Whether `name` can be that of a metric.
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(is_of_name)
}

pub fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | ':')
}
