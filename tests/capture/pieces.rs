//! Which evidence is kept, and how reports show it.

use std::fs;

use crate::{CaptureStage, INCIDENT, file, mode, one, shell, words};

#[tokio::test]
async fn all_evidence_is_in_one_file() {
    let scene = CaptureStage::app();
    let pid = scene.supervisord.pid("web");
    let port = scene
        .supervisord
        .stdout("web")
        .trim()
        .rsplit_once(' ')
        .unwrap()
        .1
        .to_owned();
    let mut spec = scene.spec();
    spec.run = vec![
        words(&["echo", "a tool says", "{pid}"]),
        shell("echo 'and a shell'; echo 'its complaint' >&2; exit 3"),
    ];
    let captures = scene.restart(&spec).await;

    let whats: Vec<_> = captures
        .iter()
        .map(|capture| capture.what.as_str())
        .collect();
    let tool = format!("echo a tool says {pid}");
    let shell = "echo 'and a shell'; echo 'its complaint' >&2; exit 3";
    assert_eq!(
        whats,
        ["facts", "last lines", &tool, shell, "evidence file"]
    );

    let facts = one(&captures, "facts");
    assert_eq!((&facts.failure, &facts.files[..]), (&None, &[][..]));
    for expected in [", threads 4, resident ", "file descriptors ", "1 LISTEN"] {
        assert!(
            facts.output.contains(expected),
            "{expected} in {}",
            facts.output
        );
    }
    assert_eq!(one(&captures, "last lines").output, "the last complaint");
    assert_eq!(one(&captures, &tool).output, format!("a tool says {pid}"));
    let failed = one(&captures, shell);
    assert_eq!(
        (failed.output.as_str(), failed.errors.as_str()),
        ("and a shell", "its complaint")
    );
    assert_eq!(
        failed.failure.as_deref(),
        Some("exit status: 3: its complaint")
    );

    let path = file(one(&captures, "evidence file"));
    assert_eq!((mode(path), mode(&scene.evidence())), (0o600, 0o700));
    let text = fs::read_to_string(path).unwrap();
    let answer = text.find("HTTP/1.1 500 Internal Server Error\nServer: t\n\nno database");
    assert!(
        answer.is_some_and(|at| at < text.find("the last complaint").unwrap()),
        "{text}"
    );
    let [name] = &scene.files()[..] else {
        panic!("{:?}", scene.files());
    };
    assert!(
        name.starts_with("20") && name.ends_with(&format!("Z-{INCIDENT}-web.txt")),
        "{name}"
    );
    let text = fs::read_to_string(path).unwrap();
    for expected in [
        &format!("web, pid {pid}, restarted for shop, incident {INCIDENT}\n"),
        "State:\t",
        "Max open files",
        &format!("-- /proc/{pid}/stack\n"),
        &format!("-- /proc/{pid}/wchan\n"),
        &format!("LISTEN 127.0.0.1:{port}, 0 not accepted"),
        &format!("listening on {port}"),
        "the last complaint",
        "a tool says",
        "-- on its standard error\nits complaint",
        "FAILED: exit status: 3: its complaint",
    ] {
        assert!(text.contains(expected), "{expected:?} in {text}");
    }
    let threads = text.split("TID STATE WCHAN NAME\n").nth(1).unwrap();
    assert_eq!(
        threads.split("\n\n").next().unwrap().lines().count(),
        4,
        "{threads}"
    );
}

#[tokio::test]
async fn hostile_name_reaches_no_shell() {
    let mut scene = CaptureStage::sleeping();
    scene.check = "a  \"b\" 'c' $(touch owned) `touch owned` ; touch owned #".to_owned();
    let check = scene.check.clone();
    let mut spec = scene.spec();
    spec.run = vec![
        words(&["printf", "%s|", "{check}", "x{name}x"]),
        shell("printf '%s|' {check} \"x{check}x\" 'x{check}x' {name} $(echo {pid})"),
    ];
    let captures = scene.restart(&spec).await;
    assert_eq!(captures[2].output, format!("{check}|xwebx|"));
    let why = captures[3].failure.clone().unwrap();
    assert!(why.starts_with("{check} stands for "), "{why}");
    assert!(!fs::exists("owned").unwrap());

    let mut scene = CaptureStage::sleeping();
    scene.check = "web: front/2 a.b_c".to_owned();
    let check = scene.check.clone();
    let pid = scene.supervisord.pid("web");
    let captures = scene.restart(&spec).await;
    assert_eq!(
        captures[3].output,
        format!("{check}|x{check}x|x{check}x|web|{pid}|")
    );
}

#[tokio::test]
async fn original_mode_keeps_the_originals_core() {
    let scene = CaptureStage::sleeping();
    fs::create_dir(scene.evidence()).unwrap();
    let script = scene.script(
        "printf 'args: <%s>' \"$@\"; echo; echo complaint >&2; echo core > \"$2.$3\"; chmod 644 \"$2.$3\"; exit 1",
    );
    let mut spec = scene.gcore(format!("{script} -o"));
    (spec.original, spec.run) = (true, vec![words(&["touch", "owned"])]);
    (spec.keep, spec.max_bytes, spec.min_free) = (1, 1, u64::MAX);
    let pid = scene.supervisord.pid("web");
    let captures = scene.restart(&spec).await;
    let [capture] = &captures[..] else {
        panic!("{captures:?}");
    };
    let prefix = scene.evidence().join("web").display().to_string();
    assert_eq!(capture.what, "gcore");
    assert_eq!(
        capture.output,
        format!("args: <-o>args: <{prefix}>args: <{pid}>\n")
    );
    assert_eq!(capture.errors, "complaint\n");
    assert_eq!(capture.failure.as_deref(), Some("exit status: 1"));
    assert_eq!(capture.files, [(format!("{prefix}.{pid}"), 5)]);
    assert_eq!(scene.files(), [format!("web.{pid}")]);
}
