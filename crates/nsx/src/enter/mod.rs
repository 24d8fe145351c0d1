//! `nsx enter`: a program in a container, or in the namespaces of a process.
//!
//! Two ways. With no kind of namespace named the program runs as the container's engine would have
//! it run, see `alike`; with kinds named only those are joined and the caller's own files and
//! rights stay. What is done in which order is in `nsx_core::plan::enter`.

mod alike;
mod all_of;
mod arguments;
mod cgroups;
mod docker;
mod environment;
mod files;
mod findings;
mod guard;
mod joined;
mod kinds;
mod network_files;
mod options;
mod profile;
mod pty;
mod users;
mod view;

pub use options::Options;

use crate::{
    exit::ExitStatus,
    out,
    program::{self, Report, RequestError},
    target,
};
use findings::Findings;
use joined::Joined;
use nsx_core::{
    idmap::IdKind,
    ns::{NsKind, NsSet},
    pid::Pid,
    plan::{
        self, Caller, NamespaceFile, PlanError,
        enter::{Groups, Place, Program, Request, TargetProcess},
    },
    proc::{ProcError, ProcRoot},
};
use nsx_target::{Container, Found, Host, Inventory, Subject};
use options::Common;
use rustix::{io::Errno, stdio::stdin, termios::isatty};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::Path};
use users::Directory;

/// Runs the command.
pub(crate) fn run(options: Options) -> ExitStatus {
    match &options.common.many.all_of {
        Some(pattern) => all_of::run(&options, pattern),
        None => {
            // Now, or all that is looked up until it is known to be needed would be looked up
            // twice.
            if options.may_join_mounts() && !options.common.explain {
                nsx_core::run::seal_early();
            }
            enter(&options, find(&options))
        }
    }
}

/// A target that was found.
enum Entered {
    /// Namespaces of a process.
    Process(Subject),
    /// A namespace by itself.
    Namespace(NamespaceFile),
    /// Namespaces that are kept in a directory; none if options name all files.
    Files(Vec<NamespaceFile>),
}

impl Entered {
    /// The target that `word` led to.
    fn of(word: &OsStr, found: Found) -> Self {
        match found {
            Found::Process(subject) => Self::Process(subject),
            Found::Namespace(ns) => Self::Namespace(NamespaceFile::new(word.into(), ns)),
        }
    }
}

/// Enters what was found.
fn enter(options: &Options, found: Result<Entered, RequestError>) -> ExitStatus {
    let (explain, verbose) = (options.common.explain, options.common.verbose);
    let mut findings = Findings::default();
    let planned = program::caller().and_then(|(caller, proc)| {
        let request = match found? {
            Entered::Process(subject) => request(options, subject, &caller, &proc, &mut findings),
            Entered::Namespace(file) => {
                files::request(options, vec![file], true, (&caller, &proc), &mut findings)
            }
            Entered::Files(files) => {
                files::request(options, files, false, (&caller, &proc), &mut findings)
            }
        }?;
        let failed = |error| RequestError::Enter(options.entered(), error);
        let plan = plan::enter::plan(request, &caller, &proc).map_err(failed)?;
        Ok((plan, caller, proc))
    });
    match planned {
        Err(error) => {
            let hints = match &error {
                RequestError::Target(_) => options.hints_without_target(),
                RequestError::Namespace(_, Errno::NOENT) => {
                    options.hint_at_user().into_iter().collect()
                }
                _ => Vec::new(),
            };
            let is_guarded = matches!(
                error,
                RequestError::Enter(
                    _,
                    PlanError::Target {
                        source: ProcError::Denied,
                        ..
                    }
                )
            );
            let status = out::report(&error, ExitStatus::NOT_RUN);
            if is_guarded && let Ok(Entered::Process(subject)) = find(options) {
                target::hint_at_guard(&subject.process);
            }
            hints.iter().for_each(|hint| out::hint(hint));
            status
        }
        Ok((plan, ..)) if explain => program::explain(&plan, findings.lines()),
        Ok((plan, caller, proc)) => {
            findings.say(verbose);
            let report = Report {
                verbose,
                not_found: options.hint_at_user(),
                ..Report::default()
            };
            program::carry_out(&plan, &caller, &proc, &report)
        }
    }
}

fn request(
    options: &Options,
    subject: Subject,
    caller: &Caller,
    proc: &ProcRoot,
    findings: &mut Findings,
) -> Result<Request, RequestError> {
    let Subject { process, container } = &subject;
    let target = TargetProcess {
        process,
        proc,
        is_whole: container.is_some(),
    };
    let failed = |error| RequestError::Enter(options.entered(), error);
    let whose = container
        .as_ref()
        .map(|it| format!(", the first of {}", it.address()))
        .unwrap_or_default();
    findings.checked(
        &format!("process {}", process.pid()),
        &format!("is alive, and held by a pidfd from now on{whose}"),
    );
    let named = options.common.kinds.named();
    // A number means the process as it is now. To find out whose it is costs a look into every
    // store.
    let asked = container.is_none() && (options.common.explain || options.common.verbose);
    let around = asked.then(|| around(process.pid())).flatten();
    if let Some(sandbox) = container
        .as_deref()
        .or(around.as_ref())
        .and_then(|container| container.sandbox)
    {
        findings.told(
            "its programs",
            &format!(
                "are in a sandbox of {sandbox}, which no namespace leads to: this is the \
            host's side of it"
            ),
        );
    }
    if let Some(around) = around {
        let address = around.address();
        let how =
            "by that name it is entered as it is configured, by a number as the process is now";
        findings.skipped("its container", &format!("is {address}; {how}"));
    }

    let wanted = options.common.view.kinds(named, caller);
    let files = options.common.kinds.files()?;
    let joined = Joined::settle(&target, wanted, files, caller, findings).map_err(failed)?;
    if joined.kinds.is_empty() && joined.files.is_empty() && named.is_none() {
        return Err(failed(PlanError::NothingToEnter));
    }

    if options.common.explain
        && joined.kinds.contains(NsKind::Mnt)
        && target.is_in_jail().map_err(failed)?
    {
        findings.checked(
            "its root directory",
            "is that of the container; its process has gone into another (chroot)",
        );
    }

    let mut request = match named.is_some() || options.common.view.keeps_files() {
        true => kinds_alone(options, &target, joined),
        false => {
            let host = Host::system()?;
            let engine = container.as_ref().map(|container| container.engine);
            alike::request(
                options,
                &target,
                joined,
                (engine, subject.configuration(&host)),
                caller,
                findings,
            )
        }
    }?;
    options
        .common
        .view
        .apply(&mut request, named, Some(&target), proc, findings)
        .map_err(failed)?;
    let alike = named.is_none() && !options.common.view.keeps_files();
    request.guard = options.common.guard.settle(alike);
    let rights = &options.common.rights;
    if !alike || rights.privileged || rights.host_caps {
        let files = request.files.iter().map(NamespaceFile::kind);
        guard::tell_of_privileges(
            request.kinds.iter().chain(files).collect(),
            caller,
            findings,
        );
    }
    options.common.pty.apply(&mut request, Some(&target))?;
    if let (Some(named), Some(container)) = (named, container)
        && !named.contains(NsKind::Mnt)
        && isatty(stdin())
    {
        // Fingers that know docker exec type -i, -t and -u.
        findings.told(&container.address(), &beside(&request));
    }
    request.target = Some(subject.process);
    Ok(request)
}

fn find(options: &Options) -> Result<Entered, RequestError> {
    let Some(word) = options.target() else {
        return Ok(Entered::Files(Vec::new()));
    };
    if word.as_bytes().contains(&b'/')
        && let Some(files) = files::in_directory(
            Path::new(word),
            options.common.kinds.named().unwrap_or(NsSet::ALL),
        )?
    {
        return Ok(Entered::Files(files));
    }
    Ok(Entered::of(word, target::look_up(word)?))
}

/// The container that a process is in.
fn around(process: Pid) -> Option<Container> {
    let host = Host::system().ok()?;
    let container = Inventory::new(&host).origin(process).container().cloned();
    target::note_cut_off(&host);
    container
}

/// Returns in words what a program that keeps the caller's files has of a container.
fn beside(request: &Request) -> String {
    let joined: NsSet = request
        .files
        .iter()
        .map(NamespaceFile::kind)
        .chain(request.kinds.iter())
        .collect();
    let joins = match (joined.is_empty(), joined.len()) {
        (true, _) => "no namespace of it is joined".to_owned(),
        (_, 1) => format!("only its {} is joined", joined.noun()),
        _ => format!("only its {} are joined", joined.noun()),
    };
    let user = match request.uid {
        Some(uid) if joined.contains(NsKind::User) => {
            format!("is user {uid} of its user namespace")
        }
        Some(uid) => format!("is user {uid}"),
        None if joined.contains(NsKind::User) => {
            "is user 0 of its user namespace, if there is one".to_owned()
        }
        None => "is the user that you are".to_owned(),
    };
    format!("{joins}; the program has your files and {user}")
}

/// A request for these namespaces and nothing else.
fn kinds_alone(
    options: &Options,
    target: &TargetProcess<'_>,
    joined: Joined,
) -> Result<Request, RequestError> {
    let Joined { kinds, files } = joined;
    let failed = |error| RequestError::Enter(options.entered(), error);
    let Common {
        wd,
        rights,
        environment,
        ..
    } = &options.common;
    let root = kinds
        .contains(NsKind::Mnt)
        .then(|| target.root())
        .transpose()
        .map_err(failed)?;
    let (mut uid, mut gid, mut groups) = (None, None, Groups::Keep);
    let user_of_file = files.iter().any(|file| file.kind() == NsKind::User);
    if user_of_file {
        groups = Groups::Drop { required: false };
    } else if kinds.contains(NsKind::User) {
        // There the caller's own id may have no name: the program is its root, as far as that
        // exists.
        let root = |ids| {
            target
                .id_map(ids)
                .map(|map| map.to_outside(0).map(|_| 0))
                .map_err(failed)
        };
        (uid, gid) = (root(IdKind::User)?, root(IdKind::Group)?);
        groups = if gid.is_some() {
            Groups::Drop { required: false }
        } else {
            Groups::Keep
        };
    }
    let chosen = rights.who(&Directory::of(root.as_ref()))?;
    let mut request = Request {
        exactly: true,
        kinds,
        files,
        uid: chosen.uid.or(uid),
        gid: chosen.gid.or(gid),
        root_if_mapped: user_of_file,
        groups: chosen.groups.map_or(groups, |groups| rights.groups(groups)),
        environment: environment.settle(None)?,
        program: Program::First(program::programs(options.program.clone())?),
        ..Request::default()
    };
    if let Some(root) = root {
        request.root = Some(Place::Opened(root, None));
        request.directory = Some(Place::Opened(target.directory().map_err(failed)?, None));
    }
    if let Some(directory) = wd {
        request.directory = Some(Place::Inside(directory.clone()));
    }
    Ok(request)
}
