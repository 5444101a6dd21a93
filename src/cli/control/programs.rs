//! The programs in `httpok status`: one row each, below the checks.

use std::time::Duration;

use anstyle::{AnsiColor, Style};

use crate::cli::render::columns::{self, Cell, Column};
use crate::cli::render::paint::Paint;
use crate::cli::render::span;
use crate::cli::render::visible;
use crate::health::{Process, ProcessState};

const COLUMNS: [Column; 5] = [
    Column {
        heading: "PROGRAM",
        least: Some(12),
        rank: 0,
    },
    Column {
        heading: "STATE",
        least: None,
        rank: 0,
    },
    Column {
        heading: "PID",
        least: None,
        rank: 2,
    },
    Column {
        heading: "UPTIME",
        least: None,
        rank: 3,
    },
    Column {
        heading: "DETAIL",
        least: Some(12),
        rank: 1,
    },
];

/// The table of `programs`, at most `most` columns wide; nothing when there are none.
pub fn table(programs: &[Process], paint: Paint, most: Option<usize>) -> String {
    if programs.is_empty() {
        return String::new();
    }
    let rows: Vec<_> = programs.iter().map(row).collect();
    columns::table(&COLUMNS, &rows, paint, most)
}

fn row(program: &Process) -> [Cell; 5] {
    let plain = Style::new();
    let runs = program.state == ProcessState::Running;
    let colour = match program.state {
        ProcessState::Running => AnsiColor::Green,
        ProcessState::Starting | ProcessState::Stopping | ProcessState::Stopped => {
            AnsiColor::Yellow
        }
        ProcessState::Backoff
        | ProcessState::Exited
        | ProcessState::Fatal
        | ProcessState::Unknown => AnsiColor::Red,
    };
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let uptime = program.pid.and(program.uptime).map(Duration::from_secs);
    // pid and uptime have columns of their own
    let detail = if runs { "" } else { &program.detail };
    [
        (visible::line(&program.name.namespec()), plain.bold()),
        (program.state.to_string(), colour.on_default().bold()),
        (or_dash(program.pid.map(|pid| pid.to_string())), plain),
        (or_dash(uptime.map(span)), plain),
        (visible::line(detail), plain),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::ProcessName;

    const PLAIN: Paint = Paint { colour: false };

    #[test]
    fn each_program_has_a_row() {
        let program = |name: ProcessName, state, pid, detail: &str| Process {
            name,
            state,
            pid,
            uptime: Some(75),
            detail: detail.to_owned(),
            instance: None,
            aliases: Vec::new(),
        };
        let worker = ProcessName::embedded("app", "app_0");
        let lost = ProcessName::embedded("lost", "lost");
        let detail = "can't find command \"x\"";
        let shown = table(
            &[
                program(
                    worker,
                    ProcessState::Running,
                    Some(4711),
                    "pid 4711, uptime 0:01:15",
                ),
                program(lost, ProcessState::Fatal, None, detail),
            ],
            PLAIN,
            None,
        );
        let expected = "PROGRAM    STATE    PID   UPTIME    DETAIL\n\
                        app:app_0  RUNNING  4711  1 m 15 s\n\
                        lost       FATAL    -     -         can't find command \"x\"\n";
        assert_eq!(shown, expected);
        assert_eq!(table(&[], PLAIN, None), "");
    }
}
