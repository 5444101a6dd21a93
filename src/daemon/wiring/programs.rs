//! The programs of our own supervisor, as this run of the watchdog has them.

use crate::config::settings::{OnExit, Settings};
use crate::daemon::programs::Definitions;
use crate::supervisor::Stream;
use crate::supervisor::embedded::{Output, Program};

use super::run_options::RunOptions;

/// All of them.
pub fn definitions(settings: &Settings, run_options: &RunOptions) -> Definitions {
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
        if *output == Output::Inherit(Stream::Stdout) {
            *output = Output::Inherit(Stream::Stderr);
        }
    }
}
