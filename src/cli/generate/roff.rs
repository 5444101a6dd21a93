//! A manual page as text: just enough of the man macros.

/// When the pages' words last changed.
const DATE: &str = "2026-11-28";

/// A page that is being written.
pub struct Roff(String);

/// A paragraph of a section.
pub enum Paragraph {
    /// Running text.
    Text(&'static str),
    /// A term and what it means.
    Term(&'static str, &'static str),
}

impl Roff {
    /// An empty page of the manual's `section` with `title` in its head line.
    pub fn titled(title: &str, section: u8) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let manual = match section {
            5 => "File Formats",
            7 => "Miscellaneous",
            _ => "User Commands",
        };
        Self(format!(
            ".TH {} {section} {DATE} \"httpok {version}\" \"{manual}\"\n",
            escaped(title)
        ))
    }

    /// Text that is roff already. A line break beside a blank line says nothing and earns a warning.
    pub fn raw(&mut self, roff: &str) {
        let lines: Vec<&str> = roff.lines().collect();
        for (at, &line) in lines.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|at| lines.get(at));
            let beside_blank = [before, lines.get(at + 1)].contains(&Some(&""));
            match line {
                ".br" if beside_blank => {}
                "" => self.line(".sp"),
                line if line.starts_with(['.', '\'']) => self.line(line),
                line => short_lines(line).iter().for_each(|line| self.line(line)),
            }
        }
    }

    /// A section's heading.
    pub fn heading(&mut self, title: &str) {
        let quoted = if title.contains(' ') {
            format!("\"{title}\"")
        } else {
            title.to_owned()
        };
        self.line(&format!(".SH {quoted}"));
    }

    /// A paragraph of a section.
    pub fn paragraph(&mut self, paragraph: &Paragraph) {
        match paragraph {
            Paragraph::Text(text) => self.text(text),
            Paragraph::Term(term, meaning) => self.term(term, meaning),
        }
    }

    /// A term and what it means.
    pub fn term(&mut self, term: &str, meaning: &str) {
        self.line(".TP");
        self.line(&format!("\\fB{}\\fR", escaped(term)));
        self.filled(meaning);
    }

    /// A heading within a section.
    pub fn subheading(&mut self, title: &str) {
        self.line(&format!(".SS \"{}\"", escaped(title)));
    }

    /// More about the term before.
    pub fn more(&mut self, text: &str) {
        self.line(".br");
        self.filled(text);
    }

    /// Running text.
    pub fn text(&mut self, text: &str) {
        self.begin();
        self.filled(text);
    }

    /// The command line: what begins it, and its parts, each of which stays on one line.
    pub fn synopsis(&mut self, command: &str, parts: &[String]) {
        self.heading("SYNOPSIS");
        self.line(&format!(".B {}", escaped(command)));
        parts.iter().for_each(|part| self.line(part));
    }

    /// Text that is filled, in short lines.
    fn filled(&mut self, text: &str) {
        for line in short_lines(&escaped(text)) {
            self.line(&line);
        }
    }

    /// Lines that stay as they are.
    pub fn code(&mut self, text: &str) {
        self.begin();
        self.line(".RS 4\n.nf");
        for line in text.lines() {
            self.line(&escaped(line));
        }
        self.line(".fi\n.RE");
    }

    /// Names of other pages with their sections: ours, and those of others.
    pub fn references(&mut self, ours: &[String], others: &[&str]) {
        let all: Vec<String> = ours
            .iter()
            .cloned()
            .chain(others.iter().map(|&name| name.to_owned()))
            .collect();
        self.text(&all.join(", "));
    }

    /// The page.
    pub fn finish(self) -> String {
        self.0
    }

    /// A heading begins a paragraph already.
    fn begin(&mut self) {
        let last = self.0.trim_end().rsplit('\n').next();
        if !last.is_some_and(|line| line.starts_with(".SH ") || line.starts_with(".SS ")) {
            self.line(".PP");
        }
    }

    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }
}

/// `text` in lines of fewer than 80 bytes where its words allow it; no line begins with a request's sign.
fn short_lines(text: &str) -> Vec<String> {
    const WIDEST: usize = 78;
    let mut lines = vec![String::new()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let fits = lines
            .last()
            .is_some_and(|line| line.is_empty() || line.len() + 1 + word.len() <= WIDEST);
        if !fits {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            } else if word.starts_with(['.', '\'']) {
                line.push_str("\\&");
            }
            line.push_str(word);
        }
    }
    lines
}

/// `text` without meaning to roff.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_for_roff() {
        for (text, roff) in [
            ("plain", "plain"),
            (".TH x", "\\&.TH x"),
            ("'x", "\\&'x"),
            ("--a\\b", "\\-\\-a\\eb"),
        ] {
            assert_eq!(escaped(text), roff);
        }
    }
}
