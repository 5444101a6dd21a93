//! Reads an assertion's text from left to right, and says where and why it cannot go on.

use std::fmt;

/// No person writes a longer one, and the recursion of what reads a path stays bounded.
const LONGEST: usize = 2000;

/// Why a text is no assertion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Where it begins, in characters from 1.
    pub column: usize,
    /// How many characters are to blame, at least 1.
    pub length: usize,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            column,
            message,
            help,
            ..
        } = self;
        write!(f, "{message} at column {column}: {help}")
    }
}

impl std::error::Error for ParseError {}

/// A text in double or single quotes, with the place of each of its characters.
pub struct Quoted {
    pub text: String,
    /// Where it begins, with its quote, in bytes.
    pub start: usize,
    /// Where each character was written, and the closing quote, in bytes.
    places: Vec<usize>,
}

impl Quoted {
    /// Where the character that holds the text's byte `offset` was written.
    pub fn place(&self, offset: usize) -> usize {
        let before = self
            .text
            .char_indices()
            .take_while(|(at, _)| *at < offset)
            .count();
        let place = self.places.get(before).or(self.places.last());
        place.copied().unwrap_or(self.start)
    }
}

/// A place in an assertion's text.
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str) -> Result<Self, ParseError> {
        let mut scan = Self { text, at: 0 };
        if text.len() > LONGEST {
            let help = format!("expected at most {LONGEST} bytes");
            return Err(scan.error(0..1, "the assertion is too long", help));
        }
        scan.skip_blanks();
        Ok(scan)
    }

    /// Where it stands, in bytes.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Goes back to where it stood.
    pub fn back_to(&mut self, at: usize) {
        self.at = at;
    }

    /// What is still to be read.
    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Reads `token` if it is next.
    pub fn eat(&mut self, token: &str) -> bool {
        let next = self.rest().starts_with(token);
        if next {
            self.at += token.len();
        }
        next
    }

    /// Reads as many characters as are `wanted`.
    pub fn take(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Reads the next `count` characters, or as many as there are.
    pub fn next_chars(&mut self, count: usize) -> &'a str {
        let rest = self.rest();
        let end = rest
            .char_indices()
            .nth(count)
            .map_or(rest.len(), |(at, _)| at);
        self.at += end;
        &rest[..end]
    }

    /// Reads a word and the blanks behind it, if one is next and is `word`.
    pub fn eat_word(&mut self, word: &str) -> bool {
        let start = self.at;
        if self.take(is_of_word) == word {
            self.skip_blanks();
            return true;
        }
        self.at = start;
        false
    }

    /// What stands here up to the next blank: what an error shows.
    pub fn token(&self) -> &'a str {
        self.rest().split_whitespace().next().unwrap_or_default()
    }

    /// Reads a text in quotes, in JSON's manner: `\"`, `\'`, `\\`, `\/`, `\b`, `\f`, `\n`, `\r`, `\t`, `\u00e9`.
    pub fn quoted(&mut self) -> Result<Option<Quoted>, ParseError> {
        let start = self.at;
        let Some(quote) = self.peek().filter(|c| matches!(c, '"' | '\'')) else {
            return Ok(None);
        };
        self.at += 1;
        let (mut text, mut places) = (String::new(), Vec::new());
        loop {
            let place = self.at;
            let Some(c) = self.peek() else {
                let help = format!("expected a closing {quote}");
                let end = self.text.len();
                return Err(self.error(start..end, "a text without an end", help));
            };
            self.at += c.len_utf8();
            places.push(place);
            match c {
                c if c == quote => break,
                '\\' => text.push(self.escape(place)?),
                c => text.push(c),
            }
        }
        Ok(Some(Quoted {
            text,
            start,
            places,
        }))
    }

    /// The character that the escape stands for whose backslash, at `place`, was just read.
    fn escape(&mut self, place: usize) -> Result<char, ParseError> {
        let c = self.peek();
        self.at += c.map_or(0, char::len_utf8);
        let meant = match c {
            Some(c @ ('"' | '\'' | '\\' | '/')) => Some(c),
            Some('b') => Some('\u{8}'),
            Some('f') => Some('\u{c}'),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some('u') => self.unicode(),
            _ => None,
        };
        meant.ok_or_else(|| {
            let help = "expected \\\\ for a backslash, \\\", \\n, \\t or \\u and four hex digits";
            self.error(place..self.at, "a backslash that means nothing", help)
        })
    }

    /// The character behind `\u`, which takes two of them beyond the first 65536.
    fn unicode(&mut self) -> Option<char> {
        let high = self.hex()?;
        if !(0xD800..0xDC00).contains(&high) {
            return char::from_u32(high);
        }
        let low = self.eat("\\u").then(|| self.hex()).flatten()?;
        let low = low.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
        char::from_u32(0x10000 + ((high - 0xD800) << 10) + low)
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.rest().get(..4)?;
        let all = digits.bytes().all(|b| b.is_ascii_hexdigit());
        let number = u32::from_str_radix(digits, 16).ok().filter(|_| all)?;
        self.at += 4;
        Some(number)
    }

    /// That nothing is left.
    pub fn end(&mut self) -> Result<(), ParseError> {
        self.skip_blanks();
        match self.token() {
            "" => Ok(()),
            "and" | "or" | "&&" | "||" => Err(self.here(
                "one assertion cannot hold two",
                "expected each in a string of its own: all of them must be met",
            )),
            token => Err(self.here(
                format!("{token:?} after the end"),
                "expected nothing more; a text with blanks in it is put in quotes",
            )),
        }
    }

    /// An error about what stands here, up to the next blank.
    pub fn here(&self, message: impl Into<String>, help: impl Into<String>) -> ParseError {
        self.error(self.at..self.at + self.token().len(), message, help)
    }

    /// An error about the bytes `place`.
    pub fn error(
        &self,
        place: std::ops::Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> ParseError {
        let chars = |upto: usize| {
            let before = self.text.char_indices().take_while(|(at, _)| *at < upto);
            before.count()
        };
        let (start, end) = (chars(place.start), chars(place.end));
        ParseError {
            column: start + 1,
            length: end.saturating_sub(start).max(1),
            message: message.into(),
            help: help.into(),
        }
    }
}

/// Whether `c` can stand in one of the language's words.
pub fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// `text` in double quotes, so that it is read as what it is.
pub fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
