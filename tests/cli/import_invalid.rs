//! `httpok config import` of files with a line that has no valid translation: the others are taken over.

use std::fs;

use super::run;

const MONIT: &str = "check process r with pidfile /x\n start program = \"/usr/bin/systemctl start redis\"\n if failed port 81 protocol http then restart\n";

const LISTENERS: &str = "[unix_http_server]\nfile=/run/s.sock\nusername=u\npassword=ab${cd\n[eventlistener:b]\ncommand=httpok -p db http://h2/\nevents=TICK_60\n[eventlistener:a]\ncommand=httpok -p web http://u:longpassword3@h:BAD/\nevents=TICK_60\n";

/// Each file has one check that is kept and one line that is left, with its number, its text and the reason.
#[test]
fn one_line_without_valid_translation_leaves_the_others() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name).display().to_string();
    let address =
        "check host x with address \"fe80::zz\"\n if failed port 80 protocol http then alert\n";
    let supervised = "check process o matching x\n start program = \"/usr/bin/supervisorctl start o\"\n if failed url http://u:longpassword3@h:99999/ then restart\n";
    for (text, place, reason) in [
        (
            format!("{MONIT} if failed port 80 protocol http status ~ 400 then restart\n"),
            "file:4: if failed port 80 protocol http status ~ 400 then restart: ",
            "status",
        ),
        (
            format!("set mailserver localhost\n{MONIT}"),
            "file:1: set mailserver localhost: [mail]: ",
            "missing key \"to\"",
        ),
        (
            format!("{MONIT}{address}"),
            "file:5: if failed port 80",
            "URL",
        ),
        (
            format!("{MONIT}{supervised}"),
            "file:6: if failed url ...: ",
            "URL",
        ),
        (
            format!(
                "{MONIT} if failed port 80\n   protocol http # plain\n   status ~ 400\n then restart\n"
            ),
            "file:4: if failed port 80 protocol http status ~ 400 then restart: ",
            "status",
        ),
        (
            LISTENERS.to_owned(),
            "file:9: command=httpok -p web ...: ",
            "URL",
        ),
        (
            LISTENERS.replace("httpok -p web", "httpok\n  -p web ; the shop\n "),
            "file:9: command=httpok -p web ...: ",
            "URL",
        ),
    ] {
        fs::write(path("file"), &text).expect("written");
        let made = run(&["config", "import", &path("file")]);
        assert_eq!(made.code, Some(0), "{text}{made:?}");
        assert_eq!(made.out.matches("[[check]]").count(), 1, "{}", made.out);
        for shown in [&made.out, &made.err] {
            let left = shown.lines().find(|line| line.contains(place));
            assert!(
                left.is_some_and(|line| line.contains(reason)),
                "{place}\n{shown}"
            );
            for never in [".toml", "longpassword3", "ab${cd"] {
                assert!(!shown.contains(never), "{never}\n{shown}");
            }
        }
        // nothing says that it was taken over
        let line = place.split_inclusive(':').take(2).collect::<String>();
        assert_eq!(
            made.out.matches(&format!("# {line} ")).count(),
            1,
            "{}",
            made.out
        );
    }
    fs::write(path("file"), format!("set mailserver localhost\n{address}")).expect("written");
    let none = run(&["config", "import", &path("file")]);
    assert_eq!((none.code, none.out.as_str()), (Some(3), ""), "{none:?}");
    assert!(
        none.err.contains("nothing of it can be taken over"),
        "{none:?}"
    );
    assert!(none.err.contains("\nfile:3: if failed port 80"), "{none:?}");
}

/// A placeholder that nobody filled in would be probed as it is, and fail for ever.
#[test]
fn listener_with_an_unknown_variable_is_left() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("file").display().to_string();
    let text = LISTENERS.replace("h:BAD", "h/%(ENV_HTTPOK_NONE)s");
    fs::write(&path, text).expect("written");
    let made = run(&["config", "import", &path]);
    assert_eq!(made.code, Some(0), "{made:?}");
    assert_eq!(made.out.matches("[[check]]").count(), 1, "{}", made.out);
    let left = "file:9: [eventlistener:a]: %(ENV_HTTPOK_NONE)s is not known";
    assert!(made.err.contains(left), "{made:?}");
}

/// A supervisord with a password that looks like a reference is taken over, and its note says how the others are written.
#[test]
fn passwords_are_what_they_are_and_notes_say_that_those_of_urls_are_decoded() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("file").display().to_string();
    fs::write(
        &path,
        LISTENERS.replace("h:BAD", "h").replace("word3", "%40word"),
    )
    .expect("written");
    let made = run(&["config", "import", &path]);
    assert_eq!(made.code, Some(0), "{made:?}");
    assert_eq!(made.out.matches("[[check]]").count(), 2, "{}", made.out);
    assert!(
        made.out.contains("password = \"${env:HTTPOK_SECRET_1}\""),
        "{}",
        made.out
    );
    let note = |name: &str| {
        made.err
            .lines()
            .find(|line| line.contains(name))
            .unwrap_or("")
    };
    assert!(!note("HTTPOK_SECRET_1").contains("decoded"), "{made:?}");
    let decoded = "in file:9, decoded (\"@\" where the URL has \"%40\")";
    assert!(note("HTTPOK_SECRET_2").contains(decoded), "{made:?}");
}
