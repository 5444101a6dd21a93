//! Slots are given in turn: etcd keeps a queue, whose dead are forgotten with a lease; where there is none, a host that has used
//! a slot lets others ask first. Two hosts of one name are told apart.

use std::time::{Duration, Instant};

use httpok::fleet::spec::Claim;
use httpok::fleet::{Etcd, SlotEngine};
use httpok::health::SlotRefusal;
use tokio::time::sleep;

use crate::cluster::Cluster;
use crate::engine::{claim, client};
use crate::fleetlock::Server;
use crate::hosts::Hosts;
use crate::support::wait_until;

const LIMIT: Duration = Duration::from_secs(120);

/// How many come before `claim`; `None` when it has a slot.
async fn ahead(etcd: &Etcd, claim: &Claim) -> Option<u32> {
    match etcd.reserve(claim).await.expect("etcd answers") {
        None => None,
        Some(SlotRefusal::Taken { ahead, .. }) => Some(ahead.expect("etcd has a queue")),
        Some(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn free_slot_is_for_the_host_that_has_waited_longest() {
    let cluster = Cluster::start(1);
    let etcd = client(&cluster, 60);
    let [a, b, c] = ["a", "b", "c"].map(|host| claim(host, "1", 1, None));
    assert_eq!(ahead(&etcd, &a).await, None);
    assert_eq!(ahead(&etcd, &b).await, Some(0));
    assert_eq!(ahead(&etcd, &c).await, Some(1));
    // who waits keeps its place
    assert_eq!(ahead(&etcd, &b).await, Some(0));
    let status = etcd.status("shop/1").await.expect("asked").expect("said");
    let waiting: Vec<_> = status.waiting.iter().map(|one| one.host.as_str()).collect();
    assert_eq!(waiting, ["b", "c"]);
    assert_eq!(etcd.release(&a, true).await, Ok(()));
    let again = claim("a", "2", 1, None);
    let refusal = etcd.reserve(&again).await.expect("asked").expect("refused");
    let words = "a free slot is not for it; 2 that have waited longer come first";
    assert_eq!(refusal.to_string(), words);
    assert_eq!(ahead(&etcd, &c).await, Some(1));
    assert_eq!(ahead(&etcd, &b).await, None);
    assert_eq!(etcd.release(&b, true).await, Ok(()));
    assert_eq!(ahead(&etcd, &again).await, Some(1));
    // who goes on with a restart that it has begun waits behind nobody
    let resumes = Claim {
        resumes: true,
        ..claim("d", "1", 1, None)
    };
    assert_eq!(ahead(&etcd, &resumes).await, None);
    assert_eq!(etcd.release(&resumes, true).await, Ok(()));
    // who has given up is not waited for
    assert_eq!(etcd.release(&c, false).await, Ok(()));
    assert_eq!(ahead(&etcd, &again).await, None);
}

/// With two slots two of those that wait are next.
#[tokio::test]
async fn as_many_as_there_are_free_slots_are_next() {
    let cluster = Cluster::start(1);
    let etcd = client(&cluster, 60);
    let claims = ["a", "b", "c", "d", "e"].map(|host| claim(host, "1", 2, None));
    let [a, b, c, d, e] = &claims;
    assert_eq!(ahead(&etcd, a).await, None);
    assert_eq!(ahead(&etcd, b).await, None);
    for (place, waits) in [(0, c), (1, d), (2, e)] {
        assert_eq!(ahead(&etcd, waits).await, Some(place));
    }
    assert_eq!(etcd.release(a, true).await, Ok(()));
    assert_eq!(ahead(&etcd, d).await, Some(1), "the one slot is for c");
    assert_eq!(etcd.release(b, true).await, Ok(()));
    assert_eq!(ahead(&etcd, e).await, Some(2));
    assert_eq!(ahead(&etcd, d).await, None, "one of two is left for c");
    assert_eq!(ahead(&etcd, e).await, Some(1));
    assert_eq!(ahead(&etcd, c).await, None);
}

#[tokio::test]
async fn dead_host_that_waited_holds_the_others_up_no_longer_than_its_lease() {
    let cluster = Cluster::start(1);
    let etcd = client(&cluster, 60);
    let [a, dead, b] = ["a", "dead", "b"].map(|host| claim(host, "1", 1, None));
    assert_eq!(ahead(&etcd, &a).await, None);
    assert_eq!(ahead(&etcd, &dead).await, Some(0));
    let died = Instant::now();
    assert_eq!(etcd.release(&a, true).await, Ok(()));
    assert_eq!(ahead(&etcd, &b).await, Some(1));
    while ahead(&etcd, &b).await.is_some() {
        assert!(died.elapsed() < LIMIT);
        sleep(Duration::from_millis(500)).await;
    }
    assert!(
        died.elapsed() >= Duration::from_secs(25),
        "its place was kept"
    );
}

#[tokio::test]
async fn two_hosts_of_one_name_do_not_take_each_others_slots() {
    let cluster = Cluster::start(1);
    let etcd = client(&cluster, 60);
    let on = |machine: &str, reservation: &str| {
        let mut claim = claim("web", reservation, 1, Some(3));
        claim.holder.machine = machine.to_owned();
        claim
    };
    let (one, other) = (on("m1", "1"), on("m2", "2"));
    assert_eq!(ahead(&etcd, &one).await, None);
    let refusal = etcd.reserve(&other).await.expect("asked").expect("refused");
    assert_eq!(
        refusal.to_string(),
        "every slot is taken, by web, another machine of this name (shop)"
    );
    assert_eq!(etcd.renew(&one).await, Ok(true));
    // each has a place of its own
    assert_eq!(ahead(&etcd, &on("m3", "3")).await, Some(1));
    // the next run of the same machine goes on with its slot
    let next = on("m1", "4");
    assert_eq!(ahead(&etcd, &next).await, None);
    assert_eq!(etcd.release(&next, true).await, Ok(()));
    assert_eq!(ahead(&etcd, &other).await, None);
}

/// FleetLock's protocol has no queue: others that wait ask meanwhile.
#[test]
fn host_that_has_used_a_slot_of_a_server_without_a_queue_lets_others_ask_first() {
    let server = Server::start();
    let mut hosts = Hosts::new(1, 500, &server.fleet());
    hosts.watch_all();
    hosts.fail(0);
    wait_until("it is restarted", LIMIT, || hosts.are_up());
    wait_until("its slot is free", LIMIT, || server.held().is_empty());
    hosts.fail(0);
    wait_until("it is restarted again", LIMIT, || hosts.are_up());
    let log = hosts.log();
    let apart = Duration::from_nanos(log[2].0 - log[1].0);
    assert!(apart >= Duration::from_secs(12), "{apart:?}");
    assert!(hosts.ask(0, &["explain", "web"]).contains("has a slot"));
}
