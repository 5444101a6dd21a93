//! The HTML alternative of a mail: the same text, with its parts marked as what they are. It is made of the text, so that
//! both say the same; everything in it is escaped, and nothing is loaded from anywhere.

use askama::Template;

/// How wide the names of the first rows are.
const NAME: usize = 7;

#[derive(Template)]
#[template(path = "mail.html")]
struct Mail<'a> {
    title: &'a str,
    parts: Vec<Part<'a>>,
}

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    /// Names and values.
    Rows(Vec<(&'a str, &'a str)>),
    /// A title, and indented lines below it.
    Section { title: &'a str, text: String },
    /// Anything else.
    Line(&'a str),
}

/// `text` as a page: its first line is the title.
pub(super) fn page(text: &str) -> Option<String> {
    let (title, rest) = text.split_once('\n').unwrap_or((text, ""));
    let parts = parts(rest);
    Mail { title, parts }.render().ok()
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts: Vec<Part<'_>> = Vec::new();
    let mut blanks = 0;
    for line in text.lines() {
        let is_indented = line.starts_with("  ");
        match (line.is_empty(), is_indented, row(line), parts.last_mut()) {
            (true, ..) => blanks += 1,
            // within a section blank lines are its own
            (_, true, _, Some(Part::Section { text, .. })) => {
                if !text.is_empty() {
                    text.push_str(&"\n".repeat(blanks + 1));
                }
                text.push_str(&line[2..]);
                blanks = 0;
            }
            (_, true, _, Some(part @ Part::Line(_))) if blanks == 0 => {
                if let Part::Line(title) = *part {
                    let text = line[2..].to_owned();
                    *part = Part::Section { title, text };
                }
            }
            (_, false, Some(row), Some(Part::Rows(rows))) if blanks == 0 => rows.push(row),
            (_, false, Some(row), _) => {
                parts.push(Part::Rows(vec![row]));
                blanks = 0;
            }
            (_, _, _, _) => {
                parts.push(Part::Line(line));
                blanks = 0;
            }
        }
    }
    parts
}

/// The name and the value of a row, as the head of a report has them.
fn row(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_at_checked(NAME)?;
    let is_name = |c: char| c.is_ascii_lowercase() || c == ' ';
    let is_row = name.ends_with(' ') && !name.starts_with(' ') && name.chars().all(is_name);
    let known = ["host", "url", "why", "since", "budget", "now", "to do"];
    (is_row && known.contains(&name.trim_end())).then_some((name.trim_end(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_taken_apart_into_rows_and_sections() {
        let text = "\nhost   box\nto do  see to it\n\nWhat was seen\n  a <b>\n\n    c\n\nMore: httpok explain x";
        let found = parts(text);
        let section = Part::Section {
            title: "What was seen",
            text: "a <b>\n\n  c".to_owned(),
        };
        let rows = Part::Rows(vec![("host", "box"), ("to do", "see to it")]);
        assert_eq!(found, [rows, section, Part::Line("More: httpok explain x")]);
    }

    #[test]
    fn everything_is_escaped_and_nothing_is_lost() {
        let text = "<script>alert(1)</script> & \"x\"\n\nwhy    <img src=http://h/>\n\nA\n  <b>\n  'c'\nodd <i>\n   deep";
        let page = page(text).unwrap();
        for tag in ["<script", "<img", "<b>", "<i>"] {
            assert!(!page.contains(tag), "{tag}: {page}");
        }
        for word in ["alert(1)", "http://h/", "deep", "odd "] {
            assert!(page.contains(word), "{word}: {page}");
        }
    }
}
