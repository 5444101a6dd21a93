//! The system's roots. Where there is a bundle, the directory beside it has the same certificates once more, in a
//! file each: it is read only where there is no bundle. What `SSL_CERT_FILE` and `SSL_CERT_DIR` name is read as it is.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls_native_certs::{CertificateResult, load_certs_from_paths, load_native_certs};

/// The variables that name other roots.
const NAMED_BY: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Reads the system's roots. Blocks.
///
/// # Errors
/// Says why there are none.
pub fn system() -> Result<RootCertStore, String> {
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if NAMED_BY.iter().any(|name| is_set(&name)) {
        return store(load_native_certs());
    }
    let found = openssl_probe::probe();
    store(read(found.cert_file.as_deref(), &found.cert_dir))
}

/// The roots of `bundle`, or else those in `directories`.
fn read(bundle: Option<&Path>, directories: &[PathBuf]) -> CertificateResult {
    let mut read = load_certs_from_paths(bundle, None);
    if read.certs.is_empty() {
        for directory in directories {
            let more = load_certs_from_paths(None, Some(directory));
            read.certs.extend(more.certs);
            read.errors.extend(more.errors);
        }
    }
    read
}

fn store(read: CertificateResult) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(read.certs);
    match (store.is_empty(), read.errors.first()) {
        (false, _) => Ok(store),
        (true, Some(why)) => Err(format!("none can be used: {why}")),
        (true, None) => Err(format!(
            "there are none on this system: install them (ca-certificates), or name them in {}",
            NAMED_BY.join(" or ")
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
        for (bundle, directories, count) in [
            (Some(&bundle), &directories[..], 3),
            (Some(&empty), &directories, 2),
            (Some(&missing), &directories, 2),
            (None, &directories, 2),
            (Some(&bundle), &[], 3),
            (None, &[], 0),
        ] {
            let read = read(bundle.map(PathBuf::as_path), directories);
            assert_eq!(read.certs.len(), count, "{bundle:?} {directories:?}");
            assert_eq!(store(read).is_ok(), count > 0);
        }
    }

    #[test]
    fn reason_for_no_roots_is_said() {
        let missing = Path::new("/nonexistent/bundle.pem");
        let why = store(read(Some(missing), &[])).expect_err("there are none");
        assert!(why.contains("/nonexistent/bundle.pem"), "{why}");
        let why = store(read(None, &[])).expect_err("there are none");
        assert!(why.contains("ca-certificates"), "{why}");
    }
}
