//! A control socket whose place was taken at the start is opened as soon as the place is free.

use std::os::unix::net::UnixListener;

use super::{LIMIT, Service, Watchdog, check, wait_until};

#[test]
fn socket_that_was_taken_at_the_start_is_tried_again() {
    let service = Service::start();
    let mut watchdog = Watchdog::start(&check("shop", &service.server.url("/"), ""));
    let path = watchdog.sockets().pop().expect("a socket");
    watchdog.end(nix::sys::signal::Signal::SIGKILL);
    // somebody answers there
    std::fs::remove_file(&path).expect("it is there");
    let other = UnixListener::bind(&path).expect("free");
    watchdog.spawn("httpok.toml");
    wait_until("it is said", LIMIT, || {
        watchdog.log().contains("it is tried again every")
    });
    drop(other);
    wait_until("it answers", LIMIT, || watchdog.answering() == 1);
    assert_eq!(watchdog.log().matches("cannot be controlled").count(), 1);
}
