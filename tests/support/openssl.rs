//! OpenSSL's server, for what our own TLS library does not speak. It answers `GET /` with 200 and lives as long as
//! the value that stands for it.

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::ports::free_port;

/// A running server.
pub struct Openssl {
    child: Child,
    pub port: u16,
}

impl Drop for Openssl {
    fn drop(&mut self) {
        // it is gone already when it could not be used
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Openssl {
    /// A server in `dir` whose key `genpkey` makes with `key` and whose certificate, for 127.0.0.1, it signs itself, as
    /// `sign` says: by default of X.509 version 1. `more` is how the server is run.
    pub fn start(dir: &Path, key: &[&str], sign: &[&str], more: &[&str]) -> Self {
        run(
            dir,
            &[&["genpkey", "-out", "key.pem", "-quiet"], key].concat(),
        );
        let own = [
            "x509", "-req", "-in", "csr.pem", "-signkey", "key.pem", "-days", "9",
        ];
        request(dir);
        run(dir, &[&own[..], &["-out", "cert.pem"], sign].concat());
        Self::serve(dir, more)
    }

    /// The same with a certificate that an authority signs, whose key `authority` makes and whose certificate is
    /// `ca.pem`.
    pub fn signed(dir: &Path, key: &[&str], authority: &[&str]) -> Self {
        run(
            dir,
            &[&["genpkey", "-out", "key.pem", "-quiet"], key].concat(),
        );
        run(
            dir,
            &[&["genpkey", "-out", "ca.key", "-quiet"], authority].concat(),
        );
        request(dir);
        fs::write(dir.join("names"), "subjectAltName = IP:127.0.0.1\n").expect("written");
        run(
            dir,
            &[
                "req",
                "-x509",
                "-new",
                "-key",
                "ca.key",
                "-subj",
                "/CN=authority",
                "-days",
                "9",
                "-out",
                "ca.pem",
            ],
        );
        run(
            dir,
            &[
                "x509", "-req", "-in", "csr.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-days",
                "9", "-out", "cert.pem", "-extfile", "names",
            ],
        );
        Self::serve(dir, &[])
    }

    fn serve(dir: &Path, more: &[&str]) -> Self {
        let port = free_port();
        let at = format!("127.0.0.1:{port}");
        let child = Command::new("openssl")
            .args([
                "s_server", "-www", "-key", "key.pem", "-cert", "cert.pem", "-accept", &at,
            ])
            .args(more)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(dir.join("openssl.err")).expect("a file"))
            .spawn();
        let server = Self {
            child: child.expect("openssl is there"),
            port,
        };
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(&at).is_err() {
            assert!(Instant::now() < until, "openssl does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        server
    }
}

fn request(dir: &Path) {
    run(
        dir,
        &[
            "req",
            "-new",
            "-key",
            "key.pem",
            "-subj",
            "/CN=127.0.0.1",
            "-out",
            "csr.pem",
        ],
    );
}

fn run(dir: &Path, words: &[&str]) {
    let output = Command::new("openssl")
        .args(words)
        .current_dir(dir)
        .output();
    let output = output.expect("openssl is there");
    assert!(output.status.success(), "{words:?}: {output:?}");
}
