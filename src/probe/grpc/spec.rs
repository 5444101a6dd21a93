//! `grpc://HOST:PORT/SERVICE`: which service the health service of a gRPC server is asked about. How it is reached is a
//! request of HTTP/2 like any other.

use http::header::{HeaderName, HeaderValue};
use http::{Method, header};

use crate::net::Address;
use crate::net::address::percent_decoded;
use crate::probe::http::spec::{HttpSpec, HttpUrl};
use crate::secret::{SecretBytes, without_login};

use super::message;

/// What answers.
const PATH: &str = "/grpc.health.v1.Health/Check";

/// A longer name is no service's.
const LONGEST_SERVICE: usize = 1024;

/// A question to gRPC's health service.
#[derive(Clone, Debug, PartialEq)]
pub struct GrpcSpec {
    /// As it was written, for people.
    pub url: String,
    /// Empty: the server as a whole.
    pub service: String,
    /// The request that carries it.
    pub http: HttpSpec,
}

impl GrpcSpec {
    /// The question that `text`, taken apart, asks.
    ///
    /// # Errors
    /// Says what such a URL looks like.
    pub fn of_address(address: &Address, text: &str) -> Result<Self, String> {
        let shown = without_login(text);
        let invalid = |what: &str| {
            format!(
                "{shown:?} {what}: expected grpc://HOST:PORT or grpc://HOST:PORT/SERVICE, such as \
                 \"grpc://127.0.0.1:50051/shop.Orders\""
            )
        };
        if address.user.is_some() {
            return Err(invalid("names a user, and metadata stands in headers"));
        }
        if address.host.is_empty() || address.port.is_none_or(|port| port == 0) {
            return Err(invalid("names no host and port"));
        }
        if address.url.contains(['?', '#']) {
            return Err(invalid("has a query"));
        }
        let service = percent_decoded(address.path.trim_start_matches('/'))
            .filter(|service| service.len() <= LONGEST_SERVICE)
            .ok_or_else(|| invalid("names no service"))?;
        let (scheme, rest) = address.url.split_once("://").unwrap_or_default();
        let host = rest.split('/').next().unwrap_or_default();
        let scheme = match scheme.eq_ignore_ascii_case("grpcs") {
            true => "https",
            false => "http",
        };
        let (url, _) = HttpUrl::parse(&format!("{scheme}://{host}{PATH}"))?;
        Ok(Self {
            url: address.url.trim_end_matches('/').to_owned(),
            http: HttpSpec {
                method: Method::POST,
                headers: headers(),
                data: Some(SecretBytes::new(message::request(&service))),
                max_body: message::LONGEST as u64,
                grpc: true,
                ..HttpSpec::new(url)
            },
            service,
        })
    }
}

/// What every call sends.
fn headers() -> Vec<(HeaderName, HeaderValue)> {
    vec![
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/grpc"),
        ),
        (header::TE, HeaderValue::from_static("trailers")),
    ]
}

#[cfg(test)]
mod tests {
    use crate::probe::spec::ProbeSpec;

    #[test]
    fn a_url_names_a_server_and_perhaps_a_service() {
        for (text, url, asked, service) in [
            (
                "grpc://h:50051",
                "grpc://h:50051",
                "http://h:50051/grpc.health.v1.Health/Check",
                "",
            ),
            (
                "grpcs://[::1]:443/shop.Orders",
                "grpcs://[::1]:443/shop.Orders",
                "https://[::1]/grpc.health.v1.Health/Check",
                "shop.Orders",
            ),
            (
                "grpc://h:1/a%2Fb/c",
                "grpc://h:1/a%2Fb/c",
                "http://h:1/grpc.health.v1.Health/Check",
                "a/b/c",
            ),
        ] {
            let Ok(ProbeSpec::Grpc(spec)) = ProbeSpec::of_url(text) else {
                panic!("{text}: {:?}", ProbeSpec::of_url(text));
            };
            assert_eq!((spec.url.as_str(), spec.service.as_str()), (url, service));
            assert_eq!(spec.http.url.to_string(), asked);
        }
    }

    #[test]
    fn errors_do_not_contain_the_password() {
        for (text, part) in [
            ("grpc://h", "names no host and port"),
            ("grpc://h:0/x", "names no host and port"),
            ("grpc://u:hunter2@h:1", "metadata stands in headers"),
            ("grpc://h:1/x?y=1", "has a query"),
            ("grpc://h:1/%ff", "names no service"),
            ("grpc://:1/", "names no host"),
            ("grpc:///x", "names no host"),
        ] {
            let error = ProbeSpec::of_url(text).expect_err(text);
            assert!(
                error.contains(part) || error.contains("is not a URL"),
                "{text}: {error}"
            );
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
