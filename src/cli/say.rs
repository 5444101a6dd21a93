//! Text for people, on either stream. A reader that is gone is no reason to panic, as the standard
//! macros would: nothing is to be done about it, and the exit status still says it. Secrets are masked here: those
//! of the command line, which a usage error repeats, and those that are known to be secrets.

use std::ffi::OsString;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::escape::unhidden;
use crate::secret::{mask, without_login};
use crate::sorted;

/// Options whose values are secrets, or may hold one.
const SECRET_OPTIONS: [&str; 10] = [
    "--header",
    "-H",
    "-u",
    "-d",
    "--user",
    "--smtp",
    "--webhook",
    "--supervisor",
    "--send",
    "--data",
];

/// What the command line has that must not be repeated, and what is shown instead.
static ARGUMENTS: OnceLock<Vec<(String, String)>> = OnceLock::new();

/// Has the secrets of this command line masked from now on.
pub fn conceal(argv: &[OsString]) {
    let argv: Vec<_> = argv.iter().map(|word| word.to_string_lossy()).collect();
    let words: Vec<&str> = argv.iter().map(AsRef::as_ref).collect();
    // only the first call counts: a process has one command line
    let _ = ARGUMENTS.set(secrets(&words));
}

fn secrets(words: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    // the option that this word is the value of
    let mut is_value: Option<&str> = None;
    for word in words.iter().skip(1) {
        let (option, value) = option_and_value(word);
        let is_secret = is_secret_option(option);
        match value {
            _ if is_value.is_some() => found.push(hidden(is_value.unwrap_or_default(), word)),
            Some(value) if is_secret => found.push(hidden(option, value)),
            // a URL in the wrong place
            _ => found.push(((*word).to_owned(), without_login(word))),
        }
        is_value = (is_secret && value.is_none() && is_value.is_none()).then_some(option);
    }
    found.retain(|(word, shown)| !word.is_empty() && word != shown);
    // one may be a part of another
    sorted::by_key(&mut found, |(word, _)| std::cmp::Reverse(word.len()));
    found
}

/// The option that `word` is, and the value that it has in the same word: `--user=a:b`, `-ua:b`, `-kLua:b`.
fn option_and_value(word: &str) -> (&str, Option<&str>) {
    // short options without a value, which others may follow
    const FLAGS: [char; 6] = ['k', 'L', '4', '6', 'v', 'q'];
    if let Some(letters) = word.strip_prefix('-').filter(|rest| !rest.starts_with('-')) {
        let behind = letters.trim_start_matches(FLAGS);
        for option in SECRET_OPTIONS.iter().filter(|option| option.len() == 2) {
            if let Some(value) = behind.strip_prefix(&option[1..]) {
                return (option, Some(value).filter(|value| !value.is_empty()));
            }
        }
    }
    match word.split_once('=') {
        Some((option, value)) if option.starts_with('-') => (option, Some(value)),
        _ => (word, None),
    }
}

/// An abbreviation or a slip of the hand counts, too.
fn is_secret_option(option: &str) -> bool {
    // comparing takes the square of the length
    let near = |known: &str| {
        known.len() > 2 && option.len() < 64 && strsim::jaro_winkler(known, option) >= 0.9
    };
    SECRET_OPTIONS.contains(&option)
        // no option has a slash, and every URL does: the comparisons were a quarter of the time of a check of many
        || option.len() > 2 && !option.contains('/') && SECRET_OPTIONS.iter().any(|known| near(known))
}

/// Of a server's URL the part without its login is worth showing; a webhook's is a secret.
fn hidden(option: &str, value: &str) -> (String, String) {
    let shown = match option {
        "--supervisor" | "--smtp" => without_login(value),
        _ => "***".to_owned(),
    };
    (value.to_owned(), shown)
}

/// `text` as it may be printed: without known secrets and hidden characters. JSON stays JSON.
pub fn shown(text: &str) -> String {
    unhidden(mask(text).into_owned())
}

/// The same without what the command line has of secrets.
pub fn masked(text: &str) -> String {
    let known = ARGUMENTS.get().map_or(&[][..], Vec::as_slice);
    let text = known.iter().fold(text.to_owned(), |text, (word, shown)| {
        // a word of a few letters is in every other word: it is masked where it is quoted
        match word.len() > 3 {
            true => text.replace(word, shown),
            false => text
                .replace(&format!("'{word}'"), &format!("'{shown}'"))
                .replace(&format!("{word:?}"), &format!("{shown:?}")),
        }
    });
    shown(&text)
}

/// Why standard output could not be written, the first time.
static LOST: OnceLock<String> = OnceLock::new();

/// Prints `text` and a line end on standard output.
pub fn out(text: &str) {
    write(format!("{}\n", shown(text)).as_bytes());
}

/// Writes `bytes` to standard output.
pub fn write(bytes: &[u8]) {
    let mut stdout = std::io::stdout().lock();
    written(stdout.write_all(bytes).and_then(|()| stdout.flush()));
}

/// Whether a write to standard output has failed.
static ENDED: AtomicBool = AtomicBool::new(false);

/// Remembers that something could not be written. A reader that is gone is no reason to say anything.
pub fn written(result: io::Result<()>) {
    if let Err(why) = result {
        ENDED.store(true, Ordering::Relaxed);
        if why.kind() != io::ErrorKind::BrokenPipe {
            let _ = LOST.set(why.to_string());
        }
    }
}

/// Whether nobody gets any more what is printed: what would go on for ever ends then.
pub fn has_ended() -> bool {
    ENDED.load(Ordering::Relaxed)
}

/// Why what was printed is not complete.
pub fn lost() -> Option<&'static str> {
    LOST.get().map(String::as_str)
}

/// Prints `text` and a line end on standard error, in colour where that is welcome.
pub fn err(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{}", masked(text));
}

/// Prints what clap says of a command line, where that belongs.
pub fn usage(fault: &clap::Error) {
    if !fault.use_stderr() {
        let mut stdout = anstream::stdout().lock();
        let text = fault.render().ansi().to_string();
        written(write!(stdout, "{text}").and_then(|()| stdout.flush()));
        return;
    }
    let text = fault.render().ansi().to_string();
    let _ = write!(anstream::stderr().lock(), "{}", masked(&text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_a_command_line_are_found() {
        type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)]);
        let cases: [Case<'_>; 14] = [
            (
                &["--header", "Authorization Bearer x"],
                &[("Authorization Bearer x", "***")],
            ),
            (&["--header=A: b"], &[("A: b", "***")]),
            (&["--heder", "A: b"], &[("A: b", "***")]),
            (&["--user", "a:b", "http://h"], &[("a:b", "***")]),
            (
                &["--supervisor", "http://u:p@h:99x"],
                &[("http://u:p@h:99x", "http://***@h:99x")],
            ),
            (
                &["status", "http://u:p@h/"],
                &[("http://u:p@h/", "http://***@h/")],
            ),
            (&["--webhook", "http://h/x"], &[("http://h/x", "***")]),
            (&["--smtp", "smtp://h"], &[]),
            (&["-t", "5", "--code", "200"], &[]),
            (&["--send", "AUTH hunter2"], &[("AUTH hunter2", "***")]),
            (&["-u", "a:b"], &[("a:b", "***")]),
            (&["-HX hunter2"], &[("X hunter2", "***")]),
            (&["-kLdhunter2", "-k"], &[("hunter2", "***")]),
            (&["-k4u", "a:b=c"], &[("a:b=c", "***")]),
        ];
        for (words, expected) in cases {
            let words = [&["httpok"], words].concat();
            let expected: Vec<_> = expected
                .iter()
                .map(|(word, shown)| ((*word).to_owned(), (*shown).to_owned()))
                .collect();
            assert_eq!(secrets(&words), expected, "{words:?}");
        }
    }
}
