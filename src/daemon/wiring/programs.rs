//! A program of the configuration becomes one of our own supervisor's.

use crate::config::settings::{self, OnExit, Settings};
use crate::daemon::programs::Definitions;
use crate::supervisor::Stream;
use crate::supervisor::embedded::{
    Autorestart, LogFile, Output, Program, Rlimits, SpawnError, User, find_command,
};

use super::run_options::RunOptions;

/// All of them.
pub fn definitions(settings: &Settings, run_options: &RunOptions) -> Definitions {
    Definitions {
        programs: settings
            .programs
            .iter()
            .map(|known| program(known, run_options))
            .collect(),
        leave: settings.on_exit == OnExit::Leave,
    }
}

/// Whether what `known` runs is there, just now.
///
/// # Errors
/// Says that it is not, or cannot be run.
pub fn runnable(known: &settings::Program) -> Result<(), SpawnError> {
    find_command(&program(known, &RunOptions::default())).map(drop)
}

/// One of them.
fn program(known: &settings::Program, run_options: &RunOptions) -> Program {
    Program {
        group: known.group.clone(),
        directory: known.directory.clone(),
        environment: known.environment.clone(),
        user: known.user.as_ref().map(|user| User {
            uid: user.uid,
            gid: user.gid,
            groups: user.groups.clone(),
        }),
        umask: known.umask,
        rlimits: Rlimits {
            nofile: known.nofile,
            core: known.core,
        },
        stdout: output(&known.stdout, run_options),
        stderr: output(&known.stderr, run_options),
        autostart: known.autostart,
        autorestart: match known.autorestart {
            settings::Autorestart::Always => Autorestart::Always,
            settings::Autorestart::Unexpected => Autorestart::Unexpected,
            settings::Autorestart::Never => Autorestart::Never,
        },
        exitcodes: known.exitcodes.clone(),
        startsecs: known.startsecs,
        startretries: known.startretries,
        stopsignal: known.stopsignal,
        stopwaitsecs: known.stopwaitsecs,
        priority: known.priority,
        ..Program::new(&known.name, known.command.clone())
    }
}

fn output(known: &settings::Output, run_options: &RunOptions) -> Output {
    match known {
        settings::Output::Nowhere => Output::Null,
        settings::Output::Ours(settings::Stream::Stdout) if !run_options.stdout_is_protocol => {
            Output::Inherit(Stream::Stdout)
        }
        settings::Output::Ours(_) => Output::Inherit(Stream::Stderr),
        settings::Output::File(log) => Output::File(LogFile {
            path: log.path.clone(),
            maxbytes: log.maxbytes,
            backups: log.backups,
        }),
    }
}
