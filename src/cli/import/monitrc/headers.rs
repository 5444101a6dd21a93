//! `http headers [Host: "shop.example.org:8080", X-Probe: 1]`.

use super::statement::Word;

/// The headers of the list that `words` begin with, and how many words that is.
///
/// # Errors
/// Says what Monit would send otherwise, or not at all.
pub(super) fn read(words: &[Word]) -> Result<(Vec<(String, String)>, usize), String> {
    let mut found = Vec::new();
    let mut header = Header::default();
    for (at, word) in words.iter().enumerate() {
        if word.is_quoted {
            header.quote(&word.text)?;
            continue;
        }
        header.text.push(' ');
        for (place, c) in word.text.chars().enumerate() {
            match c {
                '[' if at == 0 && place == 0 => {}
                ',' | ']' => {
                    found.extend(std::mem::take(&mut header).end()?);
                    if c == ']' {
                        return Ok((found, at + 1));
                    }
                }
                ':' if header.name.is_none() => {
                    header.name = Some(std::mem::take(&mut header.text).trim().to_owned());
                }
                // Monit sends what stands before it
                ':' => return Err(header.fault("a value with a colon stands in quotes")),
                c => header.text.push(c),
            }
        }
    }
    Err("http headers: [ without ]".to_owned())
}

/// A header while it is read.
#[derive(Default)]
struct Header {
    name: Option<String>,
    /// What stands outside of quotes since the last sign.
    text: String,
    quoted: Option<String>,
}

impl Header {
    fn fault(&self, why: &str) -> String {
        let name = self.name.as_deref().unwrap_or_default();
        format!("header {name:?}: {why}")
    }

    fn quote(&mut self, text: &str) -> Result<(), String> {
        if self.name.is_none() || self.quoted.is_some() || !self.text.trim().is_empty() {
            return Err(self.fault("a value stands in quotes as a whole"));
        }
        self.quoted = Some(text.to_owned());
        Ok(())
    }

    fn end(self) -> Result<Option<(String, String)>, String> {
        let text = self.text.trim().to_owned();
        match (&self.name, &self.quoted) {
            (None, None) if text.is_empty() => Ok(None),
            (Some(_), Some(_)) if !text.is_empty() => {
                Err(self.fault("a value stands in quotes as a whole"))
            }
            (Some(name), quoted) => Ok(Some((name.clone(), quoted.clone().unwrap_or(text)))),
            (None, _) => Err(self.fault("it has no value")),
        }
    }
}
