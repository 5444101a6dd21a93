//! A program of the configuration becomes one of our own supervisor's.

use crate::config::settings::{self, OnExit, Settings};
use crate::daemon::programs::Definitions;
use crate::supervisor::Stream;
use crate::supervisor::embedded::{
    Autorestart, LogFile, Output, Program, Rlimits, SpawnError, User, find_command,
};

use super::manner::Manner;

/// All of them.
pub fn definitions(settings: &Settings, manner: &Manner) -> Definitions {
    Definitions {
        programs: settings
            .programs
            .iter()
            .map(|known| program(known, manner))
            .collect(),
        leave: settings.on_exit == OnExit::Leave,
    }
}

/// Whether what `known` runs is there, just now.
///
/// # Errors
/// Says that it is not, or cannot be run.
pub fn runnable(known: &settings::Program) -> Result<(), SpawnError> {
    find_command(&program(known, &Manner::default())).map(drop)
}

/// One of them.
fn program(known: &settings::Program, manner: &Manner) -> Program {
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
        stdout: output(&known.stdout, manner),
        stderr: output(&known.stderr, manner),
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

fn output(known: &settings::Output, manner: &Manner) -> Output {
    match known {
        settings::Output::Nowhere => Output::Null,
        settings::Output::Ours(settings::Stream::Stdout) if !manner.stdout_is_protocol => {
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
