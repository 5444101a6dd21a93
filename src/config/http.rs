//! The keys of an HTTP check, and its warm-up: a plain GET with the settings of the check itself.

use std::path::PathBuf;
use std::time::Duration;

use super::diagnostics::Diagnostic;
use super::probe::{Common, read_family};
use super::table::TomlTable;
use super::value::TomlValue;
use crate::net::http::{Header, header, method};
use crate::probe::grpc::spec::GrpcSpec;
use crate::probe::http::spec::{HttpSpec, Login, Override, TlsSpec, socket_path};
use crate::probe::spec::ProbeSpec;
use crate::secret::{self, Secret, SecretBytes};

/// The keys of the warm-up.
const WARMUP: &str = "warmup";
const WARMUP_TIMEOUT: &str = "warmup_timeout";

/// `http` with what the table says.
pub fn read_http(table: &TomlTable<'_>, http: HttpSpec, common: &Common) -> HttpSpec {
    let url_has_user = http.user.is_some();
    let family = read_family(table, |family| http.check_family(family));
    HttpSpec {
        timeout: common.timeout.unwrap_or(http.timeout),
        method: table
            .read("method", |value| value.parsed(method))
            .unwrap_or(http.method),
        headers: read_headers(table),
        data: table.read("data", TomlValue::text).map(SecretBytes::new),
        user: user(table, url_has_user).or(http.user),
        tls: tls(table),
        follow: table.read("follow", TomlValue::flag).unwrap_or_default(),
        max_body: common.max_body.unwrap_or(http.max_body),
        resolve: overrides(table),
        family,
        http2: table.read("http2", TomlValue::flag).unwrap_or_default(),
        unix_socket: unix_socket(table),
        ready: table.read("ready", |value| value.parsed(|text| http.url.join(text))),
        ..http
    }
}

/// `grpc` with what the table says: of the keys of HTTP those that say how a peer is reached.
pub fn read_grpc(table: &TomlTable<'_>, grpc: GrpcSpec, common: &Common) -> GrpcSpec {
    let http = grpc.http;
    let family = read_family(table, |family| http.check_family(family));
    let metadata = read_headers(table);
    GrpcSpec {
        http: HttpSpec {
            timeout: common.timeout.unwrap_or(http.timeout),
            headers: http.headers.iter().cloned().chain(metadata).collect(),
            tls: tls(table),
            resolve: overrides(table),
            family,
            unix_socket: unix_socket(table),
            ..http
        },
        ..grpc
    }
}

fn overrides(table: &TomlTable<'_>) -> Vec<Override> {
    table.get("resolve").map_or_else(Vec::new, |value| {
        value.each(|item| item.parsed(Override::parse))
    })
}

fn unix_socket(table: &TomlTable<'_>) -> Option<PathBuf> {
    table.read("unix_socket", |value| {
        let path = value.path()?;
        value.accept(socket_path(&path))?;
        Some(path)
    })
}

fn tls(table: &TomlTable<'_>) -> TlsSpec {
    // a pair: a check's own certificate does not go with the defaults' key
    let pair = table.holding(&["cert", "key"]);
    let own = |key| pair.and_then(|pair| pair.own(key));
    let (cert, key) = (own("cert"), own("key"));
    if let (None, Some(key)) = (&cert, &key) {
        key.reject(Diagnostic::new(
            "a key without a certificate",
            "add cert = \"FILE\"",
        ));
    }
    TlsSpec {
        insecure: table.read("insecure", TomlValue::flag).unwrap_or_default(),
        cacert: table.read("cacert", TomlValue::file),
        cert: cert.and_then(|cert| cert.file()),
        key: key.and_then(|key| key.private_file()),
        as_original: false,
    }
}

/// The `headers` of `table`, in the file's order.
pub fn read_headers(table: &TomlTable<'_>) -> Vec<Header> {
    let Some(headers) = table.table("headers") else {
        return Vec::new();
    };
    let entries = headers.entries().into_iter();
    entries
        .filter_map(|(name, value)| {
            let secret = value.hidden();
            // a name that is wrong is reported even beside a value that is
            let text = secret.as_ref().map_or("", Secret::expose);
            value
                .accept(header(name, text))
                .filter(|_| secret.is_some())
        })
        .collect()
}

/// User and password, from `user = "name:password"` or from two keys.
fn user(table: &TomlTable<'_>, url_has_user: bool) -> Login {
    let layer = table.holding(&["user", "password"])?;
    let (user, password) = (layer.own("user"), layer.own("password"));
    let secret = password.as_ref().and_then(TomlValue::secret);
    let Some(value) = user else {
        password?.reject(Diagnostic::new(
            "a password without a user",
            "add user = \"name\"",
        ));
        return None;
    };
    if url_has_user {
        // the URL is nearer than a default
        if !value.inherited {
            value.reject(Diagnostic::new(
                "the URL names a user already",
                "keep one of them",
            ));
        }
        return None;
    }
    let name = value.hidden()?;
    match (name.expose().split_once(':'), password) {
        (Some((name, password)), None) => {
            secret::conceal_login(name, password);
            Some((name.to_owned(), Secret::new(password)))
        }
        (None, Some(_)) => {
            let password = secret?;
            secret::conceal_login(name.expose(), password.expose());
            Some((name.expose().to_owned(), password))
        }
        (Some(_), Some(password)) => {
            password.reject(Diagnostic::new(
                "\"user\" holds a password already",
                "a user's name has no colon in it: keep one of the passwords",
            ));
            None
        }
        (None, None) => {
            value.reject(Diagnostic::new(
                "a user without a password",
                "write \"name:password\", or add password = \"${env:NAME}\"",
            ));
            None
        }
    }
}

/// What the program of a check that asks like `probe` is asked once after each start.
pub fn read_warmup(table: &TomlTable<'_>, probe: &ProbeSpec) -> Option<HttpSpec> {
    let timeout = table.read(WARMUP_TIMEOUT, TomlValue::some_duration);
    let Some(url) = table.own(WARMUP) else {
        if let Some(value) = table.own(WARMUP_TIMEOUT) {
            value.reject(Diagnostic::new(
                "a time limit without a warm-up",
                "add warmup = \"http://127.0.0.1:8080/warmup\", or leave it out",
            ));
        }
        return None;
    };
    let asked = url.parsed(HttpSpec::of_url)?;
    Some(like(probe, asked, timeout.unwrap_or(HttpSpec::WARM_UP)))
}

/// `asked`, with all that the check's own requests need to be let in.
fn like(probe: &ProbeSpec, asked: HttpSpec, timeout: Duration) -> HttpSpec {
    let plain = HttpSpec::new(asked.url);
    let usual = match probe {
        ProbeSpec::Http(http) => http.clone(),
        ProbeSpec::Line(_) | ProbeSpec::Exec(_) | ProbeSpec::Grpc(_) | ProbeSpec::Heartbeat(_) => {
            plain.clone()
        }
    };
    let names_its_socket = plain.url.socket.is_some();
    HttpSpec {
        url: plain.url,
        timeout,
        method: plain.method,
        data: plain.data,
        max_body: plain.max_body,
        ready: plain.ready,
        user: asked.user.or(usual.user),
        unix_socket: usual.unix_socket.filter(|_| !names_its_socket),
        ..usual
    }
}
