//! Finds the container that httpok runs in, if any: it must never be stopped, because httpok could not start it again.

use std::fs;

/// The id of the container that httpok runs in.
pub fn own_id() -> Option<String> {
    in_mounts(&fs::read_to_string("/proc/self/mountinfo").ok()?)
}

/// Docker and podman mount some files of the container's own into it, such as its hosts file. They lie in a
/// directory with the container's id, in a directory whose name ends with "containers".
fn in_mounts(mounts: &str) -> Option<String> {
    const FILES: [&str; 3] = ["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"];
    mounts.lines().find_map(|line| {
        // the fourth field is what is mounted, the fifth is where
        let mut fields = line.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        if !FILES.contains(&point) {
            return None;
        }
        let parts: Vec<_> = root.split('/').collect();
        let is_id = |id: &str| id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        parts.windows(2).find_map(|pair| match pair {
            [parent, id] if parent.ends_with("containers") && is_id(id) => Some((*id).to_owned()),
            _ => None,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_container_id_is_found_only_inside_a_container() {
        let id = "0a10e78ec226d456738e2c463ba4e40dbc9a20c96fafe807c72fcd888b383fd9";
        let line = |root: &str, point: &str| {
            format!(
                "22 1 0:21 / / rw - overlay x rw\n501 500 254:0 {root} {point} rw,relatime - ext4 /dev/vda rw\n"
            )
        };
        let docker = format!("/var/lib/docker/containers/{id}/hostname");
        let podman = format!("/lib/containers/storage/overlay-containers/{id}/userdata/hosts");
        assert_eq!(
            in_mounts(&line(&docker, "/etc/hostname")).as_deref(),
            Some(id)
        );
        let found = in_mounts(&line(&podman, "/etc/hosts"));
        // "containers" is also the name of podman's own directory
        assert_eq!(found.as_deref(), Some(id));
        assert_eq!(in_mounts(&line(&docker, "/mnt")), None, "on the host");
        assert_eq!(in_mounts(&line("/etc/hostname", "/etc/hostname")), None);
        assert_eq!(in_mounts(""), None);
    }
}
