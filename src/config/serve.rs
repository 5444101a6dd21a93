//! `[serve]`: what is served where, and when the watchdog calls itself unhealthy.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use toml::de::DeValue;

use super::diagnostics::Diagnostic;
use super::table::TomlTable;
use super::value::TomlValue;
use crate::health::{LevelBounds, OwnLimits};
use crate::serve::spec::{ServeAddress, ServeSpec, TlsFiles};

/// How far above HTTP's port the line protocol has its own, as ftw.monitor has it.
const LINE_OFFSET: u16 = 80;

const EXAMPLE: &str = "expected an address and a port such as \"127.0.0.1:9181\", or the path of a socket such as \
                       \"/run/httpok/serve.sock\"";

/// A key of fewer characters is guessed sooner or later.
const SHORTEST_KEY: usize = 16;

/// More than any outbox or file system holds.
const MOST: u32 = u32::MAX;

/// What is served; nothing when there is no section.
pub fn read_serve(table: &TomlTable<'_>) -> ServeSpec {
    let Some(table) = table.table("serve") else {
        return ServeSpec::default();
    };
    let usual = ServeSpec::default();
    let listen = table.read("listen", address);
    let line = table
        .get("line")
        .and_then(|value| line(&value, listen.as_ref()));
    let agent = table.read("agent", address);
    let keys = table.get("api_keys");
    let tls = table.table("tls");
    if let (Some(tls), None) = (&tls, &listen) {
        tls.parse_context.fault(
            tls.span(),
            "serve.tls",
            Diagnostic::new("a certificate for nothing", "add listen to [serve]"),
        );
    }
    let is_served = listen.is_some() || line.is_some() || agent.is_some();
    if !is_served
        && !["listen", "line", "agent"]
            .iter()
            .any(|&key| table.own(key).is_some())
    {
        table.warn(Diagnostic::new(
            "nothing is served: there is no address",
            "add listen = \"127.0.0.1:9181\", or leave [serve] out",
        ));
    }
    check_addresses(
        &table,
        [("listen", &listen), ("line", &line), ("agent", &agent)],
    );
    let spec = ServeSpec {
        listen,
        line,
        agent,
        tls: tls.and_then(|tls| files(&tls)),
        api_keys: keys.map_or_else(Vec::new, |value| value.each(key)),
        // the checks have them
        heartbeat_tokens: BTreeMap::new(),
        unavailable: table
            .read("unavailable_status_code", |value| value.count(200, 599))
            .and_then(|code| u16::try_from(code).ok())
            .unwrap_or(usual.unavailable),
        check_timeout: table
            .read("check_timeout", TomlValue::some_duration)
            .unwrap_or(usual.check_timeout),
        environment: table
            .read("environment", TomlValue::flag)
            .unwrap_or_default(),
        healthy: table
            .table("healthy")
            .map_or(usual.healthy, |healthy| limits(&healthy)),
    };
    table.finish();
    spec
}

/// Reports an address that is there twice: the second listener would find it taken.
fn check_addresses(table: &TomlTable<'_>, found: [(&'static str, &Option<ServeAddress>); 3]) {
    for (at, (key, address)) in found.iter().enumerate() {
        let first = found[..at].iter().find(|(_, other)| *other == *address);
        if let (Some(address), Some((first, _)), Some(value)) = (address, first, table.get(key)) {
            // port 0 is another one each time
            let is_any = matches!(address, ServeAddress::Tcp(address) if address.port() == 0);
            if !is_any {
                value.reject(Diagnostic::new(
                    format!("the same address as {first:?}"),
                    "give each of them an address of its own",
                ));
            }
        }
    }
}

fn key(value: &TomlValue<'_>) -> Option<crate::secret::Secret> {
    let key = value.some_secret()?;
    if key.expose().chars().count() < SHORTEST_KEY {
        value.warn(
            format!("a key of fewer than {SHORTEST_KEY} characters can be guessed"),
            "expected random characters, such as what openssl rand -hex 16 prints",
        );
    }
    Some(key)
}

fn files(table: &TomlTable<'_>) -> Option<TlsFiles> {
    let cert = table.required("cert", "\"/etc/httpok/cert.pem\"");
    let key = table.required("key", "\"/etc/httpok/key.pem\"");
    table.finish();
    Some(TlsFiles {
        cert: cert?.file()?,
        key: key?.private_file()?,
    })
}

/// `HOST:PORT`, where the host may be left out, or a socket's path.
fn address(value: &TomlValue<'_>) -> Option<ServeAddress> {
    let text = value.some_text()?;
    let path = text.strip_prefix("unix://").unwrap_or(&text);
    if path.starts_with('/') {
        return Some(ServeAddress::Unix(PathBuf::from(path)));
    }
    let address = match text.rsplit_once(':') {
        Some(("" | "*", port)) => port
            .parse()
            .ok()
            .map(|port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
        Some(("localhost", port)) => port
            .parse()
            .ok()
            .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        _ => text.parse().ok(),
    };
    if address.is_none() {
        let text = format!("{text:?} is not an address to listen on");
        value.reject(Diagnostic::new(text, EXAMPLE));
    }
    address.map(ServeAddress::Tcp)
}

/// `true`: above the port of `listen`; otherwise an address of its own.
fn line(value: &TomlValue<'_>, listen: Option<&ServeAddress>) -> Option<ServeAddress> {
    match value.found {
        DeValue::Boolean(false) => return None,
        DeValue::Boolean(true) => {}
        _ => return address(value),
    }
    let Some(ServeAddress::Tcp(http)) = listen else {
        value.reject(Diagnostic::new(
            "no port of listen to count from",
            "name the address: line = \"127.0.0.1:9261\"",
        ));
        return None;
    };
    let port = match http.port() {
        0 => None,
        port => port.checked_add(LINE_OFFSET),
    };
    if port.is_none() {
        value.reject(Diagnostic::new(
            format!("there is no port {LINE_OFFSET} above that of listen"),
            "name the address: line = \"127.0.0.1:9261\"",
        ));
    }
    port.map(|port| ServeAddress::Tcp(SocketAddr::new(http.ip(), port)))
}

fn limits(table: &TomlTable<'_>) -> OwnLimits {
    let usual = OwnLimits::default();
    let count = |value: &TomlValue<'_>| value.count(0, MOST).map(u64::from);
    let read = OwnLimits {
        outbox: bounds(table, "outbox", usual.outbox, count),
        free_bytes: bounds(table, "state_free_bytes", usual.free_bytes, |value| {
            value.size()
        }),
        free_inodes: bounds(table, "state_free_inodes", usual.free_inodes, count),
        checks: table
            .read("checks", TomlValue::flag)
            .unwrap_or(usual.checks),
    };
    table.finish();
    read
}

/// `{ upper = ..., lower = ... }`, or false.
fn bounds(
    table: &TomlTable<'_>,
    key: &'static str,
    usual: Option<LevelBounds>,
    read: impl Fn(&TomlValue<'_>) -> Option<u64>,
) -> Option<LevelBounds> {
    let Some(value) = table.get(key) else {
        return usual;
    };
    if let DeValue::Boolean(false) = value.found {
        return None;
    }
    let inner = TomlTable::of(&value);
    let of = |bound: Option<TomlValue<'_>>| bound.and_then(|value| read(&value));
    let upper = of(inner.required("upper", "1000"));
    let lower = of(inner.required("lower", "100"));
    inner.finish();
    let bounds = LevelBounds {
        upper: upper?,
        lower: lower?,
    };
    if bounds.lower > bounds.upper {
        value.reject(Diagnostic::new(
            "a lower bound above the upper one",
            "expected lower to be at most upper",
        ));
        return None;
    }
    Some(bounds)
}
