//! Servers in this process: their time is not that of the processes that are measured.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

/// When the last connection came, and the longest time between two of them.
#[derive(Default)]
struct Gaps {
    last: Option<Instant>,
    longest: Duration,
}

impl Gaps {
    fn connected(&mut self) {
        let now = Instant::now();
        if let Some(last) = self.last.replace(now) {
            self.longest = self.longest.max(now - last);
        }
    }
}

/// A server that counts the requests.
pub struct Server {
    pub address: SocketAddr,
    requests: Arc<AtomicU64>,
    gaps: Arc<Mutex<Gaps>>,
    drained: Arc<AtomicBool>,
}

impl Server {
    /// Answers over plain HTTP.
    pub fn http() -> Self {
        Self::start(|mut stream| answer(&mut stream, ANSWER))
    }

    /// Answers over HTTP with TLS.
    pub fn https(identity: &Identity) -> Self {
        let config = identity.server();
        Self::start(move |stream| {
            let session = ServerConnection::new(Arc::clone(&config)).expect("a session");
            answer(&mut StreamOwned::new(session, stream), ANSWER);
        })
    }

    /// Sends a body of `size` bytes without an end of the answer, so that who reads it waits for more.
    pub fn unending(size: usize) -> Self {
        let drained = Arc::new(AtomicBool::new(false));
        let is_drained = Arc::clone(&drained);
        let server = Self::start(move |mut stream| {
            answer(&mut stream, b"HTTP/1.1 200 OK\r\n\r\n");
            let piece = [b'x'; 1 << 16];
            let mut pieces = 0..size / piece.len();
            if pieces.all(|_| stream.write_all(&piece).is_ok()) {
                is_drained.store(true, Ordering::Relaxed);
            }
            // until the reader is gone
            let _ = stream.read(&mut [0; 1]);
        });
        Self { drained, ..server }
    }

    fn start(answer: impl Fn(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let requests = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&requests);
        let gaps = Arc::new(Mutex::new(Gaps::default()));
        let noted = Arc::clone(&gaps);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::Relaxed);
                noted.lock().expect("no panic").connected();
                answer(stream);
            }
        });
        Self {
            address,
            requests,
            gaps,
            drained: Arc::default(),
        }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Whether the body was taken, but for what the kernel keeps for its reader.
    pub fn is_drained(&self) -> bool {
        self.drained.load(Ordering::Relaxed)
    }

    /// The longest time between two connections since [`Server::forget_gaps`].
    pub fn longest_gap(&self) -> Duration {
        self.gaps.lock().expect("no panic").longest
    }

    pub fn forget_gaps(&self) {
        *self.gaps.lock().expect("no panic") = Gaps::default();
    }

    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

/// Reads what comes first, if anything does, and writes `text`.
fn answer(stream: &mut (impl Read + Write), text: &[u8]) {
    let mut piece = [0; 1024];
    if stream.read(&mut piece).is_ok_and(|got| got > 0) {
        // a client that goes early is not measured
        let _ = stream.write_all(text);
        let _ = stream.flush();
    }
}

/// An authority, and a certificate by it for 127.0.0.1 with its key.
pub struct Identity {
    pub authority: CertificateDer<'static>,
    pub pem: String,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // with the name of what it issues it would be taken for self-signed
        params
            .distinguished_name
            .push(DnType::CommonName, "authority");
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &issuer).expect("signed");
        Self {
            authority: issuer.der().clone(),
            pem: issuer.pem(),
            chain: vec![certificate.der().clone()],
            key: PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
        }
    }

    fn server(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .expect("they belong together");
        Arc::new(config)
    }
}
