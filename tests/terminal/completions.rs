//! The completions in the shells that they are for: bash, zsh (which completes only on a terminal) and fish, each asked
//! the same beginnings of a command while a watchdog runs.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::pty::Terminal;
use super::server::Server;
use super::support::wait_until;
use super::{LIMIT, Watchdog, check, plain};

/// What is typed before the tabulator, and the one word that completes it.
const ROWS: [(&str, &str); 7] = [
    ("httpok stat", "status"),
    ("httpok check --preset roa", "roadrunner"),
    ("httpok explain sh", "shop"),
    ("httpok pause sh", "shop"),
    ("httpok stop wo", "worker"),
    ("httpok --progr", "--program"),
    ("httpok check --format js", "json"),
];

/// A watchdog with a check and a program, and a directory whose `httpok` is this build, asking that watchdog.
struct Stage {
    _server: Server,
    watchdog: Watchdog,
}

impl Stage {
    fn new() -> Self {
        let server = Server::usual();
        let program = "[[program]]\nname = \"worker\"\ncommand = [\"sleep\", \"1000\"]\n";
        let watchdog = Watchdog::start(&[&check("shop", &server.url("/"), ""), program].concat());
        wait_until("it probes", LIMIT, || !server.asked().is_empty());
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = status ] && set -- \"$@\" --config {}\nexec {} \"$@\"\n",
            watchdog.config(),
            env!("CARGO_BIN_EXE_httpok")
        );
        let path = watchdog.path("httpok");
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self {
            _server: server,
            watchdog,
        }
    }

    /// The file with the completions for `shell`.
    fn completions(&self, shell: &str) -> String {
        let output = self.command("httpok", &["generate", "completions", shell]);
        assert!(output.status.success(), "{output:?}");
        let path = self.watchdog.path(&format!("completions.{shell}"));
        std::fs::write(&path, output.stdout).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn prepared(&self, program: &str) -> Command {
        let dir = self.watchdog.dir.path();
        let found = dir.join(program);
        let program = if found.exists() {
            found.as_path()
        } else {
            Path::new(program)
        };
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("TERM", "xterm")
            .env("HOME", dir)
            .env("PATH", format!("{}:/usr/bin:/bin", dir.display()))
            .current_dir(dir)
            .stdin(Stdio::null());
        command
    }

    fn command(&self, program: &str, words: &[&str]) -> Output {
        self.prepared(program).args(words).output().unwrap()
    }
}

#[test]
fn bash_completes_commands_values_names_and_the_original_options() {
    let stage = Stage::new();
    let script = format!(
        "source {}\n\
         COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); COMPREPLY=()\n\
         _httpok_all httpok \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        stage.completions("bash")
    );
    for (typed, expected) in ROWS {
        let words: Vec<_> = typed.split(' ').collect();
        let output = stage.command("bash", &[&["-c", &script, "bash"][..], &words].concat());
        let found = String::from_utf8(output.stdout.clone()).unwrap();
        assert_eq!(found.trim_end(), expected, "{typed}: {output:?}");
        assert!(output.stderr.is_empty(), "{typed}: {output:?}");
    }
}

/// A name is text of a configuration file, perhaps of somebody else's.
#[test]
fn bash_expands_nothing_in_a_name_and_asks_the_watchdog_on_the_line() {
    let server = Server::usual();
    let names = ["$(touch pwned)", "`touch pwned`", "it's", "a b", "shop"];
    let checks: Vec<_> = names
        .iter()
        .map(|name| check(name, &server.url("/"), ""))
        .collect();
    let watchdog = Watchdog::start(&checks.concat());
    wait_until("it probes", LIMIT, || server.asked().len() >= names.len());
    let stage = Stage::new();
    let script = format!(
        "source {}\nCOMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); COMPREPLY=()\n\
         _httpok_all httpok \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        stage.completions("bash")
    );
    // the last option wins; the one of the line comes first
    let httpok = stage.watchdog.path("httpok");
    let plain_script = format!("#!/bin/sh\nexec {} \"$@\"\n", env!("CARGO_BIN_EXE_httpok"));
    std::fs::write(&httpok, plain_script).unwrap();
    let config = watchdog.config();
    for (typed, expected) in [
        (&["sh"][..], "shop"),
        (&["it"], "it\\'s"),
        (&["it\\'"], "it\\'s"),
        (&["a"], "a\\ b"),
        (&["$"], "\\$\\(touch\\ pwned\\)"),
    ] {
        for place in [&["--config", &*config][..], &["--config", "=", &*config]] {
            let words = [&["httpok", "pause"][..], place, typed].concat();
            let output = stage.command("bash", &[&["-c", &script, "bash"][..], &words].concat());
            let found = String::from_utf8(output.stdout.clone()).unwrap();
            assert_eq!(found.trim_end(), expected, "{words:?}: {output:?}");
        }
    }
    assert!(!stage.watchdog.path("pwned").exists());
}

#[test]
fn fish_completes_commands_values_names_and_the_original_options() {
    let stage = Stage::new();
    let source = format!("source {}", stage.completions("fish"));
    for (typed, expected) in ROWS {
        let script = format!("{source}; complete -C '{typed}'");
        let output = stage.command("fish", &["--no-config", "-c", &script]);
        let found = String::from_utf8(output.stdout.clone()).unwrap();
        // a description follows behind a tabulator
        let found: Vec<_> = found
            .lines()
            .filter_map(|line| line.split('\t').next())
            .collect();
        assert_eq!(found, [expected], "{typed}: {output:?}");
        assert!(output.stderr.is_empty(), "{typed}: {output:?}");
    }
}

#[test]
fn zsh_completes_commands_values_names_and_the_original_options() {
    let stage = Stage::new();
    let mut command = stage.prepared("zsh");
    command.args(["-f", "-i"]);
    let terminal = Terminal::start(command, 120, 50);
    terminal.type_text(&format!(
        "PROMPT='ready> '; autoload -Uz compinit; compinit -u -D; source {}; echo lo''aded\n",
        stage.completions("zsh")
    ));
    terminal.wait("zsh has the completions", |text| text.contains("loaded\n"));
    for (typed, expected) in ROWS {
        let before = terminal.text().len();
        let (first, _) = typed.rsplit_once(' ').unwrap();
        terminal.type_text(&format!("{typed}\t"));
        terminal.wait(&format!("{first} {expected}"), |text| {
            plain(&text[before..]).contains(&format!("{first} {expected}"))
        });
        // the line is dropped, and the next one begins
        terminal.type_text("\x15\n");
        terminal.wait("the next line", |text| {
            plain(&text[before..]).contains("ready> ")
        });
    }
}
