//! Users and groups: from /etc/passwd and /etc/group, and where those have no answer from `getent(1)`.
//!
//! The C library's own functions load NSS modules into the process, which crashes a static program, and may start
//! threads. A `getent` child asks the same sources and takes that risk alone. A listing asks the file only, see
//! [`user_names`]: a directory service that is slow or away must not hold up a table.

use crate::proc::decimal;
use std::{
    collections::HashMap,
    ffi::OsStr,
    fs,
    io::{self, Read},
    os::unix::ffi::OsStrExt,
    process::{Command, Stdio},
};

/// An entry of the user database, see `passwd(5)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The login name.
    pub name: Vec<u8>,
    /// The user id.
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
    /// The home directory; may be empty.
    pub home: Vec<u8>,
    /// The shell; empty means `/bin/sh`.
    pub shell: Vec<u8>,
}

/// The user called `name`.
///
/// # Errors
/// Where /etc/passwd is there but cannot be read, or `getent` is there but cannot be run.
pub fn user_by_name(name: &[u8]) -> io::Result<Option<User>> {
    let wanted = |user: &User| user.name == name;
    match users(&read("/etc/passwd")?).find(wanted) {
        None if is_name(name) => Ok(users(&getent("passwd", name)?).find(wanted)),
        found => Ok(found),
    }
}

/// The user with the id `uid`; where several share it, the first.
///
/// # Errors
/// As [`user_by_name`].
pub fn user_by_id(uid: u32) -> io::Result<Option<User>> {
    let wanted = |user: &User| user.uid == uid;
    match users(&read("/etc/passwd")?).find(wanted) {
        None => Ok(users(&getent("passwd", uid.to_string().as_bytes())?).find(wanted)),
        found => Ok(found),
    }
}

/// The id of the group called `name`.
///
/// # Errors
/// As [`user_by_name`], of /etc/group.
pub fn group_by_name(name: &[u8]) -> io::Result<Option<u32>> {
    let id = |text: &[u8]| groups(text).find(|(group, _)| *group == name).map(|(_, gid)| gid);
    match id(&read("/etc/group")?) {
        None if is_name(name) => Ok(id(&getent("group", name)?)),
        found => Ok(found),
    }
}

/// The names that /etc/passwd gives to user ids, for a listing: nobody else is asked.
///
/// # Errors
/// Where the file is there but cannot be read.
pub fn user_names() -> io::Result<HashMap<u32, Vec<u8>>> {
    let mut names = HashMap::new();
    for user in users(&read("/etc/passwd")?) {
        names.entry(user.uid).or_insert(user.name);
    }
    Ok(names)
}

/// Whether some account could be called `name`, so that asking for it makes sense and `getent` takes it for no option.
fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && !name.starts_with(b"-") && !name.iter().any(|byte| b":\n\0".contains(byte))
}

/// A database in /etc. A system may have none, as a container of one program does.
fn read(path: &str) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        text => text,
    }
}

/// What `getent` says of `key`: a line as in the database's file, or nothing. A system without `getent` has nothing.
///
/// The answer is the text alone. How the child ended is not asked for, because there is no telling where the caller
/// ignores SIGCHLD; and a key of digits is taken for an id, so that whoever asked for a name has to look at the name.
fn getent(database: &str, key: &[u8]) -> io::Result<Vec<u8>> {
    let mut command = Command::new("getent");
    command.arg(database).arg(OsStr::from_bytes(key));
    let mut child = match command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        child => child?,
    };
    let mut text = Vec::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_end(&mut text)?;
    }
    let _ = child.wait();
    Ok(text)
}

/// The users in the text of /etc/passwd. Lines that are none, such as `+` of NIS, are passed over.
fn users(text: &[u8]) -> impl Iterator<Item = User> {
    lines(text).filter_map(|[name, _, uid, gid, _, home, shell]| {
        Some(User { name: name.to_vec(), uid: id(uid)?, gid: id(gid)?, home: home.to_vec(), shell: shell.to_vec() })
    })
}

/// The groups in the text of /etc/group: name and id.
fn groups(text: &[u8]) -> impl Iterator<Item = (&[u8], u32)> {
    lines(text).filter_map(|[name, _, gid, _]| Some((name, id(gid)?)))
}

/// The lines that have `N` fields and are no comment and no reference to NIS.
fn lines<const N: usize>(text: &[u8]) -> impl Iterator<Item = [&[u8]; N]> {
    text.split(|&byte| byte == b'\n').filter(|line| !matches!(line.first(), Some(b'+' | b'-' | b'#'))).filter_map(
        |line| {
            let fields: Vec<_> = line.split(|&byte| byte == b':').collect();
            fields.try_into().ok()
        },
    )
}

fn id(field: &[u8]) -> Option<u32> {
    decimal(field)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_of_those_that_match_is_taken() {
        let text =
            b"root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/root:\n+::::::\n+nis:x:7:7:::\n#a:x:7:7:::\nshort:x:1\n\
            big:x:4294967295:1::/:/x\nbigger:x:4294967296:1::/:/x\n\xff:x:9:9::/h:/s";
        let found: Vec<User> = users(text).collect();
        let names: Vec<&[u8]> = found.iter().map(|user| user.name.as_slice()).collect();
        assert_eq!(names, [&b"root"[..], b"toor", b"big", b"\xff"]);
        assert_eq!(found[0].shell, b"/bin/sh");
        assert_eq!(found[1].shell, b"");
        assert_eq!(found[3].home, b"/h");
        assert_eq!(
            groups(b"root:x:0:\ndisk:x:6:a,b\nbad:x:-1:\n").collect::<Vec<_>>(),
            [(&b"root"[..], 0), (b"disk", 6)]
        );
    }

    #[test]
    fn the_superuser_is_found_both_ways() {
        let root = user_by_name(b"root").unwrap().unwrap();
        assert_eq!(user_by_id(0).unwrap(), Some(root));
        assert_eq!(user_names().unwrap()[&0], b"root");
        assert_eq!(group_by_name(b"root").unwrap(), Some(0));
    }

    #[test]
    fn getent_is_no_way_around_the_name() {
        // getent takes digits for an id and a dash for an option.
        for name in [&b"0"[..], b"-s", b"--help", b"", b"root\n", b"root:x", b"no such user"] {
            assert_eq!(user_by_name(name).unwrap(), None);
            assert_eq!(group_by_name(name).unwrap(), None);
        }
        assert_eq!(user_by_id(4_000_000_000).unwrap(), None);
    }

    #[test]
    fn getent_answers_in_the_files_form() {
        let root = user_by_name(b"root").unwrap();
        assert_eq!(users(&getent("passwd", b"root").unwrap()).next(), root);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = (users(&bytes).count(), groups(&bytes).count());
        }
    }
}
