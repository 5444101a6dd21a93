//! The placeholders of a supervisord.conf, such as `%(here)s`, filled in as supervisord fills them in.

use std::collections::BTreeMap;

/// The variables of `A="x",B=y`, as `environment` has them.
pub fn variables(text: &str) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let mut rest = text;
    while let Some((name, value)) = rest.split_once('=') {
        let value = value.trim_start();
        let quote = value.chars().next().filter(|first| "\"'".contains(*first));
        let (value, behind) = match quote {
            Some(quote) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
            None => value.split_at(value.find(',').unwrap_or(value.len())),
        };
        variables.insert(name.trim().to_owned(), value.trim().to_owned());
        rest = behind.trim_start().trim_start_matches(',');
    }
    variables
}

/// `%(here)s`, `%(program_name)s`, `%(process_num)02d`, `%(ENV_X)s` and such, and `%%`. What is not known stays as it is.
pub fn expanded(
    value: &str,
    here: &str,
    name: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> String {
    let mut out = String::new();
    let mut rest = value;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let known = rest.strip_prefix("%(").and_then(|rest| {
            let (word, behind) = rest.split_once(')')?;
            let digits = behind.len()
                - behind
                    .trim_start_matches(|c: char| c.is_ascii_digit())
                    .len();
            let kind = behind[digits..].chars().next()?;
            let text = match (word, kind) {
                ("here", 's') => Some(here.to_owned()),
                ("program_name" | "group_name", 's') => Some(name.to_owned()),
                ("host_node_name", 's') => hostname(),
                // a listener is one process, unless it has numprocs
                ("process_num", 'd') => {
                    let width = behind[..digits].parse().unwrap_or(0).min(16);
                    Some(format!("{:0width$}", 0))
                }
                (word, 's') => word.strip_prefix("ENV_").and_then(env),
                _ => None,
            };
            text.map(|text| (text, 2 + word.len() + 1 + digits + 1))
        });
        let (text, length) = match known {
            Some((text, end)) => (text, end),
            None if rest.starts_with("%%") => ("%".to_owned(), 2),
            None => ("%".to_owned(), 1),
        };
        out.push_str(&text);
        rest = &rest[length..];
    }
    out + rest
}

/// The first variable in `value` that was not known.
pub fn unknown_variable(value: &str) -> Option<&str> {
    let begun = value.split("%(ENV_").skip(1);
    let mut names = begun.filter_map(|rest| Some(rest.split_once(")s")?.0));
    names.find(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}

fn hostname() -> Option<String> {
    let name = nix::unistd::gethostname().ok()?;
    name.into_string().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_in_as_by_supervisord() {
        let env = |word: &str| (word == "PORT").then(|| "8080".to_owned());
        for (value, expected) in [
            ("%(here)s/x", "/etc/x"),
            ("%(program_name)s-%(group_name)s", "web-web"),
            ("http://h:%(ENV_PORT)s/", "http://h:8080/"),
            ("%(ENV_OTHER)s", "%(ENV_OTHER)s"),
            ("p%(process_num)d %(process_num)02d", "p0 00"),
            ("100%% %(", "100% %("),
            ("%(process_num)99999999999d", "0000000000000000"),
            ("%(here", "%(here"),
        ] {
            assert_eq!(expanded(value, "/etc", "web", &env), expected, "{value}");
        }
        assert_eq!(unknown_variable("a %(x)s %(ENV_A_1)s"), Some("A_1"));
        assert_eq!(unknown_variable("%(ENV_A b)s %(ENV_"), None);
        assert!(!expanded("%(host_node_name)s", "/", "web", &env).contains('%'));
    }

    #[test]
    fn variables_of_a_program_are_quoted_or_not() {
        let found = variables("A=\"x, y\",B=z , C='q',D=");
        let found: Vec<_> = found
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(found, ["A=x, y", "B=z", "C=q", "D="]);
    }
}
