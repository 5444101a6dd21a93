//! Other people's clients: curl, nc, promtool, HAProxy.

use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};

use crate::fixture::{Stage, exchange, free_port};
use crate::site::says;

#[test]
fn curl_and_nc_are_answered() {
    let stage = Stage::settled("line = true");
    let curl = |words: &[&str]| {
        let output = Command::new("curl")
            .args(["-s", "--max-time", "20"])
            .args(words)
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let code = curl(&[
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        &stage.url("/health"),
    ]);
    assert_eq!(code, "503");
    let head = curl(&["-I", &stage.url("/status.json")]);
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    assert!(curl(&["-0", &stage.url("/ready")]).starts_with('['));
    let port = (stage.port + 80).to_string();
    let mut nc = Command::new("nc")
        .args(["-N", "127.0.0.1", &port])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    nc.stdin
        .take()
        .unwrap()
        .write_all(b"health_check\n")
        .unwrap();
    let said = String::from_utf8(nc.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(said, "Error: checks down: db\n");
}

#[test]
fn promtool_accepts_the_metrics() {
    let stage = Stage::settled("");
    let metrics = stage.get("/metrics");
    assert_eq!(
        metrics.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(metrics.body.as_bytes())
        .unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    let open = stage.ask(
        "GET",
        "/metrics",
        "Accept: application/openmetrics-text;version=1.0.0\r\n",
    );
    assert_eq!(
        open.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    assert!(open.body.ends_with("\n# EOF\n"));
    assert!(
        open.body
            .contains("httpok_incidents_total{check=\"db\"} 1 # {incident="),
        "{}",
        open.body
    );
}

/// A HAProxy that asks in all its ways. Its own processes end with this value.
struct Haproxy {
    child: Child,
    stats: u16,
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Haproxy {
    fn start(stage: &Stage, agent: u16) -> Self {
        let stats = free_port();
        let (http, line, target) = (stage.port, stage.port + 80, stage.site.address.port());
        let text = format!(
            "global\n stats socket 127.0.0.1:{stats} level admin\ndefaults\n mode http\n timeout connect 2s\n timeout \
             client 5s\n timeout server 5s\n timeout check 2s\n\
             backend http\n option httpchk\n http-check send meth OPTIONS uri /health?plugin=db\n server s \
             127.0.0.1:{target} check port {http} inter 100ms rise 1 fall 1\n\
             backend get\n option httpchk GET /healthy\n server s 127.0.0.1:{target} check port {http} inter 100ms \
             rise 1 fall 1\n\
             backend tcp\n mode tcp\n option tcp-check\n tcp-check connect port {line}\n tcp-check send \
             health_check\\r\\n\n tcp-check expect string OK\n server s 127.0.0.1:{target} check inter 100ms rise 1 fall \
             1\n\
             backend agent\n server s 127.0.0.1:{target} weight 100 agent-check agent-port {agent} agent-inter 100ms \
             agent-send \"db\\n\"\n"
        );
        let file = stage.dir.path().join("haproxy.cfg");
        fs::write(&file, text).unwrap();
        let child = Command::new("haproxy")
            .args(["-db", "-f"])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, stats }
    }

    /// How each backend's server stands, in the words of its statistics.
    fn states(&self) -> Option<Vec<(String, String)>> {
        std::net::TcpStream::connect(("127.0.0.1", self.stats)).ok()?;
        let text = String::from_utf8(exchange(self.stats, b"show stat\n")).ok()?;
        let mut lines = text.lines();
        let names: Vec<_> = lines.next()?.split(',').collect();
        let status = names.iter().position(|name| *name == "status")?;
        let rows = lines.filter_map(|line| {
            let cells: Vec<_> = line.split(',').collect();
            (cells.get(1) == Some(&"s")).then(|| (cells[0].to_owned(), cells[status].to_owned()))
        });
        Some(rows.collect())
    }

    fn all(&self, fits: impl Fn(&str) -> bool) -> bool {
        let Some(states) = self.states() else {
            return false;
        };
        states.len() == 4 && states.iter().all(|(_, status)| fits(status))
    }
}

#[test]
fn haproxy_marks_servers_up_and_down() {
    let agent = free_port();
    let stage = Stage::settled(&format!("line = true\nagent = \"127.0.0.1:{agent}\""));
    let haproxy = Haproxy::start(&stage, agent);
    stage.wait("all are down", |_| {
        haproxy.all(|status| status.starts_with("DOWN"))
    });
    stage.site.answer("/db", || says("200 OK", "fine"));
    stage.wait("all are up", |_| {
        haproxy.all(|status| status.starts_with("UP") || status == "no check")
    });
    stage.site.answer("/db", || says("500 X", ""));
    stage.wait("all are down again", |_| {
        haproxy.all(|status| status.starts_with("DOWN"))
    });
}
