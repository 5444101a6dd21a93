//! Names of systemd's units, as far as targets need them: what a person may write and which units are meant.
//! A unit is a process on its own; the instances of a service template are a group, `app@`.

/// The kinds of units, which are the ends of their names.
const KINDS: [&str; 11] = [
    ".service",
    ".socket",
    ".device",
    ".mount",
    ".automount",
    ".swap",
    ".target",
    ".path",
    ".timer",
    ".slice",
    ".scope",
];

/// What a name without a kind is.
const USUAL: &str = ".service";

/// systemd takes no longer names.
const LONGEST: usize = 255;

/// The pattern for what a person wrote, in the one way it is compared: `nginx` and `nginx.service` are
/// `nginx.service`, `app@:1` is `app@1.service`; `app@:*`, `app@*` and `app@*.service` are `app@:*`.
///
/// # Errors
/// Says what is no name of a unit, and what would be one.
pub fn pattern(text: &str) -> Result<String, String> {
    let whole = text.strip_suffix(USUAL).unwrap_or(text);
    let (group, member) = match (text.split_once(':'), whole.strip_suffix('*')) {
        (Some((group, member)), _) => (group, member),
        (None, Some(group)) => (group, "*"),
        (None, None) => return one(text),
    };
    match (group.ends_with('@'), member) {
        (true, "*" | "") => one(&format!("{group}x")).map(|_| format!("{group}:*")),
        (true, member) => one(&format!("{group}{member}")),
        (false, _) => Err(format!(
            "{text:?} is not a unit: expected its name, such as \"nginx.service\", or all instances of a \
             template, such as \"app@:*\""
        )),
    }
}

/// The full name of one unit.
fn one(text: &str) -> Result<String, String> {
    let full = match KINDS.iter().any(|kind| text.ends_with(kind)) {
        true => text.to_owned(),
        false => format!("{text}{USUAL}"),
    };
    if !is_name(&full) {
        return Err(format!(
            "{text:?} is not the name of a unit: expected letters, digits and \"_.-@\\\", such as \
             \"nginx.service\""
        ));
    }
    if full.contains("@.") {
        return Err(format!(
            "{text:?} is a template: expected one of its instances, such as \"app@1.service\", or all of \
             them, \"app@:*\""
        ));
    }
    Ok(full)
}

/// Whether `name` can be the full name of a unit. What this accepts is no option to any command.
pub fn is_name(name: &str) -> bool {
    let kind = KINDS.iter().find(|kind| name.ends_with(*kind));
    kind.is_some_and(|kind| name.len() > kind.len())
        && name.len() <= LONGEST
        && !name.starts_with(['-', '@', '.'])
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-@\\".contains(&byte))
}

/// The group of the unit `id`: its template's name up to the `@`, or itself.
pub fn group(id: &str) -> &str {
    match id.split_once('@') {
        Some((template, _)) if id.ends_with(USUAL) => &id[..=template.len()],
        _ => id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_text_becomes_one_pattern() {
        for (text, expected) in [
            ("nginx", "nginx.service"),
            ("nginx.service", "nginx.service"),
            ("foo.bar", "foo.bar.service"),
            ("backup.timer", "backup.timer"),
            ("app@1", "app@1.service"),
            ("app@:1", "app@1.service"),
            ("app@:1.service", "app@1.service"),
            ("app@:*", "app@:*"),
            ("app@:", "app@:*"),
            ("app@*", "app@:*"),
            ("app@*.service", "app@:*"),
            (r"srv\x2da.service", r"srv\x2da.service"),
        ] {
            assert_eq!(pattern(text).as_deref(), Ok(expected), "{text}");
            assert_eq!(pattern(expected).as_deref(), Ok(expected), "again: {text}");
        }
    }

    #[test]
    fn invalid_name_is_reported() {
        for (text, expected) in [
            ("", "is not the name of a unit"),
            (".service", "is not the name of a unit"),
            ("-x", "is not the name of a unit"),
            ("--force.service", "is not the name of a unit"),
            ("a b", "is not the name of a unit"),
            ("a/b", "is not the name of a unit"),
            ("@:*", "is not the name of a unit"),
            ("a;reboot@:*", "is not the name of a unit"),
            (&"x".repeat(250), "is not the name of a unit"),
            ("app@", "is a template"),
            ("app@.service", "is a template"),
            ("nginx:*", "is not a unit"),
            ("web:web", "is not a unit"),
            ("*", "is not a unit"),
            ("ngin*", "is not a unit"),
            ("*.service", "is not a unit"),
        ] {
            let why = pattern(text).expect_err(text);
            assert!(why.contains(expected), "{text}: {why}");
        }
    }

    #[test]
    fn instances_of_a_service_template_are_a_group() {
        for (id, expected) in [
            ("nginx.service", "nginx.service"),
            ("app@1.service", "app@"),
            ("app@a@b.service", "app@"),
            ("app@1.timer", "app@1.timer"),
        ] {
            assert_eq!(group(id), expected);
        }
    }
}
