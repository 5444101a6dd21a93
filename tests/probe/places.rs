//! Where a probe connects: names, addresses, sockets, and places that do not answer.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use httpok::health::{BodyNeeds, Phase, Reason};
use httpok::probe::IpFamily;
use httpok::probe::http::{HttpProbe, HttpSpec, Override};

use super::hostile::{self, Act, scripted};
use super::{assert_trouble, code, hasty, kept, patient, run, run_alone, trouble};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A spec for `shop.test` at `addresses`, in this order.
fn at(port: u16, addresses: &[&str]) -> HttpSpec {
    let mut spec = patient(&format!("http://shop.test:{port}/"));
    spec.resolve = addresses
        .iter()
        .map(|address| Override {
            host: "Shop.test".to_owned(),
            port,
            address: address.parse().expect("an address"),
        })
        .collect();
    spec
}

#[tokio::test]
async fn closed_port_is_refused_at_once() {
    let port = hostile::refusing("127.0.0.1");
    let address = port.local_addr().expect("bound");
    let seen = run(patient(&format!("http://u:hunter2@{address}/"))).await;
    let says = format!("connection refused ({address})");
    assert_trouble(&seen, Reason::Refused, Phase::Connect, &says);
    assert_eq!((seen.peer, seen.status, seen.body), (None, None, None));
    assert_eq!(seen.url, format!("http://{address}/"));
}

#[tokio::test]
async fn refused_connection_is_retried_until_the_port_opens() {
    let port = hostile::refusing("127.0.0.1");
    let address = port.local_addr().expect("bound");
    let mut spec = patient(&format!("http://{address}/"));
    spec.retry_refused = Some(Duration::from_millis(20));
    let probe = HttpProbe::new(spec, &BodyNeeds::default()).expect("a good spec");
    let mut look = pin!(probe.run(probe.timeout()));
    let early = tokio::time::timeout(Duration::from_millis(100), &mut look).await;
    assert!(early.is_err(), "{early:?}");
    let listener = port.listen(8).expect("listen");
    let _server = hostile::serve(listener, |_| vec![Act::Say(OK), Act::Hang]);
    assert_eq!(code(&look.await), 200);
}

#[tokio::test]
async fn refused_to_the_end_is_refused_and_in_time() {
    let port = hostile::refusing("127.0.0.1");
    let address = port.local_addr().expect("bound");
    let mut spec = hasty(&format!("http://{address}/"));
    spec.retry_refused = Some(Duration::from_millis(150));
    let seen = run(spec).await;
    assert_trouble(&seen, Reason::Refused, Phase::Connect, "connection refused");
    assert!(seen.duration >= Duration::from_millis(300), "{seen:?}");
}

/// As with curl.
#[tokio::test]
async fn resolve_holds_for_a_host_that_is_an_address() {
    let server = scripted(vec![Act::Say(OK), Act::Hang]).await;
    let port = server.address.port();
    let mut spec = patient(&format!("http://127.0.0.9:{port}/"));
    spec.resolve = vec![Override {
        host: "127.0.0.9".to_owned(),
        port,
        address: "127.0.0.1".parse().expect("an address"),
    }];
    let seen = run(spec).await;
    assert_eq!(seen.peer, Some(server.address.to_string()));
}

#[tokio::test]
async fn every_address_is_tried() {
    let server = scripted(vec![Act::Say(OK), Act::Hang]).await;
    let port = server.address.port();
    let seen = run(at(port, &["127.0.0.2", "127.0.0.1"])).await;
    assert_eq!(
        (code(&seen), seen.peer),
        (200, Some(server.address.to_string()))
    );
    assert!(server.asked()[0].contains(&format!("Host: shop.test:{port}")));
    assert_eq!(seen.phases.get(Phase::Dns), None);
}

#[tokio::test]
async fn silent_address_costs_a_quarter_of_a_second() {
    // it needs more than half of the timeout: an equal share for each address would not do
    let answer = vec![
        Act::Pause(Duration::from_millis(2500)),
        Act::Say(OK),
        Act::Hang,
    ];
    let server = scripted(answer).await;
    let port = server.address.port();
    let _silent = hostile::full(SocketAddr::new("127.0.0.2".parse().expect("ip"), port)).await;
    let mut spec = at(port, &["127.0.0.2", "127.0.0.1"]);
    spec.timeout = Duration::from_secs(4);
    let seen = run(spec).await;
    assert_eq!(code(&seen), 200);
    assert_eq!(seen.peer, Some(server.address.to_string()));
    let connect = seen.phases.get(Phase::Connect).expect("it was reached");
    assert!(connect >= Duration::from_millis(240), "{connect:?}");
    assert!(connect < Duration::from_millis(1500), "{connect:?}");
    // what is said of a peer that had less time than was given
    let hung = scripted(vec![Act::Hang]).await;
    let port = hung.address.port();
    let _silent = hostile::full(SocketAddr::new("127.0.0.2".parse().expect("ip"), port)).await;
    let mut spec = at(port, &["127.0.0.2", "127.0.0.1"]);
    spec.timeout = Duration::from_millis(500);
    let seen = run(spec).await;
    let says = "no answer within 500ms, connected for 2";
    assert_trouble(&seen, Reason::FirstByteTimeout, Phase::FirstByte, says);
}

#[tokio::test]
async fn all_silent_addresses_are_named() {
    let address = SocketAddr::new("127.0.0.2".parse().expect("ip"), 0);
    let (listener, _queue) = hostile::full(address).await;
    let port = listener.local_addr().expect("bound").port();
    let mut spec = at(port, &["127.0.0.2"]);
    spec.timeout = Duration::from_millis(300);
    let seen = run(spec).await;
    let says = format!("no connection within 300ms (127.0.0.2:{port})");
    assert_trouble(&seen, Reason::ConnectTimeout, Phase::Connect, &says);
}

#[tokio::test]
async fn names_are_looked_up_and_families_chosen() {
    let server = scripted(vec![Act::Say(OK), Act::Hang]).await;
    let url = format!("http://localhost:{}/", server.address.port());
    let mut spec = patient(&url);
    spec.family = Some(IpFamily::V4);
    let seen = run(spec).await;
    assert_eq!(
        (code(&seen), seen.peer),
        (200, Some(server.address.to_string()))
    );
    assert!(seen.phases.get(Phase::Dns).is_some());

    let mut spec = patient(&url);
    spec.family = Some(IpFamily::V6);
    let seen = run(spec).await;
    // where localhost is IPv4 only, it has no such address; else nobody listens on the other one
    let trouble = seen.trouble.expect("the server is on IPv4");
    assert!(
        matches!(
            trouble.reason,
            Reason::Dns | Reason::Refused | Reason::Unreachable
        ),
        "{trouble:?}"
    );
}

#[tokio::test]
async fn unknown_host_name_is_dns_trouble() {
    let seen = run(hasty("http://nosuch.invalid/")).await;
    assert_trouble(&seen, Reason::Dns, Phase::Dns, "\"nosuch.invalid\"");
    assert_eq!(seen.phases.get(Phase::Connect), None);
}

#[tokio::test]
async fn unix_sockets_are_asked_by_url_and_by_option() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("app.sock");
    let server = hostile::on_unix(&path, OK);
    let encoded = path.to_str().expect("UTF-8").replace('/', "%2F");
    let seen = run(patient(&format!("http+unix://{encoded}/health?x=1"))).await;
    assert_eq!((code(&seen), kept(&seen).as_str()), (200, "ok"));
    assert_eq!(seen.peer.as_deref(), path.to_str());
    assert!(seen.url.ends_with("app.sock/health?x=1"), "{}", seen.url);

    let mut spec = patient("http://shop.test/health");
    spec.unix_socket = Some(path.clone());
    let seen = run(spec.clone()).await;
    assert_eq!(
        (code(&seen), seen.url.as_str()),
        (200, "http://shop.test/health")
    );

    server.abort();
    assert!(server.await.is_err());
    let gone = run(spec.clone()).await;
    assert_trouble(&gone, Reason::Refused, Phase::Connect, "app.sock");
    std::fs::remove_file(&path).expect("it is there");
    let gone = run(spec).await;
    assert_trouble(&gone, Reason::Refused, Phase::Connect, "no such file");
}

#[tokio::test]
async fn exhausted_descriptors_are_unknown() {
    if run_alone("places::exhausted_descriptors_are_unknown").await {
        return;
    }
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let server = scripted(vec![Act::Say(OK), Act::Hang]).await;
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    let next = std::fs::File::open("/dev/null").expect("there is one left");
    let next = std::os::fd::AsRawFd::as_raw_fd(&next) as u64;
    setrlimit(Resource::RLIMIT_NOFILE, next, hard).expect("a lower limit");
    let by_address = run(patient(&server.url("/"))).await;
    let port = server.address.port();
    let by_name = run(patient(&format!("http://localhost:{port}/"))).await;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("the limit as it was");
    for (seen, phase) in [(by_address, Phase::Connect), (by_name, Phase::Dns)] {
        let trouble = trouble(&seen);
        assert_eq!(
            (trouble.reason, trouble.phase),
            (Reason::NoFds, phase),
            "{trouble:?}"
        );
    }
}
