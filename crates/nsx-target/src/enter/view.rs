//! The files of a program in /proc, /sys, /dev/mqueue and /etc, if they would otherwise show other
//! namespaces than the program is in.

use super::{Enter, EnterError, Findings, Scope, findings::Remedy, network_files};
use nsx_core::{
    cgroup,
    environment::Environment,
    ns::{NsId, NsKind, NsSet},
    pid::Pid,
    plan::{
        NamespaceFile, PlanError,
        enter::{OwnProc, Request, TargetProcess, View},
    },
    proc::ProcRoot,
};
use std::path::Path;

/// The variable with the path by which a program of the caller's finds the target's files.
const TARGET_ROOT: &str = "NSX_TARGET_ROOT";

/// The parts of [`Enter`] that decide what a program sees.
#[derive(Clone, Copy)]
pub(super) struct Options {
    leave_files: bool,
    is_host_tools: bool,
    /// `true` if the program keeps the caller's files.
    keeps_files: bool,
}

impl Options {
    /// Reads the options. `named` are the kinds of namespace that are named, if any are.
    pub(super) fn new(enter: &Enter, named: NsSet) -> Self {
        let is_host_tools = matches!(enter.scope, Scope::HostTools(_));
        Self {
            leave_files: enter.leave_files,
            is_host_tools,
            keeps_files: is_host_tools || !named.is_empty() && !named.contains(NsKind::Mnt),
        }
    }

    /// Makes the request show the namespaces that are joined. A request without a `target` takes
    /// its namespaces from files.
    ///
    /// # Errors
    /// [`EnterError`]: the target cannot be read.
    pub(super) fn apply(
        self,
        request: &mut Request,
        target: Option<&TargetProcess<'_>>,
        proc: &ProcRoot,
        findings: &mut Findings,
    ) -> Result<(), EnterError> {
        let files: NsSet = request.files.iter().map(NamespaceFile::kind).collect();
        let joined = request.kinds.union(files);
        if self.leave_files {
            return Ok(());
        }
        if joined.contains(NsKind::Mnt) && !joined.contains(NsKind::Pid) {
            return Ok(fix_proc(request, target, findings)?);
        }
        if !self.keeps_files {
            return Ok(());
        }
        let binds = match network(request, target)? {
            Some(network) => network_files::mounts(network, target, findings),
            None => Vec::new(),
        };
        let cgroups = if joined.contains(NsKind::Cgroup) {
            cgroup::Mounts::read(proc).map_or_else(|_| Vec::new(), |mounts| mounts.hierarchies())
        } else {
            Vec::new()
        };
        let view = View::of(joined);
        request.view = View {
            apart: self.is_host_tools,
            queues: view.queues && Path::new("/dev/mqueue").is_dir(),
            cgroups,
            binds,
            ..view
        };
        if let Some(target) = target.filter(|_| self.is_host_tools) {
            let pid = pid_in_view(request, target)?;
            let mut environment = match request.environment.take() {
                Some(variables) => variables.into_iter().collect(),
                None => Environment::of_caller(),
            };
            environment.set(TARGET_ROOT, format!("/proc/{pid}/root"));
            request.environment = Some(environment.into_variables());
        }
        Ok(())
    }
}

/// Returns the network namespace that is joined.
fn network(
    request: &Request,
    target: Option<&TargetProcess<'_>>,
) -> Result<Option<NsId>, PlanError> {
    let file = request.files.iter().find(|file| file.kind() == NsKind::Net);
    match (file, target) {
        (Some(file), _) => Ok(Some(file.ns.id())),
        (None, Some(target)) if request.kinds.contains(NsKind::Net) => {
            target.ns(NsKind::Net).map(Some)
        }
        _ => Ok(None),
    }
}

/// Returns the target's PID in the procfs that the program sees.
fn pid_in_view(request: &Request, target: &TargetProcess<'_>) -> Result<Pid, PlanError> {
    let has_pid_file = request.files.iter().any(|file| file.kind() == NsKind::Pid);
    match request.view.proc {
        // The target is not in its children's PID namespace.
        true if has_pid_file => Ok(Pid::INIT),
        true => target.innermost_pid(),
        false => Ok(target.process.pid()),
    }
}

/// Lets /proc show the program if it stays in the caller's PID namespace and the target's procfs
/// does not show it. For mounts that a file holds, that is known only once they are joined.
fn fix_proc(
    request: &mut Request,
    target: Option<&TargetProcess<'_>>,
    findings: &mut Findings,
) -> Result<(), PlanError> {
    let target = target.filter(|_| request.kinds.contains(NsKind::Mnt));
    if target.map(TargetProcess::hides_caller).transpose()? == Some(false) {
        return Ok(());
    }
    request.own_proc = OwnProc::new().ok();
    match (target, &request.own_proc) {
        (None, _) => {}
        (Some(_), Some(_)) => findings.note_with_remedy(
            "its mounts",
            "a copy for the program alone, with a /proc that shows it",
            Remedy::JoinPidOrLeaveFiles,
        ),
        (Some(_), None) => findings.note_with_remedy(
            "its /proc",
            "that of a PID namespace in which the program is not",
            Remedy::JoinPid,
        ),
    }
    Ok(())
}
