//! A real SMTP server beside the test: aiosmtpd in a process of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A running server. It ends with this value.
pub struct SmtpServer {
    child: Child,
    stdin: Option<ChildStdin>,
    dir: TempDir,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
}

/// One message that the server took.
pub struct Taken {
    /// `from`, `to`, `hello`, `tls`, `user`.
    pub facts: Value,
    /// The headers, unfolded, in their order.
    pub headers: Vec<(String, String)>,
    /// The body as sent.
    pub body: String,
}

impl Taken {
    /// The value of the only header `name`.
    pub fn header(&self, name: &str) -> &str {
        let mut values = self
            .headers
            .iter()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let (_, value) = values
            .next()
            .unwrap_or_else(|| panic!("no header {name} in {:?}", self.headers));
        assert!(values.next().is_none(), "two headers {name}");
        value
    }
}

impl SmtpServer {
    /// Starts a server with the options of `smtp_server.py`.
    pub fn start(options: &[&str]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let dir = TempDir::new().expect("a directory");
        let mut child = Command::new(root.join(".provision/venv/bin/python"))
            .arg(root.join("tests/support/smtp_server.py"))
            .arg("--dir")
            .arg(dir.path())
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python of .provision/venv: run `make provision`");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("a port");
        let port = line.trim().parse().expect("the server prints its port");
        let stdin = child.stdin.take();
        Self {
            child,
            stdin,
            dir,
            port,
        }
    }

    /// All messages taken so far, in order. A message is written down before it is acknowledged.
    pub fn taken(&self) -> Vec<Taken> {
        let mut paths: Vec<PathBuf> = std::fs::read_dir(self.dir.path())
            .expect("the directory is ours")
            .map(|entry| entry.expect("readable").path())
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "json")
            })
            .collect();
        paths.sort();
        paths.iter().map(|path| read(path)).collect()
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

fn read(path: &Path) -> Taken {
    let text = std::fs::read_to_string(path).expect("readable");
    let facts: Value = serde_json::from_str(&text).expect("the server writes JSON");
    let content = facts["content"].as_str().expect("the content is text");
    let (headers, body) = parse(content, "\r\n");
    Taken {
        body,
        headers,
        facts,
    }
}

/// The headers, unfolded, and the body of a mail whose lines end with `end`.
pub fn parse(content: &str, end: &str) -> (Vec<(String, String)>, String) {
    let (head, body) = content
        .split_once(&end.repeat(2))
        .expect("an empty line after the headers");
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in head.split(end) {
        if line.starts_with([' ', '\t']) {
            let (_, value) = headers
                .last_mut()
                .expect("a header before its continuation");
            value.push_str(line);
        } else {
            let (name, value) = line.split_once(": ").expect("NAME: VALUE");
            headers.push((name.to_owned(), value.to_owned()));
        }
    }
    (headers, body.to_owned())
}
