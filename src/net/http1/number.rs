//! Numbers as Python's `int` reads them, for which servers are known that nobody else understands.

/// The number that `text` is to Python in base `radix`, 10 or 16: with blanks around it, a sign, zeros before it, single
/// underscores between its digits and, of 16, its prefix. `None` for one below zero, too.
pub fn python_int(text: &str, radix: u32) -> Option<u64> {
    let text = text.trim_ascii();
    let is_negative = text.starts_with('-');
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let prefix = digits
        .get(..2)
        .filter(|prefix| radix == 16 && prefix.eq_ignore_ascii_case("0x"));
    let digits = match prefix {
        // an underscore may stand behind it
        Some(prefix) => digits[prefix.len()..]
            .strip_prefix('_')
            .unwrap_or(&digits[prefix.len()..]),
        None => digits,
    };
    let is_plain = !digits.starts_with('_') && !digits.ends_with('_') && !digits.contains("__");
    if !is_plain || digits.is_empty() {
        return None;
    }
    let mut number: u64 = 0;
    for digit in digits.chars().filter(|&digit| digit != '_') {
        let digit = digit.to_digit(radix)?;
        number = number.checked_mul(u64::from(radix))?;
        number = number.checked_add(u64::from(digit))?;
    }
    (!is_negative || number == 0).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_python() {
        for (text, radix, expected) in [
            ("10", 10, Some(10)),
            ("1_0", 10, Some(10)),
            ("00_5", 10, Some(5)),
            ("+1_0", 10, Some(10)),
            (" 5\t", 10, Some(5)),
            ("-0", 10, Some(0)),
            ("-5", 10, None),
            ("_5", 10, None),
            ("5_", 10, None),
            ("5__0", 10, None),
            ("+_5", 10, None),
            ("+ 5", 10, None),
            ("", 10, None),
            ("0x10", 10, None),
            ("5 x", 10, None),
            ("99999999999999999999999", 10, None),
            ("1_0", 16, Some(16)),
            ("0x5", 16, Some(5)),
            ("0X_a", 16, Some(10)),
            ("+0x5", 16, Some(5)),
            ("-0x0", 16, Some(0)),
            ("0x", 16, None),
            ("0x__5", 16, None),
            ("0_x5", 16, None),
            ("g", 16, None),
        ] {
            assert_eq!(python_int(text, radix), expected, "{text:?} in {radix}");
        }
    }
}
