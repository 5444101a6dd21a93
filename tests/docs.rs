//! What the documents and examples show is run: files are read and probed once, commands give the exit status that they
//! are said to give.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use site::{Site, says};

#[path = "docs/plurals.rs"]
mod plurals;
#[path = "support/ports.rs"]
#[allow(clippy::unwrap_used, reason = "a helper of a test fails the test, too")]
mod ports;
#[path = "docs/readme.rs"]
mod readme;
#[path = "support/site.rs"]
#[allow(dead_code, reason = "not all of its tricks are needed here")]
#[allow(clippy::unwrap_used, reason = "a helper of a test fails the test, too")]
mod site;

/// The place of the service in the documents.
const PLACE: &str = "http://127.0.0.1:8080";

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("it is there")
}

/// The service of the documents.
fn service() -> Site {
    let site = Site::start();
    let health = r#"{"status":"UP"}"#;
    site.answer("/health", move || says("200 OK", health));
    site.answer("/admin", || says("403 Forbidden", ""));
    site.answer("/none", || says("404 Not Found", ""));
    site
}

/// The blocks of `text` in this language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let parts = text.split(&fence).skip(1);
    parts
        .filter_map(|part| part.split("```").next().map(str::to_owned))
        .collect()
}

/// `line` in a shell that finds this build, in `dir`.
fn shell(line: &str, dir: &Path) -> Output {
    let bin = Path::new(env!("CARGO_BIN_EXE_httpok"));
    let bin = bin.parent().expect("a directory").display();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap_or_default());
    Command::new("sh")
        .args(["-c", line])
        .current_dir(dir)
        .env("PATH", path)
        .output()
        .expect("a shell")
}

#[test]
fn cookbook_tasks_work() {
    let text = read("docs/cookbook.md");
    let tasks: Vec<_> = text.split("\n## ").skip(1).collect();
    assert_eq!(tasks.len(), 21);
    let site = service();
    let mut ran = (0, 0);
    for task in tasks {
        let title = task.lines().next().expect("a title");
        let dir = tempfile::tempdir().expect("a directory");
        for block in blocks(task, "sh") {
            for line in block.lines() {
                let (words, exit) = line.split_once(" # exit ").expect(title);
                let output = shell(&words.replace(PLACE, &site.origin()), dir.path());
                assert_eq!(
                    output.status.code(),
                    exit.trim().parse().ok(),
                    "{title}: {output:?}"
                );
                ran.0 += 1;
            }
        }
        for block in blocks(task, "toml") {
            let toml = block.replace(PLACE, &site.origin());
            fs::write(dir.path().join("httpok.toml"), toml).expect("written");
            let checked = shell("httpok config check httpok.toml", dir.path());
            assert_eq!(checked.status.code(), Some(0), "{title}: {checked:?}");
            let before = site.asked().len();
            let line = "httpok watch --config httpok.toml --state-dir state --once --dry-run";
            let once = shell(line, dir.path());
            // task 20 is of a page that is not there
            let code = if block.contains("/none") { 2 } else { 0 };
            assert_eq!(once.status.code(), Some(code), "{title}: {once:?}");
            assert!(site.asked().len() > before, "{title}: it was probed");
            ran.1 += 1;
        }
    }
    assert_eq!(ran, (8, 13));
}

#[test]
fn configurations_in_the_documents_are_valid() {
    let mut found = 0;
    let docs = ["README.md", "docs/migrating.md", "docs/how-it-decides.md"];
    for name in docs {
        for block in blocks(&read(name), "toml") {
            // a part of a file is completed
            let check = "[[check]]\nname = \"shop\"\nurl = \"http://h/\"\n";
            let text = match block.contains("[[check]]") {
                true => block,
                false => format!("{block}\n{check}"),
            };
            let env = |_: &str| Some("a-long-and-random-key".to_owned());
            let read = httpok::config::parse_and_warn(&text, "httpok.toml", &env);
            let only_files = read.as_ref().err().is_some_and(|faults| {
                faults
                    .iter()
                    .all(|fault| fault.message.contains("cannot read"))
            });
            assert!(
                read.is_ok() || only_files,
                "{name}: {}\n{text}",
                read.expect_err("wrong")
            );
            if let Ok((_, Some(warnings))) = read {
                panic!("{name}: {warnings}\n{text}");
            }
            found += 1;
        }
    }
    assert!(found >= 4, "{found}");
}

#[test]
fn the_example_of_kubernetes_holds_a_valid_configuration() {
    let text = read("examples/kubernetes.yaml");
    let (_, rest) = text.split_once("httpok.toml: |\n").expect("the file");
    let lines = rest
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with("    "));
    let toml: Vec<_> = lines.map(|line| line.trim_start_matches("    ")).collect();
    let read = httpok::config::parse_and_warn(&toml.join("\n"), "httpok.toml", &|_| None);
    let (settings, warnings) = read.unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(warnings, None);
    assert!(settings.serve.listen.is_some());
    assert!(text.contains("port: 9181") && text.contains("plugin=shop"));
    assert_eq!(settings.checks[0].name, "shop");
}

#[test]
fn commands_of_the_examples_run() {
    let site = service();
    let dir = tempfile::tempdir().expect("a directory");
    let nagios = read("examples/nagios.cfg");
    let line = nagios
        .lines()
        .find_map(|line| line.trim().strip_prefix("command_line"));
    let line = line
        .expect("a command")
        .trim()
        .replace(PLACE, &site.origin());
    let output = shell(&line, dir.path());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.code() == Some(0) && said.starts_with("HTTPOK OK - "),
        "{said}"
    );
    let cron = read("examples/cron");
    let (_, line) = cron.split_once(" root ").expect("a command");
    let line = line.lines().next().expect("a line");
    let toml = format!(
        "state_dir = \"state\"\n[[check]]\nname = \"a\"\nurl = \"{}/health\"\n",
        site.origin()
    );
    fs::write(dir.path().join("httpok.toml"), toml).expect("written");
    let output = shell(&line.trim().replace("/etc/httpok/", ""), dir.path());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let compose = read("examples/compose.yaml");
    assert!(compose.contains("./containers.toml:/httpok.toml:ro"));
    assert!(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("examples/containers.toml")
            .exists()
    );
}
