//! What a person sees of a fleet and does about it: who holds slots and who waits, on 80 columns, as JSON and from afar;
//! slots that are freed of a holder that lives, and of one that is dead.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::cluster::Cluster;
use crate::hosts::Hosts;
use crate::support::ports::free_port;
use crate::support::wait_until;

const LIMIT: Duration = Duration::from_secs(180);

fn fleet(cluster: &Cluster, more: &str) -> String {
    format!(
        "lock = \"etcd\"\nendpoints = {}\nslots = 1\nrestarts = \"9/6h\"\nunreachable = \"hold\"\n{more}",
        cluster.endpoints_toml()
    )
}

/// Host 0 is in the middle of a restart that takes long, and host 1 waits.
fn one_restarts_and_one_waits(hosts: &mut Hosts) {
    hosts.is_slow(0, 12);
    hosts.watch_all();
    hosts.fail(0);
    wait_until("it is stopped", LIMIT, || hosts.restarts() == 1);
    hosts.fail(1);
    wait_until("the other one waits", LIMIT, || {
        hosts.ask(1, &["status"]).contains("taken, by h0 (web)")
    });
}

/// The restart that lost its slot goes on, and the one that gets it begins.
#[test]
fn freed_slot_of_a_live_holder_is_said_to_be_lost_and_its_restart_goes_on() {
    let cluster = Cluster::start(1);
    let mut hosts = Hosts::new(2, 500, &fleet(&cluster, "lease = \"6s\""));
    one_restarts_and_one_waits(&mut hosts);
    let status = hosts.ask(1, &["fleet", "status"]);
    for words in [
        "this host is h1 in its fleet",
        "web: 1 of 1 slot taken, 1 of 9 restarts in 6h spent",
        "held by h0 for web, since ",
        "waits: h1 for web, since ",
    ] {
        assert!(status.contains(words), "{words}: {status}");
    }
    assert!(status.lines().all(|line| line.len() <= 80), "{status}");
    let json: Value = serde_json::from_str(&hosts.ask(1, &["fleet", "status", "--json"])).unwrap();
    assert_eq!(json["host"], "h1", "{json}");
    let group = &json["groups"][0];
    assert_eq!(group["group"], "web", "{json}");
    assert_eq!(group["status"]["holders"][0]["host"], "h0", "{json}");
    assert_eq!(group["status"]["waiting"][0]["host"], "h1", "{json}");
    assert_eq!(group["budget"]["spent"], 1, "{json}");
    let config = hosts.config(1);
    let config = config.to_str().unwrap();
    let (code, said) = hosts.run_to_end(&["fleet", "release", "ho", "--config", config]);
    assert_eq!(code, Some(3), "{said}");
    assert!(
        said.contains("ho holds no slot; there are slots of h0"),
        "{said}"
    );
    let freed = hosts.ask(1, &["fleet", "release", "h0"]);
    assert_eq!(freed.trim(), "1 slot of h0 freed");
    wait_until("the other one restarts", LIMIT, || hosts.restarts() == 2);
    wait_until("all are restarted", LIMIT, || hosts.are_up());
    let explained = hosts.ask(0, &["explain", "web"]);
    let lost = "has lost its slot of group web: it has expired, or was freed by somebody";
    assert!(explained.contains(lost), "{explained}");
    // the end of the restart that lost its slot frees none of another
    assert_eq!(hosts.restarts(), 2);
    assert_eq!(cluster.count("httpok/web/budget/"), 2);
    wait_until("every slot is free", LIMIT, || {
        cluster.count("httpok/web/slot/") == 0
    });
}

#[test]
fn slot_of_a_dead_holder_is_freed_from_afar() {
    let cluster = Cluster::start(1);
    let listen = format!("127.0.0.1:{}", free_port());
    let mut hosts = Hosts::new(2, 500, &fleet(&cluster, "lease = \"1h\""));
    let serve = format!("lease = \"1h\"\n[serve]\nlisten = {listen:?}\napi_keys = [\"sesame\"]");
    hosts.configure(1, &fleet(&cluster, &serve), "");
    fs::write(hosts.path().join("key"), "sesame\n").unwrap();
    one_restarts_and_one_waits(&mut hosts);
    hosts.kill(0);
    let url = format!("http://{listen}");
    let from_afar = ["--url", &url, "--key-file", "key"];
    let status = hosts.run(&[&["fleet", "status"][..], &from_afar].concat());
    assert!(status.contains("held by h0 for web"), "{status}");
    let without_key = hosts.run(&["fleet", "release", "h0", "--url", &url]);
    assert!(without_key.contains("key"), "{without_key}");
    assert_eq!(cluster.count("httpok/web/slot/"), 1);
    let freed = hosts.run(&[&["fleet", "release", "h0"][..], &from_afar].concat());
    assert_eq!(freed.trim(), "1 slot of h0 freed");
    wait_until("the other one is restarted", LIMIT, || hosts.is_up(1));
    // nothing done is no success
    let release = [&["fleet", "release", "h0"][..], &from_afar].concat();
    let (code, said) = hosts.run_to_end(&release);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("h0 holds no slot"), "{said}");
    // what it had stopped it starts, slot or none
    hosts.watch(0);
    wait_until("both are up", LIMIT, || hosts.are_up());
    wait_until("every slot is free", LIMIT, || {
        cluster.count("httpok/web/slot/") == 0
    });
    assert_eq!(cluster.count("httpok/web/budget/"), 2);
    // an engine that does not answer is no answer
    cluster.signal(0, "-STOP");
    let (code, said) = hosts.run_to_end(&[&["fleet", "status"][..], &from_afar].concat());
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("web: cannot be asked: etcd at "), "{said}");
    assert!(
        said.contains("httpok fleet status: could not ask about web"),
        "{said}"
    );
}

/// Who waits is shown to people and counts as a host that fails: no longer than it does.
#[test]
fn host_that_recovers_while_it_waits_is_not_shown_to_wait_any_more() {
    let cluster = Cluster::start(1);
    let mut hosts = Hosts::new(2, 500, &fleet(&cluster, "lease = \"1h\""));
    hosts.is_slow(0, 25);
    hosts.watch_all();
    hosts.fail(0);
    wait_until("it is stopped", LIMIT, || hosts.restarts() == 1);
    hosts.fail(1);
    wait_until("the other one waits", LIMIT, || {
        cluster.count("httpok/web/waiting/") == 1
    });
    hosts.recover(1);
    // by itself it would be known for a minute and a half
    let limit = Duration::from_secs(45);
    wait_until("it waits no more", limit, || {
        cluster.count("httpok/web/waiting/") == 0
    });
    let status = hosts.ask(1, &["fleet", "status"]);
    assert!(!status.contains("waits: "), "{status}");
    wait_until("all are up", LIMIT, || hosts.are_up());
    assert_eq!(hosts.restarts(), 1);
}

/// Hosts are distinguished by their names.
#[test]
fn host_that_is_called_like_many_others_is_warned_of() {
    let hosts = Hosts::new(1, 500, "lock = \"etcd\"");
    let text = fs::read_to_string(hosts.config(0)).unwrap();
    for (keys, warned) in [("", true), ("host = \"web-1\"", false)] {
        fs::write(hosts.config(0), text.replace("host = \"h0\"", keys)).unwrap();
        let said = hosts.path().join("said");
        let script = "echo localhost >/proc/sys/kernel/hostname; exec \"$0\" watch --config \"$1\"";
        let mut watchdog = Command::new("unshare")
            .args(["--uts", "sh", "-c", script, env!("CARGO_BIN_EXE_httpok")])
            .arg(hosts.config(0))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&said).unwrap())
            .spawn()
            .unwrap();
        wait_until("it watches", LIMIT, || {
            hosts.ask(0, &["status"]).contains("up")
        });
        watchdog.kill().unwrap();
        watchdog.wait().unwrap();
        let said = fs::read_to_string(said).unwrap();
        let warning = "this host is called \"localhost\" in its fleet";
        assert_eq!(said.contains(warning), warned, "{keys}: {said}");
    }
}
