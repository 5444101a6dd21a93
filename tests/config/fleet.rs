//! `[fleet]`, and `fleet` of a check: what arrives, and what is refused where.

use std::time::Duration;

use httpok::config::parse;
use httpok::fleet::spec::LockSpec;
use httpok::health::{FleetPolicy, Unreachable};

const CHECKS: &str = r#"
[[check]]
name = "shop"
url = "http://h/"
restart = ["supervisord/shop"]
[[check]]
name = "cache"
url = "http://h/"
restart = ["supervisord/cache"]
fleet = { group = "storage", slots = 3 }
[[check]]
name = "alone"
url = "http://h/"
restart = ["supervisord/alone"]
fleet = false
[[check]]
name = "watched"
url = "http://h/"
[supervisor.supervisord]
url = "http://h:1/"
"#;

fn env(name: &str) -> Option<String> {
    (name == "PASSWORD").then(|| "sesame-9".to_owned())
}

#[test]
fn checks_that_restart_something_share_the_slots_of_their_groups() {
    let text = format!(
        "[fleet]\nlock = \"etcd\"\nendpoints = [\"https://a:2379\", \"https://b:2379\"]\nusername = \"me\"\n\
         password = \"${{env:PASSWORD}}\"\ncert = \"own.pem\"\nslots = 2\nrestarts = \"10/1h\"\nwait = \"1m\"\n\
         unreachable = \"hold\"\npanic_threshold = \"50%\"\nhost = \"web-7\"\n{CHECKS}"
    );
    let settings =
        parse(&text, "/etc/httpok.toml", &env).unwrap_or_else(|faults| panic!("{faults}"));
    let fleet = settings.fleet.as_ref().expect("a fleet");
    let LockSpec::Etcd(etcd) = &fleet.lock else {
        panic!("{fleet:?}");
    };
    assert_eq!(etcd.endpoints.len(), 2);
    assert_eq!(etcd.tls.cert.as_deref(), Some("/etc/own.pem".as_ref()));
    assert!(!format!("{settings:?}").contains("sesame-9"));
    assert_eq!(fleet.lease, Duration::from_secs(120));
    assert_eq!(fleet.panic_threshold, Some(0.5));
    assert_eq!(fleet.budget.map(|budget| budget.count), Some(10));
    let policy = |group: &str, slots| {
        Some(FleetPolicy {
            group: group.to_owned(),
            slots,
            wait: Duration::from_secs(60),
            unreachable: Unreachable::Hold,
        })
    };
    let found: Vec<_> = settings
        .checks
        .iter()
        .map(|check| check.fleet.clone())
        .collect();
    assert_eq!(found, [policy("shop", 2), policy("storage", 3), None, None]);
    let without = parse(CHECKS, "httpok.toml", &env).unwrap_or_else(|faults| panic!("{faults}"));
    assert!(without.fleet.is_none() && without.checks.iter().all(|check| check.fleet.is_none()));
}

#[test]
fn each_fault_says_what_would_be_right() {
    for (keys, what, right) in [
        ("slots = 2", "missing key \"lock\"", "\"etcd\""),
        ("lock = \"zookeeper\"", "\"zookeeper\"", "etcd"),
        ("lock = \"etcd\"\nendpoints = []", "without members", "2379"),
        (
            "lock = \"etcd\"\nendpoints = [\"10.0.0.1\"]",
            "is not the URL of an engine",
            "https://",
        ),
        (
            "lock = \"etcd\"\nendpoints = [\"http://me:sesame@h\"]",
            "has a user in it",
            "username",
        ),
        (
            "lock = \"etcd\"\nurl = \"http://h\"",
            "is for a FleetLock server",
            "endpoints",
        ),
        (
            "lock = \"etcd\"\nusername = \"me\"",
            "a user without a password",
            "password",
        ),
        (
            "lock = \"etcd\"\npassword = \"x\"",
            "a password without a user",
            "username",
        ),
        (
            "lock = \"etcd\"\nkey = \"k\"",
            "a key without a certificate",
            "cert",
        ),
        (
            "lock = \"etcd\"\nlease = \"1s\"",
            "a lease that is out of range",
            "5s",
        ),
        (
            "lock = \"etcd\"\nunreachable = \"maybe\"",
            "\"maybe\"",
            "hold",
        ),
        (
            "lock = \"etcd\"\npanic_threshold = \"200%\"",
            "out of range",
            "100%",
        ),
        ("lock = \"fleetlock\"", "missing key \"url\"", "http://"),
        (
            "lock = \"fleetlock\"\nurl = \"http://h\"\nrestarts = \"1/1h\"",
            "\"restarts\" is for etcd",
            "slots",
        ),
        (
            "lock = \"fleetlock\"\nurl = \"http://h\"\nlease = \"1m\"",
            "\"lease\" is for etcd",
            "slots",
        ),
    ] {
        let text = format!("[fleet]\n{keys}\n{CHECKS}");
        let faults = parse(&text, "httpok.toml", &env)
            .expect_err(keys)
            .to_string();
        assert!(
            faults.contains(what) && faults.contains(right),
            "{keys}: {faults}"
        );
        assert!(!faults.contains("sesame"), "{faults}");
    }
    let spaced = CHECKS.replace("name = \"shop\"", "name = \"my shop\"");
    let text = format!("[fleet]\nlock = \"fleetlock\"\nurl = \"http://h\"\n{spaced}");
    let faults = parse(&text, "httpok.toml", &env)
        .expect_err("a space")
        .to_string();
    assert!(faults.contains("\"my shop\" cannot be a group"), "{faults}");
}
