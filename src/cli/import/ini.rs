//! The files of supervisord: sections of keys, with the lines that they stand on.

/// `[header]` and its keys.
#[derive(Debug, Default)]
pub struct IniSection {
    pub header: String,
    pub line: usize,
    /// Key, value and line.
    pub keys: Vec<(String, String, usize)>,
}

impl IniSection {
    /// The value of `key` and its line.
    pub fn get(&self, key: &str) -> Option<(&str, usize)> {
        let found = self.keys.iter().find(|(name, _, _)| name == key);
        found.map(|(_, value, line)| (value.as_str(), *line))
    }
}

/// The sections of `text`. A line that begins with a blank goes on with the value before it.
pub fn parse(text: &str) -> Vec<IniSection> {
    let mut sections: Vec<IniSection> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let goes_on = line.starts_with([' ', '\t']);
        let line = uncommented(line);
        if line.is_empty() {
            continue;
        }
        if let Some(header) = line
            .strip_prefix('[')
            .and_then(|rest| rest.split(']').next())
        {
            sections.push(IniSection {
                header: header.trim().to_owned(),
                line: at + 1,
                keys: Vec::new(),
            });
            continue;
        }
        let Some(section) = sections.last_mut() else {
            continue;
        };
        if goes_on && let Some((_, value, _)) = section.keys.last_mut() {
            value.push(' ');
            value.push_str(line);
            continue;
        }
        if let Some((key, value)) = line.split_once(['=', ':']) {
            let (key, value) = (key.trim().to_lowercase(), value.trim().to_owned());
            section.keys.push((key, value, at + 1));
        }
    }
    sections
}

/// Without what follows `;`, which is a comment at the beginning or after a blank.
fn uncommented(line: &str) -> &str {
    let line = line.trim();
    if line.starts_with([';', '#']) {
        return "";
    }
    let mut comments = line.match_indices(';').map(|(at, _)| at);
    let end = comments.find(|&at| line[..at].ends_with([' ', '\t']));
    line[..end.unwrap_or(line.len())].trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_on_and_comments_end_them() {
        let text = "; one\n[a]\nx=1 ; two\ny: b;c\n  d\n# three\n[ b ]\nX = %(here)s\n";
        let sections = parse(text);
        assert_eq!(sections[0].get("x"), Some(("1", 3)));
        assert_eq!(sections[0].get("y"), Some(("b;c d", 4)));
        assert_eq!((sections[1].header.as_str(), sections[1].line), ("b", 7));
        assert_eq!(sections[1].get("x"), Some(("%(here)s", 8)));
    }
}
