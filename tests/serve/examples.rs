//! The examples for Prometheus, Grafana and HAProxy, tried with what they are for.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::fixture::{Stage, free_port};

fn example(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(path)
}

fn runs(program: &str, words: &[&str], dir: &Path) {
    let output = Command::new(program).args(words).current_dir(dir).output();
    let output = output.unwrap_or_else(|why| panic!("{program}: {why}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {words:?}: {said}");
}

#[test]
fn the_alert_rules_pass_their_tests() {
    let dir = example("prometheus");
    runs("promtool", &["check", "rules", "httpok.rules.yml"], &dir);
    runs(
        "promtool",
        &["test", "rules", "httpok.rules.test.yml"],
        &dir,
    );
    runs(
        "promtool",
        &["check", "config", "--syntax-only", "prometheus.yml"],
        &dir,
    );
}

#[test]
fn haproxy_takes_its_example() {
    runs("haproxy", &["-c", "-f", "haproxy.cfg"], &example("haproxy"));
}

/// The words of `text` that are names of metrics: ours, or blackbox_exporter's.
fn metrics(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ours = |word: &&str| word.starts_with("httpok_") || word.starts_with("probe_");
    words.filter(ours).map(str::to_owned).collect()
}

#[test]
fn rules_and_dashboard_name_only_metrics_that_are_served() {
    let stage = Stage::settled("");
    let served = metrics(&stage.get("/metrics").body);
    let rules = std::fs::read_to_string(example("prometheus/httpok.rules.yml")).unwrap();
    let dashboard = std::fs::read_to_string(example("grafana/httpok.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let mut named = BTreeSet::new();
    for line in rules
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
    {
        named.extend(metrics(line));
    }
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            named.extend(metrics(target["expr"].as_str().unwrap()));
        }
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        named.extend(metrics(
            variable["query"]["query"].as_str().unwrap_or_default(),
        ));
    }
    // a service without TLS has no certificate
    let unknown: Vec<_> = named
        .difference(&served)
        .filter(|name| *name != "probe_ssl_earliest_cert_expiry")
        .collect();
    assert!(unknown.is_empty(), "{unknown:?} not in {served:?}");
    assert!(named.len() > 10);
}

#[test]
fn a_prometheus_server_scrapes_with_a_key_and_default_settings() {
    let stage = Stage::settled("api_keys = [\"secret\"]");
    let (port, dir) = (free_port(), stage.dir.path());
    let config = format!(
        "scrape_configs:\n  - job_name: httpok\n    scrape_interval: 1s\n    basic_auth: {{ username: x, password: \
         secret }}\n    static_configs: [{{ targets: [\"127.0.0.1:{}\"] }}]\n",
        stage.port
    );
    std::fs::write(dir.join("prometheus.yml"), config).unwrap();
    let mut prometheus = Command::new("prometheus")
        .arg("--config.file=prometheus.yml")
        .arg("--storage.tsdb.path=tsdb")
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .current_dir(dir)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let query = |query: &str| {
        let request = format!("GET /api/v1/query?query={query} HTTP/1.0\r\n\r\n");
        std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
        let bytes = crate::fixture::exchange(port, request.as_bytes());
        let text = String::from_utf8(bytes).ok()?;
        serde_json::from_str::<Value>(text.split_once("\r\n\r\n")?.1).ok()
    };
    let seen = |name: &str| {
        query(name).is_some_and(|answer| {
            let results = answer["data"]["result"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            !results.is_empty()
        })
    };
    let names = [
        "httpok_check_up",
        "httpok_incidents_total",
        "httpok_check_duration_seconds_bucket",
    ];
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        stage.wait("it is scraped", |_| names.iter().all(|name| seen(name)));
    }));
    prometheus.kill().unwrap();
    prometheus.wait().unwrap();
    if let Err(why) = ended {
        std::panic::resume_unwind(why);
    }
}

#[test]
fn example_configuration_is_valid() {
    runs(
        env!("CARGO_BIN_EXE_httpok"),
        &["config", "check", "serve.toml"],
        &example(""),
    );
}
