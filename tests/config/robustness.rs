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

/// Files of every odd kind: a clear error with its place, in few words, or what they plainly mean.
#[test]
fn odd_files_are_read_or_refused_with_their_place() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("httpok.toml");
    let check = "[[check]]\nname = \"a\"\nurl = \"http://h/\"\n";
    let deep = format!("a = {}{}\n", "[".repeat(20_000), "]".repeat(20_000));
    let dotted = format!("{}b = 1\n", "a.".repeat(20_000));
    let long = format!("{} = 1\n{check}", "k".repeat(300_000));
    let many: String = (0..5_000).map(|at| format!("k{at} = 1\n")).collect();
    // the columns: the file, and a part of what is said; nothing: it is valid
    let cases: [(Vec<u8>, &str); 14] = [
        (b"a = 1\nb = \"\xff\"\n".to_vec(), "not UTF-8, on line 2"),
        (b"a = \"x\0y\"\n".to_vec(), "not TOML"),
        ([b"\xef\xbb\xbf", check.as_bytes()].concat(), ""),
        (check.replace('\n', "\r\n").into_bytes(), ""),
        (check.replace(" = ", "\t=\t").into_bytes(), ""),
        (
            format!("{check}name = \"b\"\n").into_bytes(),
            "duplicate key",
        ),
        (Vec::new(), "there is no check"),
        (b"# nothing\n".to_vec(), "there is no check"),
        (
            check.replace("[[check]]", "[check]").into_bytes(),
            "in double brackets",
        ),
        (
            b"check = [{ name = \"a\", url = \"http://h/\" }]\n".to_vec(),
            "",
        ),
        (deep.into_bytes(), "recur"),
        (dotted.into_bytes(), "recur"),
        (long.into_bytes(), "unknown key \"kkk"),
        (many.into_bytes(), "... and 4901 more"),
    ];
    for (text, expected) in cases {
        std::fs::write(&path, &text).expect("written");
        let begin = String::from_utf8_lossy(&text[..text.len().min(40)]).into_owned();
        match httpok::config::load(&path, &|_| None) {
            Ok(_) => assert_eq!(expected, "", "{begin}"),
            Err(faults) => {
                let said = faults.to_string();
                assert!(!expected.is_empty(), "{begin}: {said}");
                assert!(
                    said.contains(expected),
                    "{begin}: {}",
                    &said[..said.len().min(2_000)]
                );
                assert!(said.len() < 60_000, "{begin}: {} bytes", said.len());
            }
        }
    }
    for special in ["/dev/zero", "/", "/none.toml"] {
        let faults =
            httpok::config::load(std::path::Path::new(special), &|_| None).expect_err(special);
        assert!(
            faults.to_string().contains("cannot read the configuration"),
            "{faults}"
        );
    }
}
