//! The pieces of a line of metrics: labels, numbers, escapes. What stands in tens of thousands of lines of a page is made
//! once.

use std::collections::HashMap;
use std::fmt::Write;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

use crate::escape::unhidden;
use crate::health::Histogram;
use crate::secret;

/// Names and values of labels.
pub type Labels<'l> = [(&'l str, &'l str)];

/// The upper bounds of a histogram's buckets, as they are written.
pub static BUCKETS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let bounds = Histogram::default();
    let bounds = bounds
        .cumulative()
        .map(|(upper, _)| match upper.is_infinite() {
            true => "+Inf".to_owned(),
            // with a decimal point also where there is nothing after it: `1.0`
            false => format!("{upper:?}"),
        });
    bounds.collect()
});

/// The values of labels as they are written, each made once: a check's name stands in some sixty lines.
#[derive(Debug, Default)]
pub struct ShownLabels {
    /// Where each value is in `texts`.
    places: HashMap<String, usize, BuildHasherDefault<ShortTextHasher>>,
    texts: Vec<String>,
}

/// Short texts hash faster so than with what guards against crowded buckets: names of checks are the operator's own.
#[derive(Debug, Default)]
struct ShortTextHasher(u64);

impl Hasher for ShortTextHasher {
    fn write(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..piece.len()].copy_from_slice(piece);
            // an odd number with as many ones as zeros mixes each bit into those above it
            let mixed = (self.0 ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            self.0 = mixed ^ (mixed >> 32);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl ShownLabels {
    /// `value` masked, made visible and escaped.
    fn of(&mut self, value: &str) -> &str {
        let place = match self.places.get(value) {
            Some(place) => *place,
            None => {
                let mut shown = String::with_capacity(value.len());
                // not in the document as a whole: its grammar knows no escape for what hides
                let visible = unhidden(secret::mask(value).into_owned());
                escape(&mut shown, &visible, true);
                self.places.insert(value.to_owned(), self.texts.len());
                self.texts.push(shown);
                self.texts.len() - 1
            }
        };
        &self.texts[place]
    }
}

pub fn write_labels(out: &mut String, shown: &mut ShownLabels, labels: &Labels<'_>) {
    if labels.is_empty() {
        return;
    }
    for (at, (label, value)) in labels.iter().enumerate() {
        out.push(if at == 0 { '{' } else { ',' });
        out.push_str(label);
        out.push_str("=\"");
        out.push_str(shown.of(value));
        out.push('"');
    }
    out.push('}');
}

pub fn escape(out: &mut String, text: &str, quotes: bool) {
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '"', '\n']) {
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            _ if quotes => out.push_str("\\\""),
            _ => out.push('"'),
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

/// As Go and the format's grammar write it, where Rust says `inf`.
pub fn number(out: &mut String, value: f64) {
    /// Whole numbers up to here are exact, and quicker to write than fractions.
    const EXACT: f64 = 9e15;
    let _ = match value {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it is whole, and small enough"
        )]
        whole if whole.abs() < EXACT && (whole as i64) as f64 == whole => {
            return integer(out, whole as i64);
        }
        f64::INFINITY => write!(out, "+Inf"),
        f64::NEG_INFINITY => write!(out, "-Inf"),
        value => write!(out, "{value}"),
    };
}

/// Digits without the machinery for widths and signs: there are tens of thousands of them on a page.
fn integer(out: &mut String, value: i64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut left = value.unsigned_abs();
    while at == digits.len() || left > 0 {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
    }
    if value < 0 {
        out.push('-');
    }
    out.extend(digits[at..].iter().map(|digit| char::from(*digit)));
}
