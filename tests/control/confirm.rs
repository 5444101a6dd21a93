//! `restart --all` asks before it does anything, or wants to be told that it is meant.

use std::process::Command;

use super::pty::Terminal;
use super::{Service, Watchdog, check};

#[test]
fn restart_of_all_asks_on_a_terminal_and_elsewhere_wants_yes() {
    let service = Service::start();
    let url = service.server.url("/");
    let checks: Vec<_> = (1..=12)
        .map(|number| check(&format!("shop-{number}"), &url, ""))
        .collect();
    let watchdog = Watchdog::start(&checks.join("\n"));
    let run = watchdog.ask(&["restart", "--all"]);
    assert_eq!(run.code, Some(3), "{run:?}");
    assert!(
        run.err
            .contains("--all restarts the processes of 12 checks (shop-1, "),
        "{run:?}"
    );
    assert!(run.err.contains("and 2 more): say --yes"), "{run:?}");
    // with it each check says that it restarts nothing
    let run = watchdog.ask(&["restart", "--all", "--yes"]);
    let refused = run.err.matches("the check restarts nothing").count();
    assert_eq!(refused, 12, "{run:?}");
    // one that is named is meant
    let run = watchdog.ask(&["restart", "shop-1"]);
    assert!(
        run.err.contains("shop-1: the check restarts nothing"),
        "{run:?}"
    );
    for (answer, says) in [
        ("\n", "nothing was restarted"),
        ("no\n", "nothing was restarted"),
        ("yes\n", "the check restarts nothing"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_httpok"));
        command.args(["restart", "--all", "--state-dir"]);
        command.arg(watchdog.state());
        let terminal = Terminal::start(command, 120, 24);
        terminal.wait("it asks", |text| text.contains("[y/N]"));
        terminal.type_text(answer);
        let (_, text) = terminal.end();
        assert!(text.contains(says), "{answer:?}: {text}");
    }
}
