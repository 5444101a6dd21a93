//! The programs of the configuration: their definitions for this run, and a check of its own for each that no check of
//! the file restarts. Such a check restarts nothing; it is there so that somebody is notified when the program fails.

use std::sync::Arc;
use std::time::Duration;

use crate::config::settings::{OnExit, Settings};
use crate::daemon::programs::Definitions;
use crate::health::{
    Budget, Check, CheckRules, Fails, Policy, ProcessName, ProcessSet, ProgramCheck, Remedy,
};
use crate::supervisor::OutputStream;
use crate::supervisor::embedded::{Program, ProgramOutput};

use super::RunOptions;

/// A program is judged at each change. In between it is asked only whether it has run for long enough, and whether a
/// reminder is due.
const EVERY: Duration = Duration::from_secs(10);

/// The programs of our own supervisor, as this run of the watchdog has them.
pub(super) fn definitions(settings: &Settings, run_options: &RunOptions) -> Definitions {
    let mut programs = settings.programs.clone();
    // supervisord would take what a program prints for an answer of ours
    if run_options.stdout_is_protocol {
        programs.iter_mut().for_each(keep_off_stdout);
    }
    Definitions {
        programs,
        leave: settings.on_exit == OnExit::Leave,
    }
}

fn keep_off_stdout(program: &mut Program) {
    for output in [&mut program.stdout, &mut program.stderr] {
        if *output == ProgramOutput::Inherit(OutputStream::Stdout) {
            *output = ProgramOutput::Inherit(OutputStream::Stderr);
        }
    }
}

/// How often the checks of programs are due. Under supervisord that is at each tick.
pub(super) const fn every(run_options: &RunOptions) -> Duration {
    match run_options.stdout_is_protocol {
        true => Duration::ZERO,
        false => EVERY,
    }
}

/// A check for each program that none of `known` is about.
pub(super) fn checks<'a>(
    settings: &Settings,
    run_options: &RunOptions,
    known: impl Iterator<Item = &'a Check>,
) -> Vec<Check> {
    let concerned = ProcessSet::of(known);
    let is_alone =
        |program: &&Program| !program.dies_with_us && !concerned.contains(&program.full_name());
    let alone = settings.programs.iter().filter(is_alone);
    alone.map(|program| check(program, run_options)).collect()
}

fn check(program: &Program, run_options: &RunOptions) -> Check {
    let process: ProcessName = program.full_name();
    let name = process.as_program();
    Check {
        url: name.clone(),
        name,
        probe: String::new(),
        rules: Arc::new(CheckRules {
            policy: Policy {
                fail: Fails::InARow(1),
                pass_after: 1,
                grace: Duration::ZERO,
                restarts: None::<Budget>,
                ..Policy::default()
            },
            remedy: Remedy {
                ourselves: run_options.ourselves.clone(),
                ..Remedy::NONE
            },
            program: Some(ProgramCheck {
                process,
                startsecs: program.startsecs,
                startretries: program.startretries,
            }),
            ..CheckRules::default()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::CheckSettings;
    use crate::daemon::wiring::wire;

    fn names(restart: &[&str], run_options: &RunOptions) -> Vec<String> {
        let mut shop = CheckSettings::of_url("shop", "http://127.0.0.1:9/").expect("a URL");
        let targets = restart
            .iter()
            .map(|target| target.parse().expect("a target"));
        shop.restart = targets.collect();
        let program = |group: &str, name: &str| Program {
            group: group.to_owned(),
            ..Program::new(name, vec!["true".to_owned()])
        };
        let directory = tempfile::tempdir().expect("a directory");
        let settings = Settings {
            state_dir: Some(directory.path().to_owned()),
            checks: vec![shop],
            programs: vec![program("web", "web"), program("app", "app_0")],
            ..Settings::default()
        };
        let parts = wire(&settings, run_options).expect("it can be made");
        let own = parts.checks.iter().filter(|check| check.program.is_some());
        let names: Vec<_> = own.map(|check| check.name.clone()).collect();
        let due: Vec<_> = parts.due.iter().map(|(name, _)| &**name).collect();
        assert!(names.iter().all(|name| due.contains(&name.as_str())));
        names
    }

    /// However many programs there are.
    #[test]
    fn each_check_is_looked_at_once() {
        let program = |number| Program::new(format!("p{number}"), vec!["true".to_owned()]);
        let settings = Settings {
            programs: (0..50).map(program).collect(),
            ..Settings::default()
        };
        let known = settings.programs.iter().skip(1);
        let known: Vec<_> = known
            .map(|program| check(program, &RunOptions::default()))
            .collect();
        let mut seen = 0;
        let looked_at = known.iter().inspect(|_| seen += 1);
        let alone = checks(&settings, &RunOptions::default(), looked_at);
        assert_eq!((alone.len(), seen), (1, known.len()));
    }

    #[test]
    fn each_program_that_no_check_restarts_has_a_check_of_its_own() {
        let options = RunOptions::default();
        for (restart, own) in [
            (&[][..], &["program/web", "program/app:app_0"][..]),
            (&["program/web"], &["program/app:app_0"]),
            (&["program/app:*"], &["program/web"]),
            (&["program/web", "program/app:app_0"], &[]),
        ] {
            assert_eq!(names(restart, &options), own, "{restart:?}");
        }
    }
}
