//! Whom a program runs as. Names are looked up once, when the configuration is read: a directory service
//! that hangs must not hang a restart.

use std::ffi::CString;

use nix::unistd;

/// A user with the groups it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// All group ids.
    pub groups: Vec<u32>,
}

/// Why a user cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// There is none.
    #[error("no user \"{0}\"")]
    NoUser(String),
    /// There is none.
    #[error("no group \"{0}\"")]
    NoGroup(String),
    /// Nobody can tell.
    #[error("cannot look up \"{name}\": {source}")]
    Lookup { name: String, source: nix::Error },
}

impl User {
    /// The user `NAME`, or `NAME:GROUP` for another primary group. Both may be numbers. Reads the system's
    /// databases, which may take its time.
    pub fn look_up(text: &str) -> Result<Self, UserError> {
        let (name, group) = match text.split_once(':') {
            Some((name, group)) => (name, Some(group)),
            None => (text, None),
        };
        let lost = |source| UserError::Lookup {
            name: text.to_owned(),
            source,
        };
        let user = match name.parse() {
            Ok(uid) => unistd::User::from_uid(unistd::Uid::from_raw(uid)),
            Err(_) => unistd::User::from_name(name),
        }
        .map_err(lost)?
        .ok_or_else(|| UserError::NoUser(name.to_owned()))?;
        let gid = match group {
            None => user.gid,
            Some(group) => group_id(group)
                .map_err(lost)?
                .ok_or_else(|| UserError::NoGroup(group.to_owned()))?,
        };
        let name = CString::new(user.name).map_err(|_| lost(nix::Error::EINVAL))?;
        let groups = unistd::getgrouplist(&name, gid).map_err(lost)?;
        Ok(Self {
            uid: user.uid.as_raw(),
            gid: gid.as_raw(),
            groups: groups.into_iter().map(unistd::Gid::as_raw).collect(),
        })
    }
}

fn group_id(text: &str) -> nix::Result<Option<unistd::Gid>> {
    if let Ok(gid) = text.parse() {
        return Ok(Some(unistd::Gid::from_raw(gid)));
    }
    Ok(unistd::Group::from_name(text)?.map(|group| group.gid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_users() {
        let root = User::look_up("root").unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert!(root.groups.contains(&0));
        assert_eq!(User::look_up("0").unwrap(), root);
        assert_eq!(User::look_up("root:7").unwrap().gid, 7);
        for (text, said) in [
            ("no-such-user", "no user \"no-such-user\""),
            ("", "no user \"\""),
            ("root:no-such-group", "no group \"no-such-group\""),
        ] {
            assert_eq!(User::look_up(text).unwrap_err().to_string(), said);
        }
    }
}
