//! Users and groups: from /etc/passwd and /etc/group, and from `getent(1)` if those have no answer.
//!
//! The C library's own functions load NSS modules into the process, which crashes a static program,
//! and may start threads. A `getent` child asks the same sources and takes that risk alone. A
//! listing asks the file only, see [`user_names`]: a directory service that is slow or away must
//! not hold up a table.

mod inside;

pub use inside::Accounts;

use crate::{beneath, hash::HashMap, idmap::IdKind, proc::decimal, trouble};
use rustix::fd::AsFd;
use std::{
    ffi::{CString, OsStr, OsString},
    fs,
    io::{self, Read},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::Path,
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

/// Returns the user called `name`.
///
/// # Errors
/// If /etc/passwd exists but cannot be read, or `getent` exists but cannot be run.
pub fn user_by_name(name: &[u8]) -> io::Result<Option<User>> {
    let wanted = |user: &User| user.name == name;
    match users(&read("/etc/passwd")?).find(wanted) {
        None if is_name(name) => Ok(users(&getent("passwd", name)?).find(wanted)),
        found => Ok(found),
    }
}

/// Returns the user with the id `uid`; if several share it, the first.
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

/// Returns the shell of the user of this process: that of `SHELL` in `environment`, or in this
/// process's own environment if none is given, else that of the real user in /etc/passwd, else
/// `/bin/sh`.
///
/// The file alone is asked: the first child of a process that has left its PID namespace would be
/// PID 1 of the new one.
pub fn login_shell(environment: Option<&[CString]>) -> Vec<u8> {
    let named = match environment {
        None => std::env::var_os("SHELL").map(OsString::into_vec),
        Some(variables) => variables
            .iter()
            .find_map(|variable| Some(variable.to_bytes().strip_prefix(b"SHELL=")?.to_vec())),
    };
    let is_some = |shell: &Vec<u8>| !shell.is_empty();
    let uid = rustix::process::getuid().as_raw();
    let users_own = || {
        users(&read("/etc/passwd").ok()?)
            .find(|user| user.uid == uid)
            .map(|user| user.shell)
    };
    named
        .filter(is_some)
        .or_else(|| users_own().filter(is_some))
        .unwrap_or_else(|| b"/bin/sh".to_vec())
}

/// Returns the user with the id `uid`, or one that has the number for a name if no database knows
/// it.
///
/// # Errors
/// As [`user_by_name`].
pub fn user_or_number(uid: u32) -> io::Result<User> {
    let unnamed = || User {
        name: uid.to_string().into_bytes(),
        uid,
        gid: uid,
        home: Vec::new(),
        shell: Vec::new(),
    };
    Ok(user_by_id(uid)?.unwrap_or_else(unnamed))
}

/// Returns the id of the group called `name`.
///
/// # Errors
/// As [`user_by_name`], of /etc/group.
pub fn group_by_name(name: &[u8]) -> io::Result<Option<u32>> {
    let id = |text: &[u8]| {
        groups(text)
            .find(|(group, _)| *group == name)
            .map(|(_, gid)| gid)
    };
    match id(&read("/etc/group")?) {
        None if is_name(name) => Ok(id(&getent("group", name)?)),
        found => Ok(found),
    }
}

/// Returns the ranges of ids that a user was given to map, in the order of /etc/subuid or
/// /etc/subgid, see `subuid(5)`: the first id and how many. Group ranges are given to users too,
/// not to groups. Lines name the user or its number.
///
/// If the file has no range for the user, `getsubids(1)` is asked, which knows directory services.
///
/// # Errors
/// If the file exists but cannot be read, or `getsubids` exists but cannot be run.
pub fn given_ranges(ids: IdKind, user: &User) -> io::Result<Vec<(u32, u32)>> {
    let given: Vec<_> = given(&read(ids.ranges_file())?)
        .filter(|(owner, ..)| *owner == user.name || id(owner) == Some(user.uid))
        .map(|(_, first, count)| (first, count))
        .collect();
    if !given.is_empty() || !is_name(&user.name) {
        return Ok(given);
    }
    let mut command = Command::new("getsubids");
    if ids == IdKind::Group {
        command.arg("-g");
    }
    command.arg(OsStr::from_bytes(&user.name));
    // A line is `0: alice 100000 65536`.
    let text = output(command)?;
    let line = |line: &[u8]| {
        let fields: Vec<_> = line
            .split(u8::is_ascii_whitespace)
            .filter(|field| !field.is_empty())
            .collect();
        let [_, owner, first, count] = fields.try_into().ok()?;
        (owner == user.name)
            .then(|| Some((id(first)?, id(count)?)))
            .flatten()
    };
    Ok(text.split(|byte| *byte == b'\n').filter_map(line).collect())
}

/// Returns a range of `count` ids that belong to no account and that /etc/subuid or /etc/subgid
/// gives to nobody yet: its first id, 100000 or above.
///
/// # Errors
/// If a file exists but cannot be read.
pub fn ungiven_range(ids: IdKind, count: u32) -> io::Result<Option<u32>> {
    let text = read(ids.ranges_file())?;
    let given = given(&text).map(|(_, first, count)| (first, count));
    let mut taken: Vec<_> = given
        .chain(known_ids(ids)?.into_iter().map(|id| (id, 1)))
        .collect();
    taken.sort_unstable();
    let mut free = 100_000_u32;
    for (first, taken) in taken {
        if free.checked_add(count).is_some_and(|end| end <= first) {
            break;
        }
        free = free.max(first.saturating_add(taken));
    }
    Ok(free.checked_add(count).map(|_| free))
}

/// Returns whether `user` could be given these ids: they are above those that systems use for
/// accounts, no account has one of them, and /etc/subuid or /etc/subgid gives none of them to
/// another user.
///
/// A user who is given an id can become the user who has it: root with 0. A directory service
/// looks up the first and the last id.
///
/// # Errors
/// If a file exists but cannot be read, or `getent` exists but cannot be run.
pub fn may_be_given(ids: IdKind, user: &User, first: u32, count: u32) -> io::Result<bool> {
    const ACCOUNTS: u32 = 65536;
    let wanted = u64::from(first)..u64::from(first) + u64::from(count);
    let is_another = |owner: &[u8]| owner != user.name && id(owner) != Some(user.uid);
    let overlaps = |first: u32, count: u32| {
        u64::from(first) < wanted.end && wanted.start < u64::from(first) + u64::from(count)
    };
    if first < ACCOUNTS || known_ids(ids)?.into_iter().any(|id| overlaps(id, 1)) {
        return Ok(false);
    }
    if given(&read(ids.ranges_file())?)
        .any(|(owner, first, count)| is_another(owner) && overlaps(first, count))
    {
        return Ok(false);
    }
    let database = match ids {
        IdKind::User => "passwd",
        IdKind::Group => "group",
    };
    for id in [wanted.start, wanted.end - 1] {
        if !getent(database, id.to_string().as_bytes())?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns the ids that accounts in /etc have.
fn known_ids(ids: IdKind) -> io::Result<Vec<u32>> {
    let accounts = read("/etc/passwd")?;
    let mut known: Vec<u32> = match ids {
        IdKind::User => users(&accounts).map(|user| user.uid).collect(),
        IdKind::Group => users(&accounts).map(|user| user.gid).collect(),
    };
    if ids == IdKind::Group {
        known.extend(groups(&read("/etc/group")?).map(|(_, gid)| gid));
    }
    Ok(known)
}

/// Returns the names that /etc/passwd gives to user ids, for a listing: no other source is asked.
///
/// # Errors
/// If the file exists but cannot be read.
pub fn user_names() -> io::Result<HashMap<u32, Vec<u8>>> {
    let mut names = HashMap::default();
    for user in users(&read("/etc/passwd")?) {
        names.entry(user.uid).or_insert(user.name);
    }
    Ok(names)
}

/// Like [`user_names`], but from the /etc/passwd below another root directory, which a container
/// may have filled with anything.
///
/// Links in it lead nowhere but below that root, and no more than a megabyte is read.
///
/// # Errors
/// If the file does not exist, is not a regular file, or cannot be read.
pub fn user_names_below(root: impl AsFd) -> io::Result<HashMap<u32, Vec<u8>>> {
    Ok(names(
        &users(&read_below(root, "etc/passwd")?)
            .map(|user| (user.name, user.uid))
            .collect::<Vec<_>>(),
    ))
}

/// Returns the names that the /etc/group below another root directory gives to group ids.
///
/// # Errors
/// As [`user_names_below`].
pub fn group_names_below(root: impl AsFd) -> io::Result<HashMap<u32, Vec<u8>>> {
    let text = read_below(root, "etc/group")?;
    Ok(names(
        &groups(&text)
            .map(|(name, gid)| (name.to_vec(), gid))
            .collect::<Vec<_>>(),
    ))
}

/// Returns the names that /etc/group gives to group ids.
///
/// # Errors
/// If the file exists but cannot be read.
pub fn group_names() -> io::Result<HashMap<u32, Vec<u8>>> {
    let text = read("/etc/group")?;
    Ok(names(
        &groups(&text)
            .map(|(name, gid)| (name.to_vec(), gid))
            .collect::<Vec<_>>(),
    ))
}

/// Returns the name of each id; if several names have an id, the first.
fn names(entries: &[(Vec<u8>, u32)]) -> HashMap<u32, Vec<u8>> {
    entries
        .iter()
        .rev()
        .map(|(name, id)| (*id, name.clone()))
        .collect()
}

/// Reads a file of a target. The target controls its errors, so they do not count as failures of
/// the system.
fn read_below(root: impl AsFd, path: &str) -> io::Result<Vec<u8>> {
    const MOST: usize = 1 << 20;
    Ok(beneath::read(root, Path::new(path), MOST)?)
}

/// Returns whether an account could be called `name`, so that looking the name up makes sense and
/// `getent` does not take it for an option.
fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && !name.starts_with(b"-") && !name.iter().any(|byte| b":\n\0".contains(byte))
}

/// Returns the text of a database in /etc; nothing if the system has none, as in a container of one
/// program.
fn read(path: &str) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        text => text.map_err(trouble::met_in),
    }
}

/// Returns what `getent` says of `key`: a line as in the database's file, or nothing. A system
/// without `getent` has nothing.
///
/// The answer is the text alone. The child's exit status is not checked, because it is not
/// available if the caller ignores SIGCHLD. `getent` takes a key of digits for an id, so a caller
/// that wants a name has to check the name in the answer.
fn getent(database: &str, key: &[u8]) -> io::Result<Vec<u8>> {
    let mut command = Command::new("getent");
    command.arg(database).arg(OsStr::from_bytes(key));
    output(command)
}

/// Returns what a program prints, or nothing if the system does not have the program.
fn output(mut command: Command) -> io::Result<Vec<u8>> {
    let mut child = match command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
    {
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

/// Returns the users in the text of /etc/passwd. Other lines, such as `+` of NIS, are skipped.
pub fn users(text: &[u8]) -> impl Iterator<Item = User> {
    lines(text).filter_map(|[name, _, uid, gid, _, home, shell]| {
        Some(User {
            name: name.to_vec(),
            uid: id(uid)?,
            gid: id(gid)?,
            home: home.to_vec(),
            shell: shell.to_vec(),
        })
    })
}

/// Returns the groups in the text of /etc/group: name and id.
fn groups(text: &[u8]) -> impl Iterator<Item = (&[u8], u32)> {
    lines(text).filter_map(|[name, _, gid, _]| Some((name, id(gid)?)))
}

/// Returns the groups in the text of /etc/group: the id, and the names of the users that the line
/// lists.
pub fn members(text: &[u8]) -> impl Iterator<Item = (u32, impl Iterator<Item = &[u8]>)> {
    lines(text).filter_map(|[_, _, gid, listed]| {
        let names = listed
            .split(|&byte| byte == b',')
            .filter(|name| !name.is_empty());
        Some((id(gid)?, names))
    })
}

/// Returns the ranges in the text of /etc/subuid or /etc/subgid: whose, the first id, how many.
fn given(text: &[u8]) -> impl Iterator<Item = (&[u8], u32, u32)> {
    lines(text).filter_map(|[owner, first, count]| Some((owner, id(first)?, id(count)?)))
}

/// Returns the lines that have `N` fields, except comments and references to NIS.
fn lines<const N: usize>(text: &[u8]) -> impl Iterator<Item = [&[u8]; N]> {
    text.split(|&byte| byte == b'\n')
        .filter(|line| !matches!(line.first(), Some(b'+' | b'-' | b'#')))
        .filter_map(|line| {
            let fields: Vec<_> = line.split(|&byte| byte == b':').collect();
            fields.try_into().ok()
        })
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
        let listed: Vec<_> = members(b"root:x:0:\ndisk:x:6:a,b\nbad:x:-1:\n")
            .map(|(id, names)| (id, names.count()))
            .collect();
        assert_eq!(listed, [(0, 0), (6, 2)]);
    }

    #[test]
    fn the_superuser_is_found_both_ways() {
        let root = user_by_name(b"root").unwrap().unwrap();
        assert_eq!(user_by_id(0).unwrap(), Some(root));
        assert_eq!(user_names().unwrap()[&0], b"root");
        assert_eq!(group_by_name(b"root").unwrap(), Some(0));
    }

    #[test]
    fn getent_looks_up_only_names() {
        // getent takes digits for an id and a dash for an option.
        for name in [
            &b"0"[..],
            b"-s",
            b"--help",
            b"",
            b"root\n",
            b"root:x",
            b"no such user",
        ] {
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
