//! Keeps evidence of a process before it is restarted, within bounds: what the kernel knows about it, the
//! last lines of its log, what the user's tools print, and last, because it is the biggest, a core file. Each is
//! a step of the transcript. None of them can keep the restart from happening: what fails says so, what hangs
//! is killed, and all together end with the timeout. Whether evidence is wanted was decided in `health`.

mod core;
pub(super) mod deadline;
mod dump;
#[cfg(all(
    feature = "core-dump",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod elf;
mod evidence_file;
#[cfg(not(all(
    feature = "core-dump",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
mod elf {
    //! This build cannot write core files without another program's help.

    use super::dump::DumpFailure;

    pub(super) fn write(_pid: i32, _file: std::fs::File, _room: u64) -> Result<(), DumpFailure> {
        Err(DumpFailure::Other(
            "this httpok was built without it; set gcore to a command".to_owned(),
        ))
    }
}
mod facts;
mod files;
mod folder;
mod found;
mod last_lines;
mod original;
mod sockets;
pub mod spec;
mod staging;
pub(super) mod stat;
mod stem;
pub(super) mod tool;

use crate::clock::WallClock;
use crate::exec::CommandLine;
use crate::health::{ActionStep, Plan, ProcessName};
use crate::supervisor::Supervisors;

pub use dump::{DUMP, run_dump};

use super::ActionTools;
use super::record::StepLog;
use deadline::Deadline;
use evidence_file::EvidenceFile;
use folder::Folder;
use found::Evidence;
use spec::CaptureSpec;
use stem::Stem;
use tool::CaptureSubject;

/// The answer of the service that led to the restart.
const ANSWER: &str = "answer";

/// The sources of evidence other than the core.
enum EvidenceSource<'a> {
    Facts,
    LastLines,
    Tool(&'a CommandLine),
}

/// Keeps evidence of the process `name` with `pid` for `plan`, each piece a step of `log`; in the usual directory where
/// `spec` names none. It ends early when the watchdog does.
pub(super) async fn capture(
    spec: &CaptureSpec,
    (name, pid): (&ProcessName, u32),
    plan: &Plan,
    tools: &ActionTools<'_>,
    log: &mut StepLog<'_>,
) {
    let begun = log.clock.now();
    let dir = spec.dir.as_deref().unwrap_or(tools.evidence);
    let deadline = Deadline::after(spec.timeout, tools.shutdown);
    if spec.original {
        let capture = original::capture(spec, dir, (name, pid), &deadline).await;
        log.note(begun, Some(name), ActionStep::Captured(capture));
        return;
    }
    let subject = CaptureSubject {
        name,
        pid,
        check: &plan.check,
    };
    let folder = Folder::new(dir, spec);
    let stem = Stem::new(
        WallClock::AT_START.at(begun),
        &plan.incident,
        &name.namespec(),
    );
    let mut evidence_file = EvidenceFile::new(&folder, &stem, &subject, &plan.incident);
    if !plan.answer.is_empty() {
        // reports and incidents hold an excerpt of it anyway, so that it is no step
        let found = Evidence {
            what: ANSWER.to_owned(),
            text: plan.answer.clone(),
            ..Evidence::default()
        };
        evidence_file
            .add(WallClock::AT_START.at(begun), &found)
            .await;
    }
    let sources = [EvidenceSource::Facts, EvidenceSource::LastLines].into_iter();
    for source in sources.chain(spec.run.iter().map(EvidenceSource::Tool)) {
        let begun = log.clock.now();
        let found = collect(source, &subject, tools.supervisors, &deadline).await;
        evidence_file
            .add(WallClock::AT_START.at(begun), &found)
            .await;
        log.note(
            begun,
            Some(name),
            ActionStep::Captured(found.into_capture()),
        );
    }
    let written = evidence_file.to_capture();
    let is_kept = written.failure.is_none();
    log.record(Some(name), ActionStep::Captured(written));
    if let Some(dumper) = &spec.core {
        let begun = log.clock.now();
        let capture = core::capture(dumper, &subject, &folder, &stem, &deadline).await;
        log.note(begun, Some(name), ActionStep::Captured(capture));
    }
    // where nothing can be written that was said already
    folder.prune(&stem, is_kept || spec.core.is_some()).await;
}

async fn collect(
    source: EvidenceSource<'_>,
    subject: &CaptureSubject<'_>,
    supervisors: &Supervisors,
    deadline: &Deadline,
) -> Evidence {
    match source {
        EvidenceSource::Facts => facts::collect(subject.pid, deadline).await,
        EvidenceSource::LastLines => last_lines::collect(subject.name, supervisors, deadline).await,
        EvidenceSource::Tool(line) => tool::collect(line, subject, deadline).await,
    }
}
