//! Where a test connects to, as a URL.

use super::Service;
use super::options::Options;

/// Where the peer is, and what is asked for.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn url(service: &Service, options: &Options<'_>) -> Result<String, String> {
    if let Some(url) = options.url {
        let is_plain = !url.to_lowercase().starts_with("https:");
        if is_plain && options.is_secure {
            return Err("TLS for an http:// URL: write https:// and the port".to_owned());
        }
        let url = url.split('#').next().unwrap_or_default();
        let host = url.find("://").map_or(0, |at| at + 3);
        let path = url[host..]
            .find(['/', '?'])
            .map_or(url.len(), |at| host + at);
        return Ok(format!("{}{}", &url[..path], encoded(&url[path..])));
    }
    let path = options.request.unwrap_or("/");
    if !path.starts_with('/') {
        return Err("request: it does not begin with /".to_owned());
    }
    let path = encoded(&unescaped(path));
    if let Some(socket) = options.unixsocket {
        let name = socket.replace('%', "%25").replace('/', "%2F");
        return Ok(match options.is_http() {
            true => format!("http+unix://{name}{path}"),
            false => format!("unix://{socket}"),
        });
    }
    let port = options.port.ok_or("neither a port nor a socket")?;
    let port: u16 = port.parse().map_err(|_| "no number of a port".to_owned())?;
    let host = options.host.unwrap_or(&service.host);
    let host = match host.contains(':') && !host.starts_with('[') {
        true => format!("[{host}]"),
        false => host.to_owned(),
    };
    Ok(match (options.is_http(), options.is_secure) {
        (true, false) => format!("http://{host}:{port}{path}"),
        (true, true) => format!("https://{host}:{port}{path}"),
        (false, _) => format!("tcp://{host}:{port}"),
    })
}

/// `text` without the escapes that Monit reads in quotes: `\\`, `\n`, `\r`, `\t` and `\0x41`.
fn unescaped(text: &str) -> String {
    let mut found = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        found.push_str(before);
        let hex = after.get(2..4).filter(|_| after.starts_with("0x"));
        let hex = hex.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let (c, length) = match (hex, after.chars().next()) {
            (Some(byte), _) => (byte as char, 4),
            (None, Some('\\')) => ('\\', 1),
            (None, Some('n')) => ('\n', 1),
            (None, Some('r')) => ('\r', 1),
            (None, Some('t')) => ('\t', 1),
            (None, _) => ('\\', 0),
        };
        found.push(c);
        rest = &after[length..];
    }
    found + rest
}

/// `path` as Monit sends it: it encodes what stands in the file, a `%` too.
fn encoded(path: &str) -> String {
    let mut text = String::new();
    for byte in path.bytes() {
        match byte {
            b'!'..=b'~' if !b"<>\"#%{}|\\^[]`".contains(&byte) => text.push(byte as char),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}
