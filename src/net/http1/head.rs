//! The head of an HTTP/1 answer. Pure.
//!
//! Read at least as leniently as curl and Python's `http.client` read it: what a browser or a proxy gets along
//! with is no reason to restart a service. What is odd and does not matter becomes a note.

use memchr::memchr;

use super::number::python_int;
use crate::health::bounded_to;

/// More odd things than this are not noted one by one.
const NOTES_MAX: usize = 5;

/// So many bytes without a line end are read before they are refused as no status line.
const FIRST_LINE_MAX: usize = 256;

/// How much of the version is kept, in bytes.
const VERSION_MAX: usize = 16;

/// How much of a line is shown in a note or an error, in bytes.
const SHOWN: usize = 80;

/// The head of an answer, of any version of HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// For example `HTTP/1.1`.
    pub version: String,
    /// 100 to 999.
    pub code: u16,
    /// The phrase behind the code, which may be empty.
    pub reason: String,
    /// Names and values in the order received, lossily where they are not UTF-8.
    pub headers: Vec<(String, String)>,
    /// What is odd about the answer, in words.
    pub notes: Vec<String>,
    /// A line is no header, or has an odd name: others find no headers behind it.
    pub is_garbled: bool,
    /// The transfer coding is written otherwise than Python knows it, if only by a blank behind it.
    pub is_coding_odd: bool,
    /// The peer closed before the head's end.
    pub is_cut: bool,
}

/// What says how a body is transferred. Python reads the first one.
pub const CODING: &str = "transfer-encoding";

impl Head {
    /// Whether another head follows this one: 1xx, but for 101, which ends HTTP on this connection.
    pub fn is_interim(&self) -> bool {
        self.code < 200 && self.code != 101
    }

    /// The values of the header `name`.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = move |(other, _): &&(String, String)| other.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .filter(named)
            .map(|(_, value)| value.as_str())
    }

    /// Adds what is odd, as long as there is not too much of it.
    pub fn note(&mut self, note: String) {
        if self.notes.len() < NOTES_MAX && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// Looks for the end of a head in a buffer that grows.
#[derive(Debug, Default)]
pub struct Boundary {
    /// Where the line begins that is being read.
    line: usize,
    /// Up to where there is no further line end.
    searched: usize,
    /// A line that is not blank was seen: the status line.
    begun: bool,
}

impl Boundary {
    /// How many bytes of `buffer` are the head, its blank line included. Blank lines before it belong to it.
    ///
    /// # Errors
    /// As soon as the first line cannot be a status line.
    pub fn find(&mut self, buffer: &[u8]) -> Result<Option<usize>, String> {
        while let Some(end) = memchr(b'\n', &buffer[self.searched..]) {
            let end = self.searched + end;
            let line = trim_line_end(&buffer[self.line..end]);
            self.line = end + 1;
            self.searched = end + 1;
            if line.is_empty() && self.begun {
                return Ok(Some(end + 1));
            }
            if !line.is_empty() && !self.begun {
                StatusParts::of(line, &String::from_utf8_lossy(line))?;
                self.begun = true;
            }
        }
        self.searched = buffer.len();
        // a line that never ends is not waited for
        if !self.begun && buffer.len() - self.line > FIRST_LINE_MAX {
            check_beginning(&buffer[self.line..])?;
        }
        Ok(None)
    }

    /// Whether the status line is complete.
    pub const fn has_status(&self) -> bool {
        self.begun
    }
}

/// Reads `bytes`, a whole head, or as much of one as came before the peer closed: at least a status line.
///
/// # Errors
/// Says what is wrong with the status line.
pub fn parse(bytes: &[u8]) -> Result<Head, String> {
    let mut lines = bytes.split(|&byte| byte == b'\n').map(trim_line_end);
    let first = lines.find(|line| !line.is_empty()).unwrap_or_default();
    let mut head = status_line(first)?;
    // whether the line before was a header, which a folded line goes on with
    let mut open = false;
    for line in lines.take_while(|line| !line.is_empty()) {
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            open = open && unfold(&mut head, line);
            if !open {
                head.is_garbled = true;
                head.note(format!("not a header: {}", show(line)));
            }
        } else {
            open = header(&mut head, line);
        }
    }
    Ok(head)
}

/// Appends a folded line to the header before it, as RFC 9112 section 5.2 has it.
fn unfold(head: &mut Head, line: &[u8]) -> bool {
    let Some((name, value)) = head.headers.last_mut() else {
        return false;
    };
    if !value.is_empty() {
        value.push(' ');
    }
    value.push_str(&String::from_utf8_lossy(line.trim_ascii()));
    head.is_coding_odd |= name.eq_ignore_ascii_case(CODING);
    let note = format!("header {} is folded over several lines", shown(name));
    head.note(note);
    true
}

/// Takes a header line. Whether it is one.
fn header(head: &mut Head, line: &[u8]) -> bool {
    let has_name = |colon: &usize| !line[..*colon].trim_ascii().is_empty();
    let Some(colon) = memchr(b':', line).filter(has_name) else {
        head.is_garbled = true;
        head.note(format!("not a header: {}", show(line)));
        return false;
    };
    let given = String::from_utf8_lossy(&line[..colon]);
    let name = given.trim_ascii_end();
    let raw = &line[colon + 1..];
    let value = raw.trim_ascii();
    if name.len() < given.len() {
        head.is_garbled = true;
        head.note(format!("blank before the colon of header {}", shown(name)));
    } else if !line[..colon].iter().copied().all(is_token) {
        head.is_garbled = true;
        head.note(format!("not a header name: {}", shown(name)));
    }
    if value
        .iter()
        .any(|byte| byte.is_ascii_control() && *byte != b'\t')
    {
        let note = format!(
            "control character in header {}: {}",
            shown(name),
            show(value)
        );
        head.note(note);
    }
    if name.eq_ignore_ascii_case(CODING) && head.values(CODING).next().is_none() {
        let blanks = raw.iter().take_while(|byte| matches!(byte, b' ' | b'\t'));
        let exact = &raw[blanks.count()..];
        head.is_coding_odd = !exact.eq_ignore_ascii_case(b"chunked");
    }
    let value = String::from_utf8_lossy(value).into_owned();
    head.headers.push((name.to_owned(), value));
    true
}

/// The status line alone.
fn status_line(line: &[u8]) -> Result<Head, String> {
    let text = String::from_utf8_lossy(line);
    let parts = StatusParts::of(line, &text)?;
    Ok(Head {
        version: bounded_to(parts.version.to_ascii_uppercase(), VERSION_MAX),
        code: parts.code,
        reason: parts.reason.to_owned(),
        ..Head::default()
    })
}

/// What a status line consists of. It is read twice, as soon as it has come and with the headers, so that nothing is
/// copied here.
struct StatusParts<'a> {
    version: &'a str,
    code: u16,
    reason: &'a str,
}

impl<'a> StatusParts<'a> {
    /// Those of `line`, which is `text`. Both peers that we follow take more than the standard allows: curl any case and
    /// anything behind three digits, Python any number of blanks and signs or zeros before the code, and underscores in it.
    fn of(line: &[u8], text: &'a str) -> Result<Self, String> {
        let text = text.trim_ascii();
        check_beginning(line)?;
        let (version, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
        let number = version.get(5..).unwrap_or_default();
        if !is_version(number) {
            let version = shown(version);
            return Err(format!(
                "not HTTP: unknown version {version} in {}",
                shown(text)
            ));
        }
        let rest = rest.trim_ascii();
        let (word, behind) = rest
            .split_once(|c: char| c.is_ascii_whitespace())
            .unwrap_or((rest, ""));
        let (code, reason) = match python_int(word, 10).map(u16::try_from) {
            Some(Ok(code)) => (code, behind),
            _ => {
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                let (digits, reason) = rest.split_at(digits);
                let code = digits.trim_start_matches('0').parse().unwrap_or(0);
                (code, reason)
            }
        };
        if !(100..=999).contains(&code) {
            let status = rest.split_ascii_whitespace().next().unwrap_or_default();
            let status = shown(status);
            return Err(format!(
                "not HTTP: no status code but {status} in {}",
                shown(text)
            ));
        }
        Ok(Self {
            version,
            code,
            reason: reason.trim_ascii(),
        })
    }
}

/// Anything that begins with 1, and 0.9 (Python), and 2 in the words of HTTP/1 (curl).
fn is_version(number: &str) -> bool {
    matches!(number, "2" | "2.0" | "0.9") || number.starts_with("1.")
}

/// That `line`, which may still grow, can be a status line.
fn check_beginning(line: &[u8]) -> Result<(), String> {
    const START: &[u8] = b"HTTP/";
    let line = line.trim_ascii();
    let known = line.len().min(START.len());
    match line[..known].eq_ignore_ascii_case(&START[..known]) {
        true => Ok(()),
        false => Err(format!("not HTTP: the answer begins with {}", show(line))),
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn trim_line_end(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|&byte| byte != b'\r');
    &line[..end.map_or(0, |end| end + 1)]
}

/// The beginning of `bytes`, in quotes.
fn show(bytes: &[u8]) -> String {
    shown(&String::from_utf8_lossy(
        &bytes[..bytes.len().min(2 * SHOWN)],
    ))
}

/// The beginning of `text`, in quotes.
fn shown(text: &str) -> String {
    format!("{:?}", bounded_to(text.to_owned(), SHOWN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<(Head, usize), String> {
        let mut boundary = Boundary::default();
        let end = boundary.find(bytes)?.expect("a whole head");
        Ok((parse(&bytes[..end])?, end))
    }

    #[test]
    fn status_lines_accepted_by_curl_or_python_are_accepted() {
        for (line, version, code, reason) in [
            ("HTTP/1.1 200 OK", "HTTP/1.1", 200, "OK"),
            ("HTTP/1.1 200 Very well ", "HTTP/1.1", 200, "Very well"),
            ("HTTP/1.1 200", "HTTP/1.1", 200, ""),
            ("HTTP/1.1  200\tOK", "HTTP/1.1", 200, "OK"),
            ("HTTP/1.1\t200 OK", "HTTP/1.1", 200, "OK"),
            (" HTTP/1.1 200 OK", "HTTP/1.1", 200, "OK"),
            ("http/1.1 200 OK", "HTTP/1.1", 200, "OK"),
            ("HTTP/1.10 200 OK", "HTTP/1.10", 200, "OK"),
            ("HTTP/1.x 200 OK", "HTTP/1.X", 200, "OK"),
            ("HTTP/1.1.1 200 OK", "HTTP/1.1.1", 200, "OK"),
            ("HTTP/0.9 200 OK", "HTTP/0.9", 200, "OK"),
            ("HTTP/2 200 OK", "HTTP/2", 200, "OK"),
            ("HTTP/1.1 0200 OK", "HTTP/1.1", 200, "OK"),
            ("HTTP/1.1 +200 OK", "HTTP/1.1", 200, "OK"),
            ("HTTP/1.1 200OK", "HTTP/1.1", 200, "OK"),
            ("HTTP/1.1 600 OK", "HTTP/1.1", 600, "OK"),
        ] {
            let (head, _) = read(format!("{line}\r\n\r\n").as_bytes()).expect(line);
            let found = (head.version.as_str(), head.code, head.reason.as_str());
            assert_eq!(found, (version, code, reason), "{line}");
        }
    }

    #[test]
    fn other_first_lines_are_refused_with_an_excerpt() {
        for (line, says) in [
            ("everything is fine", "begins with \"everything is fine\""),
            ("ICY 200 OK", "begins with \"ICY 200 OK\""),
            ("HTTP 200 OK", "begins with"),
            ("HTTP/7.1 200 OK", "version \"HTTP/7.1\""),
            ("HTTP/1 200 OK", "version \"HTTP/1\""),
            ("HTTP/1.1", "status code"),
            ("HTTP/1.1 abc OK", "status code but \"abc\""),
            ("HTTP/1.1 099 OK", "status code but \"099\""),
            ("HTTP/1.1 2000 OK", "status code but \"2000\""),
            ("HTTP/1.1 20 OK", "status code"),
        ] {
            let fault = read(format!("{line}\r\n\r\n").as_bytes()).expect_err(line);
            assert!(fault.contains(says), "{line}: {fault}");
        }
        let long = read(&[b'x'; 100_000]).expect_err("not HTTP");
        assert!(long.len() < 200, "{long}");
    }

    #[test]
    fn odd_header_lines_are_accepted_or_dropped_with_a_note() {
        for (lines, headers, notes) in [
            ("A: 1\r\nB:2 \r\n", vec![("A", "1"), ("B", "2")], vec![]),
            ("A: 1\nB: 2\r\r\n", vec![("A", "1"), ("B", "2")], vec![]),
            ("A:\r\n", vec![("A", "")], vec![]),
            (
                "A: 1\r\n  2\r\n\t3\r\n",
                vec![("A", "1 2 3")],
                vec!["header \"A\" is folded over several lines"],
            ),
            (
                " 1\r\nA: 2\r\n",
                vec![("A", "2")],
                vec!["not a header: \" 1\""],
            ),
            (
                "A : 1\r\n",
                vec![("A", "1")],
                vec!["blank before the colon of header \"A\""],
            ),
            (
                "oops\r\n more\r\nA: 1\r\n: x\r\n",
                vec![("A", "1")],
                vec![
                    "not a header: \"oops\"",
                    "not a header: \" more\"",
                    "not a header: \": x\"",
                ],
            ),
            (
                "PHP Warning: x\r\n",
                vec![("PHP Warning", "x")],
                vec!["not a header name: \"PHP Warning\""],
            ),
            (
                "A: 1\x012\r\n",
                vec![("A", "1\x012")],
                vec!["control character in header \"A\": \"1\\u{1}2\""],
            ),
        ] {
            let (head, _) =
                read(format!("HTTP/1.1 200 OK\r\n{lines}\r\n").as_bytes()).expect(lines);
            let found: Vec<_> = head
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            assert_eq!(
                (found, head.notes),
                (
                    headers,
                    notes.into_iter().map(str::to_owned).collect::<Vec<_>>()
                ),
                "{lines:?}"
            );
        }
    }

    #[test]
    fn a_head_ends_at_its_blank_line_wherever_the_pieces_break() {
        let stream = b"\r\n\nHTTP/1.1 200 OK\r\nA: 1\n\r\nbody\n\n";
        let end = stream.len() - b"body\n\n".len();
        let mut boundary = Boundary::default();
        for up_to in 1..end {
            assert_eq!(boundary.find(&stream[..up_to]), Ok(None), "{up_to}");
        }
        assert_eq!(boundary.find(stream), Ok(Some(end)));
        assert_eq!(read(stream).expect("a head").1, end);
    }
}
