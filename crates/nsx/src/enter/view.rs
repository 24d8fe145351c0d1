//! Options that put right the files that the program sees, and what these options come to.

use super::{findings::Findings, network_files};
use clap::Args;
use nsx_core::{
    cgroup,
    ns::{NsKind, NsSet},
    pid::Pid,
    plan::{
        Caller, NamespaceFile, PlanError,
        enter::{OwnProc, Request, TargetProcess, View},
    },
    proc::ProcRoot,
};
use std::{
    ffi::{CString, OsString},
    os::unix::ffi::OsStrExt,
    path::Path,
};

/// The variable that says where a program of the caller's finds the target's files.
const TARGET_ROOT: &str = "NSX_TARGET_ROOT";

#[derive(Args, Clone, Copy, Debug)]
pub(super) struct ViewOptions {
    /// Run a program of the caller's beside the target: in its namespaces, but with the caller's
    /// files; $NSX_TARGET_ROOT leads to the target's
    #[arg(long, conflicts_with_all = ["mount", "all", "no_fix"])]
    host_tools: bool,
    /// Leave /proc, /sys, /dev/mqueue and /etc as they are, though they tell of other namespaces
    /// than those that the program is in
    #[arg(long)]
    no_fix: bool,
}

impl ViewOptions {
    /// Returns whether the program keeps the caller's files even though no kind is named.
    pub(super) fn keeps_files(self) -> bool {
        self.host_tools
    }

    /// Which kinds are joined as far as the target differs in them, those that were `named` or all
    /// that there are.
    pub(super) fn kinds(self, named: Option<NsSet>, caller: &Caller) -> NsSet {
        match named {
            Some(named) => named,
            None if self.host_tools => {
                // Cgroups stay the caller's, and so do their paths. Whoever may do without the
                // target's user namespace keeps all rights.
                let kinds = caller.kinds.without(NsKind::Mnt).without(NsKind::Cgroup);
                if caller.is_privileged() {
                    kinds.without(NsKind::User)
                } else {
                    kinds
                }
            }
            None => caller.kinds,
        }
    }

    /// Puts right what the namespaces that are joined make of the files that the program sees.
    /// Those are the caller's if the kinds that were `named`, if any were, are without the mount
    /// namespace, or the program is one of the host's tools. A request without a `target` takes its
    /// namespaces from files.
    ///
    /// # Errors
    /// [`PlanError`]: the target cannot be read.
    pub(super) fn apply(
        self,
        request: &mut Request,
        named: Option<NsSet>,
        target: Option<&TargetProcess<'_>>,
        proc: &ProcRoot,
        findings: &mut Findings,
    ) -> Result<(), PlanError> {
        let joined: NsSet = request
            .files
            .iter()
            .map(NamespaceFile::kind)
            .chain(request.kinds.iter())
            .collect();
        if self.no_fix {
            return Ok(());
        }
        if joined.contains(NsKind::Mnt) && !joined.contains(NsKind::Pid) {
            return fix_proc(request, target, findings);
        }
        let keeps_files =
            self.host_tools || named.is_some_and(|named| !named.contains(NsKind::Mnt));
        if !keeps_files {
            return Ok(());
        }
        let network = match (
            request.files.iter().find(|file| file.kind() == NsKind::Net),
            target,
        ) {
            (Some(file), _) => Some(file.ns.id()),
            (None, Some(target)) if request.kinds.contains(NsKind::Net) => {
                Some(target.ns(NsKind::Net)?)
            }
            _ => None,
        };
        let binds = network
            .map(|network| network_files::mounts(network, target, findings))
            .unwrap_or_default();
        let cgroups = match joined.contains(NsKind::Cgroup) {
            true => cgroup::Mounts::read(proc)
                .map(|mounts| mounts.hierarchies())
                .unwrap_or_default(),
            false => Vec::new(),
        };
        let view = View::of(joined);
        let queues = view.queues && Path::new("/dev/mqueue").is_dir();
        request.view = View {
            apart: self.host_tools,
            queues,
            cgroups,
            binds,
            ..view
        };
        if let Some(target) = target.filter(|_| self.host_tools) {
            let is_childrens = request.files.iter().any(|file| file.kind() == NsKind::Pid);
            let pid = match request.view.proc {
                // The target is not in its children's PID namespace.
                true if is_childrens => Pid::INIT,
                true => target.innermost_pid()?,
                false => target.process.pid(),
            };
            set(
                &mut request.environment,
                TARGET_ROOT,
                &format!("/proc/{pid}/root"),
            );
        }
        Ok(())
    }
}

/// Puts a procfs that shows the program over one that does not: the target's, if the program stays
/// in the caller's PID namespace. Of mounts that a file holds that is known only when they are
/// joined.
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
        (Some(_), Some(_)) => findings.told(
            "its mounts",
            "a copy for the program alone, with a /proc that shows it; --pid or --no-fix joins \
            them as they are",
        ),
        (Some(_), None) => {
            findings.told(
                "its /proc",
                "that of a PID namespace in which the program is not; add \
            --pid to join that",
            );
        }
    }
    Ok(())
}

/// Sets a variable in an environment, none standing for the caller's own.
fn set(environment: &mut Option<Vec<CString>>, name: &str, value: &str) {
    let join = |(name, value): (OsString, OsString)| {
        CString::new([name.as_bytes(), value.as_bytes()].join(&b'=')).ok()
    };
    let variables =
        environment.get_or_insert_with(|| std::env::vars_os().filter_map(join).collect());
    let start = format!("{name}=");
    variables.retain(|variable| !variable.as_bytes().starts_with(start.as_bytes()));
    variables.extend(CString::new(start + value));
}
