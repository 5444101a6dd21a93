//! The first page that a person sees: every command in its group, then the listener's own options. What is said of a
//! command comes from its definition.

use clap::CommandFactory;

use super::args::Cli;
use super::dropin::{HELP, USAGE};
use super::render::paint::Paint;
use crate::health::suggest;
use crate::terminal::{pad, width, wrap};

/// The commands by what people want of them. One of a family, such as `config check`, is named in full.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Try it", &["check", "sample"]),
    ("Keep services alive", &["watch", "run"]),
    (
        "See how things are",
        &["status", "explain", "events", "monitor", "simulate"],
    ),
    (
        "Step in",
        &[
            "pause", "silence", "resume", "restart", "reset", "start", "stop", "beat", "reload",
            "notify", "health", "fleet",
        ],
    ),
    ("Set it up", &["config", "generate"]),
];

/// Help is no wider than this, however wide the terminal is.
const WIDEST: usize = 100;

/// As wide as where nobody says: a file, a pipe.
const USUAL: usize = 80;

/// The whole page, at most `columns` wide.
pub fn page(paint: Paint, columns: Option<usize>) -> String {
    let most = columns.unwrap_or(USUAL).min(WIDEST);
    let mut page = folded(USAGE, most);
    page += "       httpok COMMAND [OPTIONS]...\n\n";
    page += &folded(
        "A watchdog: it probes URLs, keeps the evidence when a service hangs, restarts the right process through whatever supervises it, makes sure that it came back, and notifies people.",
        most,
    );
    let mut cli = Cli::command();
    cli.build();
    let column = names().map(|name| width(&name)).max().unwrap_or(0);
    for (title, commands) in GROUPS {
        page += &format!("\n{}\n", paint.bold(&format!("{title}:")));
        for name in commands.iter().flat_map(|name| leaves(&cli, name)) {
            let about = about(&cli, &name);
            page += &folded(&format!("  {}  {about}", pad(&name, column)), most);
        }
    }
    page += &folded(
        "\nhttpok COMMAND --help has each command's options and examples.",
        most,
    );
    page += &format!("\n{}\n", paint.bold("Event listener under supervisord:"));
    page += &folded(HELP.trim_end(), most);
    page
}

/// The command that `word` is most likely a misspelling of.
fn nearest(word: &str) -> Option<&'static str> {
    let commands = GROUPS.iter().flat_map(|(_, commands)| commands.iter());
    let commands: Vec<&'static str> = commands.copied().collect();
    suggest::nearest(word, &commands)
}

/// That `word` is not a command, and not a URL either.
pub fn neither_command_nor_url(word: &str) -> String {
    match nearest(word) {
        Some(_) => no_command(word),
        None => format!(
            "{word:?} is neither a command nor a URL: `httpok --help` lists the commands, and a URL begins with http:// or https://"
        ),
    }
}

/// That `word` is not a command, and what to do about it.
pub fn no_command(word: &str) -> String {
    match nearest(word) {
        Some(command) => format!("there is no command {word:?}: did you mean {command:?}?"),
        None => format!("there is no command {word:?}: `httpok --help` lists them"),
    }
}

/// The members of the family of commands called `name`, such as `config check`.
pub fn family(name: &str) -> String {
    let mut cli = Cli::command();
    cli.build();
    leaves(&cli, name).join(", ")
}

fn names() -> impl Iterator<Item = String> {
    let mut cli = Cli::command();
    cli.build();
    let commands = GROUPS.iter().flat_map(|(_, commands)| commands.iter());
    let names: Vec<_> = commands.flat_map(|name| leaves(&cli, name)).collect();
    names.into_iter()
}

/// `name`, or what belongs to it when it is a family.
fn leaves(cli: &clap::Command, name: &str) -> Vec<String> {
    let members: Vec<_> = cli
        .find_subcommand(name)
        .into_iter()
        .flat_map(clap::Command::get_subcommands)
        .map(clap::Command::get_name)
        .filter(|member| *member != "help")
        .map(|member| format!("{name} {member}"))
        .collect();
    match members.is_empty() {
        true => vec![name.to_owned()],
        false => members,
    }
}

fn about(cli: &clap::Command, name: &str) -> String {
    let found = name
        .split(' ')
        .try_fold(cli, |command, part| command.find_subcommand(part));
    let about = found.and_then(clap::Command::get_about);
    about.map(ToString::to_string).unwrap_or_default()
}

/// `text` with every line that is too long continued below its last column.
fn folded(text: &str, most: usize) -> String {
    let mut out = String::new();
    for line in paragraphs(text, most) {
        if width(&line) <= most {
            out += &line;
            out.push('\n');
            continue;
        }
        // a name and its meaning stand apart by two spaces or more
        let begin = line.len() - line.trim_start().len();
        let gap = line[begin..].find("  ").map(|at| begin + at);
        let meaning = gap.map_or(begin, |gap| line.len() - line[gap..].trim_start().len());
        let (head, tail) = line.split_at(meaning);
        for (at, part) in wrap(tail, most.saturating_sub(meaning)).iter().enumerate() {
            let head = if at == 0 { head } else { &" ".repeat(meaning) };
            out += &format!("{head}{part}\n");
        }
    }
    out
}

/// The lines of `text`; where one of a paragraph at the margin is too long, the paragraph is one line.
fn paragraphs(text: &str, most: usize) -> Vec<String> {
    let lines: Vec<_> = text.lines().collect();
    let prose = |line: &str| line.starts_with(char::is_alphanumeric) && !line.ends_with(':');
    let groups = lines.chunk_by(|one, other| prose(one) && prose(other));
    groups
        .flat_map(|group| match group.iter().all(|line| width(line) <= most) {
            true => group.iter().map(|&line| line.to_owned()).collect(),
            false => vec![group.join(" ")],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Paint = Paint { colour: false };

    #[test]
    fn every_command_is_in_one_group() {
        let mut cli = Cli::command();
        cli.build();
        let mut defined: Vec<_> = cli
            .get_subcommands()
            .map(clap::Command::get_name)
            .filter(|name| *name != "help")
            .collect();
        let mut grouped: Vec<_> = GROUPS
            .iter()
            .flat_map(|(_, names)| names.to_vec())
            .collect();
        defined.sort_unstable();
        grouped.sort_unstable();
        assert_eq!(grouped, defined);
    }

    #[test]
    fn the_page_names_every_command_and_fits() {
        for columns in [80, 100, 200] {
            let page = page(PLAIN, Some(columns));
            for name in names() {
                assert!(page.contains(&format!("\n  {name} ")), "{name}");
            }
            let widest = page.lines().map(width).max();
            assert!(widest <= Some(columns.min(WIDEST)), "{page}");
        }
    }

    #[test]
    fn a_mistyped_command_leads_to_the_right_one() {
        for (word, command) in [
            ("stauts", Some("status")),
            ("statsu", Some("status")),
            ("chekc", Some("check")),
            ("wacth", Some("watch")),
            ("expalin", Some("explain")),
            ("restrat", Some("restart")),
            ("configure", Some("config")),
            ("relaod", Some("reload")),
            ("localhost", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word), command, "{word}");
        }
    }
}
