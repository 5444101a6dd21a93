//! Options as Python's `getopt` reads them, because the original did: parsing stops at the first word
//! that is no option, `--` ends the options, short ones cluster, long ones may be abbreviated. Knows no
//! option by name; the table comes from [`super::flags`].

use thiserror::Error;

/// One option of a table.
#[derive(Clone, Copy, Debug)]
pub struct Flag<K> {
    /// What it is called in the code.
    pub key: K,
    /// The letter, if it has one.
    pub short: Option<char>,
    /// The long name, without dashes.
    pub long: &'static str,
    /// Whether it takes a value.
    pub takes_value: bool,
    /// Whether the original had it. An abbreviation that was unique among the original's names keeps
    /// its meaning, whatever was added since.
    pub original: bool,
}

/// One option as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenOption<K> {
    /// Which one.
    pub key: K,
    /// Its full name as shown to people: `-t` or `--timeout`.
    pub spelled: String,
    /// Its value; empty for an option without one.
    pub value: String,
}

/// Why the words are no command line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OptionError {
    /// No such option.
    #[error("there is no option {0}")]
    Unknown(String),
    /// An abbreviation that fits several.
    #[error("option {given} is not unique: it could be {}", fitting.join(" or "))]
    Ambiguous { given: String, fitting: Vec<String> },
    /// Nothing follows an option that needs a value.
    #[error("option {0} needs a value")]
    NeedsValue(String),
    /// `--flag=value` for one that takes none.
    #[error("option {0} takes no value")]
    TakesNoValue(String),
}

/// Splits `words` into options, in the order given, and the words after them.
///
/// # Errors
/// The first word that does not fit `flags`.
pub fn parse<K: Copy>(
    flags: &[Flag<K>],
    words: &[String],
) -> Result<(Vec<GivenOption<K>>, Vec<String>), OptionError> {
    let mut given = Vec::new();
    let mut words = words.iter();
    loop {
        let rest = words.as_slice();
        let Some(word) = words.next() else {
            return Ok((given, Vec::new()));
        };
        if word == "--" {
            return Ok((given, words.as_slice().to_vec()));
        }
        if let Some(long) = word.strip_prefix("--") {
            given.push(parse_long(flags, long, &mut words)?);
        } else if let Some(cluster) = word.strip_prefix('-').filter(|rest| !rest.is_empty()) {
            parse_cluster(flags, cluster, &mut words, &mut given)?;
        } else {
            return Ok((given, rest.to_vec()));
        }
    }
}

fn parse_long<'a, K: Copy>(
    flags: &[Flag<K>],
    text: &str,
    words: &mut impl Iterator<Item = &'a String>,
) -> Result<GivenOption<K>, OptionError> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    let flag = resolve(flags, name)?;
    let spelled = format!("--{}", flag.long);
    let value = match (flag.takes_value, value) {
        (true, Some(value)) => value.to_owned(),
        (true, None) => words
            .next()
            .ok_or_else(|| OptionError::NeedsValue(spelled.clone()))?
            .clone(),
        (false, None) => String::new(),
        (false, Some(_)) => return Err(OptionError::TakesNoValue(spelled)),
    };
    Ok(GivenOption {
        key: flag.key,
        spelled,
        value,
    })
}

/// The flag that `name` means: by its whole name, or by a beginning that is unique among the
/// original's names, or else among the added ones.
fn resolve<'a, K>(flags: &'a [Flag<K>], name: &str) -> Result<&'a Flag<K>, OptionError> {
    if let Some(exact) = flags.iter().find(|flag| flag.long == name) {
        return Ok(exact);
    }
    for original in [true, false] {
        let fitting: Vec<_> = flags
            .iter()
            .filter(|flag| flag.original == original && flag.long.starts_with(name))
            .collect();
        match fitting.as_slice() {
            [] => {}
            [one] => return Ok(one),
            many => {
                return Err(OptionError::Ambiguous {
                    given: format!("--{name}"),
                    fitting: many.iter().map(|flag| format!("--{}", flag.long)).collect(),
                });
            }
        }
    }
    let near = flags
        .iter()
        .map(|flag| (strsim::jaro_winkler(flag.long, name), flag.long))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    Err(OptionError::Unknown(match near {
        Some((_, near)) => format!("--{name}: did you mean --{near}?"),
        None => format!("--{name}"),
    }))
}

fn parse_cluster<'a, K: Copy>(
    flags: &[Flag<K>],
    cluster: &str,
    words: &mut impl Iterator<Item = &'a String>,
    given: &mut Vec<GivenOption<K>>,
) -> Result<(), OptionError> {
    let mut letters = cluster.chars();
    while let Some(letter) = letters.next() {
        let spelled = format!("-{letter}");
        let Some(flag) = flags.iter().find(|flag| flag.short == Some(letter)) else {
            return Err(OptionError::Unknown(spelled));
        };
        let mut value = String::new();
        if flag.takes_value {
            letters.as_str().clone_into(&mut value);
            letters = "".chars();
            if value.is_empty() {
                let next = words.next();
                value.clone_from(next.ok_or_else(|| OptionError::NeedsValue(spelled.clone()))?);
            }
        }
        given.push(GivenOption {
            key: flag.key,
            spelled,
            value,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn flag(short: Option<char>, long: &'static str, takes_value: bool) -> Flag<char> {
        Flag {
            key: match short {
                Some(letter) => letter,
                None => '?',
            },
            short,
            long,
            takes_value,
            original: short.is_some(),
        }
    }

    const FLAGS: [Flag<char>; 5] = [
        flag(Some('a'), "any", false),
        flag(Some('t'), "timeout", true),
        flag(Some('E'), "not-eager", false),
        flag(None, "not-body", true),
        flag(None, "timely", false),
    ];

    fn parsed(line: &str) -> Result<String, OptionError> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let (given, rest) = parse(&FLAGS, &words)?;
        let given: Vec<_> = given
            .iter()
            .map(|g| format!("{}={}", g.spelled, g.value))
            .collect();
        Ok(format!("{}|{}", given.join(" "), rest.join(" ")))
    }

    #[test]
    fn words_are_split_as_python_does() {
        for (line, expected) in [
            ("-a -t 5 URL", "-a= -t=5|URL"),
            ("-at5 URL", "-a= -t=5|URL"),
            ("-ta URL", "-t=a|URL"),
            ("-aE URL -t 5", "-a= -E=|URL -t 5"),
            ("-t -a URL", "-t=-a|URL"),
            ("-a -- -t 5", "-a=|-t 5"),
            ("-a - -t", "-a=|- -t"),
            ("--timeout=5 URL", "--timeout=5|URL"),
            ("--timeout= URL", "--timeout=|URL"),
            ("--timeout 5=6 URL", "--timeout=5=6|URL"),
            ("--time=5=6", "--timeout=5=6|"),
            ("--not URL", "--not-eager=|URL"),
            ("--not-b x URL", "--not-body=x|URL"),
            ("--timel", "--timely=|"),
            ("-t -- URL", "-t=--|URL"),
        ] {
            assert_eq!(parsed(line).as_deref(), Ok(expected), "{line}");
        }
    }

    #[test]
    fn unsupported_settings_are_named() {
        for (line, expected) in [
            ("-x", "there is no option -x"),
            ("-ax", "there is no option -x"),
            ("-:", "there is no option -:"),
            ("--bogus=1", "there is no option --bogus"),
            ("-t", "option -t needs a value"),
            ("-at", "option -t needs a value"),
            ("--timeout", "option --timeout needs a value"),
            ("--any=1", "option --any takes no value"),
            ("--any=", "option --any takes no value"),
            (
                "--=1",
                "option -- is not unique: it could be --any or --timeout or --not-eager",
            ),
        ] {
            let fault = parsed(line).expect_err(line);
            assert_eq!(fault.to_string(), expected, "{line}");
        }
    }
}
