//! Ports of 127.0.0.1 for programs that bind them a moment later. They are below those that the kernel gives to
//! connections, and taken among all tests of this machine by an abstract socket, so nobody else gets them meanwhile.

use std::net::TcpListener;
use std::ops::Range;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Where Linux's `ip_local_port_range` begins is above, unless somebody has changed it.
const PORTS: Range<u16> = 10_000..32_000;

/// A port that is free, for this process alone until it ends.
pub fn free_port() -> u16 {
    free_ports(&[0])
}

/// A port that is free, as are those that are so far above it.
pub fn free_ports(offsets: &[u16]) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        // processes start at different places, so that they seldom meet
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let start = (std::process::id() as u16).wrapping_mul(101);
        let port = PORTS.start + start.wrapping_add(step) % (PORTS.end - PORTS.start);
        if offsets.iter().all(|offset| take(port + offset)) {
            return port;
        }
    }
}

fn take(port: u16) -> bool {
    let name = SocketAddr::from_abstract_name(format!("httpok-test-port-{port}"));
    let Ok(taken) = name.and_then(|name| UnixListener::bind_addr(&name)) else {
        return false;
    };
    // held until the process ends
    std::mem::forget(taken);
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}
