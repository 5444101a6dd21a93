//! One attempt: one connection to one place, one request, up to the answer's head.

use std::pin::pin;
use std::time::Duration;

use reqwest::{Client, Response, redirect::Policy, retry};
use tokio::time::{Instant, timeout_at};

use super::redirect::Hop;
use super::request::Request;
use super::trace::{Marks, Trace};
use super::trouble;
use crate::health::{Phase, Reason, Trouble};
use crate::probe::place::Place;
use crate::probe::trouble::of_timeout;

/// One attempt, about to begin.
pub struct Attempt<'a> {
    pub request: &'a Request,
    pub hop: &'a Hop,
    pub place: &'a Place,
    /// How the time until `deadline` is called in words.
    pub timeout: Duration,
    /// Until when the connection must be open.
    pub patience: Instant,
    /// Until when the answer's head must be there.
    pub deadline: Instant,
}

impl Attempt<'_> {
    /// The answer's head, with the notes of the way there.
    pub async fn run(&self) -> (Marks, Result<Response, Trouble>) {
        let trace = Trace::default();
        let answer = match self.client(&trace) {
            Ok(client) => self.send(&client, &trace).await,
            Err(fault) => Err(unaskable(fault)),
        };
        (trace.take(), answer)
    }

    async fn send(&self, client: &Client, trace: &Trace) -> Result<Response, Trouble> {
        let begun = Instant::now();
        let mut sending = pin!(self.build(client).send());
        let mut patience = self.patience;
        let mut answer = timeout_at(patience, &mut sending).await;
        if answer.is_err() && trace.phase() != Phase::Connect {
            patience = self.deadline;
            answer = timeout_at(patience, sending).await;
        }
        let place = self.place.to_string();
        match answer {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if error.is_builder() => Err(unaskable(error)),
            Ok(Err(error)) => Err(trace.peek(|marks| match &marks.distrust {
                Some(distrust) => {
                    let host = self.hop.url.host_str().unwrap_or_default();
                    trouble::of_distrust(distrust, marks.certificates.first(), host)
                }
                None => trouble::of_attempt(&error, marks.phase(), &place),
            })),
            Err(_) => {
                // the whole time is told as it was asked for, a share of it as it was
                let waited = match patience == self.deadline {
                    true => self.timeout,
                    false => begun.elapsed(),
                };
                Err(of_timeout(trace.phase(), waited, &place))
            }
        }
    }

    fn build(&self, client: &Client) -> reqwest::RequestBuilder {
        let request = self.request;
        let mut built = client.request(self.hop.method.clone(), self.hop.url.clone());
        if let Some((user, password)) = &request.user {
            built = built.basic_auth(user, Some(password.expose()));
        }
        // an Authorization given as a header takes the place of the user's
        built = built.headers(request.headers.clone());
        match &request.data {
            Some(data) if self.hop.data => built.body(data.clone()),
            _ => built,
        }
    }

    /// A client for one request: a fresh connection to one place, and nothing done behind our back.
    /// It costs next to nothing, because it is handed its TLS.
    fn client(&self, trace: &Trace) -> reqwest::Result<Client> {
        let mut client = Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .redirect(Policy::none())
            .retry(retry::never())
            .referer(false)
            .tls_backend_preconfigured(self.request.tls.config(trace))
            .connector_layer(trace.clone());
        if !self.request.http2 {
            client = client.http1_only();
        }
        match self.place {
            Place::Tcp(address) => {
                client = client.resolve(self.hop.url.host_str().unwrap_or_default(), *address);
            }
            Place::Unix(path) => client = client.unix_socket(path.as_path()),
        }
        client.build()
    }
}

/// The request could not even be made, for example because its URL is too long.
fn unaskable(error: reqwest::Error) -> Trouble {
    let error = error.without_url();
    let cause = trouble::deepest(&error);
    let detail = format!("cannot ask: {cause}");
    Trouble::new(Reason::Config, Phase::Connect, detail)
}
