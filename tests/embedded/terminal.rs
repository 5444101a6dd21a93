//! `httpok run` in a shell at a terminal: its command has the terminal, as without `run`.

use std::fs;
use std::process::Command;

use crate::fixture::Stage;
use crate::program::LIMIT;
use crate::pty::Terminal;
use crate::site::says;
use crate::support::wait_until;

const CTRL_C: &str = "\u{3}";
const CTRL_D: &str = "\u{4}";
const CTRL_Z: &str = "\u{1a}";

/// A shell with job control at a terminal of its own, in which `run` stands for `httpok run` with its options.
fn shell(stage: &Stage) -> Terminal {
    let mut command = Command::new("setsid");
    command
        .args(["--ctty", "--wait", "bash", "--norc", "--noprofile", "-i"])
        .env("PS1", "$ ")
        .env("PS2", "")
        .current_dir(stage.dir());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SUPERVISOR_") {
            command.env_remove(name);
        }
    }
    let shell = Terminal::start(command, 200, 50);
    shell.type_text(&format!(
        "run() {{ {} run --url {}/web --every 100ms --fail-after 2 --grace 0 --state-dir state -- \"$@\" 2>> said; }}\n",
        env!("CARGO_BIN_EXE_httpok"),
        stage.site.origin(),
    ));
    shell
}

/// Waits until `text` was written, and not only typed.
fn written(shell: &Terminal, text: &str) {
    shell.wait(text, |said| said.contains(text));
}

/// Whether process `pid` is not suspended, and its group is in the foreground of its terminal.
fn is_in_front(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<_> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    matches!(fields[..], [state, _, group, _, _, front, ..] if state != "T" && group == front)
}

#[test]
fn command_reads_the_terminal_and_gives_it_back() {
    let stage = Stage::new();
    stage.site.answer("/web", || says("200 OK", "all fine"));
    let shell = shell(&stage);
    shell.type_text("run sh -c 'echo re\"\"ady; read word; echo \"got <$word>\"; exit 5'\n");
    written(&shell, "ready");
    shell.type_text("hello\n");
    written(&shell, "got <hello>");
    shell.type_text("echo code is $?\n");
    written(&shell, "code is 5");
    shell.type_text("exit\n");
    let (status, text) = shell.end();
    assert_eq!(status.code(), Some(0), "{text}");
}

#[test]
fn interactive_shell_has_job_control_and_ctrl_c_is_its_own() {
    let stage = Stage::new();
    stage.site.answer("/web", || says("200 OK", "all fine"));
    let shell = shell(&stage);
    shell.type_text("run bash --norc --noprofile -i\n");
    shell.type_text("echo in\"\"side $(( $(ps -o pgid= -p $$) == $(ps -o tpgid= -p $$) ))\n");
    written(&shell, "inside");
    shell.type_text("sh -c 'echo sl\"\"eeps; exec sleep 1000'\n");
    written(&shell, "sleeps");
    shell.type_text(CTRL_C);
    shell.type_text("echo st\"\"atus $?\n");
    written(&shell, "status 130");
    shell.type_text("exit 9\n");
    shell.type_text("echo co\"\"de $?\n");
    written(&shell, "code 9");
    assert!(!shell.text().contains("no job control"), "{}", shell.text());
    shell.type_text("exit\n");
    shell.end();
}

#[test]
fn ctrl_z_suspends_run_and_fg_goes_on() {
    let stage = Stage::new();
    stage.site.answer("/web", || says("200 OK", "all fine"));
    let shell = shell(&stage);
    shell.type_text("run sh -c 'echo $$ >> web.lives; exec cat'\n");
    let pid = stage.started("web", 1);
    wait_until("it has the terminal", LIMIT, || is_in_front(pid));
    shell.type_text(CTRL_Z);
    written(&shell, "Stopped");
    assert!(!is_in_front(pid));
    shell.type_text("echo me\"\"anwhile\n");
    written(&shell, "meanwhile");
    shell.type_text("fg\n");
    wait_until("it has the terminal again", LIMIT, || is_in_front(pid));
    shell.type_text("ec\"ho\n");
    shell.wait("cat goes on", |said| said.matches("ec\"ho").count() >= 2);
    shell.type_text(CTRL_D);
    shell.type_text("echo co\"\"de $?\n");
    written(&shell, "code 0");
    shell.type_text("exit\n");
    shell.end();
}

#[test]
fn restarted_command_has_the_terminal_again() {
    let stage = Stage::new();
    stage.ill_until("web", 2, says("500 Oh", "no"));
    let shell = shell(&stage);
    shell.type_text("run sh -c 'echo $$ >> web.lives; read word; echo \"life $(wc -l < web.lives) got <$word>\"'\n");
    stage.started("web", 2);
    shell.type_text("again\n");
    written(&shell, "life 2 got <again>");
    shell.type_text("echo co\"\"de $?\n");
    written(&shell, "code 0");
    shell.type_text("exit\n");
    shell.end();
}
