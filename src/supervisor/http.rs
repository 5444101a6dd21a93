//! HTTP to a supervisor on this host: what the backends that speak it have in common. Every request has a
//! connection of its own, so that a supervisor that was restarted in between is no trouble, and every answer
//! has a bound. What is asked is not known here, nor how long it may take.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use http::HeaderValue;

use crate::health::{CallError, bounded};
use crate::net::http1::{HttpError, HttpRequest, HttpResponse};
use crate::net::trouble::words;
use crate::net::{Connection, Endpoint, Sending};

/// What every request to `host` carries.
pub fn headers(host: &str, accept: &'static str) -> Vec<(String, HeaderValue)> {
    let host = HeaderValue::from_str(host).unwrap_or(HeaderValue::from_static("localhost"));
    [
        ("Host", host),
        ("User-Agent", HeaderValue::from_static("httpok")),
        ("Accept", HeaderValue::from_static(accept)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// A connection to the Unix socket `path`.
pub async fn open(path: &str) -> io::Result<Connection> {
    Endpoint::Unix(PathBuf::from(path))
        .open(Sending::InParts)
        .await
}

/// The error for a socket that cannot be connected to; `shown` is the address for messages.
pub fn not_connected(error: &io::Error, shown: &str) -> CallError {
    let why = match error.kind() {
        ErrorKind::NotFound => "no such socket".to_owned(),
        _ => words(error),
    };
    unreachable(&why, shown)
}

/// What `why` keeps from being reached.
pub fn unreachable(why: &str, shown: &str) -> CallError {
    CallError::Unreachable {
        detail: bounded(format!("{why}: {shown}")),
    }
}

/// Asks `request` over `connection`: an answer with its whole head.
pub async fn send(
    request: &HttpRequest<'_>,
    connection: Connection,
    shown: &str,
) -> Result<HttpResponse, CallError> {
    let answer = request.send(connection).await;
    let answer = answer.map_err(|error| broken(&error, shown))?;
    // a probe accepts an incomplete head; a call does not, because its success is not confirmed
    match answer.head().is_cut {
        true => Err(broken(&HttpError::Closed, shown)),
        false => Ok(answer),
    }
}

/// Passes all of `response`'s body to `take`, piece by piece; `shown` is the address for messages.
pub async fn stream(
    mut response: HttpResponse,
    shown: &str,
    mut take: impl FnMut(&[u8]) -> Result<(), CallError>,
) -> Result<(), CallError> {
    while let Some(piece) = response
        .piece()
        .await
        .map_err(|error| broken(&error, shown))?
    {
        take(piece)?;
    }
    Ok(())
}

/// All of `response`'s body, if it is no larger than `most`.
pub async fn body(response: HttpResponse, shown: &str, most: usize) -> Result<Vec<u8>, CallError> {
    let mut whole = Vec::new();
    stream(response, shown, |piece| {
        if whole.len() + piece.len() > most {
            return Err(CallError::Malformed {
                detail: format!("an answer of more than {most} bytes: {shown}"),
            });
        }
        whole.extend_from_slice(piece);
        Ok(())
    })
    .await?;
    Ok(whole)
}

/// What `error` means: a link that failed, or an answer that is none.
fn broken(error: &HttpError, shown: &str) -> CallError {
    match error {
        HttpError::Io(_) | HttpError::Closed | HttpError::Truncated => {
            unreachable(&error.to_string(), shown)
        }
        HttpError::TooLarge(_) | HttpError::Malformed(_) => CallError::Malformed {
            detail: bounded(format!("{error}: {shown}")),
        },
    }
}
