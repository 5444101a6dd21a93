//! Options that say how a URL is asked and what a good answer is, shared by `check` and `watch`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::cli::values;
use crate::config::presets::{self, Preset};
use crate::health::Assertion;
use crate::net::http::{Header, method};
use crate::probe::http::Override;
use crate::probe::line::Until;
use crate::secret::{Secret, SecretBytes};
use http::Method;

/// How a URL is asked, and what a good answer is.
#[derive(Args, Debug)]
#[group(id = "ask", multiple = true)]
#[command(next_help_heading = "What to ask, and what is a good answer")]
pub struct AskArgs {
    /// Time for the whole answer, name look-up to last byte: 5, 2.5, 500ms, 1m
    ///
    /// It covers the name look-up, connecting, the TLS handshake, redirects and the body together. A
    /// number without a unit is seconds.
    #[arg(short, long, value_name = "DURATION", default_value = "10s", value_parser = values::timeout)]
    pub timeout: Duration,

    /// What is asked is of this product, whose endpoint is known: roadrunner, halon, kumomta, ftw-monitor,
    /// spring, health-json, haproxy-agent
    ///
    /// It says what is sent, what a good answer is, and what others mean. A URL without a path gets the
    /// product's own; ftw-monitor is asked 80 ports above the URL's. Other options add to it.
    #[arg(long, value_name = "NAME", value_parser = presets(), hide_possible_values = true)]
    pub preset: Option<&'static Preset>,

    /// A status that is fine: 200, 2xx or 200-299; may be given again [default: 200]
    #[arg(short, long = "code", value_name = "CODE", value_parser = values::code)]
    pub codes: Vec<String>,

    /// Text that the answer's body has to contain; may be given again
    ///
    /// Compared byte by byte with the body as it was sent. The whole body is searched, however long.
    #[arg(short, long, value_name = "TEXT", value_parser = values::text, allow_hyphen_values = true)]
    pub body: Vec<String>,

    /// Text that the answer's body must not contain; may be given again
    #[arg(long, value_name = "TEXT", value_parser = values::text, allow_hyphen_values = true)]
    pub not_body: Vec<String>,

    /// What has to be true of the answer: 'jsonpath "$.status" == "UP"'; may be given again
    ///
    /// A query (status, header "NAME", body, line, jsonpath "PATH", metric NAME, duration, size,
    /// certificate expires, version, url), a predicate (==, !=, <, <=, >, >=, in, contains,
    /// startsWith, endsWith, matches, exists, isEmpty, count) and a value. "not" turns it round.
    #[arg(long, value_name = "ASSERTION", value_parser = values::assertion)]
    pub expect: Vec<Assertion>,

    /// Send this header; may be given again
    ///
    /// It replaces one that httpok sends itself, such as Host or User-Agent. Others on this machine can
    /// read a command line: a secret is better kept in a configuration file.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = values::header, allow_hyphen_values = true)]
    pub headers: Vec<Header>,

    /// The request's method [default: GET, or POST with --data]
    #[arg(short = 'X', long, value_name = "METHOD", value_parser = method)]
    pub method: Option<Method>,

    /// Send this text as the request's body
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    pub data: Option<String>,

    /// Basic authentication; a user and password in the URL do the same
    #[arg(short, long, value_name = "USER:PASSWORD", value_parser = values::user, allow_hyphen_values = true)]
    pub user: Option<(String, Secret)>,

    /// Trust the certificates in this PEM file instead of the system's
    #[arg(long, value_name = "FILE")]
    pub cacert: Option<PathBuf>,

    /// Accept any certificate
    #[arg(short = 'k', long, conflicts_with = "cacert")]
    pub insecure: bool,

    /// Follow redirects on the same host, ten at most
    #[arg(short = 'L', long)]
    pub follow: bool,

    /// Send this over a tcp:// or unix:// connection: \r \n \t \\ \xNN stand for bytes
    ///
    /// Without it, and with nothing expected of an answer, a connection that opens is all that is
    /// asked.
    #[arg(long, value_name = "TEXT", value_parser = values::payload, allow_hyphen_values = true)]
    pub send: Option<SecretBytes>,

    /// When the answer of a tcp:// or unix:// connection is complete: line, close or text
    ///
    /// At its first line end, when the peer closes, or when every --body text was seen. Without it:
    /// at the first line end or when the peer closes, whichever comes first.
    #[arg(long, value_name = "END", value_parser = values::until)]
    pub until: Option<Until>,

    /// A larger body than this fails: bytes, or 64KiB, 1MiB, 2GiB [default: 16MiB; without HTTP 64KiB]
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub max_body: Option<u64>,

    /// A larger body than this is not parsed for jsonpath or metric: bytes, or 64KiB, 1MiB [default: 1MiB]
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub max_parsed: Option<u64>,
}

/// How the connection is made.
#[derive(Args, Debug)]
#[group(id = "wire", multiple = true)]
#[command(next_help_heading = "How to connect")]
pub struct ConnectionArgs {
    /// Our own certificate and its chain, a PEM file
    #[arg(long, value_name = "FILE")]
    pub cert: Option<PathBuf>,

    /// The key to --cert, a PEM file [default: the file of --cert]
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,

    /// Connect to ADDRESS for HOST at PORT; may be given again
    ///
    /// The request and the certificate are still for HOST. An IPv6 address may stand in brackets.
    #[arg(long, value_name = "HOST:PORT:ADDRESS", value_parser = Override::parse)]
    pub resolve: Vec<Override>,

    /// Connect to this socket, whatever the URL's host
    #[arg(long, value_name = "PATH", conflicts_with_all = ["resolve", "ipv4", "ipv6"])]
    pub unix_socket: Option<PathBuf>,

    /// Use IPv4 addresses only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub ipv4: bool,

    /// Use IPv6 addresses only
    #[arg(short = '6', long)]
    pub ipv6: bool,

    /// Offer HTTP/2 in the TLS handshake
    #[arg(long)]
    pub http2: bool,
}

/// Their names are used by completions and by suggestions for mistyped ones.
fn presets() -> impl TypedValueParser<Value = &'static Preset> {
    PossibleValuesParser::new(presets::names()).try_map(|name| presets::find(&name))
}
