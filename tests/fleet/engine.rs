//! The client of etcd: slots and budget under a race, a reservation that asks twice, one that is inherited, a member that
//! is stopped and accepts without answering, no quorum, certificates, a user and its password.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use httpok::fleet::spec::{Claim, EtcdSpec, FleetTlsSpec};
use httpok::fleet::{Etcd, SlotEngine};
use httpok::health::{Budget, SlotHolder, SlotRefusal};
use httpok::secret::Secret;
use serde_json::json;
use tokio::time::sleep;

use crate::cluster::Cluster;

const HOUR: Duration = Duration::from_secs(3600);
const LEASE: Duration = Duration::from_secs(60);

pub fn client(cluster: &Cluster, timeout: u64) -> Etcd {
    with(cluster, timeout, None, FleetTlsSpec::default())
}

fn with(
    cluster: &Cluster,
    timeout: u64,
    login: Option<(String, Secret)>,
    tls: FleetTlsSpec,
) -> Etcd {
    let spec = EtcdSpec {
        endpoints: cluster.endpoints(),
        login,
        tls,
        timeout: Duration::from_secs(timeout),
    };
    Etcd::new(spec, LEASE)
}

pub fn claim(host: &str, reservation: &str, slots: u32, budget: Option<u32>) -> Claim {
    Claim {
        group: "shop/1".to_owned(),
        slots,
        budget: budget.map(|count| Budget {
            count,
            window: HOUR,
        }),
        panic_threshold: None,
        holder: SlotHolder {
            host: host.to_owned(),
            machine: String::new(),
            check: "shop".to_owned(),
            reservation: format!("{host}-{reservation}"),
            since: 1,
        },
        waiting_since: 1,
        resumes: false,
    }
}

fn base64(text: &str) -> String {
    base64::prelude::BASE64_STANDARD.encode(text)
}

async fn granted(etcd: &Etcd, claim: &Claim) {
    assert_eq!(etcd.reserve(claim).await, Ok(None));
}

#[tokio::test]
async fn hosts_that_race_never_hold_more_slots_than_there_are_and_the_budget_is_exact() {
    let cluster = Cluster::start(3);
    let holding = Arc::new(AtomicUsize::new(0));
    let restarts = Arc::new(AtomicUsize::new(0));
    let mut hosts = tokio::task::JoinSet::new();
    for host in 0..12 {
        let etcd = client(&cluster, 60);
        let (holding, restarts) = (holding.clone(), restarts.clone());
        hosts.spawn(async move {
            let claim = claim(&format!("host-{host}"), "1", 2, Some(7));
            loop {
                match etcd.reserve(&claim).await.expect("etcd answers") {
                    None => {
                        let now = holding.fetch_add(1, Ordering::SeqCst) + 1;
                        assert!(now <= 2, "{now} hold a slot");
                        restarts.fetch_add(1, Ordering::SeqCst);
                        sleep(Duration::from_millis(30)).await;
                        holding.fetch_sub(1, Ordering::SeqCst);
                        assert_eq!(etcd.release(&claim, true).await, Ok(()));
                        return;
                    }
                    Some(SlotRefusal::Taken { by, .. }) => {
                        assert!(by.len() <= 2, "{by:?}");
                        sleep(Duration::from_millis(20)).await;
                    }
                    Some(SlotRefusal::BudgetUsedUp { left }) => {
                        assert!(left <= HOUR && left > HOUR / 2, "{left:?}");
                        return;
                    }
                    Some(other) => panic!("{other:?}"),
                }
            }
        });
    }
    while let Some(ended) = hosts.join_next().await {
        ended.expect("no host panics");
    }
    assert_eq!(restarts.load(Ordering::SeqCst), 7);
}

#[tokio::test]
async fn reservation_that_asks_twice_pays_once_and_an_unused_one_gets_its_restart_back() {
    let cluster = Cluster::start(1);
    let etcd = client(&cluster, 60);
    let first = claim("a", "1", 1, Some(2));
    granted(&etcd, &first).await;
    granted(&etcd, &first).await;
    match etcd.reserve(&claim("b", "1", 1, Some(2))).await {
        Ok(Some(SlotRefusal::Taken { by, .. })) => assert_eq!(by[0].host, "a"),
        other => panic!("{other:?}"),
    }
    let status = etcd.status("shop/1").await.expect("asked").expect("said");
    assert_eq!((status.holders.len(), status.spent), (1, 1));
    assert_eq!(status.waiting[0].host, "b");
    // the next run of the host goes on with the slot, and has paid
    let mut inherited = claim("a", "2", 1, None);
    granted(&etcd, &inherited).await;
    assert_eq!(etcd.renew(&first).await, Ok(false));
    assert_eq!(etcd.renew(&inherited).await, Ok(true));
    // what is not its own any more is not given back, and neither is what was used
    assert_eq!(etcd.release(&first, true).await, Ok(()));
    assert_eq!(etcd.renew(&inherited).await, Ok(true));
    assert_eq!(etcd.release(&inherited, true).await, Ok(()));
    let second = claim("b", "1", 1, Some(2));
    granted(&etcd, &second).await;
    let status = etcd.status("shop/1").await.expect("asked").expect("said");
    assert_eq!((status.waiting.len(), status.spent), (0, 2));
    // who waited, had a slot and waits again is known to wait
    let third = claim("c", "1", 1, None);
    assert!(matches!(etcd.reserve(&third).await, Ok(Some(_))));
    assert_eq!(etcd.release(&second, false).await, Ok(()));
    granted(&etcd, &third).await;
    assert_eq!(etcd.release(&third, true).await, Ok(()));
    granted(&etcd, &second).await;
    assert!(matches!(etcd.reserve(&third).await, Ok(Some(_))));
    let status = etcd.status("shop/1").await.expect("asked").expect("said");
    let waiting = status.waiting.iter().map(|holder| holder.host.as_str());
    assert_eq!(waiting.collect::<Vec<_>>(), ["c"]);
    // it gives up: nobody is before the next one
    assert_eq!(etcd.release(&third, true).await, Ok(()));
    assert_eq!(etcd.release(&second, false).await, Ok(()));
    inherited.budget = Some(Budget {
        count: 2,
        window: HOUR,
    });
    inherited.holder.reservation = "a-3".to_owned();
    granted(&etcd, &inherited).await;
    assert_eq!(etcd.release(&inherited, true).await, Ok(()));
    let none_left = etcd.reserve(&second).await;
    assert!(
        matches!(none_left, Ok(Some(SlotRefusal::BudgetUsedUp { .. }))),
        "{none_left:?}"
    );
    assert_eq!(etcd.evict("shop/1", "a", &[]).await, Ok(Some(0)));
    granted(&etcd, &claim("a", "4", 1, None)).await;
    assert_eq!(etcd.evict("shop/1", "a", &[]).await, Ok(Some(1)));
}

/// The first two of three hosts that fail at once are a share of 2/3.
#[tokio::test]
async fn share_of_failing_hosts_holds_every_restart_of_the_group() {
    let cluster = Cluster::start(1);
    let etcd = client(&cluster, 60);
    for host in ["a", "b", "c"] {
        assert_eq!(etcd.announce("shop/1", host).await, Ok(()));
    }
    let failing = |host| Claim {
        panic_threshold: Some(0.6),
        ..claim(host, "1", 3, None)
    };
    granted(&etcd, &failing("a")).await;
    let panic = etcd.reserve(&failing("b")).await;
    assert_eq!(panic, Ok(Some(SlotRefusal::Panic { failing: 2, of: 3 })));
    assert_eq!(etcd.release(&failing("a"), true).await, Ok(()));
    granted(&etcd, &failing("b")).await;
}

#[tokio::test]
async fn stopped_member_is_passed_over_and_without_a_quorum_it_is_an_error() {
    let cluster = Cluster::start(3);
    cluster.signal(0, "-STOP");
    let etcd = client(&cluster, 5);
    let begun = Instant::now();
    let claim = claim("a", "1", 1, None);
    // the stopped one may have led: the others elect first
    while etcd.reserve(&claim).await != Ok(None) {
        assert!(begun.elapsed() < Duration::from_secs(90));
    }
    cluster.signal(1, "-STOP");
    let why = client(&cluster, 2)
        .renew(&claim)
        .await
        .expect_err("no quorum");
    assert!(why.starts_with("etcd at 127.0.0.1:"), "{why}");
}

#[tokio::test]
async fn user_and_password_let_in_and_are_never_shown() {
    let cluster = Cluster::start(1);
    for (path, ask) in [
        (
            "auth/user/add",
            json!({"name": "root", "password": "sesame-7"}),
        ),
        ("auth/role/add", json!({"name": "root"})),
        ("auth/user/grant", json!({"user": "root", "role": "root"})),
        // as docs/fleet.md has it: a user that reads and writes below httpok/ and nothing else
        (
            "auth/user/add",
            json!({"name": "httpok", "password": "sesame-9"}),
        ),
        ("auth/role/add", json!({"name": "httpok"})),
        (
            "auth/role/grant",
            json!({"name": "httpok", "perm": {
                "permType": "READWRITE", "key": base64("httpok/"), "range_end": base64("httpok0"),
            }}),
        ),
        (
            "auth/user/grant",
            json!({"user": "httpok", "role": "httpok"}),
        ),
        ("auth/enable", json!({})),
    ] {
        let answer = cluster.ask(0, path, &ask);
        assert!(answer["header"].is_object(), "{path}: {answer}");
    }
    let login = |password: &str| Some(("root".to_owned(), Secret::new(password)));
    let tls = FleetTlsSpec::default;
    let etcd = with(&cluster, 30, login("sesame-7"), tls());
    granted(&etcd, &claim("a", "1", 1, None)).await;
    // with a budget that is used up, a wait, a renewal and the end of it
    let user = Some(("httpok".to_owned(), Secret::new("sesame-9")));
    let own = with(&cluster, 30, user, tls());
    let paid = claim("b", "1", 2, Some(1));
    granted(&own, &paid).await;
    assert_eq!(own.renew(&paid).await, Ok(true));
    let taken = own.reserve(&claim("c", "1", 2, Some(1))).await;
    assert!(
        matches!(taken, Ok(Some(SlotRefusal::Taken { .. }))),
        "{taken:?}"
    );
    assert_eq!(own.release(&paid, true).await, Ok(()));
    let used_up = own.reserve(&claim("c", "1", 2, Some(1))).await;
    match used_up {
        Ok(Some(SlotRefusal::BudgetUsedUp { left })) => assert!(left > HOUR / 2, "{left:?}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(own.announce("shop/1", "b").await, Ok(()));
    assert_eq!(own.evict("shop/1", "a", &[]).await, Ok(Some(1)));
    let status = own.status("shop/1").await.expect("asked").expect("said");
    assert_eq!((status.holders.len(), status.waiting.len()), (0, 1));
    let wrong = with(&cluster, 30, login("sesame-8"), tls());
    let why = wrong.status("shop/1").await.expect_err("not let in");
    assert!(why.contains("user \"root\" is not let in"), "{why}");
    let nobody = client(&cluster, 30).status("shop/1").await;
    assert!(nobody.is_err_and(|why| why.contains("user name is empty")));
    let shown = format!("{etcd:?}{wrong:?}{why}");
    assert!(!shown.contains("sesame"), "{shown}");
}

#[tokio::test]
async fn engine_that_asks_for_a_certificate_gets_ours() {
    let dir = tempfile::tempdir().expect("a directory");
    let made = std::process::Command::new("sh")
        .arg("-c")
        .arg(
            "set -e; openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca
             for name in server client; do
             openssl req -newkey rsa:2048 -nodes -keyout $name.key -out $name.csr -subj /CN=$name
             printf 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n' >ext
             openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out $name.pem
             done; cat client.pem client.key >both.pem",
        )
        .current_dir(dir.path())
        .stderr(std::process::Stdio::null())
        .status();
    assert!(made.expect("openssl runs").success());
    let file = |name: &str| dir.path().join(name);
    let (ca, cert, key) = (file("ca.pem"), file("server.pem"), file("server.key"));
    let path = |path: &std::path::Path| path.to_str().expect("UTF-8").to_owned();
    let options = [
        "--client-cert-auth".to_owned(),
        format!("--trusted-ca-file={}", path(&ca)),
        format!("--cert-file={}", path(&cert)),
        format!("--key-file={}", path(&key)),
    ];
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    let data = tempfile::tempdir().expect("a directory");
    let cluster = Cluster::begin(1, "https", &options, data);
    let tls = |cert: Option<&str>, key: Option<&str>| FleetTlsSpec {
        cacert: Some(ca.clone()),
        cert: cert.map(file),
        key: key.map(file),
    };
    let ours = with(
        &cluster,
        30,
        None,
        tls(Some("client.pem"), Some("client.key")),
    );
    let begun = Instant::now();
    while let Err(why) = ours.status("shop/1").await {
        assert!(begun.elapsed() < Duration::from_secs(60), "{why}");
        sleep(Duration::from_millis(100)).await;
    }
    let both = with(&cluster, 30, None, tls(Some("both.pem"), None));
    granted(&both, &claim("a", "1", 1, None)).await;
    let nobody = with(&cluster, 30, None, tls(None, None));
    assert!(nobody.status("shop/1").await.is_err());
}
