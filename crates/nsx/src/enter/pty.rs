//! The options for the program's terminal, and the terminal that they open.

use crate::error::Error;
use clap::Args;
use nsx_core::{
    idmap::IdKind,
    message,
    ns::NsKind,
    plan::{
        NamespaceFile, PlanError,
        enter::{Request, TargetProcess},
    },
    pty::Pty,
};
use nsx_target::enter::Findings;
use rustix::{stdio, termios::isatty};

#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Files and terminal")]
pub(super) struct PtyOptions {
    /// Give the program a terminal of its own; the default at a terminal, if the mount namespace is
    /// joined
    #[arg(long, overrides_with = "no_pty")]
    pty: bool,
    /// Leave the program the caller's terminal
    #[arg(long, overrides_with = "pty")]
    no_pty: bool,
}

impl PtyOptions {
    /// Opens a terminal if the program is to have one. The request must have the program's user and
    /// the namespaces that are joined.
    pub(super) fn open(
        self,
        request: &Request,
        target: Option<&TargetProcess<'_>>,
        findings: &mut Findings,
    ) -> Result<Option<Pty>, Error> {
        let [stdin, stdout, stderr] =
            [stdio::stdin(), stdio::stdout(), stdio::stderr()].map(isatty);
        let joins_mounts = request.kinds.contains(NsKind::Mnt) || has_file(request, NsKind::Mnt);
        // In a pipeline another program reads keys too, such as a pager.
        let by_default = stdin && stdout && joins_mounts;
        if self.no_pty || !(self.pty || by_default) {
            return Ok(None);
        }
        if !(stdin || stdout || stderr) {
            return Err(Error::usage(
                "--pty needs a terminal: none of standard input, output and error is one",
            ));
        }
        let own = match target.filter(|_| request.kinds.contains(NsKind::Mnt)) {
            Some(target) => target
                .root()
                .ok()
                .and_then(|root| Pty::beneath(root, target.proc).ok()),
            None => None,
        };
        let pty = match own.map_or_else(Pty::of_caller, Ok) {
            Ok(pty) => pty,
            Err(errno) if self.pty => {
                return Err(PlanError::Terminal(errno).into());
            }
            // No devpts is mounted, as on a rescue system, or every pseudo-terminal is in use.
            Err(errno) => {
                let error = message::chain(&PlanError::Terminal(errno));
                findings.note(error, "it has yours");
                return Ok(None);
            }
        };
        if let Some(user) = outside(request, target, IdKind::User, request.uid) {
            let group = request.gid.filter(|_| request.kinds.contains(NsKind::User));
            pty.give(user, outside(request, target, IdKind::Group, group));
        }
        Ok(Some(pty))
    }
}

fn has_file(request: &Request, kind: NsKind) -> bool {
    request
        .files
        .iter()
        .map(NamespaceFile::kind)
        .any(|other| other == kind)
}

/// Returns an id of the program as the caller's user namespace numbers it. A file does not tell
/// which ids its user namespace maps.
fn outside(
    request: &Request,
    target: Option<&TargetProcess<'_>>,
    ids: IdKind,
    id: Option<u32>,
) -> Option<u32> {
    if request.kinds.contains(NsKind::User) {
        target?.id_map(ids).ok()?.to_outside(id?)
    } else {
        id.filter(|_| !has_file(request, NsKind::User))
    }
}
