//! PEM files, read with what they are for in every fault.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::HttpSpecError;
use crate::safe_path::read_regular;

/// More than any bundle of certificates has.
const FILE_MAX: u64 = 16 * 1024 * 1024;

/// What is wrong with the file `path`, which is read for `what`.
pub fn fault(what: &'static str, path: &Path, why: String) -> HttpSpecError {
    HttpSpecError::File {
        what,
        path: path.to_owned(),
        why,
    }
}

/// The bytes of the file `path`.
pub fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, HttpSpecError> {
    read_regular(path, FILE_MAX).map_err(|broken| fault(what, path, broken.to_string()))
}

/// The certificates in `text`, of which there is at least one.
pub fn certificates(
    what: &'static str,
    path: &Path,
    text: &[u8],
) -> Result<Vec<CertificateDer<'static>>, HttpSpecError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|broken| fault(what, path, broken.to_string()))?;
    match certificates.is_empty() {
        true => Err(fault(what, path, "no certificate in it".to_owned())),
        false => Ok(certificates),
    }
}
