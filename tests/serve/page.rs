//! The page, in a real browser: nothing wrong in its console, nothing for axe to find, and the things that can be done
//! from it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::fixture::Stage;

/// Loads `url` in a headless browser of its own; its console and the document as it is then.
fn browse(stage: &Stage, url: &str, more: &[&str]) -> (String, String) {
    let profile = tempfile::tempdir_in(stage.dir.path()).unwrap();
    let output = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--allow-file-access-from-files",
            "--enable-logging=stderr",
            "--virtual-time-budget=8000",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(more)
        .arg(url)
        .output()
        .unwrap();
    let console = String::from_utf8_lossy(&output.stderr);
    let console: Vec<_> = console
        .lines()
        .filter(|line| line.contains(":CONSOLE"))
        .collect();
    (
        console.join("\n"),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

fn axe() -> String {
    let venv = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".provision/venv/lib");
    let found = fs::read_dir(&venv)
        .unwrap()
        .map(|python| {
            python
                .unwrap()
                .path()
                .join("site-packages/axe_core_python/axe.min.js")
        })
        .find(|path| path.exists());
    fs::read_to_string(found.expect("make provision installs axe-core-python")).unwrap()
}

#[test]
fn page_has_no_browser_errors() {
    let stage = Stage::settled("");
    for path in ["/", "/check/db", "/?q=sho&status=up"] {
        let (console, document) = browse(&stage, &stage.url(path), &[]);
        assert_eq!(console, "", "{path}");
        assert!(document.contains("<main id=\"main\">"), "{document}");
        assert!(
            !document.contains("class=\"stale\""),
            "it was refreshed: {document}"
        );
    }
}

#[test]
fn axe_finds_no_violation_in_any_theme_or_width() {
    let stage = Stage::settled("");
    let style = stage.get("/style.css").body;
    let incident = stage.get("/api/v1/incidents").json()["incidents"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    // the page allows no script but its own, so a copy of it is looked at
    let run = "axe.run().then((found) => { const report = document.createElement('pre'); report.id = 'axe-report'; \
               report.textContent = JSON.stringify(found.violations.map((one) => [one.id, one.nodes.map((node) => \
               node.html)])); document.body.append(report); });";
    let axe = axe();
    for path in [
        "/".to_owned(),
        "/check/db".to_owned(),
        format!("/incident/{incident}"),
    ] {
        let page = stage.get(&path).body;
        let page = page
            .replace(
                "<link rel=\"stylesheet\" href=\"/style.css\">",
                &format!("<style>{style}</style>"),
            )
            .replace("<script src=\"/live.js\" defer></script>", "")
            .replace(
                "</body>",
                &format!("<script>{axe}</script><script>{run}</script></body>"),
            );
        let file = stage.dir.path().join("page.html");
        fs::write(&file, page).unwrap();
        let url = format!("file://{}", file.display());
        for options in [
            &["--window-size=1280,900"][..],
            &[
                "--window-size=320,900",
                "--blink-settings=preferredColorScheme=0",
            ],
        ] {
            let (_, document) = browse(&stage, &url, options);
            let report = document.split("id=\"axe-report\">").nth(1);
            let report = report.unwrap_or_else(|| panic!("no report: {:.400}", document));
            assert!(
                report.starts_with("[]<"),
                "{path} {options:?}: {:.2000}",
                report
            );
        }
    }
}

#[test]
fn page_loads_no_external_resource_and_forbids_it() {
    let stage = Stage::settled("");
    let page = stage.get("/");
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let policy = page.header("content-security-policy").unwrap();
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(
        !page.body.contains("http://") && !page.body.contains("https://"),
        "{page:?}"
    );
    assert!(
        !page.body.contains("<form method=\"post\""),
        "no keys, no buttons"
    );
    for (path, kind) in [
        ("/style.css", "text/css; charset=utf-8"),
        ("/live.js", "text/javascript; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let asset = stage.get(path);
        assert_eq!(
            (asset.status, asset.header("content-type")),
            (200, Some(kind)),
            "{path}"
        );
    }
    for path in ["/check/shpo", "/incident/nope"] {
        assert_eq!(stage.get(path).status, 404, "{path}");
    }
}

#[test]
fn forms_require_the_api_key_and_the_page_token() {
    let stage = Stage::settled("api_keys = [\"new-key\"]");
    // anyone:new-key
    let key = "Authorization: Basic YW55b25lOm5ldy1rZXk=\r\n";
    let page = stage.ask("GET", "/check/db", key);
    let token = page.body.split("name=\"token\" value=\"").nth(1).unwrap();
    let token = token.split('"').next().unwrap();
    let paused = || !stage.ask("GET", "/api/v1/checks/db", key).json()["pause"].is_null();
    for (headers, body, status) in [
        ("", format!("token={token}"), 401),
        (key, String::new(), 403),
        (key, "token=0123".to_owned(), 403),
    ] {
        assert_eq!(
            stage.send("POST", "/check/db/pause", headers, &body).status,
            status
        );
        assert!(!paused());
    }
    let done = stage.send("POST", "/check/db/pause", key, &format!("token={token}"));
    assert_eq!(
        (done.status, done.header("location")),
        (303, Some("/check/db"))
    );
    assert!(paused());
}

#[test]
fn a_page_of_a_thousand_checks_is_small_over_the_wire() {
    let checks: String = (0..1000)
        .map(|n| format!("[[check]]\nname = \"service-{n:04}\"\nurl = \"http://127.0.0.1:9/\"\nevery = \"5s\"\n"))
        .collect();
    let stage = Stage::with("", &checks);
    stage.wait("all were probed", |stage| stage.get("/ready").status == 200);
    let output = Command::new("curl")
        .args([
            "-s",
            "-H",
            "Accept-Encoding: gzip",
            "-o",
            "/dev/null",
            "-w",
            "%{size_download}",
        ])
        .arg(stage.url("/"))
        .output()
        .unwrap();
    let size: u64 = String::from_utf8(output.stdout).unwrap().parse().unwrap();
    assert!(size < 300_000, "{size} bytes");
    assert!(stage.get("/").body.contains("service-0999"));
}
