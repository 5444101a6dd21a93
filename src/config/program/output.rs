//! Where a program's two outputs go: to a file, nowhere, or where ours do.

use super::names::Names;
use crate::config::diagnostics::Diagnostic;
use crate::config::table::TomlTable;
use crate::config::value::TomlValue;
use crate::supervisor::embedded::spec::{LogFile, OutputStream, ProgramOutput};

/// supervisord's defaults.
const MAXBYTES: u64 = 50 << 20;
const BACKUPS: u32 = 10;
/// More backups than any disk holds.
const MOST: u32 = 10_000;

/// The keys of one output.
pub struct OutputKeys {
    file: &'static str,
    maxbytes: &'static str,
    backups: &'static str,
}

pub const STDOUT: OutputKeys = OutputKeys {
    file: "stdout_logfile",
    maxbytes: "stdout_logfile_maxbytes",
    backups: "stdout_logfile_backups",
};

pub const STDERR: OutputKeys = OutputKeys {
    file: "stderr_logfile",
    maxbytes: "stderr_logfile_maxbytes",
    backups: "stderr_logfile_backups",
};

/// Where the output with these `keys` goes; `None`: the table does not say.
pub fn read_output(
    table: &TomlTable<'_>,
    keys: &OutputKeys,
    names: &Names<'_>,
) -> Option<ProgramOutput> {
    let file = table.get(keys.file);
    let bounds = [table.get(keys.maxbytes), table.get(keys.backups)];
    let maxbytes = table
        .read(keys.maxbytes, TomlValue::size)
        .unwrap_or(MAXBYTES);
    let backups = table
        .read(keys.backups, |value| value.count(0, MOST))
        .unwrap_or(BACKUPS);
    let Some(value) = file else {
        for bound in bounds.into_iter().flatten() {
            bound.reject(Diagnostic::new(
                "the bound of a file that is not there",
                format!("add {} = \"...\", or leave this out", keys.file),
            ));
        }
        return None;
    };
    let text = value.some_text()?;
    match text.as_str() {
        "NONE" | "/dev/null" => Some(ProgramOutput::Null),
        "/dev/stdout" | "/dev/fd/1" => Some(ProgramOutput::Inherit(OutputStream::Stdout)),
        "/dev/stderr" | "/dev/fd/2" => Some(ProgramOutput::Inherit(OutputStream::Stderr)),
        "AUTO" | "syslog" => {
            value.reject(Diagnostic::new(
                format!("{text:?} names no file"),
                "expected a path, or \"NONE\"; without the key it goes where our own output goes",
            ));
            None
        }
        _ => {
            let text = value.accept(names.fill(&text, &value.sources()))?;
            let path = value.path_of(&text)?;
            Some(ProgramOutput::File(LogFile::new(path, maxbytes, backups)))
        }
    }
}

/// Where standard error goes: with `redirect_stderr` to where `stdout` does.
pub fn read_stderr(
    table: &TomlTable<'_>,
    keys: &OutputKeys,
    names: &Names<'_>,
    stdout: &ProgramOutput,
) -> Option<ProgramOutput> {
    let own = read_output(table, keys, names);
    if !table
        .read("redirect_stderr", TomlValue::flag)
        .unwrap_or_default()
    {
        return own;
    }
    if let Some(file) = table.get(keys.file) {
        file.reject(Diagnostic::new(
            format!("{:?} and \"redirect_stderr\" exclude each other", keys.file),
            "keep one of them",
        ));
    }
    Some(stdout.clone())
}
