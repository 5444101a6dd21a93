//! Many hosts on one machine: a real watchdog each, whose service is a file, supervised by a script that writes down
//! every stop and start.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use crate::network::Network;
use crate::support::wait_until;

const SCRIPT: &str = r#"here=$(dirname "$0")
case $2 in
status) test -e "$here/$1.run" || exit 3;;
stop) echo "stop $1 $(date +%s%N)" >>"$here/log"; rm -f "$here/$1.run";;
start) sleep "$(cat "$here/$1.slow" 2>/dev/null || echo 0.3)"; echo "start $1 $(date +%s%N)" >>"$here/log"; touch "$here/$1.run" "$here/$1.up";;
esac
"#;

/// The hosts of a group.
pub struct Hosts {
    dir: TempDir,
    watchdogs: Vec<Option<Child>>,
    every: u32,
    /// Where they are, and which of its hosts is the first of them.
    network: Option<(Arc<Network>, usize)>,
}

impl Hosts {
    /// So many, probed every so many milliseconds; `fleet` are the lines of their `[fleet]`.
    pub fn new(count: usize, every: u32, fleet: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("script"), SCRIPT).expect("written");
        let hosts = Self {
            dir,
            watchdogs: (0..count).map(|_| None).collect(),
            every,
            network: None,
        };
        for host in 0..count {
            hosts.touch(host, "run");
            hosts.touch(host, "up");
            hosts.configure(host, fleet, "");
        }
        hosts
    }

    /// Writes the configuration of a host: the lines of its `[fleet]`, none without one, and more of its check.
    pub fn configure(&self, host: usize, fleet: &str, of_check: &str) {
        let here = self.path().display();
        let every = self.every;
        let action = |action: &str| {
            format!("{action} = [\"sh\", \"{here}/script\", \"{{name}}\", \"{action}\"]\n")
        };
        let fleet = match fleet {
            "" => String::new(),
            fleet => format!("[fleet]\nhost = \"h{host}\"\n{fleet}"),
        };
        let (status, stop, start) = (action("status"), action("stop"), action("start"));
        let text = format!(
            "state_dir = \"{here}/state{host}\"\njournal = \"{here}/journal{host}\"\n\
             panic_threshold = false\nmax_restarts = false\n{fleet}\n\
             [[check]]\nname = \"web\"\ncommand = \"test -e {here}/h{host}.up || exit 2\"\n\
             every = \"{every}ms\"\ntimeout = \"20s\"\nfail_after = 2\ngrace = 0\nrestarts = false\n\
             backoff = {{ min = \"1s\", max = \"2s\" }}\nrestart = [\"command/h{host}\"]\n{of_check}\n\
             [check.capture]\nkeep = 0\n\
             [supervisor.command]\ntimeout = \"30s\"\n{status}{stop}{start}"
        );
        fs::write(self.config(host), text).expect("written");
    }

    /// From now on a start of the service takes so many seconds.
    pub fn is_slow(&self, host: usize, seconds: u32) {
        let path = self.path().join(format!("h{host}.slow"));
        fs::write(path, seconds.to_string()).expect("written");
    }

    /// Puts them on hosts of `network`, from this one on.
    pub fn within(mut self, network: &Arc<Network>, first: usize) -> Self {
        self.network = Some((Arc::clone(network), first));
        self
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn config(&self, host: usize) -> PathBuf {
        self.path().join(format!("h{host}.toml"))
    }

    fn touch(&self, host: usize, what: &str) {
        fs::write(self.path().join(format!("h{host}.{what}")), "").expect("written");
    }

    /// Starts the watchdog of a host.
    pub fn watch(&mut self, host: usize) {
        let httpok = env!("CARGO_BIN_EXE_httpok");
        let mut command = match &self.network {
            Some((network, first)) => network.command(first + host, httpok),
            None => Command::new(httpok),
        };
        let said = fs::File::options()
            .create(true)
            .append(true)
            .open(self.path().join(format!("h{host}.said")))
            .expect("opened");
        let child = command
            .args(["watch", "--config"])
            .arg(self.config(host))
            .env_remove("SUPERVISOR_SERVER_URL")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .expect("it starts");
        self.watchdogs[host] = Some(child);
    }

    pub fn watch_all(&mut self) {
        (0..self.watchdogs.len()).for_each(|host| self.watch(host));
        for host in 0..self.watchdogs.len() {
            wait_until("it watches", Duration::from_secs(120), || {
                self.ask(host, &["status"]).contains("up")
            });
        }
    }

    /// Kills a watchdog with SIGKILL.
    pub fn kill(&mut self, host: usize) {
        if let Some(mut child) = self.watchdogs[host].take() {
            child.kill().expect("killed");
            child.wait().expect("gone");
        }
    }

    /// Asks a watchdog to end, and waits for that.
    pub fn end(&mut self, host: usize) {
        if let Some(mut child) = self.watchdogs[host].take() {
            let pid = child.id().to_string();
            let sent = Command::new("kill").arg(pid).status();
            assert!(sent.expect("kill runs").success());
            child.wait().expect("gone");
        }
    }

    /// What a watchdog has written to standard error.
    pub fn said(&self, host: usize) -> String {
        fs::read_to_string(self.path().join(format!("h{host}.said"))).unwrap_or_default()
    }

    /// Writes the configuration of a host and has it read again.
    pub fn reload(&self, host: usize, fleet: &str, of_check: &str) {
        self.configure(host, fleet, of_check);
        let child = self.watchdogs[host].as_ref().expect("it runs");
        let pid = child.id().to_string();
        let sent = Command::new("kill").args(["-HUP", &pid]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// What `httpok` says with these words to the watchdog of a host.
    pub fn ask(&self, host: usize, words: &[&str]) -> String {
        let config = self.config(host);
        let place = ["--config", config.to_str().expect("UTF-8")];
        self.run(&[words, &place].concat())
    }

    /// What `httpok` says with these words, in the directory of the configurations.
    pub fn run(&self, words: &[&str]) -> String {
        self.run_to_end(words).1
    }

    /// The same, with its exit code.
    pub fn run_to_end(&self, words: &[&str]) -> (Option<i32>, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_httpok"))
            .args(words)
            .current_dir(self.path())
            .output()
            .expect("it runs");
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }

    /// How many probes of a host's check have ended.
    pub fn probes(&self, host: usize) -> u64 {
        let mut probes = None;
        wait_until("it says how it is", Duration::from_secs(60), || {
            let status = self.ask(host, &["status", "--json"]);
            let status: serde_json::Value = serde_json::from_str(&status).unwrap_or_default();
            let counts = status.pointer("/snapshot/checks/0/counts/probes");
            let counts = counts.and_then(serde_json::Value::as_object);
            probes = counts.map(|counts| counts.values().filter_map(|count| count.as_u64()).sum());
            probes.is_some()
        });
        probes.unwrap_or_default()
    }

    /// The service of a host recovers by itself.
    pub fn recover(&self, host: usize) {
        self.touch(host, "up");
    }

    /// The service of a host fails from now on.
    pub fn fail(&self, host: usize) {
        let _ = fs::remove_file(self.path().join(format!("h{host}.up")));
    }

    pub fn is_up(&self, host: usize) -> bool {
        let there = |what: &str| self.path().join(format!("h{host}.{what}")).exists();
        there("up") && there("run")
    }

    pub fn are_up(&self) -> bool {
        (0..self.watchdogs.len()).all(|host| self.is_up(host))
    }

    /// Every stop and start: the moment in nanoseconds, whether it is a stop, and the host.
    pub fn log(&self) -> Vec<(u64, bool, String)> {
        let text = fs::read_to_string(self.path().join("log")).unwrap_or_default();
        let mut log: Vec<_> = text
            .lines()
            .map(|line| {
                let words: Vec<_> = line.split(' ').collect();
                let at = words[2].parse().expect("a moment");
                (at, words[0] == "stop", words[1].to_owned())
            })
            .collect();
        log.sort();
        log
    }

    pub fn restarts(&self) -> usize {
        self.log().iter().filter(|(_, stops, _)| *stops).count()
    }

    /// The most restarts that were under way at a time.
    pub fn most_at_once(&self) -> usize {
        let (mut now, mut most) = (0_usize, 0);
        for (_, stops, _) in self.log() {
            now = if stops {
                now + 1
            } else {
                now.saturating_sub(1)
            };
            most = most.max(now);
        }
        most
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for child in self.watchdogs.iter_mut().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
