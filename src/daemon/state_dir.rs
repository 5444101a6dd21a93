//! Where a watchdog keeps what must outlive it, and where its control socket is found: one answer for the
//! watchdog and for the commands that connect to it.

use std::path::{Path, PathBuf};

use crate::config::settings::Settings;

/// The state directory of root's watchdog, and of users without a home directory.
const SYSTEM: &str = "/var/lib/httpok";

/// The state directory: as set; else `$STATE_DIRECTORY`, which systemd sets; else the usual place of this
/// user.
pub fn state_dir(settings: &Settings, env: &dyn Fn(&str) -> Option<String>) -> PathBuf {
    match &settings.state_dir {
        Some(dir) => dir.clone(),
        None => default_state_dir(nix::unistd::geteuid().is_root(), env, is_others, base),
    }
}

fn default_state_dir(
    root: bool,
    env: &dyn Fn(&str) -> Option<String>,
    is_others: impl Fn(&Path) -> bool,
    base: impl FnOnce() -> Option<PathBuf>,
) -> PathBuf {
    // with several StateDirectory= systemd joins them with colons
    let of_systemd = env("STATE_DIRECTORY").and_then(|dirs| {
        let first = dirs.split(':').next().unwrap_or_default();
        absolute(first)
    });
    if let Some(dir) = of_systemd {
        return dir;
    }
    if root {
        return PathBuf::from(SYSTEM);
    }
    env("XDG_STATE_HOME")
        .and_then(|dir| absolute(&dir))
        .or_else(|| {
            // supervisord's `user =` leaves root's HOME as it is
            let home = env("HOME").and_then(|dir| absolute(&dir));
            let home = home.filter(|dir| !is_others(dir)).or_else(base);
            home.map(|home| home.join(".local/state"))
        })
        .map_or_else(|| PathBuf::from(SYSTEM), |dir| dir.join("httpok"))
}

/// A watchdog's key in a few letters, the same in every run: what is its own in a state directory that it
/// shares has this in its name, and the names of sockets have to be short.
pub fn short(key: &str) -> String {
    use std::fmt::Write as _;
    let digest = ring::digest::digest(&ring::digest::SHA256, key.as_bytes());
    let mut hash = String::new();
    for byte in &digest.as_ref()[..6] {
        // writing to a String cannot fail
        let _ = write!(hash, "{byte:02x}");
    }
    hash
}

/// A relative path in such a variable means nothing, and is passed over.
fn absolute(dir: &str) -> Option<PathBuf> {
    let dir = Path::new(dir);
    dir.is_absolute().then(|| dir.to_path_buf())
}

/// Whether a directory belongs to another user. One that cannot be asked about may be ours.
fn is_others(dir: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let own = nix::unistd::geteuid().as_raw();
    std::fs::metadata(dir).is_ok_and(|found| found.uid() != own)
}

/// A daemon's environment may lack HOME; its user has one all the same.
fn base() -> Option<PathBuf> {
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid());
    user.ok().flatten().map(|user| user.dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_named_state_directory_is_used() {
        type Row<'a> = (bool, &'a [(&'a str, &'a str)], Option<&'a str>, &'a str);
        let table: [Row<'_>; 11] = [
            (true, &[], Some("/root"), "/var/lib/httpok"),
            (true, &[("XDG_STATE_HOME", "/x")], None, "/var/lib/httpok"),
            (
                true,
                &[("STATE_DIRECTORY", "/run/a:/run/b")],
                None,
                "/run/a",
            ),
            (
                false,
                &[("STATE_DIRECTORY", "rel"), ("XDG_STATE_HOME", "/x")],
                None,
                "/x/httpok",
            ),
            (
                false,
                &[("XDG_STATE_HOME", "/x"), ("HOME", "/h")],
                None,
                "/x/httpok",
            ),
            (
                false,
                &[("XDG_STATE_HOME", ""), ("HOME", "/h")],
                None,
                "/h/.local/state/httpok",
            ),
            (
                false,
                &[("HOME", "/h")],
                Some("/p"),
                "/h/.local/state/httpok",
            ),
            (false, &[], Some("/p"), "/p/.local/state/httpok"),
            (
                false,
                &[("HOME", "/others")],
                Some("/p"),
                "/p/.local/state/httpok",
            ),
            (false, &[("HOME", "/others")], None, "/var/lib/httpok"),
            (false, &[], None, "/var/lib/httpok"),
        ];
        for (root, vars, passwd, dir) in table {
            let env = |name: &str| {
                let found = vars.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let found = default_state_dir(
                root,
                &env,
                |dir| dir.starts_with("/others"),
                || passwd.map(PathBuf::from),
            );
            assert_eq!(found, Path::new(dir), "root: {root}, {vars:?}, {passwd:?}");
        }
    }

    #[test]
    fn explicit_setting_wins() {
        let settings = Settings {
            state_dir: Some(PathBuf::from("/set")),
            ..Settings::default()
        };
        let env = |_: &str| Some("/run/of-systemd".to_owned());
        assert_eq!(state_dir(&settings, &env), Path::new("/set"));
        assert_eq!(
            state_dir(&Settings::default(), &env),
            Path::new("/run/of-systemd")
        );
    }
}
