//! A server small enough to say anything: one function from request to answer.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A server that lives as long as the test program.
pub struct Server {
    pub port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers every request with what `answer` makes of it, then hangs up.
    pub fn answering(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                std::thread::spawn(move || {
                    let mut stream = stream;
                    let request = request(&mut stream);
                    log.lock().expect("no panic").push(request.clone());
                    // a client that hung up is the client's business
                    let _ = stream.write_all(answer(&request).as_bytes());
                });
            }
        });
        Self { port, asked }
    }

    /// By path: `/500` is that status, `/slow` never answers, anything else is 200 with `all fine`.
    pub fn usual() -> Self {
        Self::answering(|request| {
            let path = request.split(' ').nth(1).unwrap_or_default();
            match path.trim_start_matches('/').parse::<u16>() {
                Ok(code) => response(code, "out of order\nTraceback\x1b[31m"),
                Err(_) if path == "/slow" => {
                    std::thread::park();
                    String::new()
                }
                Err(_) if path == "/moved" => {
                    "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n".to_owned()
                }
                Err(_) => response(200, "all fine"),
            }
        })
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Every request so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

pub fn response(code: u16, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {code} Whatever\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// The head of a request and as much body as it announces.
fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return text,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}

/// A port that is taken, so that no one else gets it, and where nobody listens.
pub struct Refusing {
    pub url: String,
    _held: tokio::net::TcpSocket,
}

pub fn refusing() -> Refusing {
    let held = tokio::net::TcpSocket::new_v4().expect("a socket");
    let any = "127.0.0.1:0".parse().expect("an address");
    held.bind(any).expect("a free port");
    let address = held.local_addr().expect("bound");
    Refusing {
        url: format!("http://{address}/"),
        _held: held,
    }
}
