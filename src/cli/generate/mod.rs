//! What is generated from the one command line definition: manual pages and completions.

mod completions;
mod pages;
mod roff;

use std::io;
use std::path::Path;

use clap::{Arg, ArgAction, Command, CommandFactory};

use crate::cli::args::{self, Cli};
use crate::cli::dropin::{HELP, USAGE};
pub use completions::completions;
use pages::{Section, sections};
use roff::Roff;

/// Writes a manual page of every command into `dir`.
///
/// # Errors
/// The first file or directory that cannot be written.
pub fn man(dir: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    for (name, page) in pages() {
        std::fs::write(dir.join(name), page)?;
    }
    Ok(())
}

/// Every manual page with its file's name.
fn pages() -> Vec<(String, String)> {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let mut commands = Vec::new();
    collect(&root, &mut commands);
    let names = commands.iter().map(|command| (name(command), 1));
    let others = pages::OTHERS.iter();
    let names: Vec<(String, u8)> = names
        .chain(others.map(|page| (page.name.to_owned(), page.section)))
        .collect();
    let references = |own: &str| -> Vec<String> {
        let others = names.iter().filter(|(name, _)| name != own);
        others
            .map(|(name, section)| format!("{name}({section})"))
            .collect()
    };
    let commands = commands.iter().map(|command| {
        let name = name(command);
        let page = render(command, &references(&name));
        (format!("{name}.1"), page)
    });
    let others = pages::OTHERS.iter().map(|page| {
        let mut roff = Roff::titled(&page.name.to_uppercase(), page.section);
        roff.heading("NAME");
        roff.text(&format!("{} - {}", page.name, page.about));
        (page.write)(&mut roff);
        roff.heading("SEE ALSO");
        roff.references(&references(page.name), &[]);
        (format!("{}.{}", page.name, page.section), roff.finish())
    });
    commands.chain(others).collect()
}

fn collect(command: &Command, found: &mut Vec<Command>) {
    // a command that only holds others has no page
    if !command.has_subcommands() || name(command) == "httpok" {
        found.push(command.clone());
    }
    for child in command.get_subcommands() {
        collect(child, found);
    }
}

fn name(command: &Command) -> String {
    let shown = command.get_display_name().unwrap_or(command.get_name());
    shown.to_owned()
}

fn render(command: &Command, others: &[String]) -> String {
    let name = name(command);
    let mut page = Roff::titled(&name.to_uppercase(), 1);
    page.raw(&clap_part(|man, out| man.render_name_section(out), command));
    synopsis(&mut page, command, &name);
    page.raw(&clap_part(
        |man, out| man.render_description_section(out),
        command,
    ));
    if command.has_subcommands() {
        page.heading("COMMANDS");
        for leaf in leaves(command) {
            let about = leaf.get_about().map(ToString::to_string);
            let shown = leaf.get_display_name().unwrap_or(leaf.get_name());
            page.term(&format!("{shown}(1)"), &about.unwrap_or_default());
        }
    } else {
        page.raw(&clap_part(
            |man, out| man.render_options_section(out),
            command,
        ));
    }
    if name == "httpok" {
        page.heading("LISTENER");
        page.code(&format!("{USAGE}\n\n{HELP}"));
    }
    if name == "httpok-watch" {
        page.heading("PATHS OF [SERVE]");
        page.text("With [serve] it answers these requests. GET /api/v1/openapi.json describes the answers.");
        for (request, says) in crate::serve::described_paths() {
            page.term(&request, &says);
        }
    }
    for Section { title, paragraphs } in sections(&name) {
        page.heading(title);
        paragraphs
            .iter()
            .for_each(|paragraph| page.paragraph(paragraph));
    }
    let examples = args::of_command(&name);
    if !examples.is_empty() {
        page.heading("EXAMPLES");
        for (what, words) in examples {
            page.text(&args::lead(what));
            page.code(words);
        }
    }
    page.heading("SEE ALSO");
    page.references(others, &["supervisord(1)", "systemd.service(5)"]);
    page.finish()
}

/// The commands below `command` that are no groups of others, which have no page.
fn leaves(command: &Command) -> Vec<&Command> {
    let children = command
        .get_subcommands()
        .filter(|child| child.get_name() != "help");
    children
        .flat_map(|child| match child.has_subcommands() {
            true => leaves(child),
            false => vec![child],
        })
        .collect()
}

/// Every option with its value, and what stands without one.
fn synopsis(page: &mut Roff, command: &Command, name: &str) {
    if name == "httpok" {
        page.synopsis("httpok", &["COMMAND [OPTIONS]...\n.br".to_owned()]);
        page.raw(".B httpok\n[OPTIONS]... URL");
        return;
    }
    let shown = command.get_bin_name().unwrap_or(name);
    let options = command.get_opts().chain(
        command
            .get_arguments()
            .filter(|arg| !arg.is_positional() && !arg.get_action().takes_values()),
    );
    let mut parts: Vec<_> = options
        .filter(|arg| !arg.is_hide_set())
        .map(option)
        .collect();
    parts.extend(command.get_positionals().map(positional));
    page.synopsis(shown, &parts);
}

/// `[--timeout DURATION]`, in roff.
fn option(arg: &Arg) -> String {
    let dashed = |text: String| text.replace('-', "\\-");
    let short = arg.get_short().map(|short| dashed(format!("-{short}")));
    let long = arg.get_long().map(|long| dashed(format!("--{long}")));
    let flags: Vec<_> = short.into_iter().chain(long).collect();
    let values = arg.get_value_names().unwrap_or_default();
    let value = match arg.get_action().takes_values() {
        true => values
            .iter()
            .map(|value| format!(" \\fI{value}\\fR"))
            .collect(),
        false => String::new(),
    };
    let again = match matches!(arg.get_action(), ArgAction::Append) {
        true => "...",
        false => "",
    };
    let part = format!("\\fB{}\\fR{value}", flags.join("\\fR|\\fB"));
    match arg.is_required_set() {
        true => format!("{part}{again}"),
        false => format!("[{part}]{again}"),
    }
}

fn positional(arg: &Arg) -> String {
    let name = arg.get_value_names().and_then(|names| names.first());
    let name = name.map_or_else(|| arg.get_id().to_string(), ToString::to_string);
    let again = arg
        .get_num_args()
        .is_some_and(|number| number.max_values() > 1);
    let part = format!("\\fI{name}\\fR{}", if again { "..." } else { "" });
    // what is behind it may look like options
    let before = if arg.is_last_set() { "\\-\\- " } else { "" };
    match arg.is_required_set() {
        true => format!("{before}{part}"),
        false => format!("[{before}{part}]"),
    }
}

/// A section that clap's own description of the command makes.
fn clap_part(
    write: impl Fn(&clap_mangen::Man, &mut Vec<u8>) -> io::Result<()>,
    command: &Command,
) -> String {
    let mut out = Vec::new();
    // writing to memory cannot fail
    let _ = write(&clap_mangen::Man::new(command.clone()), &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_its_sections() {
        let pages = pages();
        let mut cli = Cli::command();
        cli.build();
        let mut commands = vec!["httpok.1".to_owned()];
        for command in cli.get_subcommands().filter(|one| one.get_name() != "help") {
            let members: Vec<_> = command
                .get_subcommands()
                .map(Command::get_name)
                .filter(|&name| name != "help")
                .collect();
            let own = command.get_name();
            match members.is_empty() {
                true => commands.push(format!("httpok-{own}.1")),
                false => commands.extend(members.iter().map(|one| format!("httpok-{own}-{one}.1"))),
            }
        }
        let names: Vec<_> = pages.iter().map(|(name, _)| name.clone()).collect();
        let others = ["httpok.toml.5", "httpok-expect.7"].map(str::to_owned);
        assert_eq!(names, [commands, others.to_vec()].concat());
        for (name, page) in pages.iter().filter(|(name, _)| name.ends_with(".1")) {
            for section in [
                "NAME",
                "SYNOPSIS",
                "EXIT STATUS",
                "EXAMPLES",
                "\"SEE ALSO\"",
            ] {
                let heading = format!(
                    "\n.SH {}",
                    section.replace("EXIT STATUS", "\"EXIT STATUS\"")
                );
                assert!(page.contains(&heading), "{name}: {section}");
            }
        }
        // no page refers to one that is not there
        for (name, page) in &pages {
            let plain = page.replace("\\-", "-");
            for word in plain.split(|c: char| c.is_whitespace() || matches!(c, ',' | '\\' | '.')) {
                let ours = word.trim_start_matches("fB").strip_suffix("(1)");
                let ours = ours.filter(|word| word.starts_with("httpok"));
                let Some(ours) = ours else { continue };
                let file = format!("{ours}.1");
                assert!(
                    pages.iter().any(|(page, _)| *page == file),
                    "{name}: {ours}"
                );
            }
        }
        assert!(pages[0].1.contains(".SH FILES") && pages[0].1.contains(".SH ENVIRONMENT"));
    }
}
