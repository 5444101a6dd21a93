//! An answer whose head is there and whose body is read piece by piece, with the connection that it comes
//! from. Dropping it ends the connection.

use std::pin::{Pin, pin};

use hyper::body::{Body, Bytes, Incoming};
use hyper::{Response, header};

/// Moves bytes between the connection and the answer; done when the connection is.
pub type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An answer.
pub struct Answer {
    response: Response<Incoming>,
    driver: Option<Driver>,
}

impl Answer {
    pub fn new(response: Response<Incoming>, driver: Option<Driver>) -> Self {
        Self { response, driver }
    }

    /// The status line and the headers.
    pub fn head(&self) -> &Response<Incoming> {
        &self.response
    }

    /// The size that the body is said to have.
    pub fn announced(&self) -> Option<u64> {
        let length = self.response.headers().get(header::CONTENT_LENGTH)?;
        length.to_str().ok()?.parse().ok()
    }

    /// The next piece of the body; `None` when it is complete.
    pub async fn piece(&mut self) -> hyper::Result<Option<Bytes>> {
        loop {
            let body = self.response.body_mut();
            let frame = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context));
            match driven(&mut self.driver, frame).await {
                None => return Ok(None),
                // trailers are nobody's business
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(piece) => return Ok(Some(piece)),
                    Err(_) => continue,
                },
                Some(Err(error)) => return Err(error),
            }
        }
    }
}

/// Waits for `work`, which `driver` is needed for.
pub async fn driven<T>(driver: &mut Option<Driver>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    if let Some(moving) = driver {
        tokio::select! {
            done = &mut work => return done,
            () = moving => *driver = None,
        }
    }
    // the connection has ended; what came before that is still to be told
    work.await
}
