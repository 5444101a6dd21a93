//! A real etcd cluster of three members, on loopback or in network namespaces, which can be killed, stopped and started
//! again.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use crate::network::Network;
use crate::support::ports::free_port;
use crate::support::wait_until;

/// More than an election takes, on a busy machine, too.
const LIMIT: Duration = Duration::from_secs(90);

/// The members, and what they keep.
pub struct Cluster {
    members: Vec<Option<Child>>,
    urls: Vec<String>,
    more: Vec<String>,
    dir: TempDir,
    network: Option<Arc<Network>>,
}

impl Cluster {
    /// Three members, or another number, which have elected a leader.
    pub fn start(count: usize) -> Self {
        let cluster = Self::begin(
            count,
            "http",
            &[],
            tempfile::tempdir().expect("a directory"),
        );
        cluster.wait_for_leader();
        cluster
    }

    /// Members whose clients come by `scheme`, with these options besides.
    pub fn begin(count: usize, scheme: &str, more: &[&str], dir: TempDir) -> Self {
        let urls = (0..2 * count).map(|at| {
            let scheme = if at < count { scheme } else { "http" };
            format!("{scheme}://127.0.0.1:{}", free_port())
        });
        let urls = urls.collect();
        let mut cluster = Self {
            members: (0..count).map(|_| None).collect(),
            urls,
            more: more.iter().map(ToString::to_string).collect(),
            dir,
            network: None,
        };
        (0..count).for_each(|member| cluster.revive(member));
        cluster
    }

    /// Members on the first hosts of `network`, which have elected a leader.
    pub fn start_in(network: &Arc<Network>, count: usize) -> Self {
        let url =
            |port: u16| move |member: usize| format!("http://{}:{port}", Network::address(member));
        let urls = (0..count).map(url(2379)).chain((0..count).map(url(2380)));
        let mut cluster = Self {
            members: (0..count).map(|_| None).collect(),
            urls: urls.collect(),
            more: Vec::new(),
            dir: tempfile::tempdir().expect("a directory"),
            network: Some(Arc::clone(network)),
        };
        (0..count).for_each(|member| cluster.revive(member));
        cluster.wait_for_leader();
        cluster
    }

    /// A command on the host of a member.
    fn command(&self, member: usize, program: &str) -> Command {
        match &self.network {
            Some(network) => network.command(member, program),
            None => Command::new(program),
        }
    }

    /// Starts a member that does not run.
    pub fn revive(&mut self, member: usize) {
        let count = self.members.len();
        let (client, peer) = (&self.urls[member], &self.urls[count + member]);
        let all = (0..count).map(|other| format!("m{other}={}", self.urls[count + other]));
        let all: Vec<_> = all.collect();
        let child = self
            .command(member, "etcd")
            .args(["--name", &format!("m{member}"), "--data-dir"])
            .arg(self.dir.path().join(format!("m{member}")))
            .args(["--listen-client-urls", client])
            .args(["--advertise-client-urls", client])
            .args(["--listen-peer-urls", peer])
            .args(["--initial-advertise-peer-urls", peer])
            .args(["--initial-cluster", &all.join(",")])
            .args(&self.more)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("etcd starts: tests/provision.sh installs it");
        self.members[member] = Some(child);
    }

    pub fn kill(&mut self, member: usize) {
        if let Some(mut child) = self.members[member].take() {
            child.kill().expect("killed");
            child.wait().expect("gone");
        }
    }

    /// Sends `-STOP` or `-CONT`.
    pub fn signal(&self, member: usize, signal: &str) {
        let pid = self.members[member].as_ref().expect("it runs").id();
        let sent = Command::new("kill")
            .args([signal, &pid.to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    pub fn endpoints(&self) -> Vec<Url> {
        let clients = &self.urls[..self.members.len()];
        clients
            .iter()
            .map(|url| url.parse().expect("a URL"))
            .collect()
    }

    /// As the configuration file has them.
    pub fn endpoints_toml(&self) -> String {
        let urls: Vec<_> = self.urls[..self.members.len()]
            .iter()
            .map(|url| format!("{url:?}"))
            .collect();
        format!("[{}]", urls.join(", "))
    }

    /// The member that leads, as soon as there is one.
    pub fn leader(&self) -> Option<usize> {
        (0..self.members.len()).find(|member| {
            let status = self.ask(*member, "maintenance/status", &json!({}));
            let leader = &status["leader"];
            leader.is_string() && *leader != "0" && *leader == status["header"]["member_id"]
        })
    }

    pub fn wait_for_leader(&self) {
        wait_until("a leader is elected", LIMIT, || self.leader().is_some());
    }

    /// How many keys there are below a prefix.
    pub fn count(&self, prefix: &str) -> usize {
        let encoded = |text: &str| base64::prelude::BASE64_STANDARD.encode(text);
        let mut end = prefix.to_owned();
        end.push('\u{7f}');
        let ask = json!({"key": encoded(prefix), "range_end": encoded(&end), "count_only": true});
        let mut count = None;
        wait_until("the keys are counted", LIMIT, || {
            let members = 0..self.members.len();
            count = members
                .map(|member| self.ask(member, "kv/range", &ask))
                .find(|found| found["header"].is_object())
                .map(|found| {
                    found["count"]
                        .as_str()
                        .map_or(0, |count| count.parse().expect("a number"))
                });
            count.is_some()
        });
        count.unwrap_or_default()
    }

    /// One question to one member; nothing when it does not answer.
    pub fn ask(&self, member: usize, path: &str, body: &Value) -> Value {
        let asked = self
            .command(member, "curl")
            .args(["-s", "-m", "2", "-d", &body.to_string()])
            .arg(format!("{}/v3/{path}", self.urls[member]))
            .output()
            .expect("curl runs");
        serde_json::from_slice(&asked.stdout).unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.members.iter_mut().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
