//! The page by keyboard alone, in a real browser that is driven by chromedriver: the tab key reaches everything that can be
//! done, in the order in which it is read, and what has the focus is seen to have it.

use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::fixture::{Stage, free_port};
use crate::program::LIMIT;
use crate::support::wait_until;

/// What WebDriver calls the tab key.
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

/// A browser that is driven.
struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

impl Browser {
    fn start() -> Self {
        let port = free_port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is provisioned");
        wait_until("chromedriver listens", LIMIT, || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        let mut browser = Self {
            driver,
            port,
            session: String::new(),
        };
        let options = json!({ "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,900",
        ] });
        let wanted =
            json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let session = browser.call("POST", "/session", &wanted);
        browser.session = session["sessionId"].as_str().expect("a session").to_owned();
        browser
    }

    /// One command of WebDriver.
    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-X", method, "-H", "Content-Type: application/json"]);
        if method == "POST" {
            curl.args(["-d", &body.to_string()]);
        }
        let output = curl
            .arg(format!("http://127.0.0.1:{}{path}", self.port))
            .output()
            .expect("curl runs");
        let body = String::from_utf8(output.stdout).expect("text");
        let answer: Value =
            serde_json::from_str(&body).unwrap_or_else(|why| panic!("{why}: {body}"));
        assert!(answer["value"]["error"].is_null(), "{path}: {answer}");
        answer["value"].clone()
    }

    fn post(&self, path: &str, body: Value) -> Value {
        self.call("POST", &format!("/session/{}{path}", self.session), &body)
    }

    fn open(&self, url: &str) {
        self.post("/url", json!({ "url": url }));
    }

    fn script(&self, text: &str) -> Value {
        self.post("/execute/sync", json!({ "script": text, "args": [] }))
    }

    fn press(&self, key: &str) {
        let keys = json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        let source = json!({ "type": "key", "id": "keyboard", "actions": keys });
        self.post("/actions", json!({ "actions": [source] }));
    }

    /// What has the focus: its words, and whether that can be seen.
    fn focused(&self) -> (String, bool) {
        let found = self.script(
            "const e = document.activeElement; const s = getComputedStyle(e); const words = e.getAttribute('aria-label') \
             || e.placeholder || e.innerText || e.name || e.tagName; const seen = s.outlineStyle !== 'none' && \
             parseFloat(s.outlineWidth) > 0 || s.boxShadow !== 'none'; return [words.trim(), seen];",
        );
        (
            found[0].as_str().expect("words").to_owned(),
            found[1] == true,
        )
    }

    /// The words of all that the tab key reaches, in order, until it begins anew.
    fn walk(&self) -> Vec<String> {
        let mut words = Vec::new();
        for _ in 0..100 {
            self.press(TAB);
            let (found, seen) = self.focused();
            if self.script("return document.activeElement === document.body;") == true {
                return words;
            }
            assert!(seen, "nobody sees that {found:?} has the focus");
            if words.first() == Some(&found) && words.len() > 3 {
                return words;
            }
            words.push(found);
        }
        panic!("it has no end: {words:?}");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            let path = format!("/session/{}", self.session);
            // a test that has failed already is not to fail again while it ends
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                self.call("DELETE", &path, &Value::Null);
            }));
            drop(ended);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

#[test]
fn everything_on_the_page_is_reached_and_done_by_keyboard() {
    let stage = Stage::settled("api_keys = [\"key\"]");
    let browser = Browser::start();
    let with_key = |path: &str| stage.url(path).replace("http://", "http://anyone:key@");
    browser.open(&with_key("/"));
    let words = browser.walk();
    // the skip link, the filter, then the checks as they are shown: the worst first
    let at = |name: &str| words.iter().position(|found| found.contains(name));
    assert!(words[0].to_lowercase().contains("skip"), "{words:?}");
    let (db, shop) = (at("db"), at("shop"));
    assert!(db.is_some() && db < shop, "{words:?}");
    // enter on a check leads to its page
    browser.open(&with_key("/"));
    for _ in 0..words.len() {
        browser.press(TAB);
        if browser.focused().0.contains("db") {
            break;
        }
    }
    browser.press(ENTER);
    wait_until("its page is there", LIMIT, || {
        browser.script("return location.pathname;") == "/check/db"
    });
    let words = browser.walk();
    for action in ["Pause", "Reset"] {
        assert!(words.iter().any(|found| found == action), "{words:?}");
    }
    assert!(!words.iter().any(|found| found == "Resume"), "{words:?}");
    // and pauses it
    browser.open(&with_key("/check/db"));
    for _ in 0..words.len() {
        browser.press(TAB);
        if browser.focused().0 == "Pause" {
            break;
        }
    }
    browser.press(ENTER);
    wait_until("it is paused", LIMIT, || {
        let check = stage
            .ask("GET", "/api/v1/checks/db", "X-API-Key: key\r\n")
            .json();
        !check["pause"].is_null()
    });
    wait_until("the page says so", LIMIT, || {
        browser.script("return document.body.innerText.includes('Resume');") == true
    });
    // what is refreshed keeps the focus where it was
    browser.open(&with_key("/"));
    let focus = || browser.focused().0;
    for _ in 0..20 {
        browser.press(TAB);
        if focus().contains("shop") {
            break;
        }
    }
    stage
        .site
        .answer("/shop", || crate::site::says("500 X", ""));
    wait_until("the page shows that shop is down", LIMIT, || {
        browser.script("return document.getElementById('headline').innerText.includes('shop');")
            == true
            || browser
                .script("return document.querySelector('#c-shop').innerText.includes('down');")
                == true
    });
    assert!(focus().contains("shop"), "{}", focus());
}
