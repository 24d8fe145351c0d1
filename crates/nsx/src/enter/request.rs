//! From options to what a program needs inside the target.

use super::{Options, failed, options::Rights};
use crate::error::Error;
use nsx_core::{
    ns::{NsKind, NsSet},
    plan::{
        NamespaceFile,
        enter::{Request, TargetProcess},
    },
    proc::ProcRoot,
};
use nsx_target::enter::{self, Enter, Entry, Keep, RunAs, Scope};
use rustix::{stdio::stdin, termios::isatty};

/// Returns what the options request. Files that they name are opened.
pub(super) fn enter(options: &Options) -> Result<Enter, Error> {
    let common = &options.common;
    let rights = &common.rights;
    let files = common.kinds.files();
    let files = files
        .map(|(kind, path)| enter::open(kind, path))
        .collect::<Result<_, _>>()
        .map_err(|error| failed(options, error))?;
    Ok(Enter {
        scope: scope(options),
        files,
        program: options.program.clone(),
        run_as: run_as(rights),
        directory: common.wd.clone(),
        environment: common.environment.environment()?,
        keep: Keep {
            privileges: rights.privileged,
            capabilities: rights.host_caps,
            filters: rights.no_seccomp,
            label: rights.no_label,
            limits: rights.no_limits,
            cgroup: common.no_cgroup,
        },
        descriptors: common.guard.preserve_fds,
        leave_files: common.view.no_fix,
        explain: common.explain || common.verbose,
    })
}

fn scope(options: &Options) -> Scope {
    let named = options.common.kinds.named();
    match (options.common.view.host_tools, named) {
        (true, named) => Scope::HostTools(named.unwrap_or(NsSet::EMPTY)),
        (false, Some(named)) => Scope::Kinds(named),
        (false, None) => Scope::Whole,
    }
}

fn run_as(rights: &Rights) -> RunAs {
    match (&rights.user, &rights.setuid, &rights.setgid) {
        (Some(user), ..) => RunAs::User(user.clone()),
        (None, None, None) => RunAs::Target,
        (None, user, group) => RunAs::Ids {
            user: user.clone(),
            group: group.clone(),
        },
    }
}

/// Adds the program's terminal, and a note for users of docker exec.
pub(super) fn complete(
    options: &Options,
    mut entry: Entry,
    proc: &ProcRoot,
) -> Result<Entry, Error> {
    let target = entry.request.target.as_ref().map(|process| TargetProcess {
        process,
        proc,
        is_whole: entry.container.is_some(),
    });
    let pty = options.common.pty;
    entry.request.terminal = pty.open(&entry.request, target.as_ref(), &mut entry.findings)?;
    if let (Some(named), Some(container)) = (options.common.kinds.named(), &entry.container)
        && !named.contains(NsKind::Mnt)
        && isatty(stdin())
    {
        // Users of docker exec type -i, -t and -u out of habit.
        entry
            .findings
            .note(container.address(), outside_of_container(&entry.request));
    }
    Ok(entry)
}

/// Returns a sentence about what a program that keeps the caller's files shares with a container.
fn outside_of_container(request: &Request) -> String {
    let files: NsSet = request.files.iter().map(NamespaceFile::kind).collect();
    let joined = request.kinds.union(files);
    let joins = match joined.len() {
        0 => "no namespace of it is joined".to_owned(),
        1 => format!("only its {} is joined", joined.noun()),
        _ => format!("only its {} are joined", joined.noun()),
    };
    let user = match (request.uid, joined.contains(NsKind::User)) {
        (Some(uid), true) => format!("is user {uid} of its user namespace"),
        (Some(uid), false) => format!("is user {uid}"),
        (None, true) => "is user 0 of its user namespace, if there is one".to_owned(),
        (None, false) => "is the user that you are".to_owned(),
    };
    format!("{joins}; the program has your files and {user}")
}
