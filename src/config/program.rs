//! `[[program]]` and `[embedded]`: the programs of our own supervisor, with supervisord's keys. Whether a
//! command is there is not asked here: it may be deployed later, and then the program is started.

mod names;
mod output;
mod targets;
mod user;
mod words;

use std::collections::BTreeMap;

use nix::sys::signal::Signal;
use toml::de::DeValue;

pub use targets::check_targets;

use self::names::Names;
use self::output::{STDERR, STDOUT, read_output, read_stderr};
use super::faults::Wrong;
use super::settings::{Autorestart, OnExit, Program};
use super::sheet::nearest;
use super::table::Table;
use super::value::Value;
use crate::secret::Secret;

/// More processes of one program than any machine should run.
const MOST: u32 = 1000;
/// Priorities are small numbers in supervisord, too.
const LAST: u32 = 1_000_000;
/// What programs are usually stopped with.
const STOP_SIGNALS: [&str; 7] = ["term", "hup", "int", "quit", "kill", "usr1", "usr2"];
/// More open files than any kernel allows.
const MOST_FILES: u32 = 1 << 30;

/// Every process that the file defines; names are unique, or that is reported.
pub fn read_programs(table: &Table<'_>) -> Vec<Program> {
    let mut programs = Vec::new();
    let mut lines = BTreeMap::new();
    for table in table.tables("program") {
        let Some((value, processes)) = read_program(&table) else {
            continue;
        };
        for process in processes {
            let name = (process.group.clone(), process.name.clone());
            if let Some(line) = lines.get(&name) {
                value.wrong(Wrong::new(
                    format!(
                        "there is a program {:?} already, on line {line}",
                        process.name
                    ),
                    "give each program a name of its own",
                ));
                break;
            }
            lines.insert(name, value.line());
            programs.push(process);
        }
    }
    programs
}

/// What becomes of the programs at our end.
pub fn read_embedded(table: &Table<'_>) -> OnExit {
    let Some(table) = table.table("embedded") else {
        return OnExit::default();
    };
    let on_exit = table.read("on_exit", |value| match value.text()?.as_str() {
        "stop" => Some(OnExit::Stop),
        "leave" => Some(OnExit::Leave),
        other => {
            value.none_of("end of a program", other, &["stop", "leave"]);
            None
        }
    });
    table.finish();
    on_exit.unwrap_or_default()
}

/// The processes of one program, and where its name stands. `None`: it has none.
fn read_program<'a>(table: &Table<'a>) -> Option<(Value<'a>, Vec<Program>)> {
    let place = table.required("name", "\"worker\"");
    let name = place.as_ref().and_then(name);
    let group = table.read("group", name_of_group);
    let count = table.read("numprocs", |value| value.count(1, MOST));
    let processes = (0..count.unwrap_or(1))
        .map(|number| {
            let program = name.as_deref().unwrap_or_default();
            let alone = count.is_none_or(|count| count == 1);
            let usual = if alone {
                program.to_owned()
            } else {
                format!("{program}_{number}")
            };
            let group = group.as_deref().unwrap_or(program);
            let names = Names {
                program,
                group,
                number,
            };
            Program {
                group: group.to_owned(),
                ..read_process(table, &usual, &names)
            }
        })
        .collect();
    table.finish();
    name?;
    Some((place?, processes))
}

/// One process, called `name`. What cannot be read is reported, and stands there as the default.
fn read_process(table: &Table<'_>, name: &str, names: &Names<'_>) -> Program {
    let command = table
        .required("command", "[\"python3\", \"worker.py\"]")
        .and_then(|value| command(&value, names));
    let usual = Program::new(name, command.unwrap_or_default());
    // a group is signalled as a whole: there is nothing to choose
    for key in ["stopasgroup", "killasgroup"] {
        table.read(key, always);
    }
    let limits = table.table("rlimits");
    let limit = |key, read: fn(&Value<'_>) -> Option<u64>| {
        limits.as_ref().and_then(|limits| limits.read(key, read))
    };
    let (nofile, core) = (limit("nofile", files), limit("core", core));
    if let Some(limits) = &limits {
        limits.finish();
    }
    let stdout = read_output(table, &STDOUT, names).unwrap_or(usual.stdout);
    Program {
        directory: table.read("directory", |value| {
            let text = value.accept(names.fill(&value.some_text()?))?;
            Some(value.sheet.sources.base.join(text))
        }),
        environment: table
            .table("environment")
            .map_or_else(BTreeMap::new, |table| environment(&table, names)),
        user: table.read("user", |value| value.parsed(user::look_up)),
        umask: table.read("umask", umask),
        nofile,
        core,
        stderr: read_stderr(table, &STDERR, names, &stdout).unwrap_or(usual.stderr),
        stdout,
        autostart: table
            .read("autostart", Value::flag)
            .unwrap_or(usual.autostart),
        autorestart: table
            .read("autorestart", autorestart)
            .unwrap_or(usual.autorestart),
        exitcodes: table.get("exitcodes").map_or(usual.exitcodes, |value| {
            value.each(|code| code.count(0, 255).map(u32::cast_signed))
        }),
        startsecs: table
            .read("startsecs", Value::duration)
            .unwrap_or(usual.startsecs),
        startretries: table
            .read("startretries", |value| value.count(0, MOST))
            .unwrap_or(usual.startretries),
        stopsignal: table.read("stopsignal", signal).unwrap_or(usual.stopsignal),
        stopwaitsecs: table
            .read("stopwaitsecs", Value::duration)
            .unwrap_or(usual.stopwaitsecs),
        priority: table
            .read("priority", |value| value.count(0, LAST))
            .map_or(usual.priority, u32::cast_signed),
        ..Program::new(name, usual.command)
    }
}

/// A program's name, as supervisord has them: it must be possible to write it in a target.
fn name(value: &Value<'_>) -> Option<String> {
    let name = value.some_text()?;
    let bad = |c: char| c.is_control() || c.is_whitespace() || matches!(c, ':' | '/' | '*');
    if let Some(char) = name.chars().find(|&char| bad(char)) {
        value.wrong(Wrong::new(
            format!("a name with {char:?} in it"),
            "expected a name without blanks, \":\", \"/\" and \"*\": for example \"worker\"",
        ));
        return None;
    }
    Some(name)
}

fn name_of_group(value: &Value<'_>) -> Option<String> {
    name(value)
}

/// A list of words, or one string that is split into them.
fn command(value: &Value<'_>, names: &Names<'_>) -> Option<Vec<String>> {
    let example = "for example: [\"python3\", \"worker.py\"] or \"python3 worker.py\"";
    let words = match value.found {
        DeValue::String(line) => value.accept(words::split(line))?,
        DeValue::Array(_) => value.each(Value::text),
        _ => return value.mistyped("a command", example),
    };
    if words.first().is_none_or(String::is_empty) {
        value.wrong(Wrong::new("no program to run", example));
        return None;
    }
    let mut filled = Vec::with_capacity(words.len());
    for word in words {
        let word = value.accept(names.fill(&word))?;
        filled.push(value.accept(without_nul(word))?);
    }
    Some(filled)
}

/// Values may come from elsewhere, and are never shown.
fn environment(table: &Table<'_>, names: &Names<'_>) -> BTreeMap<String, Secret> {
    let entries = table.entries().into_iter().filter_map(|(name, value)| {
        if name.is_empty() || name.contains(['=', '\0']) {
            value.wrong(Wrong::new(
                "no name of a variable",
                "expected letters, digits and underscores: for example { LANG = \"C\" }",
            ));
            return None;
        }
        let text = value.accept(names.fill(&value.text()?))?;
        let filled = value.sheet.sources.fill(&text);
        let text = filled.map_err(|faults| faults.into_iter().for_each(|wrong| value.wrong(wrong)));
        let text = value.accept(without_nul(text.ok()?))?;
        Some((name.to_owned(), Secret::new(text)))
    });
    entries.collect()
}

/// What the system takes ends at a zero byte.
fn without_nul(text: String) -> Result<String, Wrong> {
    match text.contains('\0') {
        true => Err(Wrong::new(
            "a zero byte",
            "no process can be given one: leave it out",
        )),
        false => Ok(text),
    }
}

fn always(value: &Value<'_>) -> Option<()> {
    if !value.flag()? {
        value.wrong(Wrong::new(
            "a program is always signalled with its group",
            "leave the key out: what a program has started must not outlive it",
        ));
    }
    Some(())
}

fn autorestart(value: &Value<'_>) -> Option<Autorestart> {
    let expected = "expected true, false or \"unexpected\"";
    match value.found {
        DeValue::Boolean(true) => Some(Autorestart::Always),
        DeValue::Boolean(false) => Some(Autorestart::Never),
        DeValue::String(text) if *text == "unexpected" => Some(Autorestart::Unexpected),
        DeValue::String(text) => {
            value.wrong(Wrong::new(format!("{text:?} does not say when"), expected));
            None
        }
        _ => value.mistyped("true, false or \"unexpected\"", expected),
    }
}

/// `TERM`, `SIGTERM`, or a number.
fn signal(value: &Value<'_>) -> Option<Signal> {
    let text = match value.found {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
        _ => value.text()?,
    };
    let upper = text.to_uppercase();
    let signal = match upper.parse::<i32>() {
        Ok(number) => Signal::try_from(number).ok(),
        Err(_) if upper.starts_with("SIG") => upper.parse().ok(),
        Err(_) => format!("SIG{upper}").parse().ok(),
    };
    if signal.is_none() {
        let help = match nearest(text.trim_start_matches("SIG"), &STOP_SIGNALS) {
            Some(near) => format!("did you mean {:?}?", near.to_uppercase()),
            None => "expected a signal such as \"TERM\", \"INT\" or \"QUIT\"".to_owned(),
        };
        value.wrong(Wrong::new(format!("{text:?} is no signal"), help));
    }
    signal
}

fn umask(value: &Value<'_>) -> Option<u32> {
    let digits = match value.found {
        DeValue::String(text) => text.as_ref(),
        DeValue::Integer(number) if number.radix() == 8 => number.as_str(),
        _ => return value.mistyped("a mask", "put it in quotes: \"022\""),
    };
    let octal = !digits.is_empty() && digits.bytes().all(|digit| matches!(digit, b'0'..=b'7'));
    let mask = u32::from_str_radix(digits, 8).ok();
    let mask = mask.filter(|&mask| octal && mask <= 0o777);
    if mask.is_none() {
        value.wrong(Wrong::new(
            format!("{digits:?} is no mask"),
            "expected an octal number from \"000\" to \"777\", such as \"022\"",
        ));
    }
    mask
}

fn files(value: &Value<'_>) -> Option<u64> {
    value.count(1, MOST_FILES).map(u64::from)
}

fn core(value: &Value<'_>) -> Option<u64> {
    match value.plain() {
        Some("unlimited") => Some(u64::MAX),
        _ => value.size(),
    }
}
