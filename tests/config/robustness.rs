//! Whatever is wrong with a file: it is told without a panic and without a secret.

use httpok::config::parse;
use proptest::prelude::*;

use super::{env, faults, file};

#[test]
fn diagnostics_show_no_secret() {
    for text in [
        file("user = \"hunter2\"", ""),
        file("pasword = \"hunter2\"", ""),
        file(
            "headers = { A = \"hunter2${env:NO}\", B = 5, C = \"hunter2\\n\" }",
            "",
        ),
        file("headers = \"hunter2\"", ""),
        file("[check.headers]\nA = \"hunter2${hunter2}\"", ""),
        file("user = \"a:hunter2\"\npassword = \"hunter2\"", ""),
        file("", "[mail]\nto = \"a@b.c\"\npassword = \"hunter2\""),
        file(
            "",
            "[mail]\nto = \"a@b.c\"\nsmtp = \"smtp://u:hunter2@h/x\"",
        ),
        file("", "[mail]\nto = \"a@b.c\"\nsmtp = \"u:hunter2@h\""),
        file("", "[mail]\nto = \"a@b.c\"\nsmtp = \"ftp://u:hunter2@h\""),
        file("", "mail = { x = 1, password = \"hunter2\" }").replace("name", "zzz"),
        file("", "[supervisor.supervisord]\nurl = \"tcp://u:hunter2@h\""),
        file(
            "",
            "[supervisor.supervisord]\nurl = \"http://h\"\npassword = \"hunter2\"",
        ),
        file(
            "",
            "[[webhook]]\nurl = \"ftp://h/hunter2\"\nheaders = { a = [\"hunter2\"] }",
        ),
        file("", "[[webhook]]\nurl = \"${env:SHOP_KEY}\""),
        "[[check]]\nname = \"a\"\nurl = \"http://u:hunter2@h:99999/\"".to_owned(),
        "[[check]]\nname = \"a\"\nurl = \"u:hunter2@h\"".to_owned(),
        "[[check]]\nname = \"a\"\nurl = \"http:///u:hunter2@h\"".to_owned(),
        file("password = \"hunter2", ""),
        file("headers = { A = \"hunter2\" B = 5 }", ""),
        file("[check.headers]\nA = \"hunter2", ""),
        file(
            "",
            "[[program]]\nname = \"a\"\nenvironment = { A = \"hunter2${env:NO}\", B = [\"hunter2\"] }",
        ),
        file(
            "",
            "[[program]]\nname = \"a\"\nenviroment = { A = \"hunter2\" }",
        ),
        file(
            "",
            "[[program]]\nname = \"a\"\nenvironment = { A = \"hunter2 }",
        ),
        file("user = hunter2", ""),
        file("password = \"hunter2\"\npassword = \"hunter2\"", ""),
    ] {
        let faults = faults(&text);
        for shown in [
            faults.to_string(),
            faults.styled(),
            format!("{:?}", faults.iter().next()),
        ] {
            assert!(!shown.contains("hunter2"), "{text}\n{shown}");
        }
    }
}

/// Reads `text`, and shows what is wrong with it.
fn survive(text: &str) {
    if let Err(faults) = parse(text, "httpok.toml", &env) {
        assert!(faults.len() > 0);
        assert!(faults.to_string().contains("httpok.toml"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_text_is_parsed_or_rejected(text in "\\PC{0,80}|[\\[\\]{}=\"'.,#a-c0-9 \r\n\\\\é]{0,60}") {
        survive(&text);
    }

    #[test]
    fn any_mutated_file_is_parsed_or_rejected(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..12, "\\PC{0,3}|[\"'\\[\\]{}=\n\r]{1,3}"), 1..6)
    ) {
        let mut text: Vec<char> = include_str!("../fixtures/config/full.toml").chars().collect();
        for (at, length, put) in cuts {
            let at = at.index(text.len());
            let end = (at + length).min(text.len());
            text.splice(at..end, put.chars());
        }
        survive(&text.into_iter().collect::<String>());
    }

    #[test]
    fn any_value_of_any_key_is_parsed_or_rejected(
        key in "every|timeout|status|body|headers|method|user|max_body|fail_within|backoff|restarts|rearm|restart|requires|act_on|capture|expect|degraded|verdicts",
        value in "-?[0-9]{1,20}|[0-9]{1,3}\\.[0-9]{1,3}|true|\"[0-9a-z/%:${}]{0,9}\"|\\[\"[a-z]{0,3}\", 5\\]|\\{ min = 1, a = 2 \\}|nan|inf|1979-05-27|0xFF",
    ) {
        survive(&file(&format!("{key} = {value}"), ""));
    }

    #[test]
    fn any_value_of_any_program_key_is_parsed_or_rejected(
        key in "name|group|numprocs|command|directory|environment|user|umask|rlimits|autostart|autorestart|exitcodes|startsecs|startretries|stopsignal|stopwaitsecs|stopasgroup|priority|redirect_stderr|stdout_logfile|stdout_logfile_maxbytes|stderr_logfile_backups",
        value in "-?[0-9]{1,20}|[0-9]{1,3}\\.[0-9]{1,3}|true|\"[0-9a-z/%:${}()_ '\\\\]{0,12}\"|'[%(a-z_)0-9ds\"é]{0,20}'|\\[\"[a-z%(]{0,3}\", 5\\]|\\{ nofile = 1, A = \"2\" \\}|nan|inf|1979-05-27|0xFF|0o17",
    ) {
        survive(&file("restart = \"program/web\"", &format!("[[program]]\nname = \"web\"\ncommand = \"x\"\n{key} = {value}\n")));
        survive(&format!("[[program]]\n{key} = {value}\n"));
    }
}
