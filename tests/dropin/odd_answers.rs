//! Answers that are odd, and that clients get along with, or not.

/// An odd answer: name, options, the answer, and whether the connection stays open behind it.
pub type Row = (&'static str, &'static [&'static str], Vec<u8>, bool);

pub const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";
pub const BODY: &[u8] = b"Content-Length: 5\r\n\r\nhello";
const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Answers that the connection is closed behind, and answers that it stays open behind.
pub fn rows() -> Vec<Row> {
    let with = |line: &[u8]| [OK, line, BODY].concat();
    let first = |line: &[u8]| [line, BODY].concat();
    let framed = |headers: &[u8], body: &[u8]| [OK, headers, b"\r\n", body].concat();
    let chunks = |body: &[u8]| [CHUNKED, body].concat();
    let mut rows: Vec<Row> = Vec::new();
    // heads; the length is known, so that what follows does not matter
    for (name, answer) in [
        ("folded", with(b"X: a\r\n  b\r\n\tc\r\n")),
        ("folded from the start", with(b"  b\r\n")),
        (
            "a folded length",
            framed(b"Content-Length:\r\n 5\r\n", b"hello"),
        ),
        ("blank before the colon", with(b"X : a\r\n")),
        (
            "blank before the colon of the length",
            framed(b"Content-Length : 5\r\n", b"hello"),
        ),
        ("no header", with(b"garbage\r\n")),
        (
            "PHP's warning",
            with(b"PHP Warning:  PHP Startup: Unable to load x\r\n"),
        ),
        ("PHP's notice without a colon", with(b"Notice\r\n")),
        ("control character", with(b"X: a\x01b\r\n")),
        ("escape character", with(b"X: \x1b[31mred\r\n")),
        ("NUL", with(b"X: a\0b\r\n")),
        ("bare CR", with(b"X: a\rb\r\n")),
        ("two CR", with(b"X: a\r\r\n")),
        ("odd name", with(b"X(y): a\r\n")),
        ("Latin name", with(b"X\xe9: a\r\n")),
        ("Latin value", with(b"X: \xe9\xff\r\n")),
        ("empty name", with(b": a\r\n")),
        ("only a colon", with(b":\r\n")),
        ("many colons", with(b"X:::a\r\n")),
        (
            "bare LF",
            b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello".to_vec(),
        ),
        ("no phrase", first(b"HTTP/1.1 200\r\n")),
        ("a phrase of one blank", first(b"HTTP/1.1 200 \r\n")),
        ("two blanks", first(b"HTTP/1.1  200 OK\r\n")),
        ("a tab", first(b"HTTP/1.1\t200 OK\r\n")),
        (
            "blank before the status line",
            first(b" HTTP/1.1 200 OK\r\n"),
        ),
        (
            "blank line before the status line",
            first(b"\r\nHTTP/1.1 200 OK\r\n"),
        ),
        ("lower case", first(b"http/1.1 200 ok\r\n")),
        ("HTTP/1.0", first(b"HTTP/1.0 200 OK\r\n")),
        ("HTTP/1.2", first(b"HTTP/1.2 200 OK\r\n")),
        ("HTTP/1.x", first(b"HTTP/1.x 200 OK\r\n")),
        ("HTTP/1.1.1", first(b"HTTP/1.1.1 200 OK\r\n")),
        ("HTTP/1.", first(b"HTTP/1. 200 OK\r\n")),
        ("HTTP/0.9", first(b"HTTP/0.9 200 OK\r\n")),
        ("HTTP/2", first(b"HTTP/2 200 OK\r\n")),
        ("zeros before the code", first(b"HTTP/1.1 0200 OK\r\n")),
        ("a sign before the code", first(b"HTTP/1.1 +200 OK\r\n")),
        ("an underscore in the code", first(b"HTTP/1.1 2_00 OK\r\n")),
        ("Latin phrase", first(b"HTTP/1.1 200 \xe9\xff\r\n")),
        (
            "control character in the phrase",
            first(b"HTTP/1.1 200 a\x01b\x1b\r\n"),
        ),
        ("NUL in the phrase", first(b"HTTP/1.1 200 a\0b\r\n")),
        (
            "a long phrase",
            first(&[b"HTTP/1.1 200 ", &[b'r'; 60_000][..], b"\r\n"].concat()),
        ),
        (
            "a long header",
            with(&[b"X: ", &[b'x'; 60_000][..], b"\r\n"].concat()),
        ),
        (
            "90 long headers",
            with(&[b"X: ", &[b'x'; 5000][..], b"\r\n"].concat().repeat(90)),
        ),
        (
            "100 Continue first",
            [b"HTTP/1.1 100 Continue\r\n\r\n", &first(OK)[..]].concat(),
        ),
        (
            "100 Continue thrice",
            [&b"HTTP/1.1 100 C\r\nX: y\r\n\r\n".repeat(3), &first(OK)[..]].concat(),
        ),
        ("equal lengths", with(b"Content-Length: 5\r\n")),
        (
            "different lengths, the first is right",
            framed(b"Content-Length: 5\r\nContent-Length: 7\r\n", b"hello"),
        ),
        (
            "a signed length",
            framed(b"Content-Length: +5\r\n", b"hello"),
        ),
        (
            "zeros before the length",
            framed(b"Content-Length: 0005\r\n", b"hello"),
        ),
        (
            "an underscore in the length",
            framed(b"Content-Length: 1_0\r\n", b"hellohello"),
        ),
        (
            "an underscore behind zeros of the length",
            framed(b"Content-Length: +0_5\r\n", b"hello"),
        ),
        (
            "a length of minus zero",
            framed(b"Content-Length: -0\r\n", b""),
        ),
        ("more than the length", [&with(b"")[..], b"more"].concat()),
        ("identity", with(b"Transfer-Encoding: identity\r\n")),
        (
            "an unknown transfer coding",
            with(b"Transfer-Encoding: nonsense\r\n"),
        ),
        ("gzip that is none", with(b"Content-Encoding: gzip\r\n")),
        (
            "an unknown content coding",
            with(b"Content-Encoding: nonsense\r\n"),
        ),
        (
            "an offer to upgrade",
            with(b"Upgrade: h2c\r\nConnection: Upgrade\r\n"),
        ),
        (
            "an odd cookie",
            with(b"Set-Cookie: \x80=;;;; =\r\nSet-Cookie:\r\n"),
        ),
        ("a location that is none", with(b"Location: ::::\r\n")),
        (
            "a charset that is none",
            with(b"Content-Type: text/html; charset=\xff\"\r\n"),
        ),
        (
            "keep-alive with nonsense",
            with(b"Keep-Alive: timeout=-1, max=x\r\nConnection: \x01\r\n"),
        ),
        (
            "a vertical tab behind the coding",
            with(b"Transfer-Encoding: chunked\x0b\r\n"),
        ),
        (
            "a vertical tab before the coding",
            with(b"Transfer-Encoding: \x0bchunked\r\n"),
        ),
        (
            "a form feed behind the coding",
            with(b"Transfer-Encoding: chunked\x0c\r\n"),
        ),
        (
            "a form feed before the coding",
            with(b"Transfer-Encoding:\x0cchunked\r\n"),
        ),
        (
            "a blank behind the coding",
            with(b"Transfer-Encoding: chunked \r\n"),
        ),
        (
            "a tab behind the coding",
            with(b"Transfer-Encoding: chunked\t\r\n"),
        ),
        (
            "a separator behind the coding",
            with(b"Transfer-Encoding: chunked\x1f\r\n"),
        ),
        (
            "NUL behind the coding",
            with(b"Transfer-Encoding: chunked\0\r\n"),
        ),
        (
            "a no-break space behind the coding",
            with(b"Transfer-Encoding: chunked\xa0\r\n"),
        ),
        (
            "a next line behind the coding",
            with(b"Transfer-Encoding: chunked\x85\r\n"),
        ),
        (
            "a parameter of the coding",
            with(b"Transfer-Encoding: chunked;q=1\r\n"),
        ),
        (
            "a comma behind the coding",
            with(b"Transfer-Encoding: chunked,\r\n"),
        ),
        (
            "two codings and a length",
            with(b"Transfer-Encoding: gzip, chunked\r\n"),
        ),
        (
            "a coding in quotes",
            with(b"Transfer-Encoding: \"chunked\"\r\n"),
        ),
        (
            "a folded coding",
            with(b"Transfer-Encoding:\r\n chunked\r\n"),
        ),
        (
            "identity before another coding",
            with(b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"),
        ),
        ("a vertical tab in a name", with(b"X\x0b: a\r\n")),
        (
            "a vertical tab before the colon of the coding",
            with(b"Transfer-Encoding\x0b: chunked\r\n"),
        ),
        ("a form feed in a value", with(b"X: a\x0cb\r\n")),
        ("a separator in a value", with(b"X: a\x1cb\x1d\x1e\r\n")),
        ("a next line in a value", with(b"X: a\x85b\r\n")),
        (
            "a line separator in a value",
            with(b"X: a\xe2\x80\xa8b\r\n"),
        ),
        (
            "a vertical tab behind the length",
            framed(b"Content-Length: 5\x0b\r\n", b"hello"),
        ),
        (
            "a vertical tab before the length",
            framed(b"Content-Length: \x0b5\r\n", b"hello"),
        ),
        (
            "a form feed behind the length",
            framed(b"Content-Length: 5\x0c\r\n", b"hello"),
        ),
        (
            "a separator before the length",
            framed(b"Content-Length: \x1f5\r\n", b"hello"),
        ),
        (
            "a separator behind the length",
            framed(b"Content-Length: 5\x1c\r\n", b"hello"),
        ),
        (
            "a no-break space behind the length",
            framed(b"Content-Length: 5\xa0\r\n", b"hello"),
        ),
        (
            "a next line before the length",
            framed(b"Content-Length: \x855\r\n", b"hello"),
        ),
        (
            "a tab before the length",
            framed(b"Content-Length:\t5\t\r\n", b"hello"),
        ),
        (
            "NUL behind the length",
            framed(b"Content-Length: 5\0\r\n", b"hello"),
        ),
        ("length zero", framed(b"Content-Length: 0\r\n", b"")),
    ] {
        rows.push((name, &[], answer.clone(), true));
        rows.push((name, &[], answer, false));
    }
    // bodies in chunks, whose end is known, too
    for (name, body) in [
        ("chunk extension", &b"5;a=b\r\nhello\r\n0\r\n\r\n"[..]),
        (
            "blanks around a chunk's size",
            b" 5  \r\nhello\r\n0\r\n\r\n",
        ),
        ("chunks with bare LF", b"5\nhello\r\n0\n\n"),
        ("a chunk's size with a prefix", b"0x5\r\nhello\r\n0\r\n\r\n"),
        ("a chunk's size with a sign", b"+5\r\nhello\r\n0\r\n\r\n"),
        (
            "a chunk's size with an underscore",
            b"0_5\r\nhello\r\n0_0\r\n\r\n",
        ),
        (
            "a chunk's size with an underscore behind its prefix",
            b"0x_5\r\nhello\r\n0\r\n\r\n",
        ),
        ("a last chunk of minus zero", b"5\r\nhello\r\n-0\r\n\r\n"),
        (
            "a chunk's size with zeros",
            b"0000000000000000000005\r\nhello\r\n0\r\n\r\n",
        ),
        ("two other bytes behind a chunk", b"5\r\nhello--0\r\n\r\n"),
        ("no chunk", b"0\r\n\r\n"),
        ("trailers", b"5\r\nhello\r\n0\r\nX: y\r\n\r\n"),
        (
            "trailers that are none",
            b"5\r\nhello\r\n0\r\ngarbage\r\n\r\n",
        ),
        ("more behind the last chunk", b"5\r\nhello\r\n0\r\n\r\nmore"),
    ] {
        rows.push((name, &[], chunks(body), true));
        rows.push((name, &[], chunks(body), false));
    }
    // the end is the connection's
    for (name, answer) in [
        ("no length", framed(b"", b"hello")),
        (
            "no length over HTTP/1.0",
            b"HTTP/1.0 200 OK\r\n\r\nhello".to_vec(),
        ),
        ("no body", framed(b"", b"")),
        (
            "keep-alive without a length",
            framed(b"Connection: keep-alive\r\n", b"hello"),
        ),
        (
            "a length that is none",
            framed(b"Content-Length: abc\r\n", b"hello"),
        ),
        (
            "a negative length",
            framed(b"Content-Length: -5\r\n", b"hello"),
        ),
        ("an empty length", framed(b"Content-Length:\r\n", b"hello")),
        (
            "an underscore behind the length",
            framed(b"Content-Length: 5_\r\n", b"hello"),
        ),
        (
            "two underscores in the length",
            framed(b"Content-Length: 1__0\r\n", b"hello"),
        ),
        (
            "an immense length",
            framed(b"Content-Length: 99999999999999999999999 x\r\n", b"hello"),
        ),
        (
            "a list of lengths",
            framed(b"Content-Length: 9, 9\r\n", b"hello"),
        ),
        (
            "a length with more behind",
            framed(b"Content-Length: 9 bytes\r\n", b"hello"),
        ),
        (
            "a fractional length",
            framed(b"Content-Length: 9.0\r\n", b"hello"),
        ),
        (
            "a length of two words",
            framed(b"Content-Length: 9;5\r\n", b"hello"),
        ),
        (
            "two codings",
            framed(b"Transfer-Encoding: gzip, chunked\r\n", b"hello"),
        ),
        (
            "a coding twice",
            framed(b"Transfer-Encoding: chunked, chunked\r\n", b"hello"),
        ),
        (
            "first another coding",
            framed(
                b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
                b"hello",
            ),
        ),
        (
            "the head ends with the connection",
            [OK, b"Server: x\r\n"].concat(),
        ),
        ("within a header", [OK, b"Ser"].concat()),
        ("within the first line's end", b"HTTP/1.1 200 OK\r".to_vec()),
        ("a status line alone", b"HTTP/1.1 200 OK".to_vec()),
        (
            "no blank line behind the last chunk",
            chunks(b"5\r\nhello\r\n0\r\n"),
        ),
        (
            "no line end behind the last chunk",
            chunks(b"5\r\nhello\r\n0"),
        ),
        ("within a trailer", chunks(b"5\r\nhello\r\n0\r\nX: ")),
        (
            "chunks over HTTP/1.0",
            b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
                .to_vec(),
        ),
        (
            "a length behind a line that is no header",
            framed(b"garbage\r\nContent-Length: 9\r\n", b"hello"),
        ),
    ] {
        rows.push((name, &[], answer, false));
    }
    // other good codes
    for (name, code, answer) in [
        (
            "204 with a body",
            &["-c", "204"][..],
            &b"HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n"[..],
        ),
        (
            "304 with a length",
            &["-c", "304"],
            b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
        ),
        (
            "101",
            &["-c", "101"],
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        ),
        (
            "102 is the answer",
            &["-c", "102"],
            b"HTTP/1.1 102 Processing\r\n\r\n",
        ),
        (
            "999",
            &["-c", "999"],
            b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "600",
            &["-c", "600"],
            b"HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "401 that names no scheme",
            &["-c", "401"],
            b"HTTP/1.1 401 No\r\nWWW-Authenticate: \x01\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "302 to nowhere",
            &["-c", "302"],
            b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "500 is fine",
            &["-c", "500"],
            b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
        ),
    ] {
        rows.push((name, code, answer.to_vec(), false));
    }
    rows
}
