//! The real program on real sockets: exit statuses, formats, every option, both command lines.

#[path = "cli/check.rs"]
mod check;
#[path = "cli/config.rs"]
mod config;
#[path = "cli/files.rs"]
mod files;
#[path = "cli/full_disk.rs"]
mod full_disk;
#[path = "cli/import.rs"]
mod import;
#[path = "cli/import_invalid.rs"]
mod import_invalid;
#[path = "cli/limits.rs"]
mod limits;
#[path = "cli/listener.rs"]
mod listener;
#[path = "cli/metrics.rs"]
mod metrics;
#[path = "cli/server.rs"]
mod server;
#[path = "cli/tls.rs"]
mod tls;
#[path = "cli/usage.rs"]
mod usage;
#[path = "cli/warnings.rs"]
mod warnings;

use std::process::{Command, Output};

/// The program, without anything of our own environment that it looks at.
fn httpok<S: AsRef<std::ffi::OsStr>>(words: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_httpok"));
    command.args(words).env_clear();
    command
}

/// What a run left behind.
#[derive(Debug)]
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run<S: AsRef<std::ffi::OsStr>>(words: &[S]) -> Run {
    ran(&mut httpok(words))
}

fn ran(command: &mut Command) -> Run {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the program starts");
    Run {
        code: status.code(),
        out: String::from_utf8(stdout).expect("text"),
        err: String::from_utf8(stderr).expect("text"),
    }
}
