//! Bytes as people write them: `\r` `\n` `\t` `\\` `\xNN`. Pure.

/// The bytes that `text` stands for.
///
/// # Errors
/// Says which escape is none, and what would be right.
pub fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(char) = rest.next() {
        if char != '\\' {
            bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        match rest.next() {
            Some('r') => bytes.push(b'\r'),
            Some('n') => bytes.push(b'\n'),
            Some('t') => bytes.push(b'\t'),
            Some('\\') => bytes.push(b'\\'),
            Some('x') => {
                let mut digit = || rest.next().and_then(|char| char.to_digit(16));
                let byte = digit().zip(digit()).map(|(high, low)| high * 16 + low);
                let byte = byte.and_then(|byte| u8::try_from(byte).ok());
                bytes.push(byte.ok_or(r"\x is followed by two hexadecimal digits, such as \x00")?);
            }
            Some(_) => return Err(r"a backslash is followed by r, n, t, xNN or \".to_owned()),
            None => return Err(r"a backslash at the end: \\ stands for one".to_owned()),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read() {
        for (text, bytes) in [
            (r"health_check\r\n", &b"health_check\r\n"[..]),
            ("real\r\nends\t", b"real\r\nends\t"),
            (r"\t\\n\\\x00\xfF\x7f", b"\t\\n\\\0\xff\x7f"),
            ("naïve", "naïve".as_bytes()),
            ("", b""),
        ] {
            assert_eq!(unescape(text).as_deref(), Ok(bytes), "{text}");
        }
        for (text, says) in [
            (r"\q", "followed by r, n"),
            (r"a\", "at the end"),
            (r"\x", "two hexadecimal"),
            (r"\x1", "two hexadecimal"),
            (r"\xg0", "two hexadecimal"),
        ] {
            let why = unescape(text).expect_err(text);
            assert!(why.contains(says), "{text}: {why}");
        }
    }
}
