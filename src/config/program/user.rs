//! The user that a program runs as: a name becomes numbers. Reads the system's databases, which may take its time.

use std::ffi::CString;

use nix::unistd::{self, Gid, Uid};

use crate::supervisor::embedded::spec::User;

/// The user `NAME`, or `NAME:GROUP` for another primary group. Both may be numbers.
///
/// # Errors
/// Says which of them there is not.
pub fn look_up(text: &str) -> Result<User, String> {
    let (name, group) = match text.split_once(':') {
        Some((name, group)) => (name, Some(group)),
        None => (text, None),
    };
    let lost = |why: nix::Error| format!("cannot look up {text:?}: {}", why.desc());
    let user = match name.parse() {
        Ok(uid) => unistd::User::from_uid(Uid::from_raw(uid)),
        // nobody has such a name, and the system's libraries do not take it
        Err(_) if name.contains('\0') => Ok(None),
        Err(_) => unistd::User::from_name(name),
    };
    let user = user.map_err(lost)?.ok_or_else(|| {
        format!("{name:?} is not a user of this machine: expected a name or a number that is one")
    })?;
    let gid = match group {
        None => user.gid,
        Some(group) => group_id(group).map_err(lost)?.ok_or_else(|| {
            format!(
                "{group:?} is not a group of this machine: expected a name or a number that is one"
            )
        })?,
    };
    let name = CString::new(user.name).map_err(|_| lost(nix::Error::EINVAL))?;
    let groups = unistd::getgrouplist(&name, gid).map_err(lost)?;
    Ok(User {
        uid: user.uid.as_raw(),
        gid: gid.as_raw(),
        groups: groups.into_iter().map(Gid::as_raw).collect(),
    })
}

fn group_id(text: &str) -> nix::Result<Option<Gid>> {
    if let Ok(gid) = text.parse() {
        return Ok(Some(Gid::from_raw(gid)));
    }
    if text.contains('\0') {
        return Ok(None);
    }
    Ok(unistd::Group::from_name(text)?.map(|group| group.gid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_users() {
        let root = look_up("root").unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert!(root.groups.contains(&0));
        assert_eq!(look_up("0").unwrap(), root);
        assert_eq!(look_up("root:7").unwrap().gid, 7);
        for (text, said) in [
            ("no-such-user", "\"no-such-user\" is not a user"),
            ("", "\"\" is not a user"),
            ("a\0b", "is not a user"),
            ("root:no-such-group", "\"no-such-group\" is not a group"),
            ("root:a\0", "is not a group"),
        ] {
            let why = look_up(text).unwrap_err();
            assert!(why.contains(said), "{why}");
        }
    }
}
