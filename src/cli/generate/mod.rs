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
        std::fs::write(dir.join(format!("{name}.1")), page)?;
    }
    Ok(())
}

/// The completions for `shell`.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "httpok", &mut script);
    script
}

/// Every manual page with its name.
fn pages() -> Vec<(String, String)> {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let mut commands = Vec::new();
    collect(&root, &mut commands);
    let names: Vec<String> = commands.iter().map(name).collect();
    let page = |command: &Command| {
        let others = names.iter().filter(|other| **other != name(command));
        (
            name(command),
            render(command, &others.cloned().collect::<Vec<_>>()),
        )
    };
    commands.iter().map(page).collect()
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
    let mut page = Roff::titled(&name.to_uppercase());
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
        let names: Vec<_> = pages.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "httpok",
                "httpok-check",
                "httpok-watch",
                "httpok-run",
                "httpok-sample",
                "httpok-status",
                "httpok-explain",
                "httpok-pause",
                "httpok-resume",
                "httpok-restart",
                "httpok-start",
                "httpok-stop",
                "httpok-reset",
                "httpok-reload",
                "httpok-notify-send",
                "httpok-notify-drop",
                "httpok-health-set",
                "httpok-monitor",
                "httpok-simulate",
                "httpok-config-check",
                "httpok-generate-man",
                "httpok-generate-completions",
            ]
        );
        for (name, page) in &pages {
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
