//! Whatever a supervisor says, however long: what becomes a fact is short.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use httpok::exec::CommandLine;
use httpok::health::{Backend, ProcessName, Remedy, Selection, TEXT_MAX};
use httpok::secret::Secret;
use httpok::supervisor::command::{CommandClient, CommandSpec};
use httpok::supervisor::docker;
use httpok::supervisor::supervisord::{Deadlines, SupervisordClient, SupervisordSpec};
use httpok::supervisor::systemd::{ManagerScope, SystemdClient, SystemdSpec};
use httpok::supervisor::{OutputStream, Supervisors};
use serde::Serialize;
use serde_json::Value;

use crate::hostile::{Act, answering, on_unix};

/// Only a failing test waits for so long.
const LIMIT: Duration = Duration::from_secs(60);

fn long() -> String {
    "ä".repeat(100_000)
}

/// The longest text in `facts`, in bytes.
fn longest(facts: &impl Serialize) -> usize {
    fn of(value: &Value) -> usize {
        match value {
            Value::String(text) => text.len(),
            Value::Array(values) => values.iter().map(of).max().unwrap_or(0),
            Value::Object(values) => values.values().map(of).max().unwrap_or(0),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
    }
    of(&serde_json::to_value(facts).unwrap())
}

/// Asserts that all that `supervisors` tells about `name` is short, but there.
async fn is_short(supervisors: &Supervisors, name: &ProcessName, what: &str) {
    let remedy = Remedy {
        selection: Selection::All,
        ..Remedy::NONE
    };
    let listing = supervisors.list(&remedy, &[name.backend], LIMIT).await;
    let facts = [
        ("list", longest(&listing.processes)),
        ("unasked", longest(&listing.unasked)),
        ("info", longest(&supervisors.info(name).await)),
        ("stop", longest(&supervisors.stop(name).await)),
        ("start", longest(&supervisors.start(name).await)),
        (
            "tail",
            longest(&supervisors.log_tail(name, OutputStream::Stdout, 512).await),
        ),
    ];
    for (fact, length) in facts {
        assert!(length <= TEXT_MAX, "{what}: {fact} has {length} bytes");
    }
    assert!(
        facts.iter().any(|(_, length)| *length > 100),
        "{what}: {facts:?}"
    );
}

fn answer(code: u16, body: &str) -> &'static [u8] {
    let length = body.len();
    let head = format!("HTTP/1.1 {code} X\r\nContent-Length: {length}\r\n\r\n");
    Vec::leak((head + body).into_bytes())
}

#[tokio::test]
async fn a_supervisords_texts_are_cut() {
    let string = |text: &str| format!("<value><string>{text}</string></value>");
    let xml = |value: &str| {
        format!(
            "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n{value}\n</param>\n</params>\n</methodResponse>\n"
        )
    };
    let info = {
        let text = |key: &str| {
            format!(
                "<member>\n<name>{key}</name>\n{}\n</member>\n",
                string(&long())
            )
        };
        let number = |key: &str| {
            format!("<member>\n<name>{key}</name>\n<value><int>20</int></value>\n</member>\n")
        };
        let texts: String = ["name", "group", "spawnerr", "description"]
            .map(text)
            .concat();
        let numbers: String = ["state", "start", "now", "pid"].map(number).concat();
        format!("<value><struct>\n{texts}{numbers}</struct></value>")
    };
    let fault = format!(
        "<?xml version='1.0'?>\n<methodResponse>\n<fault>\n<value><struct>\n<member>\n<name>faultCode</name>\n<value><int>30</int></value>\n</member>\n\
         <member>\n<name>faultString</name>\n{}\n</member>\n</struct></value>\n</fault>\n</methodResponse>\n",
        string(&long())
    );
    let tail = format!(
        "<value><array><data>\n{}\n<value><int>5</int></value>\n<value><boolean>0</boolean></value>\n</data></array></value>",
        string(&long())
    );
    let list = format!("<value><array><data>\n{info}\n</data></array></value>");
    let texts = [xml(&list), xml(&info), xml(&tail), fault, long()];
    let [list, info, tail, fault, junk] = texts.map(|body| answer(200, &body));
    // in the order in which they are asked
    for (what, answers) in [
        ("answers", [list, info, fault, fault, tail]),
        ("faults", [fault; 5]),
        ("junk", [junk; 5]),
    ] {
        let turn = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let server = answering(move |_| {
            let at = turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            // the client closes first: what it has not read would reset the connection
            vec![Act::Say(answers[at.min(4)]), Act::Hang]
        })
        .await;
        let deadlines = Deadlines {
            question: LIMIT,
            action: LIMIT,
        };
        let spec = SupervisordSpec::new(&server.url(""), "", Secret::default()).unwrap();
        let mut supervisors = Supervisors::default();
        supervisors.insert(
            Backend::Supervisord,
            SupervisordClient::new(spec, deadlines),
        );
        let name = ProcessName::supervisord("web", "web");
        is_short(&supervisors, &name, what).await;
    }
}

#[tokio::test]
async fn an_engines_texts_are_cut() {
    let text = long();
    for (code, body) in [
        (500, format!("{{\"message\":\"{text}\"}}")),
        (500, text.clone()),
        (200, format!("\"{text}\"")),
        (
            200,
            format!(
                "{{\"Id\":\"{text}\",\"Name\":\"/web\",\"State\":{{\"Status\":\"exited\",\"Error\":\"{text}\"}}}}"
            ),
        ),
        (
            200,
            format!("[{{\"Id\":\"{text}\",\"Names\":[\"/{text}\"]}}]"),
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("s");
        let server = on_unix(&socket, answer(code, &body));
        let mut supervisors = Supervisors::default();
        supervisors.insert(
            Backend::Docker,
            docker::DockerClient::new(socket.to_str().unwrap()),
        );
        let name = ProcessName::alone(Backend::Docker, "web");
        is_short(&supervisors, &name, &format!("{body:.60}")).await;
        server.abort();
    }
}

/// An executable that runs `body`.
fn script(dir: &Path, body: &str) -> String {
    let path = dir.join("script");
    fs::write(dir.join("long"), long()).unwrap();
    let text = format!("#!/bin/sh\nLONG={}/long\n{body}\n", dir.display());
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn texts_of_commands_are_cut() {
    let dir = tempfile::tempdir().unwrap();
    for body in [
        "cat $LONG >&2; exit 1",
        "cat $LONG; exit 3",
        "cat $LONG; exit 1",
        "echo \"Id=$(cat $LONG)\nLoadState=loaded\nActiveState=failed\nResult=$(cat $LONG)\"",
    ] {
        let program = script(dir.path(), body);
        let line = CommandLine::Argv(vec![program.clone()]);
        let mut supervisors = Supervisors::default();
        supervisors.insert(
            Backend::Command,
            CommandClient::new(CommandSpec {
                status: line.clone(),
                stop: line.clone(),
                start: line,
                pidfile: None,
                timeout: Duration::from_secs(1),
            }),
        );
        supervisors.insert(
            Backend::Systemd,
            SystemdClient::new(SystemdSpec {
                scope: ManagerScope::User,
                systemctl: program.into(),
            }),
        );
        let unit = ProcessName::systemd("web.service");
        for name in [ProcessName::alone(Backend::Command, "web"), unit] {
            let info = longest(&supervisors.info(&name).await);
            let stop = longest(&supervisors.stop(&name).await);
            let start = longest(&supervisors.start(&name).await);
            assert!(
                info.max(stop).max(start) <= TEXT_MAX,
                "{body}: {info} {stop} {start}"
            );
        }
    }
}
