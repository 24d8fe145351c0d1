//! A program in namespaces that files hold, of which nobody need be in any.

use super::{Options, findings::Findings, guard, joined, options::Common, users::Directory};
use crate::{
    out,
    program::{self, RequestError},
};
use nsx_core::{
    ns::{Namespace, NsKind, NsSet},
    plan::{
        Caller, NamespaceFile,
        enter::{Groups, Place, Program, Request},
    },
    proc::{NsLink, ProcRoot},
};
use rustix::{
    fs::{CWD, Dir, Mode, OFlags, PROC_SUPER_MAGIC},
    io::Errno,
};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::Path};

/// Opens the namespaces that are kept in the directory `path`, of the kinds that are `wanted`; none
/// if it is not a directory.
///
/// A symbolic link in there is not followed: whoever may write to the directory would say where it
/// leads. Those in a procfs are the kernel's.
pub(super) fn in_directory(
    path: &Path,
    wanted: NsSet,
) -> Result<Option<Vec<NamespaceFile>>, RequestError> {
    let failed = |errno| RequestError::Namespace(out::shown(path.as_os_str()), errno);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let directory = match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
        Ok(directory) => directory,
        Err(Errno::NOTDIR | Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(failed(errno)),
    };
    let is_procfs = rustix::fs::fstatfs(&directory).map_err(failed)?.f_type == PROC_SUPER_MAGIC;
    let flags = OFlags::PATH
        | OFlags::CLOEXEC
        | if is_procfs {
            OFlags::empty()
        } else {
            OFlags::NOFOLLOW
        };
    let mut files: Vec<NamespaceFile> = Vec::new();
    for entry in Dir::read_from(&directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let opened = rustix::fs::openat(&directory, entry.file_name(), flags, Mode::empty());
        let path = path.join(OsStr::from_bytes(entry.file_name().to_bytes()));
        match opened.and_then(Namespace::from_place) {
            Ok(ns) if !wanted.contains(ns.id().kind) => {}
            Ok(ns) => files.push(NamespaceFile::new(path, ns)),
            // Another file, or a namespace for children that there is none of.
            Err(Errno::INVAL | Errno::NOENT) => {}
            Err(errno) => return Err(RequestError::Namespace(out::shown(path.as_os_str()), errno)),
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    NsKind::ALL
        .into_iter()
        .filter_map(|kind| one_of_kind(kind, &files, path).transpose())
        .collect::<Result<_, _>>()
        .map(Some)
}

/// The namespace of a kind among `files`: the only one, or the one whose file has the kind's name.
fn one_of_kind(
    kind: NsKind,
    files: &[NamespaceFile],
    directory: &Path,
) -> Result<Option<NamespaceFile>, RequestError> {
    let of_kind: Vec<_> = files.iter().filter(|file| file.kind() == kind).collect();
    let is_named = |file: &&&NamespaceFile| {
        file.path
            .file_name()
            .is_some_and(|name| name == kind.name())
    };
    let Some(first) = of_kind.iter().find(is_named).or(of_kind.first()) else {
        return Ok(None);
    };
    if !is_named(&first) && of_kind.iter().any(|file| file.ns.id() != first.ns.id()) {
        let names = of_kind
            .iter()
            .filter_map(|file| file.path.file_name())
            .map(out::shown);
        return Err(RequestError::Usage(format!(
            "{} holds several {kind} namespaces, of which one is entered: {}",
            out::shown(directory.as_os_str()),
            names.collect::<Vec<_>>().join(", ")
        )));
    }
    Ok(Some((**first).clone()))
}

/// A request for the namespaces that were `found`, and for those that options take from files.
/// `is_target`: the only one that was found is the target itself.
pub(super) fn request(
    options: &Options,
    found: Vec<NamespaceFile>,
    is_target: bool,
    (caller, proc): (&Caller, &ProcRoot),
    findings: &mut Findings,
) -> Result<Request, RequestError> {
    let Common {
        wd,
        rights,
        environment,
        view,
        kinds,
        guard,
        pty,
        ..
    } = &options.common;
    let target = options.shown_target();
    let mut files = kinds.files()?;
    if found.is_empty() && files.is_empty() && kinds.without_file().is_empty() {
        return Err(RequestError::Usage(format!(
            "no namespace is kept in the directory {target}"
        )));
    }
    for file in found {
        let id = file.ns.id();
        // Those of a directory are entered as those of a process are: all in which the caller is
        // not.
        if kinds.named().is_none()
            && !is_target
            && proc.own_ns(NsLink::Own(id.kind)).is_ok_and(|own| own == id)
        {
            findings.checked(&id.to_string(), "is shared with you");
        } else if files.iter().all(|file| file.kind() != id.kind) {
            findings.checked(&id.to_string(), "is held open from now on");
            files.push(file);
        }
    }
    let joined: NsSet = files.iter().map(NamespaceFile::kind).collect();
    if let Some(kind) = kinds
        .named()
        .unwrap_or_default()
        .difference(joined)
        .iter()
        .next()
    {
        let only = files.last().filter(|_| is_target);
        return Err(RequestError::Usage(match only {
            Some(file) => {
                let target = out::shown(file.path.as_os_str());
                format!(
                    "{target} is a {} namespace, not a process that has a {kind} one",
                    file.kind()
                )
            }
            None => format!("no {kind} namespace is kept in the directory {target}"),
        }));
    }
    if files.is_empty() {
        return Err(RequestError::Usage(format!(
            "{target} holds no namespace but your own: there is nothing to enter"
        )));
    }
    joined::add_owner(&mut files, caller, proc, findings);
    let joined: NsSet = files.iter().map(NamespaceFile::kind).collect();
    guard::tell_of_privileges(joined, caller, findings);
    let failed = |error| RequestError::Enter(options.entered(), error);
    let chosen = rights.who(&Directory::of(None))?;
    let is_user = joined.contains(NsKind::User);
    let unnamed = if is_user {
        Groups::Drop { required: false }
    } else {
        Groups::Keep
    };
    let mut request = Request {
        exactly: true,
        files,
        guard: guard.settle(false),
        uid: chosen.uid,
        gid: chosen.gid,
        // Which ids are mapped in there the file does not tell.
        root_if_mapped: is_user,
        groups: chosen
            .groups
            .map_or(unnamed, |groups| rights.groups(groups)),
        environment: environment.settle(None)?,
        program: Program::First(program::programs(options.program.clone())?),
        directory: wd.clone().map(Place::Inside),
        ..Request::default()
    };
    view.apply(&mut request, Some(joined), None, proc, findings)
        .map_err(failed)?;
    pty.apply(&mut request, None)?;
    Ok(request)
}
