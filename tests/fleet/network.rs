//! Hosts of a network: namespaces joined by a bridge, any two of which can be cut off from each other, so that what they
//! send is lost without a word. They are gone with the processes that hold them. It needs root.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::wait_until;

/// Nobody has it, so that what is sent to it is lost.
const NOWHERE: &str = "02:00:00:00:00:01";

/// A network namespace, for as long as a process of it runs.
struct Namespace(Child);

impl Namespace {
    fn new() -> Self {
        // it ends with the test, also with one that is killed
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare", "--net", "sleep", "3600"])
            .stdin(Stdio::null())
            .spawn()
            .expect("setpriv runs: tests/provision.sh installs it");
        let namespace = Self(child);
        let ours = std::fs::read_link("/proc/self/ns/net").expect("this kernel has namespaces");
        let theirs = format!("/proc/{}/ns/net", namespace.0.id());
        let comm = format!("/proc/{}/comm", namespace.0.id());
        wait_until(
            "it has a namespace of its own, which needs root",
            Duration::from_secs(30),
            || {
                std::fs::read_link(&theirs).is_ok_and(|theirs| theirs != ours)
                    && std::fs::read_to_string(&comm).is_ok_and(|name| name.trim() == "sleep")
            },
        );
        namespace
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        let id = self.0.id().to_string();
        command.args(["--target", &id, "--net", program]);
        command
    }

    fn ip(&self, words: &str) {
        let output = self.command("ip").args(words.split(' ')).output();
        let output = output.expect("ip runs: tests/provision.sh installs it");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ip {words}: {said}");
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Hosts that reach each other.
pub struct Network {
    hosts: Vec<Namespace>,
    _bridge: Namespace,
}

impl Network {
    pub fn new(count: usize) -> Self {
        let bridge = Namespace::new();
        bridge.ip("link add br0 type bridge");
        bridge.ip("link set br0 up");
        let hosts: Vec<_> = (0..count).map(|_| Namespace::new()).collect();
        for (index, host) in hosts.iter().enumerate() {
            let id = host.0.id();
            bridge.ip(&format!(
                "link add port{index} type veth peer name eth0 netns {id}"
            ));
            bridge.ip(&format!("link set port{index} master br0 up"));
            host.ip("link set lo up");
            host.ip(&format!("addr add {}/24 dev eth0", Self::address(index)));
            host.ip("link set eth0 up");
        }
        Self {
            hosts,
            _bridge: bridge,
        }
    }

    pub fn address(host: usize) -> String {
        format!("10.99.0.{}", host + 1)
    }

    /// A command on a host.
    pub fn command(&self, host: usize, program: &str) -> Command {
        self.hosts[host].command(program)
    }

    /// From now on neither hears the other.
    pub fn cut(&self, one: usize, other: usize) {
        for (from, to) in [(one, other), (other, one)] {
            let to = Self::address(to);
            self.hosts[from].ip(&format!(
                "neigh replace {to} lladdr {NOWHERE} dev eth0 nud permanent"
            ));
        }
    }

    /// They hear each other again.
    pub fn join(&self, one: usize, other: usize) {
        for (from, to) in [(one, other), (other, one)] {
            let to = Self::address(to);
            self.hosts[from].ip(&format!("neigh del {to} dev eth0"));
        }
    }
}
