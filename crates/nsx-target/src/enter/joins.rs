//! Namespaces of a target that a program joins before it makes others.

use super::{Destination, EnterError, Findings, joined::Joined, namespaces::kinds_of};
use crate::found::Subject;
use nsx_core::{
    ns::NsSet,
    plan::{NamespaceFile, PlanError, enter::TargetProcess},
    proc::{NsLink, ProcRoot},
};

/// Opens the namespaces of these kinds that a target has. Those that the caller is in already need
/// no join and are left out.
///
/// # Errors
/// [`EnterError`]: the target has ended, cannot be read, or has no namespace of a kind.
pub fn open_kinds(
    destination: Destination,
    kinds: NsSet,
    proc: &ProcRoot,
    findings: &mut Findings,
) -> Result<Vec<NamespaceFile>, EnterError> {
    let mut files = match destination {
        Destination::Process(subject) => return open_of(subject, kinds, proc, findings),
        Destination::Namespace(file) => {
            let (path, found) = (file.path.clone(), file.kind());
            if let Some(wanted) = kinds.without(found).iter().next() {
                return Err(EnterError::NotAProcess {
                    path,
                    found,
                    wanted,
                });
            }
            vec![file]
        }
        Destination::Directory(directory) => {
            let missing = kinds.difference(kinds_of(&directory.files));
            if let Some(kind) = missing.iter().next() {
                let directory = directory.path;
                return Err(EnterError::NotInDirectory { directory, kind });
            }
            directory.files
        }
        Destination::Files => Vec::new(),
    };
    files.retain(|file| proc.own_ns(NsLink::Own(file.kind())) != Ok(file.ns.id()));
    Ok(files)
}

/// Opens the namespaces of a process. Its number is believed because it has not ended afterwards.
fn open_of(
    subject: Subject,
    kinds: NsSet,
    proc: &ProcRoot,
    findings: &mut Findings,
) -> Result<Vec<NamespaceFile>, EnterError> {
    let Subject { process, container } = subject;
    let pid = process.pid();
    findings.checked(
        format!("process {pid}"),
        "is alive, and held by a pidfd while its namespaces are opened",
    );
    let target = TargetProcess {
        process: &process,
        proc,
        is_whole: container.is_some(),
    };
    let opened = Joined::select(&target, kinds, Vec::new(), findings).and_then(|joined| {
        let own = joined.kinds.iter().map(|kind| {
            let ns = proc.open_ns(pid, NsLink::Own(kind));
            let ns = ns.map_err(target.failure("namespaces"))?;
            Ok(NamespaceFile::new(
                format!("/proc/{pid}/ns/{kind}").into(),
                ns,
            ))
        });
        let files = joined.files.into_iter().map(Ok).chain(own).collect();
        if process.ended() {
            return Err(PlanError::TargetEnded);
        }
        files
    });
    opened.map_err(|error| EnterError::from(error).about(process))
}
