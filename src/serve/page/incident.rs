//! The page of one incident: its timeline, and the evidence that was kept.

use std::path::Path;

use askama::Template;

use super::check::duration_text;
use super::row::{class, encoded, href};
use super::{Frame, page};
use crate::clock::WallClock;
use crate::health::counted;
use crate::health::{Incident, Moment};
use crate::serve::hub::IncidentText;
use crate::serve::reply::Reply;
use crate::serve::view::{ServedState, View, one_line};

#[derive(Template)]
#[template(path = "incident.html")]
struct IncidentPage<'a> {
    host: &'a str,
    watchdog: &'a str,
    pid: u32,
    uptime: &'a str,
    version: &'a str,
    id: &'a str,
    check: String,
    href: String,
    class: &'static str,
    text: String,
    lines: Vec<(String, String)>,
    evidence: Vec<EvidenceFile>,
    /// Evidence can be downloaded.
    has_keys: bool,
}

struct EvidenceFile {
    name: String,
    size: String,
    href: String,
}

fn evidence(incident: &Incident) -> Vec<EvidenceFile> {
    let files = incident.evidence().filter_map(|(path, bytes)| {
        let name = Path::new(path).file_name()?.to_str()?;
        let id = encoded(&incident.id);
        Some(EvidenceFile {
            name: one_line(name),
            size: size(bytes),
            href: format!("/incident/{id}/evidence/{}", encoded(name)),
        })
    });
    files.collect()
}

/// `12 KiB`, for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => counted(bytes, "byte", "bytes"),
        1024..1_048_576 => format!("{} KiB", bytes.div_ceil(1 << 10)),
        1_048_576..1_073_741_824 => format!("{} MiB", bytes.div_ceil(1 << 20)),
        _ => format!("{} GiB", bytes.div_ceil(1 << 30)),
    }
}

/// The page of one incident.
pub fn incident(view: &View, incident_text: &IncidentText, has_keys: bool) -> Reply {
    let frame = Frame::of(view);
    let incident = &incident_text.incident;
    let line = |(at, text): &(Moment, String)| {
        let at = humantime::format_rfc3339_seconds(WallClock::AT_START.at(*at));
        (at.to_string(), one_line(text))
    };
    page(&IncidentPage {
        host: &frame.host,
        watchdog: &frame.watchdog,
        pid: frame.pid,
        uptime: &frame.uptime,
        version: frame.version,
        id: &incident.id,
        check: one_line(&incident.check),
        href: href(&incident.check),
        class: match incident.ended {
            Some(_) => class(ServedState::Up),
            None => class(ServedState::Down),
        },
        text: duration_text(view, incident),
        lines: incident_text.lines.iter().map(line).collect(),
        evidence: evidence(incident),
        has_keys,
    })
}
