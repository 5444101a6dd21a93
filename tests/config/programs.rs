//! `[[program]]` and `[embedded]`: every key arrives, and what is wrong is told where it stands.

use std::fs;
use std::path::Path;
use std::time::Duration;

use httpok::config::parse;
use httpok::config::settings::{OnExit, Settings};
use httpok::supervisor::OutputStream;
use httpok::supervisor::embedded::{Autorestart, LogFile, Program, ProgramOutput, Rlimits, User};
use nix::sys::signal::Signal;

use super::{env, faults, file};
use crate::rules::{Rule, expect_one};

fn settings(text: &str) -> Settings {
    parse(text, "/etc/httpok.toml", &env).unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn a_program_has_supervisords_defaults_and_our_output() {
    let settings =
        settings("[[program]]\nname = \"web\"\ncommand = 'python3 -c \"print 1\" $HOME'");
    let words = ["python3", "-c", "print 1", "$HOME"].map(String::from);
    assert_eq!(settings.programs, [Program::new("web", words.to_vec())]);
    let web = &settings.programs[0];
    assert_eq!((web.group.as_str(), web.priority), ("web", 999));
    assert_eq!((web.startsecs.as_secs(), web.startretries), (1, 3));
    assert_eq!(web.autorestart, Autorestart::Unexpected);
    assert_eq!(
        (web.stopwaitsecs.as_secs(), web.stopsignal),
        (10, Signal::SIGTERM)
    );
    assert_eq!(web.stderr, ProgramOutput::Inherit(OutputStream::Stderr));
    assert_eq!(settings.on_exit, OnExit::Stop);
    assert!(
        settings.checks.is_empty(),
        "one that nobody watches is fine"
    );
}

#[test]
fn every_key_of_a_program_arrives() {
    let settings = settings(
        r#"
        [embedded]
        on_exit = "leave"
        [[program]]
        name = "app"
        group = "site"
        numprocs = 2
        command = ["app", "--port", "80%(process_num)02d", "50%"]
        directory = "srv/%(program_name)s"
        environment = { KEY = "%(process_num)d ${env:SHOP_KEY}" }
        user = "root:7"
        umask = "027"
        rlimits = { nofile = 4096, core = "unlimited" }
        autostart = false
        autorestart = true
        exitcodes = [0, 2]
        startsecs = "500ms"
        startretries = 7
        stopsignal = "sigint"
        stopwaitsecs = 20
        stopasgroup = true
        killasgroup = true
        priority = 5
        stdout_logfile = "/var/log/%(group_name)s.log"
        stdout_logfile_maxbytes = "1MiB"
        stdout_logfile_backups = 2
        stderr_logfile = "NONE"
        "#,
    );
    let program = |number: u32| Program {
        group: "site".to_owned(),
        directory: Some("/etc/srv/app".into()),
        environment: [("KEY".to_owned(), format!("{number} hunter2").into())].into(),
        user: Some(User {
            uid: 0,
            gid: 7,
            groups: settings.programs[0].user.clone().expect("root").groups,
        }),
        umask: Some(0o27),
        rlimits: Rlimits {
            nofile: Some(4096),
            core: Some(u64::MAX),
        },
        stdout: ProgramOutput::File(LogFile::new("/var/log/site.log".into(), 1 << 20, 2)),
        stderr: ProgramOutput::Null,
        autostart: false,
        autorestart: Autorestart::Always,
        exitcodes: vec![0, 2],
        startsecs: Duration::from_millis(500),
        startretries: 7,
        stopsignal: Signal::SIGINT,
        stopwaitsecs: Duration::from_secs(20),
        stopasgroup: true,
        priority: 5,
        ..Program::new(
            format!("app_{number}"),
            ["app", "--port", &format!("800{number}"), "50%"]
                .map(String::from)
                .to_vec(),
        )
    };
    assert_eq!(settings.programs, [program(0), program(1)]);
    assert_eq!(settings.on_exit, OnExit::Leave);
    assert!(!format!("{settings:?}").contains("hunter2"));
}

/// A section of supervisord.conf can be carried over as it is: what its placeholders mean is asked of the real one.
#[test]
fn placeholders_expand_as_in_supervisord() {
    let dir = tempfile::tempdir().expect("a directory");
    let keys = [
        ("numprocs", "2"),
        ("numprocs_start", "3"),
        ("process_name", "%(program_name)s_%(process_num)02d"),
        (
            "command",
            "%(here)s/run --of %(numprocs)d --n %(process_num)s --rate 50%% --%(ENV_SHOP_KIND)s-%(ENV_COLOUR)s-%(host_node_name)s",
        ),
        ("directory", "%(here)s/%(group_name)s"),
        (
            "stdout_logfile",
            "%(here)s/%(program_name)s_%(process_num)d_%(ENV_COLOUR)s.log",
        ),
    ];
    let conf = dir.path().join("supervisord.conf");
    let lines: Vec<_> = keys
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let text = format!(
        "[supervisord]\n[program:app]\nenvironment=COLOUR=red\n{}\n",
        lines.join("\n")
    );
    fs::write(&conf, text).expect("written");
    let script = "import sys\nfrom supervisor.options import ServerOptions\no = ServerOptions()\n\
                  o.realize(args=['-c', sys.argv[1]])\n\
                  for g in o.process_group_configs:\n for p in g.process_configs:\n  \
                  print('\\n'.join([p.name, p.command, p.directory, p.stdout_logfile]))";
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".provision/venv/bin/python");
    let output = std::process::Command::new(python)
        .args(["-c", script])
        .arg(&conf)
        .env("SHOP_KIND", "fast")
        .output()
        .expect("provisioned by make");
    assert!(output.status.success(), "{output:?}");
    let theirs = String::from_utf8(output.stdout).expect("text");

    let lines: Vec<_> = keys
        .iter()
        .map(|(key, value)| match value.parse::<u32>() {
            Ok(number) => format!("{key} = {number}"),
            Err(_) => format!("{key} = '{value}'"),
        })
        .collect();
    let text = format!(
        "[[program]]\nname = 'app'\nenvironment = {{ COLOUR = 'red' }}\n{}\n",
        lines.join("\n")
    );
    let env = |name: &str| (name == "SHOP_KIND").then(|| "fast".to_owned());
    let file = dir.path().join("httpok.toml");
    let settings =
        parse(&text, &file.display().to_string(), &env).unwrap_or_else(|f| panic!("{f}"));
    let ours: Vec<_> = settings
        .programs
        .iter()
        .flat_map(|program| {
            let ProgramOutput::File(log) = &program.stdout else {
                panic!("{program:?}");
            };
            [
                program.name.clone(),
                program.command.join(" "),
                program
                    .directory
                    .clone()
                    .expect("one")
                    .display()
                    .to_string(),
                log.path.display().to_string(),
            ]
        })
        .collect();
    assert_eq!(ours.len(), 8);
    assert_eq!(ours, theirs.lines().collect::<Vec<_>>());
}

#[test]
fn paths_expand_variables_that_are_not_secrets() {
    let env = |name: &str| (name == "APP_HOME").then(|| "/srv/app".to_owned());
    let text = "[[program]]\nname = 'a'\ncommand = ['sh', '-c', 'echo ${HOME} $${x}']\n\
                directory = '${env:APP_HOME}/run'\nstdout_logfile = '${env:APP_HOME}/a$${env:X}.log'\n";
    let settings = parse(text, "/etc/httpok.toml", &env).unwrap_or_else(|f| panic!("{f}"));
    let program = &settings.programs[0];
    assert_eq!(
        program.directory.as_deref(),
        Some(Path::new("/srv/app/run"))
    );
    let log = LogFile::new("/srv/app/a${env:X}.log".into(), 50 << 20, 10);
    assert_eq!(program.stdout, ProgramOutput::File(log));
    assert_eq!(
        program.command[2], "echo ${HOME} $${x}",
        "a shell's own variables"
    );
    assert_eq!(httpok::secret::mask("/srv/app"), "/srv/app");
}

#[test]
fn outputs_go_where_the_file_says() {
    let stdout = ProgramOutput::Inherit(OutputStream::Stdout);
    let stderr = ProgramOutput::Inherit(OutputStream::Stderr);
    let log = ProgramOutput::File(LogFile::new("/etc/x.log".into(), 50 << 20, 10));
    for (keys, one, two) in [
        ("", &stdout, &stderr),
        ("redirect_stderr = false", &stdout, &stderr),
        ("redirect_stderr = true", &stdout, &stdout),
        ("stdout_logfile = 'x.log'", &log, &stderr),
        (
            "stdout_logfile = 'x.log'\nredirect_stderr = true",
            &log,
            &log,
        ),
        ("stderr_logfile = 'x.log'", &stdout, &log),
        ("stdout_logfile = '/dev/stderr'", &stderr, &stderr),
        (
            "stdout_logfile = 'NONE'\nstderr_logfile = '/dev/fd/1'",
            &ProgramOutput::Null,
            &stdout,
        ),
        (
            "stdout_logfile = '/dev/stdout'\nstdout_logfile_maxbytes = 0",
            &stdout,
            &stderr,
        ),
    ] {
        let settings = settings(&program(keys));
        let web = &settings.programs[0];
        assert_eq!((&web.stdout, &web.stderr), (one, two), "{keys}");
    }
}

/// A sound program with more `keys`, which begin on line 4.
fn program(keys: &str) -> String {
    format!("[[program]]\nname = \"web\"\ncommand = \"x\"\n{keys}\n")
}

#[rustfmt::skip] // one line each
const PROGRAM_FAULTS: &[Rule] = &[
    ("comand = 1", (4, 1), "comand", "unknown key", "\"command\""),
    ("autostart = \"true\"", (4, 13), "autostart", "a string where a boolean", "without quotes"),
    ("autorestart = \"alwys\"", (4, 15), "autorestart", "does not say when", "true, false or \"unexpected\""),
    ("autorestart = 1", (4, 15), "autorestart", "an integer where true, false", "\"unexpected\""),
    ("exitcodes = [0, 256]", (4, 17), "exitcodes[1]", "256 is out of range", "from 0 to 255"),
    ("startsecs = \"soon\"", (4, 13), "startsecs", "is not a duration", "\"10s\""),
    ("startretries = -1", (4, 16), "startretries", "out of range", "from 0"),
    ("stopsignal = \"TREM\"", (4, 14), "stopsignal", "\"TREM\" is not a signal", "\"TERM\""),
    ("stopsignal = 99", (4, 14), "stopsignal", "\"99\" is not a signal", "\"INT\""),
    ("stopasgroup = true\nkillasgroup = false", (5, 15), "killasgroup", "\"stopasgroup\" without", "leave"),
    ("killasgroup = 1", (4, 15), "killasgroup", "an integer where a boolean", "true or false"),
    ("umask = 22", (4, 9), "umask", "an integer where a mask", "\"022\""),
    ("umask = \"888\"", (4, 9), "umask", "is not a mask", "\"777\""),
    ("umask = \"1777\"", (4, 9), "umask", "is not a mask", "octal"),
    ("user = \"no-such-user\"", (4, 8), "user", "is not a user of this machine", "a number"),
    ("user = \"root:no-such-group\"", (4, 8), "user", "is not a group of this machine", "a number"),
    ("directory = \"%(there)s\"", (4, 13), "directory", "unknown placeholder", "%(here)s"),
    ("directory = \"/srv/%(ENV_NONE)s\"", (4, 13), "directory", "\"NONE\" is not set", "environment"),
    ("directory = \"/srv/${env:NONE}\"", (4, 13), "directory", "\"NONE\" is not set", "set it"),
    ("directory = \"${file:/etc/hostname}\"", (4, 13), "directory", "unknown kind", "${env:NAME}"),
    ("stdout_logfile = \"${env:NONE}.log\"", (4, 18), "stdout_logfile", "\"NONE\" is not set", "set it"),
    ("process_name = \"a:%(process_num)d\"", (4, 16), "process_name", "a name with ':' in it", "\"worker\""),
    ("numprocs_start = -1", (4, 18), "numprocs_start", "out of range", "from 0"),
    ("environment = { TOKEN = \"${env:SHOP_KEY}\" }\ndirectory = \"/srv/%(ENV_TOKEN)s\"",
        (5, 13), "directory", "\"TOKEN\" may be a secret", "read the variable itself"),
    ("numprocs = 0", (4, 12), "numprocs", "out of range", "from 1"),
    ("group = \"a:b\"", (4, 9), "group", "a name with ':' in it", "\"worker\""),
    ("priority = \"low\"", (4, 12), "priority", "a string where an integer", "whole number"),
    ("rlimits = { nofile = 0 }", (4, 22), "rlimits.nofile", "out of range", "from 1"),
    ("rlimits = { core = \"all\" }", (4, 20), "rlimits.core", "is not a size", "16MiB"),
    ("rlimits = { nproc = 1 }", (4, 13), "rlimits.nproc", "unknown key", "nofile, core"),
    ("environment = \"A=1\"", (4, 15), "environment", "a string where a table", "{"),
    ("environment = { A = 1 }", (4, 21), "environment.A", "an integer where a string", "quotes"),
    ("environment = { \"A=B\" = \"1\" }", (4, 25), "environment.\"A=B\"", "no name of a variable", "LANG"),
    ("environment = { A = \"${env:NO}\" }", (4, 21), "environment.A", "\"NO\" is not set", "${file:"),
    ("environment = { A = \"a\\u0000\" }", (4, 21), "environment.A", "a zero byte", "leave"),
    ("stdout_logfile = \"AUTO\"", (4, 18), "stdout_logfile", "\"AUTO\" names no file", "\"NONE\""),
    ("stdout_logfile_backups = 2", (4, 26), "stdout_logfile_backups", "a file that is not there", "stdout_logfile ="),
    ("stderr_logfile = \"x\"\nredirect_stderr = true",
        (4, 18), "stderr_logfile", "exclude each other", "keep one"),
    ("stdout_logfile = \"x\"\nstdout_logfile_maxbytes = \"50MB\"",
        (5, 27), "stdout_logfile_maxbytes", "is not a size", "50MiB"),
];

#[test]
fn each_invalid_program_key_is_reported_in_place() {
    for (keys, place, key, message, help) in PROGRAM_FAULTS {
        // twice the same process has the same faults, once
        for text in [program(keys), program(&format!("{keys}\nnumprocs = 2"))] {
            if keys.starts_with("numprocs") && text.matches("numprocs").count() > 1 {
                continue;
            }
            let key = format!("program[0].{key}");
            expect_one(&faults(&text), &text, *place, &key, message, help);
        }
    }
}

#[rustfmt::skip] // one line each
const FILE_FAULTS: &[Rule] = &[
    ("[program]\nname = \"a\"", (1, 1), "program", "a table where a list", "[[program]]"),
    ("[[program]]\ncommand = \"x\"", (1, 1), "program[0].name", "missing key \"name\"", "\"worker\""),
    ("[[program]]\nname = \"a\"", (1, 1), "program[0].command", "missing key \"command\"", "python3"),
    ("[[program]]\nname = \"a\"\ncommand = \"\"", (3, 11), "program[0].command", "no program to run", "python3"),
    ("[[program]]\nname = \"a\"\ncommand = []", (3, 11), "program[0].command", "no program to run", "python3"),
    ("[[program]]\nname = \"a\"\ncommand = [\"\", \"x\"]", (3, 11), "program[0].command", "no program to run", ""),
    ("[[program]]\nname = \"a\"\ncommand = \"it's\"", (3, 11), "program[0].command", "not closed", "as a list"),
    ("[[program]]\nname = \"a\"\ncommand = 5", (3, 11), "program[0].command", "an integer where a command", ""),
    ("[[program]]\nname = \"a\"\ncommand = \"x %(no)s\"", (3, 11), "program[0].command", "unknown placeholder", ""),
    ("[[program]]\nname = \"a\"\ncommand = \"x ${env:SHOP_KEY}\"", (3, 11), "program[0].command",
        "a substitution for secrets in a command", "%(ENV_NAME)s"),
    ("[[program]]\nname = \"a\"\nnumprocs = 2\nprocess_name = \"b\"\ncommand = \"x\"", (4, 16), "program[0].process_name",
        "one name for 2 processes", "%(process_num)d"),
    ("[[program]]\nname = \"a b\"\ncommand = \"x\"", (2, 8), "program[0].name", "a name with ' ' in it", ""),
    ("[[program]]\nname = \"a\"\ncommand = \"x\"\n[[program]]\nname = \"a\"\ncommand = \"y\"",
        (5, 8), "program[1].name", "there is a program \"a\" already, on line 2", "of its own"),
    ("[[program]]\nname = \"a_1\"\ngroup = \"a\"\ncommand = \"x\"\n\
      [[program]]\nname = \"a\"\nnumprocs = 3\ncommand = \"y\"",
        (6, 8), "program[1].name", "there is a program \"a_1\" already", "of its own"),
    ("embedded = 1", (1, 12), "embedded", "an integer where a table", "{"),
    ("[embedded]\non_exit = \"keep\"", (2, 11), "embedded.on_exit", "\"keep\" is not an end", "stop, leave"),
];

#[test]
fn each_invalid_program_is_reported() {
    for (section, place, key, message, help) in FILE_FAULTS {
        let text = format!("{section}\n{}", file("", ""));
        expect_one(&faults(&text), &text, *place, key, message, help);
    }
}

#[test]
fn a_check_has_not_the_name_of_a_programs_own() {
    let check = |name: &str| {
        format!(
            "[[check]]\nname = \"{name}\"\nurl = \"http://h/\"\n\
             [[program]]\nname = \"web\"\ncommand = \"x\"\n"
        )
    };
    settings(&check("program/other"));
    let text = check("program/web");
    let message = "is the name of the check that program \"web\" has of its own";
    let key = "check[0].name";
    expect_one(&faults(&text), &text, (2, 8), key, message, "another name");
}

#[test]
fn a_target_names_a_program_that_is_there() {
    let programs = "[[program]]\nname = \"worker\"\ncommand = \"x\"\n\
                    [[program]]\nname = \"app\"\nnumprocs = 2\ncommand = \"x\"\n";
    let both = format!("{programs}[supervisor.supervisord]\nurl = \"unix:///s\"\n");
    let embedded = format!("[supervisor]\ndefault = \"embedded\"\n{programs}");
    for (target, rest) in [
        ("program/worker", programs),
        ("program/worker:worker", programs),
        ("program/app_1", programs),
        ("program/app:app_0", programs),
        ("program/app:*", programs),
        ("app:*", &embedded),
        ("worker", &embedded),
        // it may be supervisord's
        ("wroker", &both),
        ("supervisord/wroker", &both),
    ] {
        settings(&file(&format!("restart = \"{target}\""), rest));
    }
    for (target, rest, message, help) in [
        (
            "program/wroker",
            programs,
            "\"program/wroker\" is not a program",
            "\"program/worker\"",
        ),
        (
            "wroker",
            programs,
            "\"wroker\" is a process of supervisord, and no supervisord is configured",
            "did you mean \"program/worker\"?",
        ),
        (
            "worker",
            programs,
            "no supervisord is configured",
            "did you mean \"program/worker\"?",
        ),
        (
            "supervisord/zzz",
            &*embedded,
            "no supervisord is configured",
            "[supervisor.supervisord]",
        ),
        (
            "wroker",
            &*embedded,
            "\"wroker\" is not a program",
            "did you mean \"worker\"?",
        ),
        (
            "program/app",
            programs,
            "\"program/app\" is not a program",
            "program/app:",
        ),
        (
            "program/zzz",
            programs,
            "is not a program",
            "expected one of program/app:*, program/app:app_0",
        ),
        (
            "program/worker",
            "",
            "there is no [[program]]",
            "[[program]]",
        ),
    ] {
        let text = file(&format!("restart = [\"{target}\"]"), rest);
        let key = "check[0].restart[0]";
        expect_one(&faults(&text), &text, (4, 12), key, message, help);
    }
}
