//! Completions: what clap generates, and what it cannot know: the names of checks and programs, asked of the running
//! watchdog, and the options of the original command line.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::args::Cli;
use crate::cli::dropin::FLAGS;

/// Lists the checks of the running watchdog: the table ends with a blank line, a name with two blanks.
const CHECKS: &str = "httpok status 2>/dev/null | sed -n '1d;/^$/q;s/  .*//p'";

/// Lists its programs: the table behind the blank line.
const PROGRAMS: &str = "httpok status 2>/dev/null | sed -n '1,/^$/d;/^PROGRAM /d;s/  .*//p'";

/// The commands that take the name of a check, and those that take one of a program.
const OF_CHECKS: [&str; 9] = [
    "status", "explain", "events", "pause", "silence", "resume", "restart", "beat", "reset",
];
const OF_PROGRAMS: [&str; 2] = ["start", "stop"];

/// The completions for `shell`.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "httpok", &mut script);
    let Ok(script) = String::from_utf8(script) else {
        return Vec::new();
    };
    let script = match shell {
        Shell::Bash => script + &bash(),
        Shell::Zsh => zsh(&script),
        Shell::Fish => script + &fish(),
        _ => script,
    };
    script.into_bytes()
}

/// The options of the original command line, such as `--program`.
fn original() -> Vec<String> {
    FLAGS
        .iter()
        .map(|flag| format!("--{}", flag.long))
        .collect()
}

fn bash() -> String {
    let (checks, programs) = (OF_CHECKS.join("|"), OF_PROGRAMS.join("|"));
    let original = original().join(" ");
    let asked = |list: &str| list.replace("httpok status", "httpok status \"${place[@]}\"");
    let (list_checks, list_programs) = (asked(CHECKS), asked(PROGRAMS));
    format!(
        r#"
_httpok_all() {{
    _httpok "$@"
    local word="${{COMP_WORDS[COMP_CWORD]}}" names="" i at
    # the watchdog that the line names is asked
    local -a place=()
    for ((i = 2; i < COMP_CWORD; i++)); do
        case "${{COMP_WORDS[i]}}" in
            --config|--state-dir|--socket|--url|--key-file)
                at=$((i + 1))
                # bash takes --config=FILE apart
                [[ "${{COMP_WORDS[at]}}" == "=" ]] && at=$((at + 1))
                ((at < COMP_CWORD)) && place+=("${{COMP_WORDS[i]}}" "${{COMP_WORDS[at]}}") ;;
        esac
    done
    case "${{COMP_WORDS[COMP_CWORD-1]}}" in
        --config|--state-dir|--socket|--cacert|--cert|--key|--journal) return ;;
    esac
    case "${{COMP_WORDS[1]}}" in
        {checks}) [[ "$word" == -* ]] || names=$({list_checks}) ;;
        {programs}) [[ "$word" == -* ]] || names=$({list_programs}) ;;
        -*) names="{original}"; names="${{names// /$'\n'}}" ;;
        *) return ;;
    esac
    # no word list of compgen: it expands what a name contains; a name is quoted for the line that it goes into
    local name quoted
    while IFS= read -r name; do
        [[ -n "$name" ]] || continue
        quoted=$(printf %q "$name")
        [[ "$name" == "$word"* || "$quoted" == "$word"* ]] && COMPREPLY+=("$quoted")
    done <<<"$names"
    return 0
}}
complete -F _httpok_all -o bashdefault -o default httpok
"#
    )
}

fn zsh(script: &str) -> String {
    let lines = script.lines().map(|line| {
        let names = match line.trim_start_matches(['\'', '*', ':']) {
            rest if rest.starts_with("check -- ") || rest.starts_with("checks -- ") => {
                "_httpok_checks"
            }
            rest if rest.starts_with("programs -- ") => "_httpok_programs",
            _ => return line.to_owned(),
        };
        line.replace(":_default'", &format!(":{names}'"))
    });
    let original = original().join(" ");
    let functions = format!(
        "_httpok_checks() {{ local -a names; names=(${{(f)\"$({CHECKS})\"}}); compadd -a names }}\n\
         _httpok_programs() {{ local -a names; names=(${{(f)\"$({PROGRAMS})\"}}); compadd -a names }}\n\
         _httpok_all() {{\n    if [[ $words[2] == -* ]]; then compadd -- {original}; _files; else _httpok \"$@\"; fi\n}}\n"
    );
    let script = lines.collect::<Vec<_>>().join("\n") + "\n";
    // the end runs or registers what is defined above it
    match script.rfind("if [ \"$funcstack[1]\"") {
        Some(end) => {
            let (definitions, last) = script.split_at(end);
            let last = last
                .replace("    _httpok \"$@\"", "    _httpok_all \"$@\"")
                .replace("compdef _httpok httpok", "compdef _httpok_all httpok");
            format!("{definitions}{functions}\n{last}")
        }
        None => script,
    }
}

fn fish() -> String {
    let mut out = String::from("\n");
    for (commands, list) in [(&OF_CHECKS[..], CHECKS), (&OF_PROGRAMS[..], PROGRAMS)] {
        let commands = commands.join(" ");
        out += &format!(
            "complete -c httpok -n \"__fish_httpok_using_subcommand {commands}\" -f -a '({})'\n",
            // within single quotes, of which fish takes back-slashed ones; in double quotes $ is a variable
            list.replace('\'', "\\'")
        );
    }
    for flag in FLAGS {
        out += &format!(
            "complete -c httpok -n \"__fish_httpok_needs_command\" -l {}\n",
            flag.long
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completions_know_commands_presets_names_and_the_original_options() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = String::from_utf8(completions(shell)).expect("a script is text");
            for part in [
                "completions",
                "unix-socket",
                "roadrunner",
                "httpok status",
                "gcore",
            ] {
                assert!(script.contains(part), "{shell}: {part}");
            }
        }
    }
}
