//! `httpok sample`: a service to try httpok out on. It answers for a while and then hangs in the way that
//! is hardest to notice from outside: it still accepts connections.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::args::SampleArgs;
use super::exit::Exit;
use super::say;

/// A client that connects and sends nothing is not waited for longer than this.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves until it is killed.
pub fn run(args: &SampleArgs) -> Exit {
    let listener = match TcpListener::bind(args.listen) {
        Ok(listener) => listener,
        Err(why) => {
            return super::refuse(&format!("httpok sample: {}", in_the_way(args.listen, &why)));
        }
    };
    let address = listener.local_addr().unwrap_or(args.listen);
    let started = Instant::now();
    let pid = std::process::id();
    say::err(&format!(
        "sample (pid {pid}): answering on http://{address}/, hanging after {} s",
        args.hang_after.as_secs_f32()
    ));
    let mut held = Vec::new();
    loop {
        let Ok((stream, _)) = listener.accept() else {
            continue;
        };
        if started.elapsed() < args.hang_after {
            // a client that hangs up early is no fault
            let _ = answer(&stream, pid);
            continue;
        }
        if held.is_empty() {
            say::err(&format!("sample (pid {pid}): hanging from now on"));
        }
        held.push(stream);
    }
}

/// Why it cannot listen on `address`, and what to do about it.
fn in_the_way(address: SocketAddr, why: &io::Error) -> String {
    let help = match why.kind() {
        io::ErrorKind::AddrInUse => {
            let any = SocketAddr::new(address.ip(), 0);
            return format!(
                "cannot listen on {address}: another program listens there: expected a free port, such as --listen {any} for \
                 any that is free"
            );
        }
        io::ErrorKind::AddrNotAvailable => ": expected an address of this machine",
        io::ErrorKind::PermissionDenied => ": expected a port from 1024 on",
        _ => "",
    };
    format!("cannot listen on {address}: {why}{help}")
}

fn answer(mut stream: &TcpStream, pid: u32) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut head = BufReader::new(stream).lines();
    while head
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}
    let body = format!("all fine, says pid {pid}\n");
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
