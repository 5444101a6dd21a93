//! The page of the configuration file, from the descriptions of its keys.

use super::super::roff::Roff;
use crate::config::keys::{Default, Key, ROOT, Section, sections};

const VALUES: [(&str, &str); 5] = [
    (
        "duration",
        "A string of numbers with units, such as \"10s\", \"1m 30s\" or \"500ms\"; or a number of seconds, such as 90 or 0.5.",
    ),
    (
        "size",
        "A string with a unit, such as \"64KiB\", \"16MiB\" or \"2GiB\"; or a number of bytes.",
    ),
    (
        "budget",
        "So many within so long, such as \"5/10m\": a string.",
    ),
    (
        "path",
        "A string; a relative path starts at the directory of the file.",
    ),
    ("one or a list", "A single value stands for a list of one."),
];

pub fn write(page: &mut Roff) {
    page.heading("DESCRIPTION");
    page.text(
        "The file is TOML in UTF-8 of at most 1 MiB. httpok config check reads it as httpok watch does and reports all that \
         is invalid with it at once. A invalid value is never replaced by a default. SIGHUP and httpok reload read it again; a \
         file that is invalid then changes nothing. httpok config example prints a file with every key, httpok config \
         schema a JSON Schema for editors.",
    );
    page.text(
        "Values of some keys may hold ${env:NAME}, the environment variable of this name, and ${file:PATH}, the content of \
         this file without its last line end; $${ is a plain ${. Such values are never shown.",
    );
    page.heading("VALUES");
    for (term, meaning) in VALUES {
        page.term(term, meaning);
    }
    for place in sections() {
        let title = match place.way.split_last() {
            None => "KEYS OF THE WHOLE FILE".to_owned(),
            Some(((_, true), _)) => format!("[[{}]]", place.section.path),
            Some(((_, false), _)) => format!("[{}]", place.section.path),
        };
        page.heading(&title);
        page.text(place.section.says);
        write_keys(page, place.section);
    }
    page.heading("FILES");
    page.term(
        "/etc/httpok/httpok.toml",
        "The file of the packaged service.",
    );
    page.heading("EXAMPLES");
    page.text("A web application under supervisord, with reports by mail:");
    page.code(include_str!("../../../../examples/minimal.toml"));
}

fn write_keys(page: &mut Roff, section: &'static Section) {
    for key in section.all() {
        // a table of the whole file has its own section below
        if section.path == ROOT.path && key.kind.is_table() && key.name != "defaults" {
            continue;
        }
        page.term(key.name, key.says);
        page.more(&facts(key));
    }
}

/// Type, default, example and so on, in one line.
fn facts(key: &Key) -> String {
    let mut facts = vec![format!("Type: {}.", key.kind.name())];
    match key.default {
        Default::Required => facts.push("Required.".to_owned()),
        Default::Nothing => {}
        Default::Is(value) => facts.push(format!("Default: {value}.")),
        Default::Words(words) => facts.push(format!("Default: {words}.")),
    }
    if !key.only.is_empty() {
        facts.push(format!("For {} checks.", key.only));
    }
    if !key.instead_of.is_empty() {
        facts.push(format!("Excludes {}.", key.instead_of));
    }
    if !key.example.is_empty() && key.default != Default::Is(key.example) {
        facts.push(format!("Example: {} = {}.", key.name, key.example));
    }
    facts.push(format!("Since {}.", key.since));
    facts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_every_key_under_its_section() {
        let mut roff = Roff::titled("X", 5);
        write(&mut roff);
        let page = roff.finish();
        for place in sections() {
            for key in place.section.all() {
                let is_heading = place.way.is_empty() && key.kind.is_table();
                let name = key.name.replace('-', "\\-");
                let named = match is_heading {
                    true => {
                        page.contains(&format!("[{name}]"))
                            || page.contains(&format!("\\fB{name}\\fR"))
                    }
                    false => page.contains(&format!("\\fB{name}\\fR")),
                };
                assert!(named, "{}.{name}", place.section.path);
            }
        }
    }
}
