//! `[fleet]`, and `fleet` of a check: what arrives, and what is refused where.

use std::time::Duration;

use httpok::config::{parse, parse_and_warn};
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
    let without = CHECKS.replace("fleet = { group = \"storage\", slots = 3 }\n", "");
    let without = parse(&without, "httpok.toml", &env).unwrap_or_else(|faults| panic!("{faults}"));
    assert!(without.fleet.is_none() && without.checks.iter().all(|check| check.fleet.is_none()));
}

#[test]
fn group_without_a_fleet_is_refused_at_its_line() {
    let faults = parse(CHECKS, "httpok.toml", &env)
        .expect_err("it has no [fleet]")
        .to_string();
    let line = 1 + CHECKS
        .lines()
        .position(|line| line.contains("storage"))
        .expect("there");
    for words in [
        &format!("httpok.toml:{line}:"),
        "a group without a fleet",
        "add [fleet]",
    ] {
        assert!(faults.contains(words), "{words}: {faults}");
    }
    // of the defaults it is said once
    let inherited =
        "[defaults]\nfleet = { group = \"all\" }\n".to_owned() + &CHECKS.replace("fleet = ", "# ");
    let faults = parse(&inherited, "httpok.toml", &env).expect_err("it has no [fleet]");
    let said = faults.to_string();
    assert_eq!(said.matches("a group without a fleet").count(), 1, "{said}");
    // a table with a mistake in it is one
    let broken = format!("[fleet]\nlock = \"zookeeper\"\n{CHECKS}");
    let faults = parse(&broken, "httpok.toml", &env).expect_err("no such engine");
    assert!(!faults.to_string().contains("a group without"), "{faults}");
}

/// The columns: keys of `[fleet]`, and what is said of them.
#[test]
fn what_is_most_likely_not_meant_is_warned_of() {
    let login = "username = \"me\"\npassword = \"sesame\"";
    let open = format!("endpoints = [\"http://127.0.0.1:1\", \"http://10.0.0.1:1\"]\n{login}");
    let here = format!("endpoints = [\"http://127.0.0.1:1\", \"http://[::1]:1\"]\n{login}");
    let tls = format!("endpoints = [\"https://10.0.0.1:1\"]\n{login}\ncacert = \"a\"");
    for (keys, warning) in [
        ("", ""),
        (&*open, "the password for \"10.0.0.1\" is sent in the clear"),
        (&*here, ""),
        (&*tls, ""),
        ("cacert = \"a\"", "cacert, cert and key are for https://"),
        (
            "cert = \"a\"\nkey = \"b\"",
            "cacert, cert and key are for https://",
        ),
        ("lease = \"5s\"", ""),
        (
            "lease = \"5s\"\ntimeout = \"4s\"",
            "may be lost while a member hangs",
        ),
        ("slots = 3", ""),
        (
            "slots = 2",
            "the group \"storage\" has 3 slots here and 2 for check \"disks\"",
        ),
    ] {
        let mut checks = CHECKS.to_owned();
        if keys.starts_with("slots") {
            let disks = "[[check]]\nname = \"disks\"\nurl = \"http://h/\"\nrestart = [\"a\"]\nfleet = { group = \"storage\" }\n";
            checks = format!("{disks}{checks}");
        }
        let text = format!("[fleet]\nlock = \"etcd\"\n{keys}\n{checks}");
        let (_, warnings) =
            parse_and_warn(&text, "httpok.toml", &env).unwrap_or_else(|faults| panic!("{faults}"));
        let warnings: Vec<_> = warnings.iter().flat_map(|found| found.lines()).collect();
        let warnings = warnings.join("\n");
        match warning {
            "" => assert_eq!(warnings, "", "{keys}"),
            _ => assert!(warnings.contains(warning), "{keys}: {warnings}"),
        }
        assert!(!warnings.contains("sesame"), "{warnings}");
    }
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
        (
            "lock = \"fleetlock\"\nurl = \"http://h\"\nslots = 2",
            "\"slots\" is for etcd",
            "its own number",
        ),
        (
            "lock = \"fleetlock\"\nurl = \"http://h\"\nusername = \"me\"\npassword = \"sesame\"",
            "\"password\" is for etcd",
            "its own number",
        ),
        ("lock = \"etcd\"\nslots = 0", "slots", "1"),
        (
            "lock = \"etcd\"\nendpoints = [\"localhost:2379\"]",
            "is not the URL of an engine",
            "http://",
        ),
        (
            "lock = \"etcd\"\nendpoints = [\"http://h:2379/?x=y\"]",
            "has more than an address",
            "http://",
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
