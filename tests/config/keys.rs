//! The descriptions of keys say what the reader does: every described key is accepted, its default is what holds
//! without it, its bounds are the reader's. (That the reader asks for no key without a description it asserts
//! itself, in every test that reads a file.)

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use httpok::config::keys::{self, Default, Key, Kind, Place, Section};
use httpok::config::parse;
use httpok::config::settings::Settings;

/// A check for what needs one: other checks may require it.
const CHECK: &str = "[[check]]\nname = \"db\"\nurl = \"http://h/\"\n";

/// As under a supervisord: bare names in `restart` are its.
fn any(name: &str) -> Option<String> {
    Some(match name {
        "SUPERVISOR_SERVER_URL" => "unix:///s".to_owned(),
        _ => "x".to_owned(),
    })
}

/// What a table with `key` needs beside it; `below` are keys that the table has anyway.
fn needs(section: &'static Section, only: &str, there: &[&str]) -> String {
    let mut lines = String::new();
    for key in section.all() {
        if key.default == Default::Required && !there.contains(&key.name) {
            lines.push_str(&format!("{} = {}\n", key.name, key.example));
        }
    }
    let ways = ["mail", "webhook", "exec"];
    if section.path == "notify" && !ways.iter().any(|key| there.contains(key)) {
        lines.push_str("exec = [\"true\"]\n");
    }
    if section.path == "check"
        && !["url", "command", "preset", "heartbeat"]
            .iter()
            .any(|key| there.contains(key))
    {
        lines.push_str(match only {
            "tcp or unix" => "url = \"tcp://h:1\"\n",
            "exec" => "command = \"true\"\n",
            "heartbeat" => "heartbeat = \"25h\"\n",
            _ => "url = \"http://h/\"\n",
        });
    }
    lines
}

/// A file with `lines`, in which `key` may stand, in the table at `place`.
fn file(place: &Place, key: &Key, lines: &str) -> String {
    let mut text = String::new();
    let mut section = &keys::ROOT;
    let own = |section: &'static Section| -> String {
        let there = [key.name, key.beside.split(' ').next().unwrap_or_default()];
        format!(
            "{}{}\n{lines}",
            needs(section, key.only, &there),
            key.beside
        )
    };
    if place.way.is_empty() {
        text.push_str(&own(section));
    }
    for (at, &(name, is_list)) in place.way.iter().enumerate() {
        let step = section.find(name).expect("a described table");
        section = step.kind.section().expect("a table").0;
        let path: Vec<_> = place.way[..=at].iter().map(|(name, _)| *name).collect();
        let path = path.join(".");
        text.push_str(&match is_list {
            true => format!("[[{path}]]\n"),
            false => format!("[{path}]\n"),
        });
        match place.way.get(at + 1) {
            None => text.push_str(&own(section)),
            Some((next, _)) => {
                let next = section.find(next).expect("a described table");
                text.push_str(&format!("{}{}\n", needs(section, "", &[]), next.beside));
            }
        }
    }
    // a group is one of a fleet
    let is_of_fleet = place.section.path == "check.fleet" || key.name == "fleet";
    let fleet = match is_of_fleet && !text.starts_with("[fleet]") {
        true => "[fleet]\nlock = \"etcd\"\n",
        false => "",
    };
    format!("{text}\n{CHECK}{fleet}")
}

fn read(text: &str) -> Settings {
    parse(text, "httpok.toml", &any).unwrap_or_else(|faults| panic!("{faults}\n{text}"))
}

/// Every key that is a value, with its table.
fn values() -> Vec<(Place, &'static Key)> {
    let mut found = Vec::new();
    for place in keys::sections() {
        for key in place.section.all().filter(|key| !key.kind.is_table()) {
            let way = place.way.clone();
            let section = place.section;
            found.push((Place { way, section }, key));
        }
    }
    found
}

#[test]
fn every_key_is_described_in_one_sentence_with_an_example() {
    for place in keys::sections() {
        for key in place.section.all() {
            let path = format!("{}.{}", place.section.path, key.name);
            assert!(
                key.says.ends_with('.') && key.says.len() > 10,
                "{path}: {}",
                key.says
            );
            assert!(key.says.len() < 260, "{path}: {}", key.says);
            assert!(key.kind.is_table() || !key.example.is_empty(), "{path}");
            assert_eq!(key.since.split('.').count(), 3, "{path}: {}", key.since);
        }
        let names = place.section.names();
        let unique: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(unique.len(), names.len(), "{names:?}");
    }
}

#[test]
fn every_described_key_is_accepted() {
    let values = values();
    assert!(values.len() > 100, "{}", values.len());
    for (place, key) in values {
        read(&file(
            &place,
            key,
            &format!("{} = {}", key.name, key.example),
        ));
    }
}

#[test]
fn a_default_is_what_holds_without_the_key() {
    let mut defaults = 0;
    for (place, key) in values() {
        let Default::Is(default) = key.default else {
            continue;
        };
        let without = file(&place, key, "");
        let with = file(&place, key, &format!("{} = {default}", key.name));
        assert_eq!(read(&with), read(&without), "{with}");
        defaults += 1;
    }
    assert!(defaults > 40, "{defaults}");
}

#[test]
fn a_range_is_that_of_the_reader() {
    let mut ranges = 0;
    for (place, key) in values() {
        let Kind::Count { least, most, .. } = key.kind else {
            continue;
        };
        let with = |value: i64| {
            let text = file(&place, key, &format!("{} = {value}", key.name));
            parse(&text, "httpok.toml", &any).map_err(|faults| faults.to_string())
        };
        for inside in [least, most] {
            // upper and lower of a pair may be the wrong way round
            if let Err(faults) = with(i64::from(inside)) {
                assert!(!faults.contains("out of range"), "{faults}");
            }
        }
        for outside in [i64::from(least) - 1, i64::from(most) + 1] {
            let faults = with(outside).expect_err("out of range");
            assert!(faults.contains("out of range"), "{}: {faults}", key.name);
        }
        ranges += 1;
    }
    assert!(ranges >= 8, "{ranges}");
}

#[test]
fn a_key_for_some_checks_is_refused_by_the_others() {
    for key in keys::CHECK
        .all()
        .filter(|key| !key.only.is_empty() && !key.is_own)
    {
        let url = match key.only {
            "HTTP" | "HTTP and gRPC" => "tcp://h:1",
            _ => "http://h/",
        };
        let text = format!(
            "[[check]]\nname = \"a\"\nurl = \"{url}\"\n{}\n{} = {}\n",
            key.beside, key.name, key.example
        );
        let faults = parse(&text, "httpok.toml", &any)
            .expect_err(key.name)
            .to_string();
        let why = format!("{:?} is for {} checks", key.name, key.only);
        assert!(faults.contains(&why), "{faults}");
    }
}

#[test]
fn an_unknown_key_is_answered_with_the_described_ones() {
    for place in keys::sections() {
        let Some(key) = place.section.all().next() else {
            continue;
        };
        let names = place.section.names().join(", ");
        let mut text = file(&place, key, "zzz = 1");
        if key.default != Default::Required && !key.kind.is_table() && key.only.is_empty() {
            text = text.replace(
                "zzz = 1",
                &format!("{} = {}\nzzz = 1", key.name, key.example),
            );
        }
        let faults = parse(&text, "httpok.toml", &any)
            .expect_err("unknown")
            .to_string();
        assert!(
            faults.contains(&format!("expected one of {names}")),
            "{names}\n{faults}"
        );
    }
}

/// The lines of the example file that are the file's own.
fn uncommented(example: &str) -> String {
    let lines = example.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => rest,
        _ => "",
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_file_has_every_key_and_is_valid_without_its_comment_signs() {
    let example = keys::example();
    let text = uncommented(&example);
    let settings = read(&text);
    assert!(settings.checks.len() >= 3, "{}", settings.checks.len());
    for (place, key) in values() {
        // tables that stand in one line
        if place.section.path == "check.fleet" {
            continue;
        }
        if place.way.iter().any(|(name, _)| {
            matches!(
                *name,
                "verdicts" | "outbox" | "state_free_bytes" | "state_free_inodes"
            )
        }) {
            continue;
        }
        let line = format!("{} = {}", key.name, key.example);
        let there = match key.instead_of {
            "" => text.lines().any(|found| found == line),
            other => example.contains(&format!("\n# Instead of {other}: {line}\n")),
        };
        assert!(there, "{line}");
    }
    let all_comments = example
        .lines()
        .all(|line| line.is_empty() || line.starts_with('#'));
    assert!(all_comments && example.lines().all(|line| line.len() <= 130));
}

/// Files, and whether they are right. The validator and the reader must agree.
#[test]
fn the_schema_agrees_with_the_reader() {
    let mut files = BTreeMap::new();
    for (place, key) in values() {
        let text = file(&place, key, &format!("{} = {}", key.name, key.example));
        files.insert(text, true);
    }
    for name in ["full.toml", "minimal.toml"] {
        let text = std::fs::read_to_string(format!("tests/fixtures/config/{name}"));
        files.extend(text.map(|text| (text, true)));
    }
    files.insert(uncommented(&keys::example()), true);
    for invalid in [
        "zzz = 1\n",
        "every = \"soon\"\n",
        "every = 0\n",
        "panic_threshold = \"most\"\n",
        "max_concurrent_restarts = 0\n",
        "max_restarts = 5\n",
        "dry_run = \"true\"\n",
        "[defaults]\nname = \"a\"\n",
        "[defaults]\ntimeout = \"soon\"\n",
        "[supervisor]\ndefault = \"runit\"\n",
        "[supervisor.command]\nstatus = \"a\"\n",
        "[mail]\n",
        "[mail]\nto = 5\n",
        "[[webhook]]\n",
        "[[notify]]\nexec = [\"true\"]\n",
        "[[notify]]\nname = \"a\"\n",
        "[[notify]]\nname = \"a\"\nexec = [\"true\"]\non = [\"lunch\"]\n",
        "[[notify]]\nname = \"a\"\nwebhook = { url = \"http://h/\", format = \"smoke\" }\n",
        "[[notify]]\nname = \"a\"\nmail = { to = \"a@h\", reminder = \"1h\" }\n",
        "[serve]\nunavailable_status_code = 99\n",
        "[serve.healthy]\noutbox = true\n",
        "[embedded]\non_exit = \"explode\"\n",
        "[[program]]\nname = \"a\"\n",
        "[[program]]\nname = \"a\"\ncommand = \"b\"\nautorestart = \"maybe\"\n",
    ] {
        files.insert(format!("{invalid}{CHECK}"), false);
    }
    for invalid in [
        "name = \"a\"\n",
        "url = \"http://h/\"\n",
        "name = \"a\"\nurl = \"http://h/\"\nzzz = 1\n",
        "name = \"a\"\nurl = \"http://h/\"\nstatus = \"fine\"\n",
        "name = \"a\"\nurl = \"http://h/\"\nmax_body = \"16MB\"\n",
        "name = \"a\"\nurl = \"http://h/\"\nfail_after = 0\n",
        "name = \"a\"\nurl = \"http://h/\"\npreset = \"sprong\"\n",
        "name = \"a\"\nurl = \"http://h/\"\nact_on = [\"bad luck\"]\n",
        "name = \"a\"\nurl = \"http://h/\"\nverdicts = [{ when = \"status == 401\" }]\n",
        "name = \"a\"\nurl = \"http://h/\"\nverdicts = [{ when = \"status == 401\", is = \"meh\" }]\n",
        "name = \"a\"\nurl = \"http://h/\"\nbackoff = { factor = 0.5 }\n",
        "name = \"a\"\nurl = \"http://h/\"\nheaders = { A = 1 }\n",
        "name = \"a\"\nurl = \"http://h/\"\n[check.capture]\nkeep = -1\n",
    ] {
        files.insert(format!("[[check]]\n{invalid}"), false);
    }
    files.insert(String::new(), false);
    let instances: Vec<_> = files
        .iter()
        .map(|(text, is_right)| {
            let read = parse(text, "tests/fixtures/config/x.toml", &any);
            assert_eq!(read.is_ok(), *is_right, "{text}\n{:?}", read.err());
            toml::from_str::<serde_json::Value>(text).expect("TOML")
        })
        .collect();
    let found = validate(&instances);
    for (at, (text, is_right)) in files.iter().enumerate() {
        assert_eq!(found[at].is_empty(), *is_right, "{text}\n{}", found[at]);
    }
}

/// What jsonschema says of each of `instances`; nothing of one that is right.
fn validate(instances: &[serde_json::Value]) -> Vec<String> {
    const SCRIPT: &str = "import json, sys\n\
        from jsonschema import Draft202012Validator as Validator\n\
        schema, instances = json.load(sys.stdin)\n\
        Validator.check_schema(schema)\n\
        validator = Validator(schema)\n\
        print(json.dumps(['; '.join(e.message for e in validator.iter_errors(i)) for i in instances]))\n";
    let mut python = Command::new(".provision/venv/bin/python")
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python is provisioned");
    let asked = serde_json::json!([keys::schema(), instances]);
    let mut stdin = python.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut stdin, asked.to_string().as_bytes()).expect("written");
    drop(stdin);
    let output = python.wait_with_output().expect("it ends");
    assert!(output.status.success(), "jsonschema did not run");
    serde_json::from_slice(&output.stdout).expect("a list")
}
