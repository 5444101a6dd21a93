//! `[[program]]` and `[embedded]`: the programs of our own supervisor, with supervisord's keys. Whether a
//! command is there is no fault: it may be deployed later, and then the program is started.

mod keys;
mod missing;
mod names;
mod output;
pub mod split;
mod user;

use std::collections::BTreeMap;

use toml::de::DeValue;

use self::keys::{autorestart, read_limits, signal, umask};
use self::names::Names;
use self::output::{STDERR, STDOUT, read_output, read_stderr};
use super::diagnostics::Diagnostic;
use super::table::TomlTable;
use super::value::TomlValue;
use crate::secret::{self, Secret};
use crate::sorted;
use crate::supervisor::embedded::spec::Program;

/// More processes of one program than any machine should run.
const MOST: u32 = 1000;
/// Priorities are small numbers in supervisord, too.
const LAST: u32 = 1_000_000;

/// What becomes of the programs when the watchdog is asked to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnExit {
    /// They are stopped.
    #[default]
    Stop,
    /// They run on, and the next watchdog supervises them.
    Leave,
}

/// Every process that the file defines; names are unique, or that is reported.
pub fn read_programs(table: &TomlTable<'_>) -> Vec<Program> {
    let mut programs = Vec::new();
    let mut places: BTreeMap<_, TomlValue<'_>> = BTreeMap::new();
    for table in table.tables("program") {
        let Some((value, processes)) = read_program(&table) else {
            continue;
        };
        for process in processes {
            let name = (process.group.clone(), process.name.clone());
            if let Some(first) = places.get(&name) {
                value.reject(Diagnostic::new(
                    format!(
                        "there is a program {:?} already, on {}",
                        process.name,
                        first.place(&value)
                    ),
                    "give each program a name of its own",
                ));
                break;
            }
            places.insert(name, value.clone());
            programs.push(process);
        }
    }
    programs
}

/// What becomes of the programs at our end.
pub fn read_embedded(table: &TomlTable<'_>) -> OnExit {
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
fn read_program<'a>(table: &TomlTable<'a>) -> Option<(TomlValue<'a>, Vec<Program>)> {
    let place = table.required("name", "\"worker\"");
    let name = place.as_ref().and_then(plain_name);
    let group = table.read("group", plain_name);
    let count = table.read("numprocs", |value| value.count(1, MOST));
    let count = count.unwrap_or(1);
    let first = table.read("numprocs_start", |value| value.count(0, LAST));
    let first = first.unwrap_or(0);
    let program = name.as_deref().unwrap_or_default();
    let processes: Vec<_> = (first..first + count)
        .map(|number| {
            let mut names = Names {
                program,
                group: group.as_deref().unwrap_or(program),
                number,
                count,
                variables: BTreeMap::new(),
            };
            let environment = table
                .table("environment")
                .map_or_else(BTreeMap::new, |table| environment(&table, &mut names));
            let name = process_name(table, &names);
            Program {
                group: names.group.to_owned(),
                environment,
                ..read_process(table, &name, &names)
            }
        })
        .collect();
    table.finish();
    name?;
    if table.parse_context.here {
        warn_of_missing(table, &processes);
    }
    Some((place?, processes))
}

/// Warns of what the program lacks here.
fn warn_of_missing(table: &TomlTable<'_>, processes: &[Program]) {
    let path = (table.parse_context.sources(table.span().start).env)("PATH");
    for process in processes {
        for (key, what) in missing::what_is_missing(process, path.clone()) {
            if let Some(value) = table.get(key) {
                let help = "it may be deployed later: the program is started when it is there";
                value.warn(format!("program {:?}: {what}", process.name), help);
            }
        }
    }
}

/// What one process is called: as the key says, or like its program, with a number where there are several.
fn process_name(table: &TomlTable<'_>, names: &Names<'_>) -> String {
    let Names {
        program,
        number,
        count,
        ..
    } = names;
    let usual = match count {
        1 => (*program).to_owned(),
        _ => format!("{program}_{number}"),
    };
    let given = table.read("process_name", |value| {
        let text = value.some_text()?;
        if *count > 1 && !text.contains("%(process_num)") {
            value.reject(Diagnostic::new(
                format!("one name for {count} processes"),
                "put \"%(process_num)d\" into it: for example \"%(program_name)s_%(process_num)02d\"",
            ));
            return None;
        }
        let name = value.accept(names.fill(&text, &value.sources()))?;
        is_plain(value, &name).then_some(name)
    });
    given.unwrap_or(usual)
}

/// One process, called `name`. What cannot be read is reported, and stands there as the default.
fn read_process(table: &TomlTable<'_>, name: &str, names: &Names<'_>) -> Program {
    let command = table
        .required("command", "[\"python3\", \"worker.py\"]")
        .and_then(|value| command(&value, names));
    let usual = Program::new(name, command.unwrap_or_default());
    let (stopasgroup, killasgroup) = read_group_keys(table, &usual);
    let stdout = read_output(table, &STDOUT, names).unwrap_or(usual.stdout);
    Program {
        directory: table.read("directory", |value| {
            let text = value.some_text()?;
            let text = value.accept(names.fill(&text, &value.sources()))?;
            value.path_of(&text)
        }),
        user: table.read("user", |value| value.parsed(user::look_up)),
        umask: table.read("umask", umask),
        rlimits: read_limits(table),
        stderr: read_stderr(table, &STDERR, names, &stdout).unwrap_or(usual.stderr),
        stdout,
        autostart: table
            .read("autostart", TomlValue::flag)
            .unwrap_or(usual.autostart),
        autorestart: table
            .read("autorestart", autorestart)
            .unwrap_or(usual.autorestart),
        exitcodes: table.get("exitcodes").map_or(usual.exitcodes, |value| {
            value.each(|code| code.count(0, 255).map(u32::cast_signed))
        }),
        startsecs: table
            .read("startsecs", TomlValue::duration)
            .unwrap_or(usual.startsecs),
        startretries: table
            .read("startretries", |value| value.count(0, MOST))
            .unwrap_or(usual.startretries),
        stopsignal: table.read("stopsignal", signal).unwrap_or(usual.stopsignal),
        stopwaitsecs: table
            .read("stopwaitsecs", TomlValue::duration)
            .unwrap_or(usual.stopwaitsecs),
        stopasgroup,
        killasgroup,
        priority: table
            .read("priority", |value| value.count(0, LAST))
            .map_or(usual.priority, u32::cast_signed),
        ..Program::new(name, usual.command)
    }
}

/// Which processes are signalled. As in supervisord, `stopasgroup` implies `killasgroup`.
fn read_group_keys(table: &TomlTable<'_>, usual: &Program) -> (bool, bool) {
    let stop = table.read("stopasgroup", TomlValue::flag);
    let stop = stop.unwrap_or(usual.stopasgroup);
    let kill = table.read("killasgroup", TomlValue::flag);
    if let (true, Some(false), Some(value)) = (stop, kill, table.get("killasgroup")) {
        value.reject(Diagnostic::new(
            "\"stopasgroup\" without \"killasgroup\"",
            "leave it out: a group that is stopped as a whole is killed as a whole",
        ));
    }
    (stop, kill.unwrap_or(usual.killasgroup))
}

/// A name as supervisord has them: it must be possible to write it in a target.
fn plain_name(value: &TomlValue<'_>) -> Option<String> {
    let name = value.some_text()?;
    is_plain(value, &name).then_some(name)
}

fn is_plain(value: &TomlValue<'_>, name: &str) -> bool {
    let bad = |c: char| c.is_control() || c.is_whitespace() || matches!(c, ':' | '/' | '*');
    if let Some(char) = name.chars().find(|&char| bad(char)) {
        value.reject(Diagnostic::new(
            format!("a name with {char:?} in it"),
            "expected a name without blanks, \":\", \"/\" and \"*\": for example \"worker\"",
        ));
        return false;
    }
    true
}

/// A list of words, or one string that is split into them.
fn command(value: &TomlValue<'_>, names: &Names<'_>) -> Option<Vec<String>> {
    let example = "for example: [\"python3\", \"worker.py\"] or \"python3 worker.py\"";
    let words = match value.found {
        DeValue::String(line) => {
            let words = value.accept(split::split(line))?;
            warn_of_shell(value, &words);
            words
        }
        DeValue::Array(_) => value.each(TomlValue::text),
        _ => return value.mistyped("a command", example),
    };
    if words.first().is_none_or(String::is_empty) {
        value.reject(Diagnostic::new("no program to run", example));
        return None;
    }
    let mut filled = Vec::with_capacity(words.len());
    for word in words {
        if word.contains("${env:") || word.contains("${file:") {
            value.reject(Diagnostic::new(
                "a substitution for secrets in a command, which every user of the machine can read",
                "put it into the program's environment, or write \"%(ENV_NAME)s\" for a variable that is no secret",
            ));
            return None;
        }
        let word = value.accept(names.fill(&word, &value.sources()))?;
        filled.push(value.accept(without_nul(word))?);
    }
    Some(filled)
}

/// Warns of words that only a shell understands.
fn warn_of_shell(value: &TomlValue<'_>, words: &[String]) {
    const OPERATORS: [&str; 9] = ["&&", "||", "|", ";", "&", ">", ">>", "<", "2>&1"];
    let found = words.iter().find(|word| OPERATORS.contains(&word.as_str()));
    if let Some(word) = found {
        value.warn(
            format!("{word:?} is given to the program as an argument: no shell runs the command"),
            "write command = [\"sh\", \"-c\", \"exec ...\"] where a shell is meant",
        );
    }
}

/// Values may come from elsewhere, and are never shown. `names` learns them, for the keys that come after.
fn environment(table: &TomlTable<'_>, names: &mut Names<'_>) -> BTreeMap<String, Secret> {
    let mut variables = BTreeMap::new();
    let entries = table.entries().into_iter().filter_map(|(name, value)| {
        if name.is_empty() || name.contains(['=', '\0']) {
            value.reject(Diagnostic::new(
                "no name of a variable",
                "expected letters, digits and underscores: for example { LANG = \"C\" }",
            ));
            return None;
        }
        let sources = value.sources();
        let plain = value.accept(names.fill(&value.text()?, &sources))?;
        let filled = sources.fill(&plain);
        let text =
            filled.map_err(|faults| faults.into_iter().for_each(|invalid| value.reject(invalid)));
        let text = value.accept(without_nul(text.ok()?))?;
        secret::conceal_variable(name, &text);
        variables.insert(name.to_owned(), (text == plain).then_some(plain));
        Some((name.to_owned(), Secret::new(text)))
    });
    let environment = sorted::map(entries);
    names.variables = variables;
    environment
}

/// What the system takes ends at a zero byte.
fn without_nul(text: String) -> Result<String, Diagnostic> {
    match text.contains('\0') {
        true => Err(Diagnostic::new(
            "a zero byte",
            "no process can be given one: leave it out",
        )),
        false => Ok(text),
    }
}
