//! A FleetLock server, written by the protocol's document, which can also be ill in many ways; the client that asks it,
//! and watchdogs.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use httpok::fleet::spec::{Claim, FleetLockSpec, FleetTlsSpec};
use httpok::fleet::{FleetLock, SlotEngine};
use httpok::health::{SlotHolder, SlotRefusal};
use serde_json::Value;

use crate::hosts::Hosts;
use crate::support::wait_until;

const LIMIT: Duration = Duration::from_secs(120);

/// How the server is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Condition {
    #[default]
    Well,
    /// It does what it is asked and says nothing.
    LosesAnswers,
    /// It does nothing and says nothing.
    Silent,
    /// It says nothing, and does what it is asked when it is well again.
    Late,
    /// It answers with these bytes, again and again until so many were sent.
    Says(&'static str, usize),
}

#[derive(Default)]
struct State {
    held: BTreeSet<(String, String)>,
    condition: Condition,
    late: Vec<(String, String)>,
    /// How often a slot was given back that was held.
    freed: usize,
}

/// One slot for each group.
pub struct Server {
    port: u16,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || answer(stream, &shared));
            }
        });
        Self { port, state }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/base", self.port)
    }

    pub fn fleet(&self) -> String {
        format!(
            "lock = \"fleetlock\"\nurl = {:?}\ntimeout = \"2s\"\nunreachable = \"hold\"",
            self.url()
        )
    }

    pub fn held(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let held = state.held.iter();
        held.map(|(group, id)| format!("{group} {id}")).collect()
    }

    fn freed(&self) -> usize {
        self.state.lock().unwrap().freed
    }

    fn becomes(&self, condition: Condition) {
        let mut state = self.state.lock().unwrap();
        state.condition = condition;
        if condition == Condition::Well {
            let late = std::mem::take(&mut state.late);
            state.held.extend(late);
        }
    }

    /// Somebody has a slot.
    fn take(&self, group: &str, id: &str) {
        let slot = (group.to_owned(), id.to_owned());
        self.state.lock().unwrap().held.insert(slot);
    }

    /// Nobody has one.
    fn clear(&self) {
        self.state.lock().unwrap().held.clear();
    }
}

fn answer(mut stream: TcpStream, state: &Mutex<State>) {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    let (head, body) = loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && body.ends_with("}}")
        {
            break (head.to_owned(), body.to_owned());
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(read) => bytes.extend_from_slice(&piece[..read]),
        }
    };
    let asked: Value = serde_json::from_str(&body).unwrap();
    let of = |key: &str| asked["client_params"][key].as_str().unwrap().to_owned();
    let slot = (of("group"), of("id"));
    let condition = state.lock().unwrap().condition;
    match condition {
        Condition::Well => {}
        Condition::LosesAnswers => {
            perform(&head, slot, &mut state.lock().unwrap());
            return;
        }
        Condition::Silent | Condition::Late => {
            if condition == Condition::Late && head.contains("pre-reboot") {
                state.lock().unwrap().late.push(slot);
            }
            // until the client has had enough
            let _ = stream.read(&mut piece);
            return;
        }
        Condition::Says(what, least) => {
            let mut sent = 0;
            while sent < least.max(1) && stream.write_all(what.as_bytes()).is_ok() {
                sent += what.len();
            }
            return;
        }
    }
    let (status, body) = perform(&head, slot, &mut state.lock().unwrap());
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
}

fn perform(head: &str, slot: (String, String), state: &mut State) -> (u16, &'static str) {
    let head_lower = head.to_ascii_lowercase();
    if !head_lower.contains("fleet-lock-protocol: true") {
        (
            400,
            "{\"kind\":\"no_header\",\"value\":\"the header is missing\"}",
        )
    } else if head.starts_with("POST /base/v1/steady-state ") {
        state.freed += usize::from(state.held.remove(&slot));
        (200, "")
    } else if !head.starts_with("POST /base/v1/pre-reboot ") {
        (404, "")
    } else if state
        .held
        .iter()
        .any(|other| other.0 == slot.0 && *other != slot)
    {
        (
            409,
            "{\"kind\":\"failed_lock_semaphore_full\",\"value\":\"semaphore full\"}",
        )
    } else {
        state.held.insert(slot);
        (200, "")
    }
}

fn client(server: &Server) -> FleetLock {
    FleetLock::new(FleetLockSpec {
        url: server.url().parse().unwrap(),
        tls: FleetTlsSpec::default(),
        timeout: Duration::from_secs(2),
    })
}

fn claim(host: &str) -> Claim {
    Claim {
        group: "web".to_owned(),
        slots: 1,
        budget: None,
        panic_threshold: None,
        holder: SlotHolder {
            host: host.to_owned(),
            machine: String::new(),
            check: "web".to_owned(),
            reservation: format!("{host}-1"),
            since: 1,
        },
        waiting_since: 1,
        resumes: false,
    }
}

/// Whatever is wrong with the server, nobody believes that there is a slot; and when it is well again, the one who asked
/// before gets the slot that it may have.
#[tokio::test]
async fn server_that_is_ill_grants_nothing_and_the_same_host_gets_its_own_slot_afterwards() {
    let server = Server::start();
    let client = client(&server);
    let ours = claim("a");
    let says = |what| Condition::Says(what, 0);
    for (condition, why) in [
        (Condition::Silent, "no answer within 2s"),
        (Condition::Late, "no answer within 2s"),
        (Condition::LosesAnswers, ""),
        (
            says("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"),
            "answered 500",
        ),
        (
            says("HTTP/1.1 503 Busy\r\n\r\n{\"kind\":\"db_error\",\"value\":\"no quorum yet\"}"),
            "503: no quorum yet",
        ),
        (
            says(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<html>hi</html>",
            ),
            "no FleetLock server",
        ),
        (
            says(
                "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<html>no</html>",
            ),
            "answered 404",
        ),
        (
            says(
                "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            ),
            "302: redirects are not followed",
        ),
        (says("\u{1}\u{2}\u{3} what?\r\n\r\n"), ""),
        (
            says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it"),
            "",
        ),
        (
            Condition::Says("HTTP/1.1 200 OK\r\n\r\nand on and on and on ", 8 << 20),
            "bytes",
        ),
        (Condition::Says("X-Long: header ", 8 << 20), ""),
    ] {
        server.becomes(condition);
        for asked in [
            client.reserve(&ours).await.map(|_| ()),
            client.release(&ours, true).await,
        ] {
            let said = asked.expect_err(&format!("{condition:?}"));
            assert!(said.contains(why), "{condition:?}: {said}");
            assert!(said.len() < 500 && !said.contains('\u{1}'), "{said}");
        }
    }
    server.clear();
    server.becomes(Condition::LosesAnswers);
    assert!(client.reserve(&ours).await.is_err());
    assert_eq!(server.held(), ["web a:web"]);
    server.becomes(Condition::Well);
    let full = client.reserve(&claim("b")).await;
    assert_eq!(
        full,
        Ok(Some(SlotRefusal::Taken {
            by: Vec::new(),
            ahead: None
        }))
    );
    assert_eq!(client.reserve(&ours).await, Ok(None));
    assert_eq!(client.release(&ours, true).await, Ok(()));
    assert_eq!(server.held(), Vec::<String>::new());
}

/// The answers are lost: the slot is taken and nobody knows. It is asked for again and given back once; also when nobody
/// needs it any more.
#[test]
fn slot_whose_answer_was_lost_is_used_or_given_back_once() {
    let server = Server::start();
    let mut hosts = Hosts::new(1, 500, &server.fleet());
    hosts.watch_all();
    for recovers in [false, true] {
        let before = (server.freed(), hosts.restarts());
        server.becomes(Condition::LosesAnswers);
        hosts.fail(0);
        wait_until("it has a slot", LIMIT, || !server.held().is_empty());
        assert_eq!(server.held(), ["web h0:web"]);
        wait_until("it waits", LIMIT, || {
            let status = hosts.ask(0, &["status"]);
            status.contains("cannot be asked for a slot")
        });
        if recovers {
            hosts.recover(0);
        }
        server.becomes(Condition::Well);
        wait_until("it is well", LIMIT, || hosts.is_up(0));
        wait_until("the slot is free", LIMIT, || server.held().is_empty());
        let after = (server.freed(), hosts.restarts());
        assert_eq!(after.0 - before.0, 1);
        assert_eq!(after.1 - before.1, usize::from(!recovers));
    }
}

/// The server stands still, and carries out later what nobody waits for any more.
#[test]
fn slot_that_is_taken_after_it_was_given_back_is_given_back_once_more() {
    let server = Server::start();
    let mut hosts = Hosts::new(1, 500, &server.fleet());
    hosts.watch_all();
    server.becomes(Condition::Late);
    hosts.fail(0);
    wait_until("it waits", LIMIT, || {
        let status = hosts.ask(0, &["status"]);
        status.contains("cannot be asked for a slot")
    });
    hosts.recover(0);
    // it gives back what it may have
    server.becomes(Condition::Says(
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        0,
    ));
    wait_until("it waits no more", LIMIT, || {
        let explained = hosts.ask(0, &["events"]);
        explained.contains("given back") || explained.contains("gives back")
    });
    thread::sleep(Duration::from_secs(3));
    server.becomes(Condition::Well);
    assert_eq!(server.held(), ["web h0:web"]);
    let begun = Instant::now();
    wait_until("it is free", LIMIT, || server.held().is_empty());
    eprintln!("free after {:?}", begun.elapsed());
    assert_eq!(hosts.restarts(), 0);
}

/// The server is away when the watchdog ends: that is said, and the next run gives back.
#[test]
fn slot_that_cannot_be_given_back_at_the_end_is_said_to_be_left() {
    let server = Server::start();
    let mut hosts = Hosts::new(1, 500, &server.fleet());
    hosts.watch_all();
    hosts.fail(0);
    wait_until("it has a slot", LIMIT, || !server.held().is_empty());
    server.becomes(Condition::Silent);
    wait_until("it is restarted", LIMIT, || hosts.is_up(0));
    hosts.end(0);
    let said = hosts.said(0);
    let left = "the slot of check \"web\" in group \"web\" could not be given back: the next run gives it back";
    assert!(said.contains(left), "{said}");
    assert_eq!(server.held(), ["web h0:web"]);
    server.becomes(Condition::Well);
    hosts.watch_all();
    wait_until("it is given back", LIMIT, || server.held().is_empty());
    assert_eq!(server.freed(), 1);
}

#[test]
fn hosts_restart_one_after_the_other_and_give_back_what_a_dead_run_kept() {
    let server = Server::start();
    // an earlier run of this host died with its slot
    server.take("web", "h0:web");
    let mut hosts = Hosts::new(3, 500, &server.fleet());
    hosts.watch_all();
    wait_until("it is given back", LIMIT, || server.held().is_empty());
    (0..3).for_each(|host| hosts.fail(host));
    wait_until("all are restarted", LIMIT, || hosts.are_up());
    assert_eq!(hosts.most_at_once(), 1, "{:?}", hosts.log());
    wait_until("every slot is free", LIMIT, || server.held().is_empty());
    // somebody else has it: it waits, and says so
    server.take("web", "other");
    hosts.fail(1);
    wait_until("it waits", LIMIT, || {
        hosts.ask(1, &["status"]).contains("every slot is taken")
    });
    let status = hosts.ask(1, &["fleet", "status"]);
    assert!(status.contains("does not say who holds slots"), "{status}");
    // a slot that a host without a next run left
    server.take("web", "h7:web");
    let freed = hosts.ask(1, &["fleet", "release", "h7"]);
    assert!(freed.contains("h7 has no slot any more"), "{freed}");
    assert_eq!(server.held(), ["web other"]);
    assert_eq!(hosts.restarts(), 3);
    // an orderly end keeps nothing
    server.clear();
    wait_until("it is restarted", LIMIT, || hosts.is_up(1));
    hosts.end(1);
    assert_eq!(server.held(), Vec::<String>::new());
}
