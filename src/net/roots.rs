//! The system's roots. Where there is a bundle, the system's directory beside it has the same certificates once more, in a
//! file each: it is read only where there is no bundle. `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{env, fs};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls_native_certs::{CertificateResult, load_certs_from_paths};

const NAMED_FILE: &str = "SSL_CERT_FILE";
const NAMED_DIRECTORIES: &str = "SSL_CERT_DIR";

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";

/// Reads the system's roots. Blocks.
///
/// # Errors
/// Says why there are none.
pub fn system() -> Result<RootCertStore, String> {
    let set = |name| env::var_os(name).filter(|value: &OsString| !value.is_empty());
    let systems: Vec<_> = openssl_probe::candidate_cert_dirs()
        .map(Path::to_owned)
        .collect();
    store(match (set(NAMED_FILE), set(NAMED_DIRECTORIES)) {
        (None, None) => read(openssl_probe::probe().cert_file.as_deref(), &[], &systems),
        (file, directories) => {
            let directories = directories.iter().flat_map(env::split_paths);
            let directories: Vec<_> = directories
                .filter(|path| !path.as_os_str().is_empty())
                .collect();
            let file = file.as_deref().map(Path::new);
            let is_beside = |path: &PathBuf| {
                systems.contains(path) && file.and_then(Path::parent) == Some(path)
            };
            let (beside, others): (Vec<_>, Vec<_>) = directories.into_iter().partition(is_beside);
            read(file, &others, &beside)
        }
    })
}

/// The roots of `bundle` and those in `directories`; those `beside` the bundle only where it has none.
fn read(bundle: Option<&Path>, directories: &[PathBuf], beside: &[PathBuf]) -> CertificateResult {
    let mut read = bundle.map(read_bundle).unwrap_or_default();
    let beside = match read.certs.is_empty() {
        true => beside,
        false => &[],
    };
    for directory in directories.iter().chain(beside) {
        let more = load_certs_from_paths(None, Some(directory));
        read.certs.extend(more.certs);
        read.errors.extend(more.errors);
    }
    read
}

/// The certificates in the file `path`. The TLS library's reader decodes in constant time, as it has to for keys: it
/// reads what this one does not understand.
fn read_bundle(path: &Path) -> CertificateResult {
    let text = fs::read(path).unwrap_or_default();
    match certificates(&text) {
        Some(certs) if !certs.is_empty() => {
            let mut read = CertificateResult::default();
            read.certs = certs;
            read
        }
        Some(_) | None => load_certs_from_paths(Some(path), None),
    }
}

/// The certificates of PEM text; `None` when one of them is not as it should be.
fn certificates(text: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let (begin, end) = (memmem::Finder::new(BEGIN), memmem::Finder::new(END));
    let mut certificates = Vec::new();
    let mut rest = text;
    while let Some(at) = begin.find(rest) {
        let body = &rest[at + BEGIN.len()..];
        let length = end.find(body)?;
        let base64: Vec<u8> = body[..length]
            .iter()
            .copied()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        certificates.push(STANDARD.decode(base64).ok()?.into());
        rest = &body[length + END.len()..];
    }
    Some(certificates)
}

fn store(read: CertificateResult) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(read.certs);
    match (store.is_empty(), read.errors.first()) {
        (false, _) => Ok(store),
        (true, Some(why)) => Err(format!("none can be used: {why}")),
        (true, None) => Err(format!(
            "there are none on this system: install them (ca-certificates), or name them in {NAMED_FILE} or \
             {NAMED_DIRECTORIES}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem() -> String {
        let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]);
        made.expect("a certificate").cert.pem()
    }

    #[test]
    fn directory_is_read_only_without_usable_bundle() {
        let dir = tempfile::tempdir().expect("a directory");
        let directory = dir.path().join("certs");
        std::fs::create_dir(&directory).expect("a directory");
        for name in ["one.pem", "two.pem"] {
            std::fs::write(directory.join(name), pem()).expect("a file");
        }
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        let bundle = file("bundle.pem", &(pem() + &pem() + &pem()));
        let empty = file("empty.pem", "");
        let missing = dir.path().join("missing.pem");
        let directories = [directory];
        for (bundle, others, beside, count) in [
            (Some(&bundle), &[][..], &directories[..], 3),
            (Some(&empty), &[], &directories, 2),
            (Some(&missing), &[], &directories, 2),
            (None, &[], &directories, 2),
            (Some(&bundle), &directories, &[], 5),
            (None, &directories, &[], 2),
            (Some(&bundle), &[], &[], 3),
            (None, &[], &[], 0),
        ] {
            let read = read(bundle.map(PathBuf::as_path), others, beside);
            assert_eq!(read.certs.len(), count, "{bundle:?} {others:?} {beside:?}");
            assert_eq!(store(read).is_ok(), count > 0);
        }
    }

    #[test]
    fn bundle_is_read_as_by_the_library() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("bundle.pem");
        let whole = pem();
        for text in [
            format!("# Some authority\n{whole}\n# Another\n{}", pem()),
            whole.replace('\n', "\r\n"),
            format!("{whole}-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"),
            format!("{whole}-----BEGIN CERTIFICATE-----\nMIIB"),
            format!("-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n{whole}"),
            String::new(),
        ] {
            std::fs::write(&path, &text).expect("a file");
            let ours = read_bundle(&path).certs;
            let mut sorted = ours.clone();
            sorted.sort_by(|a, b| a.as_ref().cmp(b.as_ref()));
            assert_eq!(
                sorted,
                load_certs_from_paths(Some(&path), None).certs,
                "{text}"
            );
        }
    }

    #[test]
    fn reason_for_no_roots_is_said() {
        let missing = Path::new("/nonexistent/bundle.pem");
        let why = store(read(Some(missing), &[], &[])).expect_err("there are none");
        assert!(why.contains("/nonexistent/bundle.pem"), "{why}");
        let why = store(read(None, &[], &[])).expect_err("there are none");
        assert!(why.contains("ca-certificates"), "{why}");
    }
}
