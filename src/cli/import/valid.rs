//! Leaves out of a draft what is not valid, so that one line that cannot be translated does not lose the others: tables
//! first, then checks, each alone and then together, and what checks require last.

use super::draft::{CheckDraft, Draft, TableDraft, list};
use super::secrets;

/// How faults name the text that is tried; they are shown without it.
const NAME: &str = "draft";

/// What tables are tried with: a file without checks is not valid.
const TRIAL: &str = "[[check]]\nname = \"import-trial\"\nurl = \"http://127.0.0.1/\"\n";

type Env<'e> = &'e dyn Fn(&str) -> Option<String>;

/// What can be taken out of a draft.
#[derive(Clone)]
enum Part {
    Top(TableDraft),
    Table(TableDraft),
    Check(CheckDraft),
    /// What the check at this place requires.
    Requires(usize, Vec<String>),
}

/// Takes out of `draft` what is not valid, and says so with its line.
pub fn leave_invalid(draft: &mut Draft, env: Env<'_>) {
    if reason(draft, env).is_none() {
        return;
    }
    let (mut base, mut left) = (Draft::default(), Vec::new());
    let top = std::mem::take(&mut draft.top).into_iter().map(Part::Top);
    let tables = std::mem::take(&mut draft.tables);
    let tables = top.chain(tables.into_iter().map(Part::Table));
    keep(&mut base, &tables.collect::<Vec<_>>(), &mut left, env);
    let (mut checks, mut requires) = (Vec::new(), Vec::new());
    for mut check in std::mem::take(&mut draft.checks) {
        let required = check.take_list("requires");
        match alone(&base, check.clone(), env) {
            Ok((check, note)) => {
                left.extend(note.map(|why| (Part::Check(check.clone()), why)));
                requires.push((check.name.clone(), required));
                checks.push(Part::Check(check));
            }
            Err(why) => left.push((Part::Check(check), why)),
        }
    }
    keep(&mut base, &checks, &mut left, env);
    let place = |name: &String| base.checks.iter().position(|check| check.name == *name);
    let mut links = Vec::new();
    for (name, required) in requires {
        let Some(at) = place(&name) else { continue };
        let (kept, gone): (Vec<_>, Vec<_>) =
            required.into_iter().partition(|name| place(name).is_some());
        if !gone.is_empty() {
            let why = "they are not taken over".to_owned();
            left.push((Part::Requires(at, gone), why));
        }
        if !kept.is_empty() {
            links.push(Part::Requires(at, kept));
        }
    }
    keep(&mut base, &links, &mut left, env);
    (draft.top, draft.tables) = (base.top, base.tables);
    draft.checks = base.checks;
    for (part, why) in left {
        let what = part.what(draft);
        let (file, line) = part.origin(draft);
        let text = match draft.source_line(&file, line) {
            Some(text) => format!("{}: ", secrets::without(text)),
            None => String::new(),
        };
        // it would say that nothing is lost
        if !matches!(part, Part::Requires(..)) {
            draft.forget(&file, line);
        }
        draft.leave_of(&file, line, &format!("{text}{what}: {why}"));
    }
}

/// Adds those of `parts` to `base` that are valid there, by halves: most are.
fn keep(base: &mut Draft, parts: &[Part], left: &mut Vec<(Part, String)>, env: Env<'_>) {
    if parts.is_empty() {
        return;
    }
    let mut tried = base.clone();
    for part in parts {
        part.clone().join(&mut tried);
    }
    match reason(&tried, env) {
        None => *base = tried,
        Some(why) => match parts {
            [part] => left.push((part.clone(), why)),
            _ => {
                let (first, second) = parts.split_at(parts.len() / 2);
                keep(base, first, left, env);
                keep(base, second, left, env);
            }
        },
    }
}

/// `check` as it is valid as the only one: whole, or reporting alone, with the reason why it restarts nothing.
///
/// # Errors
/// Says why it is not valid.
fn alone(
    base: &Draft,
    check: CheckDraft,
    env: Env<'_>,
) -> Result<(CheckDraft, Option<String>), String> {
    let reason = |check: &CheckDraft| {
        let mut tried = base.clone();
        tried.checks.push(check.clone());
        reason(&tried, env)
    };
    let Some(why) = reason(&check) else {
        return Ok((check, None));
    };
    let mut reporting = check;
    let restarted = reporting.take_list("restart");
    match restarted.is_empty() || reason(&reporting).is_some() {
        true => Err(why),
        false => {
            let why = format!("restart = {}: {why}", list(&restarted));
            Ok((reporting, Some(why)))
        }
    }
}

/// Why `draft` is not valid, with its secrets and with references in their places.
fn reason(draft: &Draft, env: Env<'_>) -> Option<String> {
    let mut text = draft.finish();
    if draft.is_empty() {
        text.push_str(TRIAL);
    }
    let parse = |text: &str, env: Env<'_>| {
        let faults = crate::config::parse(text, NAME, env).err()?;
        let fault = faults.iter().next()?;
        let key = fault.key.rsplit('.').next().unwrap_or_default();
        let parts = [key, &fault.message, &fault.help];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        Some(parts.join(": "))
    };
    parse(&text, env).or_else(|| {
        let referred = secrets::refer(&text);
        let with_secrets = |name: &str| referred.variable(name).or_else(|| env(name));
        parse(&referred.text, &with_secrets)
    })
}

impl Part {
    fn join(self, draft: &mut Draft) {
        match self {
            Self::Top(top) => draft.top.push(top),
            Self::Table(table) => draft.tables.push(table),
            Self::Check(check) => draft.checks.push(check),
            Self::Requires(at, names) => {
                let line = format!("requires = {}", list(&names));
                draft.checks[at].lines.push(line);
            }
        }
    }

    /// The file and line that it is from.
    fn origin(&self, draft: &Draft) -> (String, usize) {
        let (file, line) = match self {
            Self::Top(table) | Self::Table(table) => (&table.file, table.line),
            Self::Check(check) => (&check.file, check.line),
            Self::Requires(at, _) => (&draft.checks[*at].file, draft.checks[*at].line),
        };
        (file.clone(), line)
    }

    fn what(&self, draft: &Draft) -> String {
        match self {
            Self::Top(top) => {
                let key = top.lines.iter().find_map(|line| line.split_once(" ="));
                key.map_or("", |(key, _)| key).to_owned()
            }
            Self::Table(table) => table.header.clone(),
            Self::Check(check) => format!("check {:?}", check.name),
            Self::Requires(at, names) => {
                format!(
                    "check {:?} requires {}",
                    draft.checks[*at].name,
                    list(names)
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::import::draft::quoted;

    fn check(name: &str, lines: &[&str], line: usize) -> CheckDraft {
        CheckDraft {
            name: name.to_owned(),
            line,
            lines: lines.iter().map(|&line| line.to_owned()).collect(),
            ..CheckDraft::default()
        }
    }

    const URL: &str = "url = \"http://h/\"";

    /// What is not valid is left with its line and text; what is kept is valid together.
    #[test]
    fn parts_that_are_not_valid_are_left_and_the_others_stay() {
        for (name, lines, left, kept) in [
            (
                "status",
                vec![URL, "status = \"<\""],
                "conf:2: two: check \"status\": status: \"<\" is not",
                None,
            ),
            (
                "url",
                vec!["url = \"http://fe80::1:80/\""],
                "conf:2: two: check \"url\": url:",
                None,
            ),
            (
                "restart",
                vec![URL, "restart = [\"supervisord/o\"]"],
                "conf:2: two: check \"restart\": restart = [\"supervisord/o\"]: ",
                Some("name = \"restart\"\nurl = \"http://h/\"\n"),
            ),
            (
                "header",
                vec![URL, "headers = { A = \"${env:NONE}\" }"],
                "check \"header\": ",
                None,
            ),
        ] {
            let mut draft = Draft::new("conf".to_owned());
            draft.source("one\n  two\nthree\nfour\n");
            draft.check(check("good", &[URL], 1));
            draft.check(check(name, &lines, 2));
            draft.remark(2, "is taken over");
            let required = format!("requires = [{}, \"good\"]", quoted(name));
            draft.check(check("last", &[URL, &required], 3));
            leave_invalid(&mut draft, &|_| None);
            let text = draft.finish();
            assert!(draft.left()[0].contains(left), "{name}: {:?}", draft.left());
            assert_eq!(reason(&draft, &|_| None), None, "{text}");
            assert_eq!(
                text.matches("[[check]]").count(),
                2 + usize::from(kept.is_some())
            );
            assert!(!text.contains("is taken over"), "{text}");
            assert!(
                text.contains(kept.unwrap_or("requires = [\"good\"]")),
                "{text}"
            );
            let notes = draft.left().iter();
            let notes =
                notes.filter(|note| note.starts_with("conf:3: three: check \"last\" requires"));
            assert_eq!(
                notes.count(),
                usize::from(kept.is_none()),
                "{:?}",
                draft.left()
            );
        }
    }

    #[test]
    fn tables_that_are_not_valid_are_left_with_the_line_that_says_them() {
        let mut draft = Draft::new("conf".to_owned());
        draft.source("one\nset mailserver h username u password pw\n");
        draft.at(2);
        draft.table("[mail]", "smtp", "\"smtp://h\"");
        draft.remark(2, "the mail server");
        draft.check(check("good", &[URL], 1));
        leave_invalid(&mut draft, &|_| None);
        let left = draft.left().join("\n");
        assert!(
            left.starts_with("conf:2: set mailserver h username u ...: [mail]: "),
            "{left}"
        );
        assert!(left.contains("\"to\""), "{left}");
        let text = draft.finish();
        assert!(
            !text.contains("\n[mail]") && text.contains("[[check]]"),
            "{text}"
        );
        assert!(!text.contains("the mail server"), "{text}");
    }

    /// Checks that require each other lose a requirement, and are checked.
    #[test]
    fn circle_of_requirements_is_opened() {
        let mut draft = Draft::new("conf".to_owned());
        for (name, other) in [("a", "b"), ("b", "a")] {
            draft.check(check(
                name,
                &[URL, &format!("requires = [{}]", quoted(other))],
                1,
            ));
        }
        leave_invalid(&mut draft, &|_| None);
        assert_eq!(draft.left().len(), 1, "{:?}", draft.left());
        assert_eq!(draft.finish().matches("requires = ").count(), 1);
    }
}
