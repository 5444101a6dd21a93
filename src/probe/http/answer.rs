//! An answer whose head is there and whose body is read piece by piece, whatever the version of HTTP. Dropping it
//! ends the connection.

use super::http2;
use super::trouble;
use crate::health::Trouble;
use crate::net::http1::{self, Head};

/// An answer.
pub enum HttpAnswer {
    /// Over HTTP/1.
    Http1(http1::HttpResponse),
    /// Over HTTP/2.
    Http2(http2::Http2Response),
}

impl HttpAnswer {
    /// The status line, the headers, and what is odd about the answer so far.
    pub const fn head(&self) -> &Head {
        match self {
            Self::Http1(answer) => answer.head(),
            Self::Http2(answer) => answer.head(),
        }
    }

    /// What came behind the body, where that is of interest: over HTTP/2.
    pub fn trailers(&self) -> &[(String, String)] {
        match self {
            Self::Http1(_) => &[],
            Self::Http2(answer) => answer.trailers(),
        }
    }

    /// The size that the body is said to have.
    pub fn announced(&self) -> Option<u64> {
        match self {
            Self::Http1(answer) => answer.announced(),
            Self::Http2(answer) => answer.announced(),
        }
    }

    /// The next piece of the body, behind `got` bytes of it; `None` when it is complete.
    pub async fn piece(&mut self, got: u64) -> Result<Option<&[u8]>, Trouble> {
        let announced = self.announced();
        match self {
            Self::Http1(answer) => {
                let piece = answer.piece().await;
                piece.map_err(|error| trouble::of_body(error, got, announced))
            }
            Self::Http2(answer) => answer.piece(got).await,
        }
    }
}
