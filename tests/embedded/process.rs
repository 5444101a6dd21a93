//! What a new process finds: environment, directory, user, limits, signals, descriptors.

use httpok::supervisor::Supervisor;
use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use httpok::secret::Secret;
use httpok::supervisor::embedded::{Autorestart, Embedded, Program, Rlimits, User};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{SigHandler, Signal, signal};
use tempfile::tempdir;

use super::{named, script, words};

/// Runs the script `text` as `program`, with its output in `out`, and gives what it said.
async fn said(program: Program, out: &Path, text: &str) -> String {
    let text = format!("{{ {text}; }} > {}", out.display());
    let program = Program {
        command: words(&["sh", "-c", &text]),
        autorestart: Autorestart::Never,
        ..program
    };
    let name = program.full_name();
    let embedded = Embedded::new(vec![program]);
    embedded.begin(vec![]).await;
    let code = embedded.over(&name).await.unwrap();
    let detail = embedded.info(&name).unwrap().detail;
    assert_eq!(code, 0, "{detail}");
    fs::read_to_string(out).unwrap()
}

#[tokio::test]
async fn environment_directory_mask_and_limits_are_as_defined() {
    let directory = tempdir().unwrap();
    let out = directory.path().join("out");
    let mut program = Program {
        group: "app".to_owned(),
        directory: Some("/usr".into()),
        umask: Some(0o027),
        rlimits: Rlimits {
            nofile: Some(77),
            core: Some(0),
        },
        ..script("web", "")
    };
    let value = Secret::new("b c");
    program.environment.insert("A".to_owned(), value);
    let said = said(
        program,
        &out,
        "echo \"$A\"; pwd; umask; ulimit -n; ulimit -H -n; ulimit -c; \
         echo $SUPERVISOR_GROUP_NAME:$SUPERVISOR_PROCESS_NAME",
    )
    .await;
    assert_eq!(said, "b c\n/usr\n0027\n77\n77\n0\napp:web\n");
    let mode = out.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[tokio::test]
async fn program_leads_a_session_with_default_signals_and_no_inherited_descriptors() {
    let directory = tempdir().unwrap();
    let out = directory.path().join("out");
    // A descriptor that children inherit, as one that our own parent left us.
    let stray = fs::File::open("/etc/passwd").unwrap();
    fcntl(&stray, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    // An ignored signal is inherited, too.
    // SAFETY: ignoring is no handler, and this one tells of terminals, of which there is none here.
    unsafe { signal(Signal::SIGTTIN, SigHandler::SigIgn) }.unwrap();
    let said = said(
        script("web", ""),
        &out,
        "read pid name state parent group session rest < /proc/$$/stat; \
         echo $((pid == group && pid == session)); \
         grep -E 'Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd | tr '\\n' ' '",
    )
    .await;
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines[0], "1", "one number for process, group and session");
    assert_eq!(lines[1], "SigBlk:\t0000000000000000");
    // But for the two that the C library keeps to itself, and our own parent may have left ignored.
    let ignored = lines[2].strip_prefix("SigIgn:\t").unwrap();
    let ignored = u64::from_str_radix(ignored, 16).unwrap();
    assert_eq!(ignored & !(0b11 << 31), 0, "{ignored:x}");
    let stray = stray.as_raw_fd().to_string();
    assert!(!lines[3].split(' ').any(|fd| fd == stray), "{said}");
}

#[tokio::test]
async fn a_program_runs_as_its_user_with_the_users_groups() {
    let directory = tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let out = directory.path().join("out");
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    let user = User {
        uid: nobody.uid.as_raw(),
        gid: nobody.gid.as_raw(),
        groups: vec![nobody.gid.as_raw(), 7],
    };
    let program = Program {
        user: Some(user.clone()),
        ..script("web", "")
    };
    let said = said(program, &out, "id -u; id -g; id -G").await;
    let mut groups = user.groups;
    groups.retain(|gid| *gid != user.gid);
    groups.insert(0, user.gid);
    let groups: Vec<_> = groups.iter().map(u32::to_string).collect();
    let groups = groups.join(" ");
    assert_eq!(said, format!("{}\n{}\n{groups}\n", user.uid, user.gid));
}

#[tokio::test]
async fn failure_before_exec_names_the_step() {
    let base = Program {
        startretries: 0,
        autostart: false,
        ..script("web", "exec sleep 1000")
    };
    for (program, words) in [
        (
            Program {
                directory: Some("/nonexistent".into()),
                ..base.clone()
            },
            "cannot enter its directory: no such file or directory",
        ),
        (
            Program {
                rlimits: Rlimits {
                    nofile: Some(u64::MAX),
                    core: None,
                },
                ..base.clone()
            },
            "cannot set its limits: operation not permitted",
        ),
        (
            Program {
                directory: Some("/usr/\0".into()),
                ..base.clone()
            },
            "cannot use its directory: ",
        ),
    ] {
        let embedded = Embedded::new(vec![program]);
        let error = embedded.start(&named("web")).await.unwrap_err().to_string();
        let expected = format!("cannot be started (SPAWN_ERROR): web: {words}");
        assert!(error.starts_with(&expected), "{error}");
    }
}
