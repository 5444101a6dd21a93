//! The words of a test that mean something, one after the other, and what numbers and signs stand among them.

use super::statement::Word;

/// What Monit passes over.
const EMPTY: [&str; 37] = [
    "is", "as", "are", "for", "on", "only", "with", "within", "without", "and", "has", "using",
    "use", "the", "sum", "program", "programs", "than", "usage", "was", "but", "of", "does", "per",
    "in", "last", "rate", "capacity", "times", "to", "options", "option", "or", "via", "seconds",
    "second", "s",
];

/// A sign, or the words for it, and a value.
pub(super) type Compared<'s> = (&'static str, &'s str);

/// A word that means something.
#[derive(Clone, Copy)]
pub(super) struct Token<'s> {
    pub text: &'s str,
    pub is_quoted: bool,
}

impl Token<'_> {
    /// The word in small letters; nothing where it is a text in quotes.
    pub(super) fn keyword(self) -> String {
        match self.is_quoted {
            true => String::new(),
            false => self.text.to_lowercase(),
        }
    }
}

/// The words of a statement from a place on.
pub(super) struct Words<'s> {
    all: &'s [Word],
    at: usize,
}

impl<'s> Words<'s> {
    /// Those of `all` from the place `at` on.
    pub(super) const fn new(all: &'s [Word], at: usize) -> Self {
        Self { all, at }
    }

    /// All that are still to come.
    pub(super) fn rest(&self) -> &'s [Word] {
        self.all.get(self.at..).unwrap_or_default()
    }

    /// Passes over so many of them.
    pub(super) const fn pass(&mut self, count: usize) {
        self.at += count;
    }

    pub(super) fn next_raw(&mut self) -> Option<&'s Word> {
        let word = self.all.get(self.at)?;
        self.at += 1;
        Some(word)
    }

    /// The next word that means something.
    pub(super) fn next(&mut self) -> Option<Token<'s>> {
        loop {
            let word = self.next_raw()?;
            let is_url = word.text.to_lowercase().starts_with("http") && word.text.contains("://");
            let text = match word.is_quoted || is_url {
                true => word.text.as_str(),
                false => word.text.trim_matches([',', ';', '(', ')']),
            };
            let token = Token {
                text,
                is_quoted: word.is_quoted,
            };
            let is_empty = text.is_empty() || EMPTY.contains(&token.keyword().as_str());
            if word.is_quoted || !is_empty {
                return Some(token);
            }
        }
    }

    /// The next word that means something, which is still to come.
    pub(super) fn peek(&self) -> Option<Token<'s>> {
        let (all, at) = (self.all, self.at);
        Self { all, at }.next()
    }

    pub(super) fn is_next(&self, keyword: &str) -> bool {
        self.peek().is_some_and(|word| word.keyword() == keyword)
    }

    /// Passes over the next word where it is one of `keywords`.
    pub(super) fn skip(&mut self, keywords: &[&str]) {
        if keywords.iter().any(|keyword| self.is_next(keyword)) {
            self.next();
        }
    }

    /// The next word where it is a number.
    pub(super) fn number(&mut self) -> Option<u64> {
        let number = self.peek()?.keyword().parse().ok()?;
        self.next();
        Some(number)
    }

    /// A sign, that of equality where there is none, and what is compared.
    pub(super) fn compared(&mut self) -> Compared<'s> {
        let sign = self.peek().and_then(|word| sign(&word.keyword()));
        if sign.is_some() {
            self.next();
        }
        let value = self.next().map_or("", |word| word.text);
        (sign.unwrap_or("="), value)
    }

    /// Passes over what is a parameter's: a sign, and a number that is none of cycles.
    pub(super) fn pass_parameter(&mut self) {
        let is_sign = self
            .peek()
            .is_some_and(|word| sign(&word.keyword()).is_some());
        let mut later = Self {
            all: self.all,
            at: self.at,
        };
        let is_number = later.number().is_some();
        if is_sign || (is_number && !later.is_next("cycle") && !later.is_next("cycles")) {
            self.compared();
        }
    }
}

/// The sign that `word` is.
fn sign(word: &str) -> Option<&'static str> {
    Some(match word {
        "=" | "==" | "eq" | "equal" => "=",
        "!=" | "ne" | "notequal" => "!=",
        "<" | "lt" | "less" => "<",
        "<=" | "le" => "<=",
        ">" | "gt" | "greater" | "more" => ">",
        ">=" | "ge" => ">=",
        _ => return None,
    })
}
