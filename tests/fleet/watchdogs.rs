//! Many real watchdogs in one group, with a real cluster in the middle: how many restart at once, whether all are
//! restarted, what the budget comes to, and what they do without an engine.
//!
//! `FLEET=50 cargo test --test fleet` has 50 of them instead of 10.

use std::time::{Duration, Instant};

use crate::cluster::Cluster;
use crate::hosts::Hosts;
use crate::support::wait_until;

const LIMIT: Duration = Duration::from_secs(180);

fn count() -> usize {
    let count = std::env::var("FLEET").ok();
    count.and_then(|count| count.parse().ok()).unwrap_or(10)
}

/// More watchdogs on the same two processors probe less often.
fn every() -> u32 {
    if count() > 20 { 4000 } else { 1000 }
}

/// So many watched hosts of one group with two slots, each of which may be restarted once.
fn watched(cluster: &Cluster, count: usize) -> Hosts {
    let fleet = format!(
        "lock = \"etcd\"\nendpoints = {}\nslots = 2\nrestarts = \"{count}/6h\"\nunreachable = \"hold\"",
        cluster.endpoints_toml()
    );
    let mut hosts = Hosts::new(count, every(), &fleet);
    hosts.watch_all();
    hosts
}

#[test]
fn all_services_fail_at_once_and_never_more_than_two_restart_at_a_time() {
    let cluster = Cluster::start(3);
    let count = count();
    let hosts = watched(&cluster, count);
    let begun = Instant::now();
    (0..count).for_each(|host| hosts.fail(host));
    wait_until("somebody waits", LIMIT, || {
        hosts.ask(0, &["fleet", "status"]).contains("waits: h")
    });
    wait_until("all are restarted", 3 * LIMIT, || hosts.are_up());
    eprintln!("{count} hosts restarted within {:?}", begun.elapsed());
    assert!(hosts.most_at_once() <= 2, "{:?}", hosts.log());
    assert_eq!(hosts.restarts(), count);
    assert_eq!(cluster.count("httpok/web/budget/"), count);
    wait_until("every slot is free again", LIMIT, || {
        cluster.count("httpok/web/slot/") == 0
    });
    // the budget is used up to the last: one more is not restarted, and that is said
    hosts.fail(3);
    wait_until("it is held back", LIMIT, || {
        hosts.ask(3, &["status"]).contains("restarts are used up")
    });
    // the host writes down that it waits after it has had its answer
    wait_until("it is shown to all", LIMIT, || {
        let status = hosts.ask(3, &["fleet", "status"]);
        status.contains(&format!("{count} of {count} restarts")) && status.contains("waits: h3")
    });
    assert_eq!(hosts.restarts(), count);
}

#[test]
fn leader_that_is_killed_again_and_again_delays_restarts_and_allows_no_third() {
    let mut cluster = Cluster::start(3);
    let count = count();
    let hosts = watched(&cluster, count);
    let begun = Instant::now();
    (0..count).for_each(|host| hosts.fail(host));
    let mut kills = 0;
    while !hosts.are_up() {
        assert!(begun.elapsed() < 3 * LIMIT, "{:?}", hosts.log());
        if begun.elapsed() > Duration::from_secs(5) * kills
            && let Some(leader) = cluster.leader()
        {
            cluster.kill(leader);
            std::thread::sleep(Duration::from_secs(1));
            cluster.revive(leader);
            kills += 1;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    eprintln!(
        "{count} hosts restarted within {:?}, {kills} leaders killed",
        begun.elapsed()
    );
    assert!(kills >= 1);
    assert!(hosts.most_at_once() <= 2, "{:?}", hosts.log());
    assert_eq!(hosts.restarts(), count);
    assert_eq!(cluster.count("httpok/web/budget/"), count);
}

#[test]
fn without_an_engine_each_host_does_as_configured() {
    let mut cluster = Cluster::start(1);
    let fleet = |unreachable: &str| {
        format!(
            "lock = \"etcd\"\nendpoints = {}\ntimeout = \"1s\"\nwait = \"3s\"\nunreachable = {unreachable:?}",
            cluster.endpoints_toml()
        )
    };
    let mut acting = Hosts::new(2, 500, &fleet("act"));
    let mut holding = Hosts::new(1, 500, &fleet("hold"));
    acting.watch_all();
    holding.watch_all();
    cluster.kill(0);
    (0..2).for_each(|host| acting.fail(host));
    holding.fail(0);
    wait_until("they restart without slots", LIMIT, || acting.are_up());
    let said = acting.ask(0, &["explain", "web"]);
    assert!(said.contains("without a slot of group web"), "{said}");
    wait_until("it waits", LIMIT, || {
        holding
            .ask(0, &["status"])
            .contains("cannot be asked for a slot")
    });
    assert_eq!(holding.restarts(), 0);
    // it is probed on, however long the engine is away
    let before = holding.probes(0);
    let begun = Instant::now();
    wait_until("it is probed on", LIMIT, || holding.probes(0) >= before + 6);
    // a machine that is busy delays a process, an engine that is away does not
    assert!(begun.elapsed() < Duration::from_secs(30));
    cluster.revive(0);
    wait_until("it restarts with a slot", LIMIT, || holding.are_up());
}

/// A watchdog that is killed in the middle of a restart keeps its slot, and its next run goes on with it.
#[test]
fn killed_watchdog_goes_on_with_its_slot() {
    let cluster = Cluster::start(1);
    let fleet = format!(
        "lock = \"etcd\"\nendpoints = {}\nrestarts = \"2/6h\"\nlease = \"1h\"\nunreachable = \"hold\"",
        cluster.endpoints_toml()
    );
    let mut hosts = Hosts::new(2, 500, &fleet);
    hosts.watch_all();
    hosts.fail(0);
    wait_until("it is stopped", LIMIT, || hosts.restarts() == 1);
    hosts.kill(0);
    hosts.fail(1);
    wait_until("the other one waits", LIMIT, || {
        hosts.ask(1, &["status"]).contains("taken, by h0 (web)")
    });
    hosts.watch(0);
    wait_until("both are restarted", LIMIT, || hosts.are_up());
    let order: Vec<_> = hosts
        .log()
        .into_iter()
        .map(|(_, stops, host)| (stops, host))
        .collect();
    let expected = [(true, "h0"), (false, "h0"), (true, "h1"), (false, "h1")];
    assert_eq!(
        order,
        expected.map(|(stops, host)| (stops, host.to_owned()))
    );
    assert_eq!(cluster.count("httpok/web/budget/"), 2);
    wait_until("the slot is free", LIMIT, || {
        cluster.count("httpok/web/slot/") == 0
    });
    // of a host that is gone for good a person frees it
    hosts.fail(0);
    wait_until("the budget holds it", LIMIT, || {
        hosts.ask(0, &["status"]).contains("used up")
    });
    assert_eq!(
        hosts.ask(1, &["fleet", "release", "h0"]).trim(),
        "httpok fleet release: h0 holds no slot, and nobody does"
    );
}

/// One that is killed while it waits has taken nothing, and its next run waits again.
#[test]
fn watchdog_that_is_killed_while_it_waits_is_restarted_once_with_one_slot() {
    let cluster = Cluster::start(1);
    let fleet = format!(
        "lock = \"etcd\"\nendpoints = {}\nrestarts = \"2/6h\"\nlease = \"1h\"\nunreachable = \"hold\"",
        cluster.endpoints_toml()
    );
    let mut hosts = Hosts::new(2, 500, &fleet);
    hosts.is_slow(1, 20);
    hosts.watch_all();
    hosts.fail(1);
    wait_until("it is stopped", LIMIT, || hosts.restarts() == 1);
    hosts.fail(0);
    let waits = || hosts.ask(0, &["status"]).contains("taken, by h1 (web)");
    wait_until("the other one waits", LIMIT, waits);
    hosts.kill(0);
    assert_eq!(cluster.count("httpok/web/slot/"), 1);
    assert_eq!(cluster.count("httpok/web/budget/"), 1);
    hosts.watch(0);
    wait_until("both are restarted", LIMIT, || hosts.are_up());
    assert_eq!((hosts.restarts(), hosts.most_at_once()), (2, 1));
    assert_eq!(cluster.count("httpok/web/budget/"), 2);
    wait_until("every slot is free", LIMIT, || {
        cluster.count("httpok/web/slot/") == 0
    });
}
