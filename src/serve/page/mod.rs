//! The page for people, at `/`: complete without scripts, with nothing from anywhere else, and the worst first.

mod check;
mod incident;
mod row;

use askama::Template;
use hyper::StatusCode;

use super::reply::Reply;
use super::view::{ServedState, View, one_line};
use crate::health::{CheckView, Process, ProcessState, Unhealthy};
use crate::sorted;
pub use check::check;
pub use incident::incident;
use row::{CheckRow, span};
pub use row::{encoded, href};

/// What the page may load, and which pages may embed it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Checks that the headline names.
const NAMED: usize = 5;

/// What stands around every page.
struct Frame {
    host: String,
    watchdog: String,
    pid: u32,
    uptime: String,
    version: &'static str,
}

impl Frame {
    fn of(view: &View) -> Self {
        Self {
            host: one_line(&view.host),
            watchdog: one_line(&view.watchdog),
            pid: view.pid,
            uptime: span(view.uptime()),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

struct Headline {
    mark: &'static str,
    class: &'static str,
    title: String,
    lines: Vec<String>,
}

struct StatusOption {
    word: &'static str,
    count: usize,
    chosen: bool,
}

struct ProgramRow {
    name: String,
    class: &'static str,
    state: String,
    detail: String,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview<'a> {
    host: &'a str,
    watchdog: &'a str,
    pid: u32,
    uptime: &'a str,
    version: &'a str,
    headline: Headline,
    query: &'a str,
    total: usize,
    options: Vec<StatusOption>,
    rows: Vec<CheckRow>,
    programs: Vec<ProgramRow>,
}

/// The page of all checks, or of those whose name has `query` in it and that stand as `status` says.
pub fn overview(view: &View, query: &str, status: &str) -> Reply {
    let now = view.snapshot.at;
    let mut checks: Vec<&CheckView> = view.snapshot.checks.iter().collect();
    let total = checks.len();
    let options = [
        ServedState::Down,
        ServedState::Degraded,
        ServedState::Starting,
        ServedState::Draining,
        ServedState::Pending,
        ServedState::Up,
    ];
    let options = options.into_iter().map(|state| StatusOption {
        word: state.as_str(),
        count: checks
            .iter()
            .filter(|check| ServedState::of(check).as_str() == state.as_str())
            .count(),
        chosen: state.as_str() == status,
    });
    let options: Vec<_> = options
        .filter(|option| option.count > 0 || option.chosen)
        .collect();
    let wanted = query.to_lowercase();
    checks.retain(|check| {
        let stands = status.is_empty() || ServedState::of(check).as_str() == status;
        stands && check.name.to_lowercase().contains(&wanted)
    });
    // stable: within a standing, the file's order
    sorted::by_key(&mut checks, |check| std::cmp::Reverse(weight(check)));
    let frame = Frame::of(view);
    page(&Overview {
        host: &frame.host,
        watchdog: &frame.watchdog,
        pid: frame.pid,
        uptime: &frame.uptime,
        version: frame.version,
        headline: headline(view),
        query,
        total,
        options,
        rows: checks
            .iter()
            .map(|check| CheckRow::of(check, now))
            .collect(),
        programs: view.programs.iter().map(program).collect(),
    })
}

/// What needs attention.
fn weight(check: &CheckView) -> u8 {
    match ServedState::of(check) {
        ServedState::Down if check.gave_up.is_some() => 6,
        ServedState::Down => 5,
        ServedState::Failing | ServedState::Degraded => 4,
        ServedState::Draining | ServedState::Starting => 3,
        ServedState::Pending => 2,
        ServedState::Up => u8::from(check.pause.is_some()),
    }
}

fn headline(view: &View) -> Headline {
    let now = view.snapshot.at;
    let checks = &view.snapshot.checks;
    let of = |state: ServedState| {
        checks
            .iter()
            .filter(move |check| ServedState::of(check) == state)
    };
    let down: Vec<_> = of(ServedState::Down).collect();
    let degraded = of(ServedState::Degraded).count();
    let failing = of(ServedState::Failing).count();
    let up = of(ServedState::Up).count() + failing;
    let waiting = checks.len() - down.len() - degraded - up;
    let counted = |count: usize, what: &str| match (count, checks.len()) {
        (1, 1) => format!("The check {what}"),
        (1, all) => format!("1 of {all} checks {what}"),
        (count, all) => format!("{count} of {all} checks {}", what.replacen("is", "are", 1)),
    };
    let (mark, class, title) = match (down.len(), degraded, waiting) {
        _ if view.snapshot.shutting_down => ("…", "wait", "Shutting down".to_owned()),
        (0, 0, 0) if checks.is_empty() => ("·", "wait", "Nothing is watched".to_owned()),
        (0, 0, 0) if failing > 0 => ("!", "warn", counted(failing, "is up, last probe failed")),
        (0, 0, 0) => ("✓", "up", "All is well".to_owned()),
        (0, 0, waiting) => ("…", "wait", counted(waiting, "is not up yet")),
        (0, degraded, _) => ("!", "warn", counted(degraded, "is degraded")),
        (down, _, _) => ("✗", "down", counted(down, "is down")),
    };
    let mut lines: Vec<String> = down
        .iter()
        .take(NAMED)
        .map(|check| {
            let since = match check.since {
                Some(since) => format!("has been down for {}", span(now.since(since))),
                None => "is down".to_owned(),
            };
            let note = row::note(check, now);
            let colon = if note.is_empty() { "" } else { ": " };
            format!("{} {since}{colon}{note}", one_line(&check.name))
        })
        .collect();
    if down.len() > NAMED {
        lines.push(format!("and {} more", down.len() - NAMED));
    }
    if down.is_empty() && !checks.is_empty() && class == "up" {
        lines.push(match checks.len() {
            1 => "1 check passes.".to_owned(),
            count => format!("{count} checks pass."),
        });
    }
    let refused = view.snapshot.config.as_ref();
    let refused = refused.and_then(|config| config.refused.as_ref());
    lines.extend(refused.map(|refused| {
        format!(
            "The configuration file was refused {} ago, what was read before stays: {}",
            span(now.since(refused.at)),
            one_line(&refused.brief())
        )
    }));
    let is_shown = |reason: &&Unhealthy| {
        !matches!(
            reason,
            Unhealthy::ChecksDown { .. } | Unhealthy::ShuttingDown | Unhealthy::NotReady
        )
    };
    let own = view.reasons.iter().filter(is_shown);
    lines.extend(own.map(|reason| {
        format!(
            "The watchdog itself is unhealthy: {}",
            one_line(&reason.to_string())
        )
    }));
    Headline {
        mark,
        class: match (class, lines.is_empty()) {
            ("up", false)
                if refused.is_some() || view.reasons.iter().any(|reason| is_shown(&reason)) =>
            {
                "warn"
            }
            (class, _) => class,
        },
        title,
        lines,
    }
}

fn program(process: &Process) -> ProgramRow {
    ProgramRow {
        name: one_line(&process.name.namespec()),
        class: match process.state {
            ProcessState::Running => "up",
            ProcessState::Starting | ProcessState::Stopping | ProcessState::Stopped => "warn",
            ProcessState::Backoff
            | ProcessState::Exited
            | ProcessState::Fatal
            | ProcessState::Unknown => "down",
        },
        state: process.state.to_string(),
        detail: one_line(&process.detail),
    }
}

/// What every page loads.
pub fn asset(name: &str) -> Reply {
    let (content_type, text) = match name {
        "style.css" => (
            "text/css; charset=utf-8",
            include_str!("../../../assets/style.css"),
        ),
        "live.js" => (
            "text/javascript; charset=utf-8",
            include_str!("../../../assets/live.js"),
        ),
        _ => ("image/svg+xml", include_str!("../../../assets/icon.svg")),
    };
    Reply::new(StatusCode::OK, content_type, text)
}

/// That there is no such page.
pub fn missing(text: &str) -> Reply {
    Reply::text(StatusCode::NOT_FOUND, format!("{}\n", one_line(text)))
}

fn page(template: &impl Template) -> Reply {
    match template.render() {
        Ok(html) => Reply::new(StatusCode::OK, Reply::HTML, html)
            .with("Content-Security-Policy", POLICY)
            .with("Referrer-Policy", "no-referrer"),
        // writing to a String cannot fail
        Err(why) => Reply::text(StatusCode::INTERNAL_SERVER_ERROR, why.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::testing::{self, SeenResult};

    fn html(reply: Reply) -> String {
        assert_eq!(
            (reply.status, reply.content_type),
            (StatusCode::OK, Reply::HTML)
        );
        String::from_utf8(reply.body).expect("text")
    }

    #[test]
    fn worst_check_comes_first_and_in_the_headline() {
        let view = testing::view(&[
            ("fine", SeenResult::Code(200)),
            ("<b>", SeenResult::Refused),
            ("new", SeenResult::Nothing),
        ]);
        let page = html(overview(&view, "", ""));
        assert!(page.contains("<h1>1 of 3 checks is down</h1>"), "{page}");
        assert!(!page.contains("<b>"), "names are text: {page}");
        let place = |id: &str| page.find(&format!("id=\"c-{id}\"")).expect(id);
        assert!(place("%3Cb%3E") < place("new") && place("new") < place("fine"));
        let well = testing::view(&[("fine", SeenResult::Code(200))]);
        assert!(html(overview(&well, "", "")).contains("<h1>All is well</h1>"));
        assert!(html(overview(&testing::view(&[]), "", "")).contains("Nothing is watched"));
    }

    #[test]
    fn rows_are_filtered_by_name_and_status() {
        let view = testing::view(&[("shop", SeenResult::Code(200)), ("db", SeenResult::Refused)]);
        for (query, status, shown) in [
            ("", "", &["shop", "db"][..]),
            ("SHO", "", &["shop"]),
            ("", "down", &["db"]),
            ("shop", "down", &[]),
        ] {
            let page = html(overview(&view, query, status));
            let ids = ["shop", "db"]
                .into_iter()
                .filter(|id| page.contains(&format!("id=\"c-{id}\"")));
            assert_eq!(ids.collect::<Vec<_>>(), shown, "{query} {status}");
        }
        assert!(html(overview(&view, "\"><script>", "")).contains("&#34;&#62;&#60;script&#62;"));
    }

    #[test]
    fn buttons_are_there_only_with_a_token() {
        let view = testing::view(&[("shop", SeenResult::Code(200))]);
        let shown = |token| html(check(&view, &view.snapshot.checks[0], &[], token));
        assert!(!shown(None).contains("<form"));
        let page = shown(Some("0123"));
        assert!(page.contains("action=\"/check/shop/pause\"") && page.contains("value=\"0123\""));
    }
}
