//! A configuration file while it is put together: keys of the whole file, tables, checks, and remarks with the lines
//! that they are about.

use crate::sorted;

/// The file so far.
pub struct Draft {
    /// The names of the other files.
    files: String,
    /// The name of the one that is read just now.
    file: String,
    top: Vec<String>,
    tables: Vec<(String, Vec<String>)>,
    checks: Vec<CheckDraft>,
    remarks: Vec<String>,
    left: Vec<String>,
}

/// One check.
#[derive(Clone, Debug, Default)]
pub struct CheckDraft {
    pub name: String,
    /// The other file that it is from, and the line there.
    pub file: String,
    pub line: usize,
    /// `key = value` in TOML, or comments.
    pub lines: Vec<String>,
    /// The lines of `[check.capture]`.
    pub capture: Vec<String>,
}

impl Draft {
    pub fn new(files: String) -> Self {
        Self {
            file: files.clone(),
            files,
            top: Vec::new(),
            tables: Vec::new(),
            checks: Vec::new(),
            remarks: Vec::new(),
            left: Vec::new(),
        }
    }

    /// What is said from now on is of the file `name`.
    pub fn begin(&mut self, name: &str) {
        name.clone_into(&mut self.file);
    }

    /// Sets a key of the whole file; the first one stays.
    pub fn top(&mut self, key: &str, value: &str) {
        if !self
            .top
            .iter()
            .any(|line| line.starts_with(&format!("{key} =")))
        {
            self.top.push(format!("{key} = {value}"));
        }
    }

    /// Sets a key of the table `header`; the first one stays.
    pub fn table(&mut self, header: &str, key: &str, value: &str) {
        let at = self.tables.iter().position(|(there, _)| there == header);
        let at = at.unwrap_or_else(|| {
            self.tables.push((header.to_owned(), Vec::new()));
            self.tables.len() - 1
        });
        let lines = &mut self.tables[at].1;
        if !lines
            .iter()
            .any(|line| line.starts_with(&format!("{key} =")))
        {
            lines.push(format!("{key} = {value}"));
        }
    }

    /// Whether the table `header` is there, with `key` when one is named.
    pub fn has(&self, header: &str, key: &str) -> bool {
        let mut there = self.tables.iter().filter(|(name, _)| name == header);
        there.any(|(_, lines)| {
            lines
                .iter()
                .any(|line| line.starts_with(&format!("{key} =")))
        })
    }

    /// Adds a check under a name that no other has.
    pub fn check(&mut self, mut check: CheckDraft) {
        self.file.clone_into(&mut check.file);
        let names = sorted::set(self.checks.iter().map(|check| check.name.clone()));
        let wanted = check.name.clone();
        let mut number = 1;
        while names.contains(&check.name) {
            number += 1;
            check.name = format!("{wanted}-{number}");
        }
        self.checks.push(check);
    }

    /// Says what a line became.
    pub fn remark(&mut self, line: usize, text: &str) {
        self.remarks.push(format!("{}:{line}: {text}", self.file));
    }

    /// Says something that no line says.
    pub fn note(&mut self, text: &str) {
        self.remarks.push(format!("{}: {text}", self.files));
    }

    /// Says that a line has no counterpart.
    pub fn leave(&mut self, line: usize, text: &str) {
        self.left.push(format!("{}:{line}: {text}", self.file));
    }

    pub fn left(&self) -> &[String] {
        &self.left
    }

    pub fn is_empty(&self) -> bool {
        self.checks.is_empty() && !self.top.iter().any(|line| line.starts_with("include ="))
    }

    /// The whole file.
    pub fn finish(self) -> String {
        let mut text = format!("# Imported from {} by httpok config import.\n", self.files);
        let comment = |line: &String| format!("# {}\n", line.replace(['\n', '\r'], " "));
        text.extend(self.remarks.iter().map(comment));
        if !self.left.is_empty() {
            text.push_str("#\n# Not taken over:\n");
            text.extend(self.left.iter().map(comment));
        }
        text.push('\n');
        text.extend(self.top.iter().map(|line| format!("{line}\n")));
        for (header, lines) in &self.tables {
            text.push_str(&format!("\n{header}\n"));
            text.extend(lines.iter().map(|line| format!("{line}\n")));
        }
        for check in &self.checks {
            text.push_str(&format!("\n# {}:{}\n[[check]]\n", check.file, check.line));
            text.push_str(&format!("name = {}\n", quoted(&check.name)));
            text.extend(check.lines.iter().map(|line| format!("{line}\n")));
            if !check.capture.is_empty() {
                text.push_str("[check.capture]\n");
                text.extend(check.capture.iter().map(|line| format!("{line}\n")));
            }
        }
        text
    }
}

/// A string of TOML: one of JSON is, too.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A list of strings of TOML.
pub fn list(texts: &[String]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}
