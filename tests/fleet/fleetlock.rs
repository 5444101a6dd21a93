//! A FleetLock server, written by the protocol's document, and watchdogs that ask it.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::hosts::Hosts;
use crate::support::wait_until;

const LIMIT: Duration = Duration::from_secs(120);

/// One slot for each group.
pub struct Server {
    port: u16,
    held: Arc<Mutex<BTreeSet<(String, String)>>>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let held = Arc::new(Mutex::new(BTreeSet::new()));
        let shared = Arc::clone(&held);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &shared);
            }
        });
        Self { port, held }
    }

    fn fleet(&self) -> String {
        format!(
            "lock = \"fleetlock\"\nurl = \"http://127.0.0.1:{}/base\"\nunreachable = \"hold\"",
            self.port
        )
    }

    fn held(&self) -> Vec<String> {
        let held = self.held.lock().unwrap();
        held.iter()
            .map(|(group, id)| format!("{group} {id}"))
            .collect()
    }

    /// Somebody has a slot.
    fn take(&self, group: &str, id: &str) {
        let slot = (group.to_owned(), id.to_owned());
        self.held.lock().unwrap().insert(slot);
    }
}

fn answer(mut stream: TcpStream, held: &Mutex<BTreeSet<(String, String)>>) {
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
    let mut held = held.lock().unwrap();
    let (status, body) = if !head
        .to_ascii_lowercase()
        .contains("fleet-lock-protocol: true")
    {
        (
            400,
            "{\"kind\":\"no_header\",\"value\":\"the header is missing\"}",
        )
    } else if head.starts_with("POST /base/v1/steady-state ") {
        held.remove(&slot);
        (200, "")
    } else if !head.starts_with("POST /base/v1/pre-reboot ") {
        (404, "")
    } else if held.iter().any(|other| other.0 == slot.0 && *other != slot) {
        (
            409,
            "{\"kind\":\"failed_lock_semaphore_full\",\"value\":\"semaphore full\"}",
        )
    } else {
        held.insert(slot);
        (200, "")
    };
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
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
    assert_eq!(hosts.restarts(), 3);
    // an orderly end keeps nothing
    server.held.lock().unwrap().clear();
    wait_until("it is restarted", LIMIT, || hosts.is_up(1));
    hosts.end(1);
    assert_eq!(server.held(), Vec::<String>::new());
}
