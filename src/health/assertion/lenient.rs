//! JSON that RFC 8259 allows and that a value cannot hold: numbers beyond the range of floats, and escapes of half a
//! character. Other readers take both, so that a service that sends them is not ill.

/// What stands for a number beyond the range. It is no longer than any such number.
const LARGEST: &[u8] = b"1e308";

/// What stands for half a character.
const REPLACEMENT: &[u8] = b"\\ufffd";

/// `json` with numbers that are too large as the largest, about, and lone surrogates as replacement characters, each
/// in its place. `None` when there are none.
pub fn within_range(json: &[u8]) -> Option<Vec<u8>> {
    let mut changed: Option<Vec<u8>> = None;
    let mut put = |at: usize, bytes: &[u8]| {
        let text = changed.get_or_insert_with(|| json.to_vec());
        text[at..at + bytes.len()].copy_from_slice(bytes);
    };
    let mut in_text = false;
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        let length = match byte {
            b'"' => {
                in_text = !in_text;
                1
            }
            b'\\' if in_text => match surrogate(json, at) {
                None => 2,
                Some(0xd800..=0xdbff)
                    if matches!(surrogate(json, at + 6), Some(0xdc00..=0xdfff)) =>
                {
                    12
                }
                Some(_) => {
                    put(at, REPLACEMENT);
                    6
                }
            },
            b'-' if !in_text => 1,
            b'0'..=b'9' if !in_text => {
                let rest = &json[at..];
                let is_of_number =
                    |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
                let length = rest.iter().take_while(|byte| is_of_number(byte)).count();
                if is_too_large(&rest[..length]) {
                    put(at, LARGEST);
                    put(at + LARGEST.len(), &vec![b' '; length - LARGEST.len()]);
                }
                length
            }
            _ => 1,
        };
        at += length;
    }
    changed
}

/// Whether it is a number, and beyond all floats. One with a leading zero or a bare point is none in JSON.
fn is_too_large(number: &[u8]) -> bool {
    let text = std::str::from_utf8(number).unwrap_or_default();
    let (whole, rest) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
    let has_digits = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    let is_number = (whole == "0" || !whole.starts_with('0'))
        && rest.strip_prefix('.').is_none_or(has_digits)
        && text.len() >= LARGEST.len();
    is_number && text.parse().is_ok_and(f64::is_infinite)
}

/// The half of a character that is written at `at`, as `\ud83d`.
fn surrogate(json: &[u8], at: usize) -> Option<u32> {
    let digits = json.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| is_hex)?;
    let unit = u32::from_str_radix(text, 16).ok()?;
    (0xd800..0xe000).contains(&unit).then_some(unit)
}
