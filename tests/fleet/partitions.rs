//! Watchdogs and an etcd cluster on a network that falls apart: members cut off from each other, watchdogs cut off from
//! some members or from all, a member that is stopped. However that goes: no more restarts at a time than there are
//! slots, all are restarted in the end, the budget is exact, and probes go on as without a fleet.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cluster::Cluster;
use crate::hosts::Hosts;
use crate::network::Network;
use crate::support::wait_until;

const LIMIT: Duration = Duration::from_secs(240);

const MEMBERS: usize = 3;
const HOSTS: usize = 6;

/// Each trouble once, or twice: before services fail, and when some hold slots.
fn rounds() -> usize {
    match std::env::var_os("FLEET") {
        Some(_) => 8,
        None => 4,
    }
}

/// How long each trouble lasts: longer than an election.
const TROUBLE: Duration = Duration::from_secs(5);

fn fleet(cluster: &Cluster, more: &str) -> String {
    format!(
        "lock = \"etcd\"\nendpoints = {}\nslots = 2\ntimeout = \"2s\"\nunreachable = \"hold\"\n{more}",
        cluster.endpoints_toml()
    )
}

/// What cannot be reached from where, and a member that is stopped.
#[derive(Default)]
struct Trouble {
    cuts: Vec<(usize, usize)>,
    stopped: Option<usize>,
}

impl Trouble {
    fn begin(&self, network: &Network, cluster: &Cluster) {
        self.cuts
            .iter()
            .for_each(|(one, other)| network.cut(*one, *other));
        if let Some(member) = self.stopped {
            cluster.signal(member, "-STOP");
        }
    }

    fn end(&self, network: &Network, cluster: &Cluster) {
        self.cuts
            .iter()
            .for_each(|(one, other)| network.join(*one, *other));
        if let Some(member) = self.stopped {
            cluster.signal(member, "-CONT");
        }
    }

    /// Each of four; `leader` is the member that leads.
    fn number(number: usize, leader: usize) -> Self {
        let host = |host: usize| MEMBERS + host;
        let others = (0..MEMBERS).filter(move |member| *member != leader);
        match number % 4 {
            // the watchdogs reach a leader that nobody follows
            0 => Self {
                cuts: others.map(|other| (leader, other)).collect(),
                ..Self::default()
            },
            1 => Self {
                stopped: Some(leader),
                ..Self::default()
            },
            // some watchdogs reach one member only, and others none
            2 => Self {
                cuts: (0..4)
                    .flat_map(|at| {
                        (usize::from(at < 2)..MEMBERS).map(move |member| (host(at), member))
                    })
                    .collect(),
                ..Self::default()
            },
            // no member reaches another one
            _ => Self {
                cuts: vec![(0, 1), (0, 2), (1, 2)],
                ..Self::default()
            },
        }
    }
}

#[test]
fn network_that_falls_apart_allows_no_third_restart_and_delays_no_probe() {
    let network = Arc::new(Network::new(MEMBERS + HOSTS));
    let cluster = Cluster::start_in(&network, MEMBERS);
    let rounds = rounds();
    let all = rounds * HOSTS;
    let more = format!("restarts = \"{all}/6h\"");
    let mut hosts = Hosts::new(HOSTS, 1000, &fleet(&cluster, &more)).within(&network, MEMBERS);
    let mut alone = Hosts::new(1, 1000, "");
    hosts.watch_all();
    alone.watch_all();
    let begun = Instant::now();
    let counts = || {
        (0..HOSTS)
            .map(|host| hosts.probes(host))
            .collect::<Vec<_>>()
    };
    let (before, alone_before) = (counts(), alone.probes(0));
    for round in 0..rounds {
        let mut leader = None;
        wait_until("a leader is elected", LIMIT, || {
            leader = cluster.leader();
            leader.is_some()
        });
        let trouble = Trouble::number(round, leader.expect("elected"));
        if (round + round / 4).is_multiple_of(2) {
            trouble.begin(&network, &cluster);
            (0..HOSTS).for_each(|host| hosts.fail(host));
        } else {
            // some hold slots by then, and others wait
            (0..HOSTS).for_each(|host| hosts.fail(host));
            wait_until("restarts begin", LIMIT, || hosts.restarts() > round * HOSTS);
            trouble.begin(&network, &cluster);
        }
        std::thread::sleep(TROUBLE);
        trouble.end(&network, &cluster);
        wait_until("all are restarted", LIMIT, || {
            hosts.are_up() && hosts.restarts() == (round + 1) * HOSTS
        });
    }
    let (after, alone_after) = (counts(), alone.probes(0));
    eprintln!(
        "{HOSTS} hosts restarted {rounds} times within {:?}",
        begun.elapsed()
    );
    assert!(hosts.most_at_once() <= 2, "{:?}", hosts.log());
    assert_eq!(hosts.restarts(), all);
    assert_eq!(cluster.count("httpok/web/budget/"), all);
    wait_until("every slot is free", LIMIT, || {
        cluster.count("httpok/web/slot/") == 0
    });
    // a watchdog without a fleet says how many probes this machine has time for
    let alone = alone_after - alone_before;
    let fleet = before
        .iter()
        .zip(&after)
        .map(|(before, after)| after - before);
    let fleet: Vec<_> = fleet.collect();
    assert!(
        fleet.iter().all(|probes| probes * 10 >= alone * 8),
        "{fleet:?} probes, and {alone} without a fleet"
    );
}

#[test]
fn watchdog_that_reaches_one_member_restarts_and_one_that_reaches_none_waits() {
    let network = Arc::new(Network::new(MEMBERS + 1));
    let cluster = Cluster::start_in(&network, MEMBERS);
    let more = "restarts = \"2/6h\"\nwait = \"3s\"";
    let mut hosts = Hosts::new(1, 500, &fleet(&cluster, more)).within(&network, MEMBERS);
    hosts.watch_all();
    network.cut(MEMBERS, 0);
    network.cut(MEMBERS, 1);
    hosts.fail(0);
    wait_until("it is restarted", LIMIT, || hosts.is_up(0));
    assert_eq!(cluster.count("httpok/web/budget/"), 1);
    wait_until("its slot is free", LIMIT, || {
        cluster.count("httpok/web/slot/") == 0
    });
    network.cut(MEMBERS, 2);
    hosts.fail(0);
    wait_until("it waits", LIMIT, || {
        hosts
            .ask(0, &["status"])
            .contains("cannot be asked for a slot")
    });
    let before = hosts.probes(0);
    wait_until("it is probed on", LIMIT, || hosts.probes(0) >= before + 6);
    assert_eq!(hosts.restarts(), 1);
    network.join(MEMBERS, 1);
    wait_until("it is restarted", LIMIT, || hosts.is_up(0));
    assert_eq!(cluster.count("httpok/web/budget/"), 2);
}
