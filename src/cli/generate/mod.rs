//! What is generated from the one command line definition: manual pages and completions.

mod pages;
mod roff;

use std::io;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use crate::cli::args::{self, Cli};
use crate::cli::dropin::{HELP, USAGE};
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

/// The completions for `shell`.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "httpok", &mut script);
    script
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
    page.raw(&clap_parts(command));
    if name == "httpok" {
        page.heading("LISTENER");
        page.code(&format!("{USAGE}\n\n{HELP}"));
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

/// The sections that clap's own description of the command makes.
fn clap_parts(command: &Command) -> String {
    let man = clap_mangen::Man::new(command.clone());
    let mut out = Vec::new();
    // writing to memory cannot fail
    let _ = man.render_name_section(&mut out);
    let _ = man.render_synopsis_section(&mut out);
    let _ = man.render_description_section(&mut out);
    if command.has_subcommands() {
        let _ = man.render_subcommands_section(&mut out);
    } else {
        let _ = man.render_options_section(&mut out);
    }
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
        assert!(pages[0].1.contains(".SH FILES") && pages[0].1.contains(".SH ENVIRONMENT"));
    }

    #[test]
    fn completions_know_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = String::from_utf8(completions(shell)).expect("a script is text");
            assert!(
                script.contains("completions") && script.contains("unix-socket"),
                "{shell}"
            );
        }
    }
}
