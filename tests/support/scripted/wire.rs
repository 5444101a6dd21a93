//! supervisord's words on the wire: HTTP requests in, XML-RPC values and faults out, as it writes them.

use std::io::BufRead;

use super::{CODES, Entry, now};

/// What goes back over the connection.
pub enum Reply {
    Bytes(Vec<u8>),
    Last(Vec<u8>),
    Silence,
}

/// The head and the body of the next request.
pub fn request(reader: &mut impl BufRead) -> Option<(String, String)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let length = name.eq_ignore_ascii_case("content-length");
        length.then(|| value.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8(body).unwrap()))
}

/// An answer with this HTTP status and no XML.
pub fn status(code: u16) -> Reply {
    let head =
        format!("HTTP/1.1 {code} Oh\r\nContent-Length: 5\r\nServer: Medusa/1.12\r\n\r\nOops\n");
    Reply::Bytes(head.into_bytes())
}

/// An answer with this value or fault.
pub fn xml(value: String) -> Reply {
    let body = if value.starts_with("<fault>") {
        format!("<?xml version='1.0'?>\n<methodResponse>\n{value}\n</methodResponse>\n")
    } else if value.starts_with("<html>") {
        value
    } else {
        format!(
            "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value>{value}</value>\n</param>\n</params>\n</methodResponse>\n"
        )
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nContent-Type: text/xml\r\nServer: Medusa/1.12\r\n\r\n",
        body.len()
    );
    Reply::Bytes((head + &body).into_bytes())
}

/// A fault.
pub fn fault(code: i64, text: &str) -> String {
    format!(
        "<fault>\n<value><struct>\n{}{}</struct></value>\n</fault>",
        member("faultCode", &format!("<int>{code}</int>")),
        member("faultString", &string(text)),
    )
}

/// supervisord's description of a process.
pub fn info(entry: &Entry) -> String {
    let code = CODES
        .iter()
        .find(|(name, _)| *name == entry.state)
        .unwrap()
        .1;
    let int = |number: u64| format!("<int>{number}</int>");
    let members = [
        ("name", string(&entry.name)),
        ("group", string(&entry.group)),
        ("start", int(entry.start)),
        ("stop", int(0)),
        ("now", int(now())),
        ("state", format!("<int>{code}</int>")),
        ("statename", string(entry.state)),
        ("spawnerr", string("")),
        ("exitstatus", int(0)),
        ("logfile", string("/dev/null")),
        ("stdout_logfile", string("/dev/null")),
        ("stderr_logfile", string("")),
        ("pid", int(entry.pid.into())),
        ("description", string(&format!("pid {}", entry.pid))),
    ];
    let members: String = members
        .iter()
        .map(|(name, value)| member(name, value))
        .collect();
    format!("<value><struct>\n{members}</struct></value>\n\n")
}

fn member(name: &str, value: &str) -> String {
    format!("<member>\n<name>{name}</name>\n<value>{value}</value>\n</member>\n")
}

fn string(text: &str) -> String {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    format!("<string>{text}</string>")
}

/// Text as it was before it became XML.
pub fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&apos;", "'")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

/// What stands between two texts.
pub fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let text = text.split_once(start)?.1;
    Some(text.split_once(end)?.0)
}
