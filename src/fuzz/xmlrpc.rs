//! What supervisord answers: any bytes, as any of the things that are asked for.

use crate::health::CallError;
use crate::supervisor::{supervisord, xmlrpc as codec};

/// `data` is the answer's body.
pub fn xmlrpc(data: &[u8]) {
    match codec::answer(data) {
        Ok(value) => {
            // no answer is one process and a list of them
            let (one, all) = (supervisord::process(&value), supervisord::processes(&value));
            assert!(one.is_err() || all.is_err(), "{value:?}");
            if let Ok(process) = one {
                assert_ne!(process.pid, Some(0));
            }
        }
        Err(CallError::Malformed { detail }) => {
            assert!(detail.chars().count() < 4096, "{detail}");
        }
        Err(CallError::Fault { .. }) => {}
        Err(other) => panic!("an answer cannot be {other:?}"),
    }
}
