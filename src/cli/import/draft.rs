//! A configuration file while it is put together: keys of the whole file, tables, checks, and remarks with the lines
//! that they are about.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The file so far.
#[derive(Clone, Default)]
pub struct Draft {
    /// The names of the other files.
    files: String,
    /// The name of the one that is read just now, and the line there.
    file: String,
    line: usize,
    pub(super) top: Vec<TableDraft>,
    pub(super) tables: Vec<TableDraft>,
    pub(super) checks: Vec<CheckDraft>,
    /// The names of the checks.
    names: BTreeSet<String>,
    remarks: Vec<String>,
    left: Vec<String>,
    /// The texts of the other files by their names; nothing where two have one.
    sources: BTreeMap<String, Option<Rc<str>>>,
    /// What begins in a line of a file, where it goes on in later ones.
    statements: BTreeMap<(String, usize), Rc<str>>,
}

/// One table, or one key of the whole file.
#[derive(Clone, Debug, Default)]
pub struct TableDraft {
    /// Nothing for a key of the whole file.
    pub header: String,
    /// The other file that it is from, and the line there; 0 where no line says it.
    pub file: String,
    pub line: usize,
    pub lines: Vec<String>,
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

impl CheckDraft {
    /// Takes the list of strings `key` out.
    pub fn take_list(&mut self, key: &str) -> Vec<String> {
        let is_key = |line: &String| {
            line.strip_prefix(key)
                .is_some_and(|rest| rest.starts_with(" = "))
        };
        let Some(at) = self.lines.iter().position(is_key) else {
            return Vec::new();
        };
        let line = self.lines.remove(at);
        serde_json::from_str(&line[key.len() + 3..]).unwrap_or_default()
    }
}

impl Draft {
    pub fn new(files: String) -> Self {
        Self {
            file: files.clone(),
            files,
            ..Self::default()
        }
    }

    /// What is said from now on is of the file `name`.
    pub fn begin(&mut self, name: &str) {
        name.clone_into(&mut self.file);
        self.line = 0;
    }

    /// The text of the file that is read just now.
    pub fn source(&mut self, text: &str) {
        let known = self.sources.contains_key(&self.file);
        let text = (!known).then(|| text.into());
        self.sources.insert(self.file.clone(), text);
    }

    /// The whole of what begins in `line` of the file that is read just now.
    pub fn statement(&mut self, line: usize, text: &str) {
        let place = (self.file.clone(), line);
        self.statements.insert(place, text.into());
    }

    /// What begins in `line` of `file`, where that is known.
    pub fn source_line(&self, file: &str, line: usize) -> Option<&str> {
        let text = self.sources.get(file)?.as_deref()?;
        match self.statements.get(&(file.to_owned(), line)) {
            Some(statement) => Some(statement),
            None => text.lines().nth(line.checked_sub(1)?).map(str::trim),
        }
    }

    /// What is set from now on is of `line`.
    pub fn at(&mut self, line: usize) {
        self.line = line;
    }

    /// Sets a key of the whole file; the first one stays.
    pub fn top(&mut self, key: &str, value: &str) {
        let is_key = |line: &String| line.starts_with(&format!("{key} ="));
        if !self.top.iter().any(|top| top.lines.iter().any(is_key)) {
            let mut top = self.new_table("");
            top.lines.push(format!("{key} = {value}"));
            self.top.push(top);
        }
    }

    /// Sets a key of the table `header`; the first one stays.
    pub fn table(&mut self, header: &str, key: &str, value: &str) {
        let at = self.tables.iter().position(|table| table.header == header);
        let at = at.unwrap_or_else(|| {
            self.tables.push(self.new_table(header));
            self.tables.len() - 1
        });
        let lines = &mut self.tables[at].lines;
        if !lines
            .iter()
            .any(|line| line.starts_with(&format!("{key} =")))
        {
            lines.push(literal(format!("{key} = {value}")));
        }
    }

    /// Adds a string to the list `key` of the table `header`, which is one string where it is alone.
    pub fn add_to_list(&mut self, header: &str, key: &str, item: &str) {
        let prefix = format!("{key} = ");
        let table = self.tables.iter_mut().find(|table| table.header == header);
        let lines = table.map(|table| &mut table.lines).into_iter().flatten();
        let mut values = lines.filter_map(|line| {
            line.strip_prefix(&prefix)
                .map(str::to_owned)
                .zip(Some(line))
        });
        let Some((value, line)) = values.next() else {
            return self.table(header, key, &quoted(item));
        };
        let mut items: Vec<String> = serde_json::from_str(&value)
            .or_else(|_| serde_json::from_str(&value).map(|one| vec![one]))
            .unwrap_or_default();
        if !items.iter().any(|known| known == item) {
            items.push(item.to_owned());
            *line = prefix + &list(&items);
        }
    }

    fn new_table(&self, header: &str) -> TableDraft {
        TableDraft {
            header: header.to_owned(),
            file: self.file.clone(),
            line: self.line,
            lines: Vec::new(),
        }
    }

    /// Whether the table `header` is there, with `key` when one is named.
    pub fn has(&self, header: &str, key: &str) -> bool {
        let mut there = self.tables.iter().filter(|table| table.header == header);
        there.any(|table| {
            let mut lines = table.lines.iter();
            lines.any(|line| line.starts_with(&format!("{key} =")))
        })
    }

    /// Adds a check under a name that no other has.
    pub fn check(&mut self, mut check: CheckDraft) {
        self.file.clone_into(&mut check.file);
        check.lines = check.lines.into_iter().map(literal).collect();
        let wanted = check.name.clone();
        let mut number = 1;
        while !self.names.insert(check.name.clone()) {
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
        self.line = 0;
        self.remarks.push(format!("{}: {text}", self.files));
    }

    /// Says that a line has no counterpart.
    pub fn leave(&mut self, line: usize, text: &str) {
        self.left.push(format!("{}:{line}: {text}", self.file));
    }

    /// Says what of a line of `file` is not taken over.
    pub fn leave_of(&mut self, file: &str, line: usize, text: &str) {
        self.left.push(match line {
            0 => format!("{file}: {text}"),
            _ => format!("{file}:{line}: {text}"),
        });
    }

    /// Says no longer what a line of `file` became.
    pub fn forget(&mut self, file: &str, line: usize) {
        let place = format!("{file}:{line}: ");
        self.remarks.retain(|remark| !remark.starts_with(&place));
    }

    pub fn left(&self) -> &[String] {
        &self.left
    }

    pub fn is_empty(&self) -> bool {
        let mut top = self.top.iter().flat_map(|top| &top.lines);
        self.checks.is_empty() && !top.any(|line| line.starts_with("include ="))
    }

    /// The whole file.
    pub fn finish(&self) -> String {
        let mut text = format!("# Imported from {} by httpok config import.\n", self.files);
        let comment = |line: &String| format!("# {}\n", line.replace(['\n', '\r'], " "));
        text.extend(self.remarks.iter().map(comment));
        if !self.left.is_empty() {
            text.push_str("#\n# Not taken over:\n");
            text.extend(self.left.iter().map(comment));
        }
        text.push('\n');
        let top = self.top.iter().flat_map(|top| &top.lines);
        text.extend(top.map(|line| format!("{line}\n")));
        for table in &self.tables {
            text.push_str(&format!("\n{}\n", table.header));
            text.extend(table.lines.iter().map(|line| format!("{line}\n")));
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

/// `line` with a password that is no reference, whatever it has in it.
fn literal(line: String) -> String {
    match line.starts_with("password = ") {
        true => line.replace("${", "$${"),
        false => line,
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
