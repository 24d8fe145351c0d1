//! The request that the options come to, except for the target itself.

use super::{
    super::{Complaint, ORDER, numbers},
    options::{DirectoryOption, File, Id, Options},
    source::Source,
    wording,
};
use nsx_core::{
    cgroup::{self, Membership, Mounts},
    ns::{NsKind, NsSet, Related},
    plan::{
        Caller, CapabilityState, Label, NamespaceFile,
        enter::{CgroupFile, Directory, Groups, Program, Request, Wait},
    },
};
use rustix::{fs::OFlags, io::Errno, process, thread::CapabilitySet};
use std::{ffi::CString, os::unix::ffi::OsStrExt, path::Path};

/// The complaint if the target that an option needs is not named.
const NO_TARGET: &str = "no target PID specified";

/// Returns the caller as far as the plan needs it. The kernel refuses kinds of namespace that it
/// does not have.
pub(super) fn caller() -> Caller {
    Caller {
        uid: process::geteuid().as_raw(),
        gid: process::getegid().as_raw(),
        capabilities: rustix::thread::capabilities(None)
            .map_or(CapabilitySet::empty(), |sets| sets.effective),
        kinds: NsSet::ALL,
        exec_enters_time: true,
    }
}

/// Returns the request. The target is pinned, and what the options need of it is opened.
pub(super) fn request(
    mut options: Options<'_>,
    source: &mut Option<Source>,
    caller: &Caller,
) -> Result<Request, Complaint> {
    let mut request = Request {
        exactly: true,
        cgroups_required: true,
        wait: match options.no_fork {
            true => Wait::Never,
            false => Wait::AsNeeded { ties: false },
        },
        program: match options.program.as_slice() {
            [] => Program::LoginShell,
            words => Program::First(vec![
                words.iter().map(|word| CString::from(*word)).collect(),
            ]),
        },
        ..Request::default()
    };
    if options.follow_context {
        request.confinement.label = label(source)?;
    }
    let mut kinds = options.kinds;
    if options.all {
        let source = needed(source, "no target PID specified for --all")?;
        kinds = kinds.union(all(source, caller)?);
    }
    request.kinds = kinds.difference(options.files.iter().map(|file| file.kind).collect());
    check_target(&options, &request, source)?;
    if let Some(source) = source {
        pin(source, &mut request)?;
    }
    open(&mut options, source, &mut request)?;
    if kinds.is_empty() && options.net_socket.is_none() && !options.user_parent {
        return Err(Complaint::new([b"no namespace specified"]));
    }
    add_files(std::mem::take(&mut options.files), &mut request)?;
    if options.user_parent {
        let parent = user_parent(&request.files, needed(source, NO_TARGET)?)?;
        replace(&mut request.files, parent);
        kinds.insert(NsKind::User);
    }
    if let Some(fd) = options.net_socket {
        let ns = needed(source, NO_TARGET)?.socket_namespace(fd)?;
        replace(&mut request.files, NamespaceFile::new("socket".into(), ns));
        kinds.insert(NsKind::Net);
    }
    numbers::check_ids(number(options.uid), number(options.gid))?;
    request.files.sort_by_key(|file| position(file.kind()));
    set_ids(&options, kinds, source, &mut request)?;
    if options.keep_caps && kinds.contains(NsKind::User) {
        request.confinement.capabilities = Some(CapabilityState::of(CapabilitySet::all(), true));
    }
    Ok(request)
}

/// Refuses options that need a target if none is named.
fn check_target(
    options: &Options<'_>,
    request: &Request,
    source: &mut Option<Source>,
) -> Result<(), Complaint> {
    if !request.kinds.is_empty() || options.net_socket.is_some() || options.user_parent {
        needed(source, NO_TARGET)?;
    }
    if let Some(entry) = options.of_target().filter(|_| source.is_none()) {
        return Err(Complaint::new([
            b"neither filename nor target pid supplied for ",
            entry.as_bytes(),
        ]));
    }
    Ok(())
}

/// Pins the target. If that is not possible, its namespaces are entered by files.
fn pin(source: &mut Source, request: &mut Request) -> Result<(), Complaint> {
    source.pin();
    // Opened now for kernels that cannot enter by a pidfd.
    source.proc();
    if !source.is_pinned() {
        for kind in ORDER {
            if request.kinds.contains(kind) {
                request.files.push(source.namespace(kind)?);
            }
        }
        request.kinds = NsSet::EMPTY;
    }
    Ok(())
}

/// Opens the directories, the environment and the cgroups that the options name.
fn open(
    options: &mut Options<'_>,
    source: &mut Option<Source>,
    request: &mut Request,
) -> Result<(), Complaint> {
    request.root = directory(options.root.take(), "root", source)?;
    request.directory = directory(options.directory.take(), "cwd", source)?;
    if request.directory.is_none() && request.root.is_some() {
        request.directory = Some(Directory::Stay);
    }
    if let Some(source) = source {
        if options.environment {
            request.environment = Some(environment(&source.read("environ")?));
        }
        if options.join_cgroup {
            request.cgroups = cgroups(source)?;
        }
    }
    Ok(())
}

fn add_files(mut files: Vec<File<'_>>, request: &mut Request) -> Result<(), Complaint> {
    files.sort_by_key(|file| position(file.kind));
    for file in files {
        // The kernel would refuse a file that does not hold a namespace of the kind.
        let ns = file
            .ns
            .ok_or_else(|| wording::not_joined(file.kind, Errno::INVAL))?;
        request
            .files
            .push(NamespaceFile::new(file.path.to_owned(), ns));
    }
    Ok(())
}

fn position(kind: NsKind) -> Option<usize> {
    ORDER.iter().position(|other| *other == kind)
}

fn set_ids(
    options: &Options<'_>,
    kinds: NsSet,
    source: &mut Option<Source>,
    request: &mut Request,
) -> Result<(), Complaint> {
    let becomes_root = kinds.contains(NsKind::User) && !options.preserve_credentials;
    let implied = becomes_root.then_some(Id::Number(0));
    match options.uid.or(implied) {
        Some(Id::Number(uid)) => request.uid = Some(uid),
        Some(Id::Follow) => request.uid_of = source.as_mut().map(Source::directory).transpose()?,
        None => {}
    }
    match options.gid.or(implied) {
        Some(Id::Number(gid)) => request.gid = Some(gid),
        Some(Id::Follow) => request.gid_of = source.as_mut().map(Source::directory).transpose()?,
        None => {}
    }
    request.groups = match request.gid.is_some() || request.gid_of.is_some() {
        true if becomes_root => Groups::MustDrop,
        true => Groups::TryDrop,
        false => Groups::Keep,
    };
    Ok(())
}

fn needed<'s>(
    source: &'s mut Option<Source>,
    complaint: &str,
) -> Result<&'s mut Source, Complaint> {
    source
        .as_mut()
        .ok_or_else(|| Complaint::new([complaint.as_bytes()]))
}

fn number(id: Option<Id>) -> Option<u32> {
    if let Some(Id::Number(number)) = id {
        Some(number)
    } else {
        None
    }
}

/// Returns what `--all` stands for: every kind that the kernel has, except the user namespace if
/// the caller is in it already. Without privilege, any other namespace that the caller is in
/// already is left out too, because the kernel would not let the caller enter that namespace again.
fn all(source: &mut Source, caller: &Caller) -> Result<NsSet, Complaint> {
    source.pin();
    let mut kinds = source.kinds()?;
    for kind in ORDER
        .into_iter()
        .filter(|kind| *kind == NsKind::User || !caller.is_privileged())
    {
        if kinds.contains(kind) && source.shares(kind)? {
            kinds = kinds.without(kind);
        }
    }
    Ok(kinds)
}

fn directory(
    directory: Option<DirectoryOption<'_>>,
    own: &str,
    source: &mut Option<Source>,
) -> Result<Option<Directory>, Complaint> {
    Ok(match directory {
        None => None,
        Some(DirectoryOption::Opened(path, opened)) => Some(Directory::Opened(opened, Some(path))),
        Some(DirectoryOption::Inside(path)) => Some(Directory::Inside(path.to_owned())),
        Some(DirectoryOption::Its) => {
            let opened = source.as_mut().map(|source| source.open(own, OFlags::PATH));
            opened
                .transpose()?
                .map(|opened| Directory::Opened(opened, None))
        }
    })
}

/// Returns the variables of an `environ` file as util-linux sets them: in reverse order, and of each
/// name the last.
pub fn environment(text: &[u8]) -> Vec<CString> {
    let mut variables: Vec<&[u8]> = Vec::new();
    for variable in text.split(|byte| *byte == 0).rev() {
        let Some(length @ 1..) = variable.iter().position(|byte| *byte == b'=') else {
            continue;
        };
        let prefix = &variable[..=length];
        if !variables.iter().any(|known| known.starts_with(prefix)) {
            variables.push(variable);
        }
    }
    let variables = variables.into_iter();
    variables
        .filter_map(|variable| CString::new(variable).ok())
        .collect()
}

/// Returns the parent of the user namespace that a file holds, or else of the target's.
fn user_parent(files: &[NamespaceFile], source: &mut Source) -> Result<NamespaceFile, Complaint> {
    let failed = |errno| Complaint::because([b"failed to open parent namespace"], errno);
    let user = files
        .iter()
        .find(|file| file.kind() == NsKind::User)
        .cloned();
    let child = match user {
        Some(user) => user,
        None => source.namespace(NsKind::User)?,
    };
    match child.ns.owner().map_err(failed)? {
        Related::Is(parent) => Ok(NamespaceFile::new(child.path, parent)),
        Related::Hidden => Err(failed(Errno::PERM)),
    }
}

/// Adds a namespace, and removes any other of its kind.
fn replace(files: &mut Vec<NamespaceFile>, with: NamespaceFile) {
    files.retain(|file| file.kind() != with.kind());
    files.push(with);
}

/// Opens the target's cgroups that the caller is not in, except those of version 1 that no mount
/// of the caller's shows.
fn cgroups(source: &mut Source) -> Result<Vec<CgroupFile>, Complaint> {
    let text = source.read("cgroup")?;
    let read = source
        .proc()
        .and_then(|proc| Some((proc.read_own("cgroup").ok()?, Mounts::read(proc).ok()?)));
    let Some((own, mounts)) = read else {
        return Err(wording::cannot_open(b"/proc/self/cgroup")(Errno::NOENT));
    };
    let own = Membership::parse_all(&own);
    let mut opened = Vec::new();
    for cgroup in Membership::parse_all(&text) {
        if own.contains(&cgroup) {
            continue;
        }
        let Some(path) = cgroup.directory(&mounts) else {
            if cgroup.controllers.is_empty() {
                let name = cgroup.path.as_os_str().as_bytes();
                return Err(Complaint::new([b"no mount shows the cgroup ", name]));
            }
            continue;
        };
        let path = path.join("cgroup.procs");
        let file =
            cgroup::open_file(&path).map_err(wording::cannot_open(path.as_os_str().as_bytes()))?;
        opened.push(CgroupFile {
            path,
            file: file.into(),
            directory: None,
        });
    }
    Ok(opened)
}

/// Returns the target's context if SELinux is enabled.
fn label(source: &mut Option<Source>) -> Result<Option<Label>, Complaint> {
    const SELINUX_MAGIC: i64 = 0xf97c_ff8c;
    let mounted = rustix::fs::statfs(Path::new("/sys/fs/selinux"));
    if !mounted.is_ok_and(|stat| stat.f_type == SELINUX_MAGIC) {
        return Ok(None);
    }
    let source = needed(source, "no target PID specified for --follow-context")?;
    source.pin();
    let unknown = format!("failed to get {} SELinux context", source.pid());
    let unknown = Complaint::new([unknown.as_bytes()]);
    let Ok(text) = source.read("attr/current") else {
        return Err(unknown);
    };
    let context = text.split(|byte| matches!(byte, 0 | b'\n')).next();
    match CString::new(context.unwrap_or_default()) {
        Ok(context) => Ok(Some(Label::SeLinux(context))),
        Err(_) => Err(unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_set_backwards_and_the_last_of_a_name_counts() {
        let variables = environment(b"A=1\0nothing\0B=\0A=2\0=x\0AB=3\0");
        assert_eq!(variables, [c"AB=3", c"A=2", c"B="].map(CString::from));
        assert!(environment(b"").is_empty());
    }
}
