//! Patterns for names of checks: `*` stands for any characters, `?` for one.

/// Whether `name` is one that `pattern` means.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<_>, Vec<_>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut seen) = (0, 0);
    // where the last star is, and how much of the name stands before what it covers
    let mut star = None;
    while seen < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(c) if *c == '?' || *c == name[seen] => {
                at += 1;
                seen += 1;
            }
            Some(_) | None => {
                let Some((position, covered)) = star else {
                    return false;
                };
                // the star covers one more
                star = Some((position, covered + 1));
                (at, seen) = (position + 1, covered + 1);
            }
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_match_names() {
        for (pattern, name, expected) in [
            ("shop", "shop", true),
            ("shop", "shops", false),
            ("shop*", "shop", true),
            ("shop*", "shop-eu", true),
            ("shop*", "workshop", false),
            ("*shop*", "workshops", true),
            ("*-eu", "shop-eu-eu", true),
            ("*-eu", "shop-eu-us", false),
            ("s?op", "shop", true),
            ("s?op", "sop", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*b*c", "aXbXbXc", true),
            ("caf?", "caf\u{e9}", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} on {name}");
        }
    }
}
