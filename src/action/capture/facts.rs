//! What the kernel knows about a process, from `/proc`: cheap, and there even when no tool is. Reading may hang
//! where the process hangs in the kernel, so it is done on a thread of its own, the harmless files first, and
//! what was read until the deadline is kept.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::deadline::Deadline;
use super::files::{self, Files};
use super::found::Evidence;
use super::sockets;
use crate::blocking;

/// Facts are a matter of milliseconds. What takes longer hangs, and must not take the time of the rest.
const FOR: Duration = Duration::from_secs(5);

/// What is read of one file.
const MAX_FILE: u64 = 64 * 1024;

/// Threads that are listed one by one.
const MAX_THREADS: usize = 500;

const WHAT: &str = "facts";

/// A section of the evidence file, with a line for the report where there is one.
struct FactSection {
    title: String,
    text: String,
    brief: Option<String>,
}

/// What the kernel knows about `pid`.
pub(super) async fn collect(pid: u32, deadline: &Deadline) -> Evidence {
    let (send, mut sections) = unbounded_channel();
    // a thread that hangs ends with the process it reads about
    let reader = tokio::spawn(blocking::run("facts", move || read(pid, &send)));
    let mut found = Evidence {
        what: WHAT.to_owned(),
        ..Evidence::default()
    };
    let deadline = deadline.or_after(FOR);
    let whole = deadline.bound(async {
        while let Some(FactSection { title, text, brief }) = sections.recv().await {
            let _ = write!(found.text, "-- {title}\n{}\n\n", text.trim_end());
            if let Some(brief) = brief {
                found.brief.push_str(&brief);
                found.brief.push('\n');
            }
        }
    });
    let whole = whole.await;
    found.failure = match whole {
        None => Some("the rest of /proc did not answer in time".to_owned()),
        Some(()) => match reader.await {
            Ok(Ok(result)) => result.err(),
            Ok(Err(error)) => Some(error.to_string()),
            Err(panic) => Some(format!("internal error: {panic}")),
        },
    };
    found
}

/// Reads everything, the files that wait for nothing first. The receiver takes each as it comes.
fn read(pid: u32, send: &UnboundedSender<FactSection>) -> Result<(), String> {
    let status = text(&format!("/proc/{pid}/status"));
    if status
        .as_ref()
        .is_err_and(|why| why.kind() == io::ErrorKind::NotFound)
    {
        return Err(format!("there is no process {pid} any more"));
    }
    let emit = |title: &str, text: String, brief: Option<String>| {
        // an error means that the receiver is gone, and nothing waits for the section
        let _ = send.send(FactSection {
            title: title.to_owned(),
            text,
            brief,
        });
    };
    let file = |name: &str| {
        (
            format!("/proc/{pid}/{name}"),
            text(&format!("/proc/{pid}/{name}")),
        )
    };
    let brief = status.as_ref().ok().map(|status| state(status));
    emit(&format!("/proc/{pid}/status"), text_or_error(status), brief);
    let (title, waits) = file("wchan");
    let brief = waits
        .as_deref()
        .ok()
        .filter(|wchan| !matches!(*wchan, "" | "0"));
    let brief = brief.map(|wchan| format!("waits in the kernel's {wchan}"));
    emit(&title, text_or_error(waits), brief);
    emit(&format!("threads of {pid}"), threads(pid), None);
    for name in ["stack", "limits", "io"] {
        let (title, text) = file(name);
        emit(&title, text_or_error(text), None);
    }
    let title = format!("file descriptors of {pid}");
    match files::read(pid) {
        Err(why) => emit(&title, unreadable(&why), None),
        Ok(found) => {
            emit(&title, found.list(), Some(found.brief()));
            open_sockets(pid, &found, &emit);
        }
    }
    // the one that waits when the process's memory map is locked
    let (title, cmdline) = file("cmdline");
    emit(
        &title,
        text_or_error(cmdline.map(|cmdline| cmdline.replace('\0', " "))),
        None,
    );
    Ok(())
}

fn open_sockets(pid: u32, files: &Files, emit: &dyn Fn(&str, String, Option<String>)) {
    if files.sockets.is_empty() {
        return;
    }
    let found = sockets::read(pid, &files.sockets);
    emit(
        &format!("sockets of {pid}"),
        found.list(),
        Some(found.brief()),
    );
}

/// The beginning of a file.
fn text(path: &str) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn text_or_error(text: io::Result<String>) -> String {
    text.unwrap_or_else(|why| unreadable(&why))
}

fn unreadable(why: &io::Error) -> String {
    format!("cannot be read: {why}")
}

/// The value of a line of `/proc/PID/status`.
fn field<'a>(status: &'a str, name: &str) -> &'a str {
    let mut lines = status.lines();
    lines
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map_or("?", str::trim)
}

fn state(status: &str) -> String {
    format!(
        "state {}, threads {}, resident {}, swapped {}",
        field(status, "State"),
        field(status, "Threads"),
        field(status, "VmRSS"),
        field(status, "VmSwap"),
    )
}

/// One line for each thread: its id, state, where in the kernel it waits, and its name.
fn threads(pid: u32) -> String {
    let tasks = match fs::read_dir(format!("/proc/{pid}/task")) {
        Ok(tasks) => tasks,
        Err(why) => return unreadable(&why),
    };
    let mut list = String::from("TID STATE WCHAN NAME\n");
    for (row, task) in tasks.flatten().enumerate() {
        if row == MAX_THREADS {
            list.push_str("(and more)\n");
            break;
        }
        let dir = task.path();
        let read = |name: &str| text(&format!("{}/{name}", dir.display())).unwrap_or_default();
        let status = read("status");
        let wchan = read("wchan");
        let _ = writeln!(
            list,
            "{} {} {} {}",
            task.file_name().display(),
            field(&status, "State"),
            if wchan.is_empty() { "?" } else { &wchan },
            field(&status, "Name"),
        );
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_line_shows_state_threads_and_memory() {
        let status = "Name:\tapp\nState:\tD (disk sleep)\nVmRSS:\t  2048 kB\nThreads:\t5\n";
        assert_eq!(
            state(status),
            "state D (disk sleep), threads 5, resident 2048 kB, swapped ?"
        );
    }

    #[tokio::test]
    async fn missing_process_is_reported() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let found = collect(
            child.id(),
            &Deadline::after(FOR, &crate::action::Shutdown::default()),
        )
        .await;
        let expected = format!("there is no process {} any more", child.id());
        assert_eq!(found.failure, Some(expected));
    }
}
