//! The service that is watched: a small HTTP server in threads, which answers well, badly, slowly or not at all
//! by path, and remembers what it was asked and when. It lives as long as the test.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What is done with a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// These bytes.
    Bytes(Vec<u8>),
    /// These bytes, and then nothing until the client goes.
    Hang(Vec<u8>),
    /// These bytes, and then one more so often, so many times.
    Drip(Vec<u8>, Duration, usize),
}

/// An answer of these words: `200 OK` and a body.
pub fn says(status: &str, body: impl AsRef<[u8]>) -> Answer {
    let body = body.as_ref();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    Answer::Bytes([head.as_bytes(), body].concat())
}

/// One request.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub head: String,
    /// As long as `Content-Length` says.
    pub body: String,
    pub at: Instant,
}

type Rule = Box<dyn FnMut() -> Answer + Send>;

#[derive(Default)]
struct Shared {
    rules: Mutex<BTreeMap<String, Rule>>,
    asked: Mutex<Vec<Asked>>,
}

/// A running server.
pub struct Site {
    pub address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
}

impl Site {
    /// A server on a free port.
    pub fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    /// A server on `listener`.
    pub fn on(listener: TcpListener) -> Self {
        Self::serve(listener, "http", talk)
    }

    /// The same over TLS, with a certificate for `names` that it signed itself, which is returned in PEM.
    pub fn self_signed(names: Vec<String>) -> (Self, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(names).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            );
        (Self::tls(Arc::new(config.unwrap())), certificate.pem())
    }

    /// A server that speaks TLS.
    fn tls(config: Arc<rustls::ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self::serve(listener, "https", move |shared, stream| {
            let session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            talk(shared, rustls::StreamOwned::new(session, stream))
        })
    }

    fn serve(
        listener: TcpListener,
        scheme: &'static str,
        talk: impl Fn(&Shared, TcpStream) -> io::Result<()> + Clone + Send + 'static,
    ) -> Self {
        let site = Self {
            address: listener.local_addr().unwrap(),
            scheme,
            shared: Arc::default(),
        };
        let shared = Arc::clone(&site.shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (shared, talk) = (Arc::clone(&shared), talk.clone());
                // a client that goes early is part of the game
                thread::spawn(move || talk(&shared, stream));
            }
        });
        site
    }

    /// Such as `http://127.0.0.1:4711`.
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// From now on `path` is answered like that, each time anew.
    pub fn answer(&self, path: &str, rule: impl FnMut() -> Answer + Send + 'static) {
        let mut rules = self.shared.rules.lock().unwrap();
        rules.insert(path.to_owned(), Box::new(rule));
    }

    /// All requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// How often `path` was asked for.
    pub fn count(&self, path: &str) -> usize {
        let asked = self.asked();
        asked.iter().filter(|asked| asked.path == path).count()
    }
}

fn talk(shared: &Shared, mut stream: impl Read + Write) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        value.trim().parse().ok().filter(|_| is_length)
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body)?;
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    shared.asked.lock().unwrap().push(Asked {
        path: path.clone(),
        head,
        body: String::from_utf8_lossy(&body).into_owned(),
        at: Instant::now(),
    });
    // not held while it is answered: one slow answer must not hold up another
    let answer = match shared.rules.lock().unwrap().get_mut(&path) {
        Some(rule) => rule(),
        None => usual(&path),
    };
    match answer {
        Answer::Bytes(bytes) => stream.write_all(&bytes)?,
        Answer::Hang(bytes) => {
            stream.write_all(&bytes)?;
            stream.flush()?;
            while stream.read(&mut [0; 64])? > 0 {}
        }
        Answer::Drip(bytes, every, times) => {
            stream.write_all(&bytes)?;
            for _ in 0..times {
                thread::sleep(every);
                stream.write_all(b"x")?;
                stream.flush()?;
            }
        }
    }
    stream.flush()
}

/// The paths of the recording, and some bad ones more.
fn usual(path: &str) -> Answer {
    let drip = Duration::from_millis(100);
    match path {
        "/ok" | "/ok?q=1" | "/" | "/?x=1" => says("200 OK", "it works"),
        "/500" => says("500 Internal Server Error", "no"),
        "/204" => says("204 No Content", ""),
        "/emptyreason" => says("503 ", ""),
        "/302" => Answer::Bytes(
            b"HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n".to_vec(),
        ),
        "/bytes" => says("200 OK", b"\xff\xfe na\xc3\xafve, na\xefve \x00 end"),
        "/hang" => Answer::Hang(Vec::new()),
        "/hangbody" => Answer::Hang(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nit".to_vec()),
        "/close" => Answer::Bytes(Vec::new()),
        "/garbage" => Answer::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        "/short" => Answer::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort".to_vec()),
        "/early" => Answer::Bytes(
            b"HTTP/1.1 103 Early Hints\r\nLink: </s>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
                .to_vec(),
        ),
        "/drip" => Answer::Drip(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n".to_vec(), drip, 90),
        "/headerdrip" => Answer::Drip(b"HTTP/1.1 200 OK\r\nX-Slow: ".to_vec(), drip, 90),
        _ => says("404 Not Found", ""),
    }
}
