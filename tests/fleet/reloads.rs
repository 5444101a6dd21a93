//! `[fleet]` is changed while a watchdog waits for a slot, and while it holds one: what is asked for next is what the file
//! says now, and what is held goes back to where it came from.

use std::time::Duration;

use httpok::fleet::SlotEngine;
use httpok::fleet::spec::Claim;
use httpok::health::SlotHolder;

use crate::cluster::Cluster;
use crate::engine::client;
use crate::fleetlock::Server;
use crate::hosts::Hosts;
use crate::support::wait_until;

const LIMIT: Duration = Duration::from_secs(120);

fn other(slots: u32) -> Claim {
    Claim {
        group: "web".to_owned(),
        slots,
        budget: None,
        panic_threshold: None,
        holder: SlotHolder {
            host: "other".to_owned(),
            machine: String::new(),
            check: "web".to_owned(),
            reservation: "other-1".to_owned(),
            since: 1,
        },
        waiting_since: 1,
        resumes: false,
    }
}

#[tokio::test]
async fn changed_fleet_is_asked_anew_and_what_is_held_goes_back_where_it_came_from() {
    let cluster = Cluster::start(1);
    let gone = Cluster::start(1);
    let server = Server::start();
    let etcd = |cluster: &Cluster, more: &str| {
        format!(
            "lock = \"etcd\"\nendpoints = {}\nunreachable = \"hold\"\n{more}",
            cluster.endpoints_toml()
        )
    };
    let usual = etcd(&cluster, "");
    let mut hosts = Hosts::new(1, 500, &usual);
    hosts.watch_all();
    let engine = client(&cluster, 30);
    let mut restarts = 0;
    let mut waits = |why: &str| {
        hosts.fail(0);
        wait_until("it waits", LIMIT, || {
            hosts.ask(0, &["status"]).contains(why)
        });
        assert_eq!(hosts.restarts(), restarts);
        restarts += 1;
    };
    let is_restarted = || wait_until("it is restarted", LIMIT, || hosts.is_up(0));
    let taken = "taken, by other (web)";
    // somebody else has the slot of the group: there is one more
    assert_eq!(engine.reserve(&other(1)).await, Ok(None));
    waits(taken);
    hosts.reload(0, &etcd(&cluster, "slots = 2"), "");
    is_restarted();
    wait_until("its slot is free", LIMIT, || {
        cluster.count("httpok/web/slot/") == 1
    });
    // another group
    hosts.reload(0, &usual, "");
    waits(taken);
    hosts.reload(0, &usual, "fleet = { group = \"mine\" }");
    is_restarted();
    wait_until("its slot is free", LIMIT, || {
        cluster.count("httpok/mine/slot/") == 0
    });
    // endpoints that do not answer, and then those that do; the slot is free by now
    let hangs = etcd(&gone, "timeout = \"2s\"");
    gone.signal(0, "-STOP");
    hosts.reload(0, &hangs, "");
    waits("cannot be asked for a slot");
    assert_eq!(engine.release(&other(1), true).await, Ok(()));
    hosts.reload(0, &usual, "");
    is_restarted();
    wait_until("its slot is free", LIMIT, || {
        cluster.count("httpok/web/slot/") == 0
    });
    // another engine, which is used, and is changed again while its slot is held
    assert_eq!(engine.reserve(&other(1)).await, Ok(None));
    waits(taken);
    hosts.is_slow(0, 4);
    hosts.reload(0, &server.fleet(), "");
    wait_until("it restarts", LIMIT, || hosts.restarts() == 4);
    assert_eq!(server.held(), ["web h0:web"]);
    hosts.reload(0, &usual, "");
    is_restarted();
    wait_until("its slot is given back", LIMIT, || server.held().is_empty());
    hosts.is_slow(0, 0);
    // no fleet any more
    waits(taken);
    hosts.reload(0, "", "");
    is_restarted();
    assert_eq!(hosts.restarts(), 5);
    wait_until("its slot is free", LIMIT, || {
        cluster.count("httpok/web/slot/") == 1
    });
    gone.signal(0, "-CONT");
}
