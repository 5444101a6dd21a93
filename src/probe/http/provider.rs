//! Where the ciphers come from, for handshakes and for certificates alike.

use std::sync::{Arc, LazyLock};

use rustls::crypto::{CryptoProvider, ring};

/// Made when the first handshake needs it.
pub static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(ring::default_provider()));
