//! A file as the target sees it: who owns the file, and what may be done with it.

use super::{Options, Subject};
use crate::{
    exit::ExitStatus,
    out,
    text::{self, escape},
};
use nsx_core::{
    hash::HashMap,
    idmap::{Access, Acl, FileIds, IdKind, Verdict, Want},
};
use rustix::{
    fd::OwnedFd,
    fs::{CWD, Mode, OFlags, StatVfsMountFlags},
    io::Errno,
};
use serde::Serialize;
use std::{
    error::Error,
    ffi::OsStr,
    os::{fd::AsRawFd, unix::ffi::OsStrExt},
};

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

pub(super) fn print(
    options: &Options,
    subject: &Subject<'_>,
    path: &OsStr,
) -> Result<ExitStatus, ExitStatus> {
    let shown = out::shown(path);
    let failed = |error: &dyn Error| out::failed(&format!("look at {shown}"), error);
    let file = look(path).map_err(|errno| {
        failed(&errno);
        if errno == Errno::NOENT {
            ExitStatus::NO_MATCH
        } else {
            ExitStatus::FAILURE
        }
    })?;
    let who = subject
        .proc
        .credentials(subject.shown, &mut Vec::new())
        .map_err(|error| failed(&error))?;
    let ladder = &subject.ladder;
    let inside = [
        ladder.to_process(IdKind::User, file.uid),
        ladder.to_process(IdKind::Group, file.gid),
    ];
    let access = Access {
        file: &file,
        who: &who,
        owner_mapped: inside[0].is_some(),
        group_mapped: inside[1].is_some(),
    };
    let verdicts = WANTS.map(|(want, _)| access.verdict(want));
    let status = if verdicts[0].allowed {
        ExitStatus::SUCCESS
    } else {
        ExitStatus::NO_MATCH
    };
    if options.json {
        let rows = WANTS.iter().zip(verdicts);
        let access = rows
            .map(|((_, want), Verdict { allowed, why })| Row { want, allowed, why })
            .collect();
        out::print_json(&Document {
            version: 1,
            path: Some(path.as_bytes().to_vec()),
            mode: file.mode & 0o7777,
            uid: file.uid,
            gid: file.gid,
            uid_inside: inside[0],
            gid_inside: inside[1],
            acl: file.acl.is_some(),
            access,
        })?;
        return Ok(status);
    }
    let mut text = String::new();
    for (kind, id, inside) in [
        (IdKind::User, file.uid, inside[0]),
        (IdKind::Group, file.gid, inside[1]),
    ] {
        let what = if kind == IdKind::User {
            "owner"
        } else {
            "group"
        };
        let name = |names: &HashMap<u32, Vec<u8>>, id: u32| {
            names
                .get(&id)
                .map_or_else(|| id.to_string(), |name| format!("{id} ({})", escape(name)))
        };
        let here = name(&super::own_names(kind), id);
        let there = inside.map_or_else(
            || "nobody there: it has no id in its user namespace, and is seen as 65534".to_owned(),
            |inside| format!("{} there", name(&subject.names(kind), inside)),
        );
        text += &format!("{what}: {here} here, {there}\n");
    }
    let acl = if file.acl.is_some() {
        ", and an ACL"
    } else {
        ""
    };
    text += &format!("mode: {:04o}{acl}\n", file.mode & 0o7777);
    for ((_, want), Verdict { allowed, why }) in WANTS.iter().zip(verdicts) {
        text += &format!("{want}: {}: {why}\n", if allowed { "yes" } else { "no" });
    }
    out::print(&text)?;
    Ok(status)
}

/// Reads what decides about a file, all of it from the same open file.
fn look(path: &OsStr) -> Result<FileIds, Errno> {
    let file: OwnedFd =
        rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let stat = rustix::fs::fstat(&file)?;
    let mount = rustix::fs::fstatvfs(&file)?.f_flag;
    // A descriptor that was opened for its place only has no attributes; its name in /proc does.
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
