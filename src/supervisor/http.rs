//! HTTP to a supervisor on this host: what the backends that speak it have in common. Every request has a
//! connection of its own, so that a supervisor that was restarted in between is no trouble, and every answer
//! has a bound. What is asked is not known here, nor how long it may take.

use std::error::Error;
use std::io;

use reqwest::Response;

use crate::health::CallError;
use crate::net::tls;

/// A client for the Unix socket `socket`, or for TCP without one. Nothing is connected.
pub fn client(socket: Option<&str>) -> Result<reqwest::Client, Box<dyn Error + Send + Sync>> {
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        .http1_only()
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .user_agent("httpok")
        // there is no TLS here: left to itself, reqwest reads all of the system's roots, and fails without any
        .tls_backend_preconfigured(tls::trusting_nobody().with_no_client_auth());
    if let Some(path) = socket {
        builder = builder.unix_socket(path);
    }
    Ok(builder.build()?)
}

/// Passes all of `response`'s body to `take`, piece by piece; `shown` is whose it is.
pub async fn stream(
    mut response: Response,
    shown: &str,
    mut take: impl FnMut(&[u8]) -> Result<(), CallError>,
) -> Result<(), CallError> {
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| broken(&error, shown))?
    {
        take(&chunk)?;
    }
    Ok(())
}

/// All of `response`'s body, if it is no larger than `most`.
pub async fn body(response: Response, shown: &str, most: usize) -> Result<Vec<u8>, CallError> {
    let mut whole = Vec::new();
    stream(response, shown, |chunk| {
        if whole.len() + chunk.len() > most {
            return Err(CallError::Malformed {
                detail: format!("an answer of more than {most} bytes: {shown}"),
            });
        }
        whole.extend_from_slice(chunk);
        Ok(())
    })
    .await?;
    Ok(whole)
}

/// What `error` means, in plain words.
pub fn broken(error: &reqwest::Error, shown: &str) -> CallError {
    let cause = causes(error).find(|cause| {
        cause.source().is_none() || cause.downcast_ref().is_some_and(hyper::Error::is_parse)
    });
    let cause = cause.unwrap_or(error);
    if cause.downcast_ref().is_some_and(hyper::Error::is_parse) {
        return CallError::Malformed {
            detail: format!("not an HTTP answer: {shown}"),
        };
    }
    let words = match cause.downcast_ref().map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
        Some(io::ErrorKind::NotFound) => "no such socket".to_owned(),
        Some(io::ErrorKind::PermissionDenied) => "permission denied".to_owned(),
        Some(io::ErrorKind::ConnectionReset) => "connection reset".to_owned(),
        Some(io::ErrorKind::UnexpectedEof) => "connection closed".to_owned(),
        _ => cause.to_string(),
    };
    CallError::Unreachable {
        detail: format!("{words}: {shown}"),
    }
}

/// Whether `error` is that we may not use the socket.
pub fn is_forbidden(error: &reqwest::Error) -> bool {
    let mut kinds = causes(error).filter_map(|cause| cause.downcast_ref().map(io::Error::kind));
    kinds.any(|kind| kind == io::ErrorKind::PermissionDenied)
}

/// `error` and what led to it, down to the first cause.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    std::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    })
}
