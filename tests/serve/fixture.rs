//! A watchdog that serves, what it watches, and a client that sends what it is told to.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{LIMIT, Program};
use crate::site::{Site, says};
use crate::support::ports::free_ports;
use crate::support::wait_until;

/// One watchdog with two checks: `shop`, which is well, and `db`, which is not.
pub struct Stage {
    pub site: Site,
    pub dir: TempDir,
    pub port: u16,
    pub watchdog: Program,
}

const CHECKS: &str = r#"
[defaults]
every = "200ms"
timeout = "2s"
fail_after = 2
grace = 0
"#;

impl Stage {
    /// With these keys of `[serve]` beside `listen`.
    pub fn start(serve: &str) -> Self {
        Self::with(serve, "")
    }

    /// The same, with more at the end of the file.
    pub fn with(serve: &str, rest: &str) -> Self {
        let site = Site::start();
        site.answer("/shop", || says("200 OK", "fine"));
        site.answer("/db", || says("500 Internal Server Error", "no"));
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let text = config(&site, port, serve, rest);
        fs::write(dir.path().join("httpok.toml"), text).unwrap();
        let watchdog = start(&dir);
        let stage = Self {
            site,
            dir,
            port,
            watchdog,
        };
        stage.wait_for_listener();
        stage
    }

    /// Starts the watchdog again, which is gone.
    pub fn restart(&mut self) {
        self.watchdog = start(&self.dir);
        self.wait_for_listener();
    }

    fn wait_for_listener(&self) {
        let file = fs::read_to_string(self.dir.path().join("httpok.toml")).unwrap();
        // the line port is bound a moment later
        let has_lines = file.contains("line = true");
        wait_until("it listens", LIMIT, || {
            let err = self.watchdog.err.text();
            assert!(!err.contains("cannot listen"), "{err}");
            let listens = |port| TcpStream::connect(("127.0.0.1", port)).is_ok();
            listens(self.port) && (!has_lines || listens(self.port + 80))
        });
    }

    /// Waits until both checks had their verdicts.
    pub fn settled(serve: &str) -> Self {
        let stage = Self::start(serve);
        stage.wait("db is down", |stage| {
            stage.get("/health?plugin=db").status == 503
        });
        stage
    }

    pub fn wait(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        wait_until(what, LIMIT, || holds(self));
    }

    /// Writes the configuration anew and has it read.
    pub fn reconfigure(&self, port: u16, serve: &str) {
        let text = config(&self.site, port, serve, "");
        fs::write(self.dir.path().join("httpok.toml"), text).unwrap();
        self.watchdog.signal(nix::sys::signal::Signal::SIGHUP);
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What comes back for these bytes, until the other end closes or nothing more comes.
    pub fn raw(&self, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        exchange(self.port, bytes.as_ref())
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    /// One request with these header lines more.
    pub fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        self.send(method, path, headers, "")
    }

    pub fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let length = match method {
            "POST" => format!("Content-Length: {}\r\n", body.len()),
            _ => String::new(),
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{length}{headers}\r\n{body}"
        );
        Answer::parse(&self.raw(request))
    }
}

fn start(dir: &TempDir) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_httpok"));
    command
        .args(["watch", "--config", "httpok.toml"])
        .env("STATE_DIRECTORY", dir.path().join("state"))
        .env_remove("SUPERVISOR_SERVER_URL")
        .current_dir(dir.path());
    Program::start(&mut command)
}

fn config(site: &Site, port: u16, serve: &str, rest: &str) -> String {
    let url = site.origin();
    format!(
        "{CHECKS}\n[[check]]\nname = \"shop\"\nurl = \"{url}/shop\"\n[[check]]\nname = \"db\"\nurl = \
         \"{url}/db\"\n[serve]\nlisten = \"127.0.0.1:{port}\"\n{serve}\n{rest}\n"
    )
}

/// A port that is free, as is the one for line protocols, 80 above.
pub fn free_port() -> u16 {
    free_ports(&[0, 80])
}

/// Sends `bytes` to `port`; what comes back until the other end closes.
pub fn exchange(port: u16, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

/// The same with an end of the sending side right after the bytes.
pub fn half_closed(port: u16, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// An HTTP answer, read strictly.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no head: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let answer = Self {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        };
        if let Some(length) = answer.header("content-length") {
            let length: usize = length.parse().unwrap();
            assert!(body.is_empty() || body.len() == length, "{text}");
        }
        answer
    }

    /// The value of a header, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|why| panic!("{why}: {self:?}"))
    }
}
