//! `nsenter` as util-linux has it.
//!
//! Its options come to the same request as those of `nsx enter`, with fewer defaults: only what is
//! named is entered, and what the program is and sees beyond that is the caller's. What it opens it
//! opens in util-linux's order, so that the first thing that is wrong is the one that is told.

mod options;
mod source;
mod wording;

use super::{Complaint, numbers};
use crate::exit::ExitStatus;
use nsx_core::{
    cgroup::{self, Membership, Mounts},
    ns::{NsKind, NsSet, Related},
    plan::{
        self, Caller, CapabilityState, Confinement, Label, NamespaceFile,
        enter::{CgroupFile, Groups, Place, Program, Request, Wait},
    },
    run::{self, Ended, RunError},
};
use options::{Directory, Id, Options};
use rustix::{fs::OFlags, io::Errno, process, thread::CapabilitySet};
use source::Source;
use std::{
    ffi::{CStr, CString},
    os::unix::ffi::OsStrExt,
    path::Path,
};

const HELP: &str = include_str!("help.txt");

/// Does what the command line asks for.
pub(super) fn run(arguments: &[&CStr]) -> Result<ExitStatus, Complaint> {
    options::read(arguments)?.answer("nsenter", HELP, |options| run_program(*options))
}

fn run_program(mut options: Options<'_>) -> Result<ExitStatus, Complaint> {
    let caller = caller();
    let mut source = options.target.take();
    let mut request = request(options, source.as_mut(), &caller)?;
    // What was read by a number is believed only if /proc counts as the caller does.
    let was_read = source
        .as_ref()
        .is_some_and(|source| source.is_pinned() && source.was_read());
    let (process, proc) = source.map(Source::into_parts).unwrap_or_default();
    request.target = process;
    let plan = plan::enter::plan(request, &caller, proc.as_ref().filter(|_| was_read));
    let plan = plan.map_err(|error| wording::plan_error(&error))?;
    // Kernels that do not enter by a pidfd do so by a number.
    let proc = proc.filter(|proc| was_read || proc.is_callers());
    match run::in_place(&plan, proc.as_ref(), &mut |_| {}) {
        Ok(Ended::Exited(code)) => Ok(ExitStatus::Code(code)),
        Ok(Ended::Killed(signal)) => Ok(ExitStatus::Signal(signal)),
        Err(RunError::Step(failure)) => Err(wording::failure(&failure)),
        Err(error) => Err(Complaint::new([error.to_string().as_bytes()])),
    }
}

/// The caller as far as the plan asks. Which kinds of namespace there are the kernel will say.
fn caller() -> Caller {
    Caller {
        uid: process::geteuid().as_raw(),
        gid: process::getegid().as_raw(),
        capabilities: rustix::thread::capabilities(None)
            .map_or(CapabilitySet::empty(), |sets| sets.effective),
        kinds: NsSet::ALL,
        exec_enters_time: true,
    }
}

/// The order in which namespaces are opened, and those but the first entered.
const ORDER: [NsKind; 8] = [
    NsKind::User,
    NsKind::Cgroup,
    NsKind::Ipc,
    NsKind::Uts,
    NsKind::Net,
    NsKind::Pid,
    NsKind::Mnt,
    NsKind::Time,
];

/// The request, but for the target itself.
fn request(
    options: Options<'_>,
    mut source: Option<&mut Source>,
    caller: &Caller,
) -> Result<Request, Complaint> {
    let label = if options.follow_context {
        label(source.as_deref_mut())?
    } else {
        None
    };
    let mut kinds = options.kinds;
    if options.all {
        kinds = kinds.union(all(
            needed(source.as_deref_mut(), "no target PID specified for --all")?,
            caller,
        )?);
    }
    let mut from_target = kinds.difference(options.files.iter().map(|file| file.kind).collect());
    if !from_target.is_empty() || options.net_socket.is_some() || options.user_parent {
        needed(source.as_deref_mut(), "no target PID specified")?;
    }
    if let Some(what) = options.of_target().filter(|_| source.is_none()) {
        return Err(Complaint::new([
            b"neither filename nor target pid supplied for ",
            what.as_bytes(),
        ]));
    }

    let mut files = Vec::new();
    if let Some(source) = source.as_deref_mut() {
        source.pin();
        // For what becomes of it on kernels that do not enter by a pidfd.
        source.proc();
        if !source.is_pinned() {
            for kind in ORDER.into_iter().filter(|kind| from_target.contains(*kind)) {
                files.push(source.namespace(kind)?);
            }
            from_target = NsSet::EMPTY;
        }
    }
    let root = place(options.root, "root", source.as_deref_mut())?;
    let directory = place(options.directory, "cwd", source.as_deref_mut())?;
    let environment = match source.as_deref_mut().filter(|_| options.environment) {
        Some(source) => Some(environment(&source.read("environ")?)),
        None => None,
    };
    let cgroups = match source.as_deref_mut().filter(|_| options.join_cgroup) {
        Some(source) => cgroups(source)?,
        None => Vec::new(),
    };
    if kinds.is_empty() && options.net_socket.is_none() && !options.user_parent {
        return Err(Complaint::new([b"no namespace specified"]));
    }
    let mut named = options.files;
    named.sort_by_key(|file| ORDER.iter().position(|kind| *kind == file.kind));
    for file in named {
        // Of one that is no namespace of the kind the kernel would say so.
        let ns = file
            .ns
            .ok_or_else(|| wording::not_joined(file.kind, Errno::INVAL))?;
        files.push(NamespaceFile::new(file.path.to_owned(), ns));
    }
    if options.user_parent {
        let parent = user_parent(
            &files,
            needed(source.as_deref_mut(), "no target PID specified")?,
        )?;
        replace(&mut files, parent);
        kinds.insert(NsKind::User);
    }
    if let Some(fd) = options.net_socket {
        let ns = needed(source.as_deref_mut(), "no target PID specified")?.socket_namespace(fd)?;
        replace(&mut files, NamespaceFile::new("socket".into(), ns));
        kinds.insert(NsKind::Net);
    }
    numbers::check_ids(number(options.uid), number(options.gid))?;
    files.sort_by_key(|file| ORDER.iter().position(|kind| *kind == file.kind()));

    let mut request = Request {
        exactly: true,
        kinds: from_target,
        files,
        directory: directory.or(root.is_some().then_some(Place::Stay)),
        root,
        environment,
        cgroups,
        cgroups_required: true,
        confinement: Confinement {
            label,
            ..Confinement::default()
        },
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
    let implied = Some(Id::Number(0))
        .filter(|_| kinds.contains(NsKind::User) && !options.preserve_credentials);
    match options.uid.or(implied) {
        Some(Id::Number(uid)) => request.uid = Some(uid),
        Some(Id::Follow) => {
            request.uid_of = source.as_deref_mut().map(Source::directory).transpose()?
        }
        None => {}
    }
    match options.gid.or(implied) {
        Some(Id::Number(gid)) => request.gid = Some(gid),
        Some(Id::Follow) => request.gid_of = source.map(Source::directory).transpose()?,
        None => {}
    }
    request.groups = match request.gid.is_some() || request.gid_of.is_some() {
        true if implied.is_some() => Groups::MustDrop,
        true => Groups::TryDrop,
        false => Groups::Keep,
    };
    if options.keep_caps && kinds.contains(NsKind::User) {
        request.confinement.capabilities = Some(CapabilityState::of(CapabilitySet::all(), true));
    }
    Ok(request)
}

fn needed<'s>(
    source: Option<&'s mut Source>,
    complaint: &str,
) -> Result<&'s mut Source, Complaint> {
    source.ok_or_else(|| Complaint::new([complaint.as_bytes()]))
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

fn place(
    directory: Option<Directory<'_>>,
    own: &str,
    source: Option<&mut Source>,
) -> Result<Option<Place>, Complaint> {
    Ok(match directory {
        None => None,
        Some(Directory::Opened(path, opened)) => Some(Place::Opened(opened, Some(path))),
        Some(Directory::Inside(path)) => Some(Place::Inside(path.to_owned())),
        Some(Directory::Its) => {
            let opened = source
                .map(|source| source.open(own, OFlags::PATH))
                .transpose()?;
            opened.map(|opened| Place::Opened(opened, None))
        }
    })
}

/// The text of an `environ` file as util-linux sets it: backwards, the last of a name alone.
pub fn environment(text: &[u8]) -> Vec<CString> {
    let mut variables: Vec<&[u8]> = Vec::new();
    let name = |variable: &[u8]| {
        variable
            .iter()
            .position(|byte| *byte == b'=')
            .filter(|length| *length > 0)
    };
    for variable in text.split(|byte| *byte == 0).rev() {
        let Some(length) = name(variable) else {
            continue;
        };
        if !variables
            .iter()
            .any(|known| known.starts_with(&variable[..=length]))
        {
            variables.push(variable);
        }
    }
    variables
        .into_iter()
        .filter_map(|variable| CString::new(variable).ok())
        .collect()
}

/// The parent of the user namespace that is named by a file, or else of the target's.
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

/// Puts a namespace in the place of any other of its kind.
fn replace(files: &mut Vec<NamespaceFile>, with: NamespaceFile) {
    files.retain(|file| file.kind() != with.kind());
    files.push(with);
}

/// The target's cgroups that the caller is not in. One of version 1 that the caller does not see is
/// left alone.
fn cgroups(source: &mut Source) -> Result<Vec<CgroupFile>, Complaint> {
    let text = source.read("cgroup")?;
    let mut own = Vec::new();
    let mounts = source.proc().map(|proc| {
        proc.read_own("cgroup", &mut own)
            .and_then(|()| Mounts::read(proc))
    });
    let Some(Ok(mounts)) = mounts else {
        return Err(Complaint::because(
            [b"cannot open /proc/self/cgroup"],
            Errno::NOENT,
        ));
    };
    let own = Membership::parse_all(&own);
    let mut opened = Vec::new();
    for cgroup in Membership::parse_all(&text)
        .into_iter()
        .filter(|cgroup| !own.contains(cgroup))
    {
        let name = cgroup.path.as_os_str().as_bytes();
        let Some(path) = cgroup.directory(&mounts) else {
            if cgroup.controllers.is_empty() {
                return Err(Complaint::new([b"no mount shows the cgroup ", name]));
            }
            continue;
        };
        let path = path.join("cgroup.procs");
        let file =
            cgroup::open_file(&path).map_err(source::cannot_open(path.as_os_str().as_bytes()))?;
        opened.push(CgroupFile {
            path,
            file,
            directory: None,
        });
    }
    Ok(opened)
}

/// The target's context, where SELinux is on.
fn label(source: Option<&mut Source>) -> Result<Option<Label>, Complaint> {
    const SELINUX_MAGIC: i64 = 0xf97c_ff8c;
    if !rustix::fs::statfs(Path::new("/sys/fs/selinux"))
        .is_ok_and(|stat| stat.f_type == SELINUX_MAGIC)
    {
        return Ok(None);
    }
    let source = needed(source, "no target PID specified for --follow-context")?;
    source.pin();
    let unknown = format!("failed to get {} SELinux context", source.pid());
    let unknown = || Complaint::new([unknown.as_bytes()]);
    let text = source.read("attr/current").map_err(|_| unknown())?;
    let end = text
        .iter()
        .position(|byte| matches!(byte, 0 | b'\n'))
        .unwrap_or(text.len());
    Ok(Some(Label::SeLinux(
        CString::new(&text[..end]).map_err(|_| unknown())?,
    )))
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
