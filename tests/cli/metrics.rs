//! `httpok check --format openmetrics`, read back by Prometheus's own parser for Python.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::run;
use super::server::{Server, refusing};

/// Prints what it reads on standard input as JSON, or ends with what is wrong with it.
const READER: &str = r"
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read
text = sys.stdin.buffer.read().decode()
print(json.dumps([
    dict(name=f.name, kind=f.type, unit=f.unit, help=f.documentation,
         samples=[dict(name=s.name, labels=s.labels, value=s.value) for s in f.samples])
    for f in read(text)]))
";

#[derive(Debug, Deserialize)]
struct Family {
    name: String,
    kind: String,
    unit: String,
    help: String,
    samples: Vec<Sample>,
}

#[derive(Debug, Deserialize)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// The families in `text`, by name.
fn parse(text: &str) -> Result<BTreeMap<String, Family>, String> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".provision/venv/bin/python");
    let mut child = Command::new(python)
        .args(["-c", READER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python of .provision/venv: run `make provision`");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(text.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let families: Vec<Family> = serde_json::from_slice(&output.stdout).expect("JSON");
    let named = families.into_iter();
    Ok(named.map(|one| (one.name.clone(), one)).collect())
}

/// The value of the one sample of `family` with exactly these labels.
fn value(family: &Family, labels: &[(&str, &str)]) -> Option<f64> {
    let wanted: BTreeMap<String, String> = labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let mut fitting = family.samples.iter().filter(|one| one.labels == wanted);
    let found = fitting.next().map(|one| one.value);
    assert!(fitting.next().is_none(), "twice: {family:?}");
    found
}

/// A family, a sample's labels, its value if there is one.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], Option<f64>);

#[test]
fn prometheus_parses_the_openmetrics_format() {
    let server = Server::usual();
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("httpok.toml");
    // each needs another kind of escaping
    let odd = "caf\u{e9} \"quoted\" \\n {a=\"b\"}, # EOF";
    let config = format!(
        "[[check]]\nname = '{odd}'\nurl = \"{}\"\n\
         [[check]]\nname = \"bad\"\nurl = \"{}\"\n\
         [[check]]\nname = \"gone\"\nurl = \"{}\"\n\
         [[check]]\nname = \"slow\"\nurl = \"{}\"\ntimeout = \"1s\"\n\
         [[check]]\nname = \"sad\"\nurl = \"{}\"\ndegraded = ['size > 100']\n",
        server.url("/"),
        server.url("/500"),
        refusing().url,
        server.url("/slow"),
        server.url("/"),
    );
    std::fs::write(&file, config).expect("a file");
    let file = file.to_str().expect("text");
    let reported = run(&["check", "--config", file, "--format", "openmetrics"]);
    assert_eq!(
        (reported.code, reported.err.as_str()),
        (Some(2), ""),
        "{reported:?}"
    );
    let families = parse(&reported.out).unwrap_or_else(|why| panic!("{why}\n{}", reported.out));

    for family in families.values() {
        assert_eq!(family.kind, "gauge", "{family:?}");
        assert!(!family.help.is_empty(), "{family:?}");
        let in_seconds = family.name.ends_with("_seconds");
        assert_eq!(family.unit, if in_seconds { "seconds" } else { "" });
        let named = |sample: &Sample| sample.name == family.name;
        assert!(family.samples.iter().all(named), "{family:?}");
    }
    let table: [Row; 14] = [
        ("probe_success", &[("check", odd)], Some(1.0)),
        ("probe_success", &[("check", "sad")], Some(1.0)),
        ("probe_success", &[("check", "bad")], Some(0.0)),
        ("probe_success", &[("check", "gone")], Some(0.0)),
        ("probe_http_status_code", &[("check", "bad")], Some(500.0)),
        ("probe_http_status_code", &[("check", "gone")], None),
        (
            "probe_failure_reason",
            &[("check", "bad"), ("reason", "status")],
            Some(1.0),
        ),
        (
            "probe_failure_reason",
            &[("check", "gone"), ("reason", "refused")],
            Some(1.0),
        ),
        (
            "probe_failure_reason",
            &[("check", "slow"), ("reason", "first_byte_timeout")],
            Some(1.0),
        ),
        (
            "probe_failure_reason",
            &[("check", "sad"), ("reason", "assertion")],
            Some(1.0),
        ),
        (
            "httpok_check_verdict",
            &[("check", "sad"), ("verdict", "degraded")],
            Some(1.0),
        ),
        (
            "httpok_check_verdict",
            &[("check", "sad"), ("verdict", "pass")],
            Some(0.0),
        ),
        (
            "probe_http_duration_seconds",
            &[("check", "bad"), ("phase", "tls")],
            None,
        ),
        (
            "probe_http_duration_seconds",
            &[("check", "bad"), ("phase", "resolve")],
            None,
        ),
    ];
    for (name, labels, expected) in table {
        assert_eq!(value(&families[name], labels), expected, "{name}{labels:?}");
    }
    let took = &families["probe_duration_seconds"];
    let slow = value(took, &[("check", "slow")]).expect("it was asked");
    assert!((1.0..60.0).contains(&slow), "{slow}");
    let phases = &families["probe_http_duration_seconds"];
    for phase in ["connect", "processing", "transfer"] {
        assert!(value(phases, &[("check", odd), ("phase", phase)]).is_some());
    }
    assert_eq!(families["probe_success"].samples.len(), 5);
}

#[test]
fn the_same_url_twice_is_still_valid() {
    let server = Server::usual();
    let url = server.url("/");
    let reported = run(&["check", "--format", "openmetrics", &url, &url]);
    assert_eq!(reported.code, Some(0), "{reported:?}");
    let families = parse(&reported.out).unwrap_or_else(|why| panic!("{why}\n{}", reported.out));
    let second = format!("{url} #2");
    for check in [&url, &second] {
        let labels = [("check", check.as_str())];
        assert_eq!(value(&families["probe_success"], &labels), Some(1.0));
    }
}

#[test]
fn test_reader_rejects_invalid_metrics() {
    for broken in [
        "# TYPE a gauge\na 1\n",
        "# TYPE a gauge\na{b=\"\"c\"} 1\n# EOF\n",
        "# TYPE a gauge\n# UNIT a seconds\na 1\n# EOF\n",
    ] {
        assert!(parse(broken).is_err(), "{broken}");
    }
}
