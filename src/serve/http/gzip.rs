//! Large answers for people are compressed for clients that accept it: a page of many checks is mostly the same again and
//! again. Metrics are not, since that would cost more than the loopback that they mostly go over.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::HeaderMap;
use hyper::header::ACCEPT_ENCODING;
use tokio::task::spawn_blocking;

use crate::serve::reply::Reply;

/// What is smaller is sent as it is, in bytes.
const SMALL: usize = 4096;

/// `reply`, compressed if that is worth it.
pub async fn packed(reply: Reply, headers: &HeaderMap) -> Reply {
    let takes = headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            name.trim().eq_ignore_ascii_case("gzip")
                && weight.trim().trim_end_matches('0') != "q=0."
                && weight.trim() != "q=0"
        });
    let worth = matches!(reply.content_type, Reply::HTML | Reply::JSON) && reply.body.len() > SMALL;
    if !(takes && worth) {
        return reply;
    }
    let body = reply.body.clone();
    // beside the loop, which has other things to do
    match spawn_blocking(move || gzip(&body)).await {
        Ok(Ok(body)) => Reply { body, ..reply }
            .with("Content-Encoding", "gzip")
            .with("Vary", "Accept-Encoding"),
        Ok(Err(_)) | Err(_) => reply,
    }
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}
