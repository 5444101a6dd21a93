//! The JSONPath of a query (RFC 9535), read when the assertion is.

use std::fmt;

use serde_json::Value as Json;
use serde_json_path::{JsonPath, NodeList};

use super::scan::{ParseError, Quoted, Scanner};

/// No path of use nests deeper, and what reads and follows a path does so recursively.
const DEEPEST: usize = 32;

/// A JSONPath as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    text: String,
    path: JsonPath,
}

impl Path {
    pub fn parse(scan: &mut Scanner<'_>) -> Result<Self, ParseError> {
        let example = "for example: jsonpath \"$.status\" == \"UP\"";
        let Some(quoted) = scan.quoted()? else {
            return Err(scan.here("a path is missing, in quotes", example));
        };
        let depth = quoted.text.chars().scan(0_usize, |depth, c| {
            match c {
                '(' | '[' => *depth += 1,
                ')' | ']' => *depth = depth.saturating_sub(1),
                _ => {}
            }
            Some(*depth)
        });
        if depth.max().unwrap_or_default() > DEEPEST || quoted.text.matches('!').count() > DEEPEST {
            let help = format!("expected at most {DEEPEST} brackets in each other");
            return Err(scan.error(
                quoted.start..scan.at(),
                "a path that nests too deeply",
                help,
            ));
        }
        match JsonPath::parse(&quoted.text) {
            Ok(path) => Ok(Self {
                text: quoted.text,
                path,
            }),
            Err(why) => Err(no_path(scan, &quoted, why.position(), example)),
        }
    }

    /// What it leads to in `json`.
    pub fn nodes<'j>(&self, json: &'j Json) -> NodeList<'j> {
        self.path.query(json)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn no_path(scan: &Scanner<'_>, quoted: &Quoted, offset: usize, example: &str) -> ParseError {
    let text = &quoted.text;
    let place = quoted.place(offset);
    if !text.starts_with('$') {
        let message = format!("{text:?} is not a JSONPath: it begins with $");
        return scan.error(quoted.place(0)..scan.at() - 1, message, example);
    }
    scan.error(
        place..place + 1,
        format!("{text:?} is not a JSONPath from here on"),
        "expected .name, ['any name'], [0], [*], ..name or [?@.name == \"value\"], as in RFC 9535",
    )
}
