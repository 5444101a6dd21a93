//! The mail server is away while something happens, and its watchdog is killed: what is to be told arrives all
//! the same.

use std::io::copy;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;

use nix::sys::signal::Signal;

use crate::fixture::Stage;
use crate::program::LIMIT;
use crate::site::says;
use crate::smtp::SmtpServer;
use crate::support::wait_until;

/// A mail server's address behind which nobody is yet: whoever comes is hung up on.
struct Door {
    port: u16,
    /// Where it leads; 0: nowhere.
    behind: Arc<AtomicU16>,
}

impl Door {
    fn shut() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let behind = Arc::new(AtomicU16::new(0));
        let leads = Arc::clone(&behind);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                match leads.load(Ordering::Relaxed) {
                    0 => drop(client),
                    port => lead(client, port),
                }
            }
        });
        Self { port, behind }
    }

    fn open(&self, port: u16) {
        self.behind.store(port, Ordering::Relaxed);
    }
}

/// Lets `client` talk with what listens on `port`.
fn lead(client: TcpStream, port: u16) {
    let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
    for (mut from, mut to) in [
        (client.try_clone().unwrap(), server.try_clone().unwrap()),
        (server, client),
    ] {
        thread::spawn(move || {
            let _ = copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
}

#[test]
fn undelivered_mail_arrives_after_a_kill() {
    let stage = Stage::with(&["shop"]);
    let door = Door::shut();
    stage.ill_until("shop", 2, says("500 Oh", ""));
    stage.configure(&format!(
        "[mail]\nto = [\"ops@example.org\"]\ndown_after = 0\nsmtp = \"smtp://127.0.0.1:{}\"\n\
         [[check]]\nname = \"shop\"\nurl = \"URL/shop\"\nrestart = [\"shop\"]\n\
         every = \"200ms\"\nfail_after = 1\ngrace = 0\nbackoff = {{ min = \"200ms\", max = \"200ms\" }}\n",
        door.port
    ));
    let first = stage.watch_file();
    first
        .err
        .wait("it is back", |said| said.contains("passes again"));
    first
        .err
        .wait("nobody was told", |said| said.contains("it is tried again"));
    first.signal(Signal::SIGKILL);
    drop(first);

    let server = SmtpServer::start(&[]);
    door.open(server.port);
    let _second = stage.watch_file();
    wait_until("both mails", LIMIT, || server.taken().len() == 2);
    let taken = server.taken();
    let subjects: Vec<_> = taken.iter().map(|mail| mail.header("Subject")).collect();
    assert!(
        subjects[0].contains("shop is down") && subjects[1].contains("shop recovered"),
        "{subjects:?}"
    );
    assert_eq!(
        taken[1].header("In-Reply-To"),
        taken[0].header("Message-ID")
    );
    assert_eq!(stage.lives("shop"), 2);
}
