//! What a program lacks on this machine just now: its command, the interpreter of that, its directories. No fault of the
//! configuration, for it may be deployed later; so it is said where a configuration is tried.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::exec::lookup::{self, DEFAULT_PATH, LookupError};
use crate::safe_path::open_regular;
use crate::supervisor::embedded::spec::{Program, ProgramOutput};

/// The kernel reads no more of the first line of a script.
const FIRST_LINE: u64 = 256;

/// What `program` lacks, each as a sentence with the key that names it; `path` is the PATH of the watchdog.
pub fn what_is_missing(program: &Program, path: Option<String>) -> Vec<(&'static str, String)> {
    let mut missing = Vec::new();
    let mut add = |key, found: Option<String>| missing.extend(found.map(|found| (key, found)));
    if let Some(directory) = &program.directory {
        add("directory", no_directory("its directory", directory));
    }
    for (key, output) in [
        ("stdout_logfile", &program.stdout),
        ("stderr_logfile", &program.stderr),
    ] {
        if let ProgramOutput::File(log) = output
            && let Some(directory) = log.path.parent()
        {
            add(key, no_directory("the directory of its log", directory));
        }
    }
    let directory_is_there = program.directory.as_ref().is_none_or(|path| path.is_dir());
    let word = program.command.first().map_or("", String::as_str);
    let own = program.environment.get("PATH");
    let own = own.map(|path| path.expose().to_owned());
    let search = own.or(path).unwrap_or_else(|| DEFAULT_PATH.to_owned());
    match lookup::find(word, program.directory.as_deref(), OsStr::new(&search)) {
        Ok(command) => add("command", no_interpreter(&command)),
        // a command relative to a directory that is missing is missing, too
        Err(_) if !directory_is_there => {}
        Err(LookupError::Missing(path)) => {
            add("command", Some(format!("can't find command \"{path}\"")));
        }
        Err(LookupError::NotExecutable(path)) => {
            let why = format!("command at \"{path}\" is not executable");
            add("command", Some(why));
        }
    }
    missing
}

fn no_directory(what: &str, path: &Path) -> Option<String> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return None;
    }
    let shown = path.display();
    Some(match path.exists() {
        true => format!("{what} \"{shown}\" is not a directory"),
        false => format!("{what} \"{shown}\" is missing"),
    })
}

/// That the interpreter which the first line of a script names is missing.
fn no_interpreter(script: &Path) -> Option<String> {
    let mut start = Vec::new();
    let file = open_regular(script).ok()?;
    file.take(FIRST_LINE).read_to_end(&mut start).ok()?;
    let line = start
        .strip_prefix(b"#!")?
        .split(|byte| *byte == b'\n')
        .next()?;
    let mut words = line
        .split(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
        .filter(|word| !word.is_empty());
    let interpreter = PathBuf::from(OsStr::from_bytes(words.next()?));
    let shown = script.display();
    if line.ends_with(b"\r") {
        return Some(format!(
            "the first line of \"{shown}\" ends as on Windows, so that no interpreter is found for it"
        ));
    }
    let path = interpreter.display();
    (!interpreter.exists())
        .then(|| format!("\"{path}\", the interpreter of \"{shown}\", is missing"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::supervisor::embedded::spec::LogFile;

    #[test]
    fn each_missing_part_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let script = |name: &str, first: &str| {
            fs::write(path(name), format!("{first}\n")).unwrap();
            fs::set_permissions(path(name), fs::Permissions::from_mode(0o755)).unwrap();
            path(name).display().to_string()
        };
        let program = |command: &str| Program::new("web", vec![command.to_owned()]);
        let (good, bad, dos) = (
            script("good", "#! /bin/sh -e"),
            script("bad", "#!/no/python3 -u"),
            script("dos", "#!/bin/sh\r"),
        );
        let log = |path: PathBuf| ProgramOutput::File(LogFile::new(path, 0, 0));
        for (program, expected) in [
            (program("sh"), vec![]),
            (program(&good), vec![]),
            (program("no-such-command"), vec!["no-such-command"]),
            (program(&bad), vec!["\"/no/python3\", the interpreter of"]),
            (program(&dos), vec!["as on Windows"]),
            (
                Program {
                    directory: Some(path("none")),
                    stdout: log(path("logs/web.log")),
                    ..program("./web")
                },
                vec!["its directory", "the directory of its log"],
            ),
            (
                Program {
                    directory: Some(path("good")),
                    stdout: log(path("web.log")),
                    ..program("sh")
                },
                vec!["is not a directory"],
            ),
        ] {
            let missing = what_is_missing(&program, std::env::var("PATH").ok());
            assert_eq!(missing.len(), expected.len(), "{missing:?}");
            for ((_, found), expected) in missing.iter().zip(expected) {
                assert!(found.contains(expected), "{found:?}: {expected:?}");
            }
        }
    }
}
