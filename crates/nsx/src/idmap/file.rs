//! A file as the target sees it: its owner, and what the target may do with it.

use super::user_ns::{Names, UserNs, own_names};
use crate::{
    answer::Answer,
    error::Error,
    text::{self, escape},
};
use nsx_core::idmap::{Access, Acl, FileIds, IdKind, Verdict, Want};
use rustix::{
    fd::OwnedFd,
    fs::{CWD, Mode, OFlags, StatVfsMountFlags},
    io::Errno,
};
use serde::Serialize;
use std::{
    error::Error as StdError,
    ffi::{OsStr, OsString},
    fmt::Write,
    os::{fd::AsRawFd, unix::ffi::OsStrExt},
};

/// Tells what the target may do with a file.
#[derive(Debug)]
pub(super) struct Permissions {
    pub(super) path: OsString,
    pub(super) json: bool,
}

/// The JSON document.
#[derive(Serialize)]
struct Document {
    version: u32,
    #[serde(serialize_with = "text::lossy")]
    path: Option<Vec<u8>>,
    mode: u32,
    uid: u32,
    gid: u32,
    uid_inside: Option<u32>,
    gid_inside: Option<u32>,
    acl: bool,
    access: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    want: &'static str,
    allowed: bool,
    why: String,
}

const WANTS: [(Want, &str); 3] = [
    (Want::Read, "read"),
    (Want::Write, "write"),
    (Want::Execute, "execute"),
];

impl Permissions {
    /// Checks the file. It is found if the target may read it.
    pub(super) fn answer(self, ns: &UserNs<'_>) -> Result<Answer, Error> {
        let file = look(&self.path).map_err(|errno| match errno {
            Errno::NOENT => self.failed(errno).absent(),
            errno => self.failed(errno),
        })?;
        let credentials = ns
            .proc
            .credentials(ns.pid)
            .map_err(|error| self.failed(error))?;
        let uid_inside = ns.chain.to_process(IdKind::User, file.uid);
        let gid_inside = ns.chain.to_process(IdKind::Group, file.gid);
        let access = Access {
            file: &file,
            who: &credentials,
            owner_mapped: uid_inside.is_some(),
            group_mapped: gid_inside.is_some(),
        };
        let rows = WANTS.map(|(wanted, want)| {
            let Verdict { allowed, why } = access.verdict(wanted);
            Row { want, allowed, why }
        });
        let is_readable = rows[0].allowed;
        let answer = if self.json {
            Answer::json(&Document {
                version: 1,
                path: Some(self.path.as_bytes().to_vec()),
                mode: file.mode & 0o7777,
                uid: file.uid,
                gid: file.gid,
                uid_inside,
                gid_inside,
                acl: file.acl.is_some(),
                access: rows.into(),
            })?
        } else {
            Answer::text(in_words(ns, &file, [uid_inside, gid_inside], &rows))
        };
        Ok(answer.found(is_readable))
    }

    fn failed(&self, error: impl StdError + 'static) -> Error {
        Error::failed(format!("look at {}", text::shown(&self.path)), error)
    }
}

/// Returns the lines for people.
fn in_words(ns: &UserNs<'_>, file: &FileIds, inside: [Option<u32>; 2], rows: &[Row]) -> String {
    let mut text = String::new();
    let owners = [
        ("owner", IdKind::User, file.uid),
        ("group", IdKind::Group, file.gid),
    ];
    // Writing to a string cannot fail.
    for ((word, kind, id), inside) in owners.into_iter().zip(inside) {
        let here = named(&own_names(kind), id);
        let there = match inside {
            Some(inside) => format!("{} there", named(&ns.names(kind), inside)),
            None => {
                "nobody there: it has no id in its user namespace, and is seen as 65534".to_owned()
            }
        };
        let _ = writeln!(text, "{word}: {here} here, {there}");
    }
    let acl = if file.acl.is_some() {
        ", and an ACL"
    } else {
        ""
    };
    let _ = writeln!(text, "mode: {:04o}{acl}", file.mode & 0o7777);
    for Row { want, allowed, why } in rows {
        let answer = if *allowed { "yes" } else { "no" };
        let _ = writeln!(text, "{want}: {answer}: {why}");
    }
    text
}

/// Returns an id with its name, if it has one.
fn named(names: &Names, id: u32) -> String {
    match names.get(&id) {
        Some(name) => format!("{id} ({})", escape(name)),
        None => id.to_string(),
    }
}

/// Reads what decides about access to a file, all of it from the same open file.
fn look(path: &OsStr) -> Result<FileIds, Errno> {
    let file: OwnedFd =
        rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let stat = rustix::fs::fstat(&file)?;
    let mount = rustix::fs::fstatvfs(&file)?.f_flag;
    // An O_PATH descriptor has no extended attributes; its name in /proc does.
    let mut acl = vec![0; 64 * 1024];
    let name = format!("/proc/self/fd/{}", file.as_raw_fd());
    let length = rustix::fs::getxattr(name, "system.posix_acl_access", acl.as_mut_slice());
    let acl = length.ok().and_then(|length| Acl::parse(&acl[..length]));
    Ok(FileIds {
        uid: stat.st_uid,
        gid: stat.st_gid,
        mode: stat.st_mode,
        acl,
        read_only: mount.contains(StatVfsMountFlags::RDONLY),
        noexec: mount.contains(StatVfsMountFlags::NOEXEC),
    })
}
