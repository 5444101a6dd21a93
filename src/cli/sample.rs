//! `httpok sample`: a service to try httpok out on. It answers for a while and then hangs in the way that
//! is hardest to notice from outside: it still accepts connections.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
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
            say::err(&format!(
                "httpok sample: cannot listen on {}: {why}",
                args.listen
            ));
            return Exit::CannotListen;
        }
    };
    let started = Instant::now();
    let pid = std::process::id();
    say::err(&format!(
        "sample (pid {pid}): answering on http://{}/, hanging after {} s",
        args.listen,
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

fn answer(mut stream: &TcpStream, pid: u32) -> std::io::Result<()> {
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
