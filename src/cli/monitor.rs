//! `httpok monitor`: a client of the line protocol, ours and zc.monitor's.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::args::MonitorArgs;
use super::exit::Exit;
use super::say;
use crate::health::counted;

/// An answer may be no longer, in bytes.
const LONGEST: u64 = 16 << 20;

/// Asks one command and prints what is answered.
pub fn run(args: &MonitorArgs) -> Exit {
    match ask(args) {
        Ok(answer) => {
            say::write(&answer);
            Exit::Ok
        }
        Err(why) => {
            say::err(&format!("httpok monitor: {}: {why}", args.address));
            Exit::Unknown
        }
    }
}

fn ask(args: &MonitorArgs) -> Result<Vec<u8>, String> {
    let words: Vec<_> = args.command.iter().map(String::as_str).collect();
    let line = match words.as_slice() {
        [] => "help".to_owned(),
        words => words.join(" "),
    };
    if line.contains(['\n', '\r']) {
        return Err("a command is one line".to_owned());
    }
    let line = line + "\r\n";
    let deadline = Instant::now() + args.timeout;
    if args.address.starts_with('/') {
        let stream = UnixStream::connect(&args.address).map_err(|why| why.to_string())?;
        let patience = |stream: &UnixStream, left| stream.set_read_timeout(Some(left));
        return talk(stream, &line, deadline, patience);
    }
    let addresses = args.address.to_socket_addrs();
    let addresses = addresses.map_err(|why| format!("no address such as 127.0.0.1:9261: {why}"))?;
    let mut failure = "no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, args.timeout) {
            Ok(stream) => {
                let patience = |stream: &TcpStream, left| stream.set_read_timeout(Some(left));
                return talk(stream, &line, deadline, patience);
            }
            Err(why) => failure = why.to_string(),
        }
    }
    Err(failure)
}

/// Sends `line` and reads to the end. The sending side stays open: zc.monitor takes its end for the end of the talk.
fn talk<S: Read + Write>(
    mut stream: S,
    line: &str,
    deadline: Instant,
    patience: impl Fn(&S, Duration) -> std::io::Result<()>,
) -> Result<Vec<u8>, String> {
    stream
        .write_all(line.as_bytes())
        .map_err(|why| why.to_string())?;
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || patience(&stream, left).is_err() {
            return Err(late(&answer));
        }
        match stream.read(&mut piece) {
            Ok(0) => return Ok(answer),
            Ok(count) => answer.extend_from_slice(&piece[..count]),
            Err(why) if why.kind() == std::io::ErrorKind::Interrupted => {}
            Err(why)
                if matches!(
                    why.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) =>
            {
                return Err(late(&answer));
            }
            Err(why) => return Err(why.to_string()),
        }
        if answer.len() as u64 > LONGEST {
            return Err("the answer is too long".to_owned());
        }
    }
}

fn late(answer: &[u8]) -> String {
    match answer.len() {
        0 => "no answer in time".to_owned(),
        bytes => format!(
            "the answer was not complete in time ({} came)",
            counted(bytes, "byte", "bytes")
        ),
    }
}
