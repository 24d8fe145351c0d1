//! A program in the namespaces of a process.

use super::{
    Enter, EnterError, Entry, Findings, Scope, context::Context, exec, guard, joined::Joined,
    kinds, namespaces::kinds_of, view,
};
use crate::{container::Container, found::Subject, host::Host, inventory::Inventory};
use nsx_core::{
    ns::NsKind,
    pid::Pid,
    plan::{
        Caller, PlanError,
        enter::{Request, TargetProcess},
    },
};

/// Returns the request for a process, and what was found out.
pub(super) fn entry(
    enter: Enter,
    subject: Subject,
    host: &Host,
    caller: &Caller,
) -> Result<Entry, EnterError> {
    let context = Context {
        subject: &subject,
        target: TargetProcess {
            process: &subject.process,
            proc: host.proc(),
            is_whole: subject.container.is_some(),
        },
        host,
        caller,
    };
    let mut findings = Findings::default();
    let request = request(enter, context, &mut findings);
    let Subject { process, container } = subject;
    match request {
        Ok(request) => Ok(Entry {
            request: Request {
                target: Some(process),
                ..request
            },
            container,
            findings,
        }),
        Err(error) => Err(error.about(process)),
    }
}

fn request(
    mut enter: Enter,
    context: Context<'_>,
    findings: &mut Findings,
) -> Result<Request, EnterError> {
    let Context {
        target,
        host,
        caller,
        ..
    } = context;
    find_container(&enter, context, findings);
    let wanted = enter.scope.kinds(caller);
    let files = std::mem::take(&mut enter.files);
    let joined = Joined::settle(&target, wanted, files, caller, findings)?;
    if joined.kinds.is_empty() && joined.files.is_empty() && enter.scope.named().is_empty() {
        return Err(PlanError::NothingToEnter.into());
    }
    if enter.explain && joined.kinds.contains(NsKind::Mnt) && target.is_in_jail()? {
        findings.checked(
            "its root directory",
            "is that of the container; its process has gone into another (chroot)",
        );
    }
    let is_whole = enter.scope == Scope::Whole;
    let guard = guard::guard(enter.descriptors, is_whole);
    let view = view::Options::new(&enter, enter.scope.named());
    let keeps_privileges = !is_whole || enter.keep.privileges || enter.keep.capabilities;
    let request = if is_whole {
        exec::request(enter, context, joined, findings)
    } else {
        kinds::request(enter, &target, joined)
    };
    let mut request = Request { guard, ..request? };
    view.apply(&mut request, Some(&target), host.proc(), findings)?;
    if keeps_privileges {
        let joined = request.kinds.union(kinds_of(&request.files));
        guard::note_privileges(joined, caller, findings);
    }
    Ok(request)
}

/// Adds what is known of the target's container.
fn find_container(enter: &Enter, context: Context<'_>, findings: &mut Findings) {
    let Subject { process, container } = context.subject;
    let whose = match container {
        Some(container) => format!(", the first of {}", container.address()),
        None => String::new(),
    };
    findings.checked(
        format!("process {}", process.pid()),
        format!("is alive, and held by a pidfd from now on{whose}"),
    );
    // A number means the process as it is now. Its container is looked up only if facts are wanted,
    // because that costs a look into every store.
    let around = (container.is_none() && enter.explain)
        .then(|| container_around(process.pid(), context.host))
        .flatten();
    let known = container.as_deref().or(around.as_ref());
    if let Some(sandbox) = known.and_then(|container| container.sandbox) {
        findings.note(
            "its programs",
            format!(
                "are in a sandbox of {sandbox}, which no namespace leads to: this is the host's \
                side of it"
            ),
        );
    }
    if let Some(around) = around {
        findings.skipped(
            "its container",
            format!(
                "is {}; by that name it is entered as it is configured, by a number as the process \
                is now",
                around.address()
            ),
        );
    }
}

/// Returns the container that a process is in.
fn container_around(process: Pid, host: &Host) -> Option<Container> {
    Inventory::new(host).origin(process).container().cloned()
}
