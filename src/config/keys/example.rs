//! The example file: every key with its meaning, commented out. A line that begins with `#` and no blank after it
//! is a line of the file when that character is taken away.

use super::{Default, Key, ROOT, Section, top};

/// No line of text is longer.
const WIDEST: usize = 110;

/// The whole file.
pub fn example() -> String {
    let mut text = String::new();
    prose(
        &mut text,
        "Every key of httpok's configuration, as in httpok.toml(5). To use a line take away the \"#\" before it; lines of \
         text have a blank there. A duration is a number with a unit (\"1m 30s\") or a number of seconds; a size is a \
         number with KiB, MiB or GiB, or a number of bytes.",
    );
    write_table(&mut text, "", &ROOT);
    text
}

/// The table with the line `header`, and the tables in it.
fn write_table(text: &mut String, header: &str, section: &'static Section) {
    begin(text, header, section.says);
    let elsewhere: Vec<_> = section
        .variants
        .iter()
        .map(|variant| variant.only)
        .collect();
    let here = section.all().filter(|key| !elsewhere.contains(&key.only));
    let (tables, values): (Vec<_>, Vec<_>) = here.partition(|key| key.kind.is_table());
    values.iter().for_each(|key| write_key(text, key));
    for key in tables {
        let path = match section.path {
            "" => key.name.to_owned(),
            path => format!("{path}.{}", key.name),
        };
        match key.kind.section() {
            Some(_) if key.name == top::DEFAULTS => {
                begin(text, "[defaults]", key.says);
                text.push_str("#timeout = \"10s\"\n");
            }
            Some((inner, true)) => write_table(text, &format!("[[{path}]]"), inner),
            Some((inner, false)) => write_table(text, &format!("[{path}]"), inner),
            None => {}
        }
    }
    for variant in section.variants {
        begin(text, header, variant.says);
        for line in variant.lead {
            text.push_str(&format!("#{line}\n"));
        }
        let keys = section.all().filter(|key| key.only == variant.only);
        keys.for_each(|key| write_key(text, key));
    }
}

fn begin(text: &mut String, header: &str, says: &str) {
    text.push('\n');
    prose(text, says);
    if !header.is_empty() {
        text.push_str(&format!("#{header}\n"));
    }
}

fn write_key(text: &mut String, key: &Key) {
    prose(text, &format!("{}: {} {}", key.name, key.says, facts(key)));
    match key.instead_of {
        "" => text.push_str(&format!("#{} = {}\n", key.name, key.example)),
        other => text.push_str(&format!(
            "# Instead of {other}: {} = {}\n",
            key.name, key.example
        )),
    }
}

/// Type, default and for which checks.
fn facts(key: &Key) -> String {
    let default = match key.default {
        Default::Required => " Required.".to_owned(),
        Default::Nothing => String::new(),
        Default::Is(value) => format!(" Default: {value}."),
        Default::Words(words) => format!(" Default: {words}."),
    };
    let only = match key.only {
        "" => String::new(),
        only => format!(" For {only} checks."),
    };
    format!("({}){default}{only}", key.kind.name())
}

/// `text` as comments of lines that are not too long.
fn prose(out: &mut String, text: &str) {
    let mut line = "#".to_owned();
    for word in text.split_whitespace() {
        if line.len() > 1 && line.len() + 1 + word.len() > WIDEST {
            out.push_str(&line);
            out.push('\n');
            line = "#".to_owned();
        }
        line.push(' ');
        line.push_str(word);
    }
    out.push_str(&line);
    out.push('\n');
}
