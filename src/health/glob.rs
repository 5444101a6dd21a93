//! Patterns for names of checks: `*` stands for any characters, `?` for one.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::ops::Bound;

/// Those of `names` that `pattern` means. Only names that begin as it does are compared.
pub fn among<'n, N: Borrow<str> + Ord>(
    pattern: &'n str,
    names: &'n BTreeSet<N>,
) -> impl Iterator<Item = &'n str> {
    let begin = pattern.split(['*', '?']).next().unwrap_or_default();
    let is_name = begin.len() == pattern.len();
    let exact = names.get(pattern).filter(|_| is_name).into_iter();
    let likely = names.range::<str, _>((Bound::Included(begin), Bound::Unbounded));
    let likely = likely.take_while(move |name| !is_name && (*name).borrow().starts_with(begin));
    let found = likely.filter(move |name| matches(pattern, (*name).borrow()));
    exact.chain(found).map(N::borrow)
}

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
    fn names_are_found_among_others() {
        let names = BTreeSet::from(["a", "shop", "shop-eu", "shop-us", "workshop"]);
        for (pattern, expected) in [
            ("shop", &["shop"][..]),
            ("shop*", &["shop", "shop-eu", "shop-us"]),
            ("shop-?u", &["shop-eu"]),
            ("*shop", &["shop", "workshop"]),
            ("sho", &[]),
            ("", &[]),
            ("x*", &[]),
        ] {
            let found: Vec<_> = among(pattern, &names).collect();
            assert_eq!(found, expected, "{pattern}");
        }
    }

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
