//! The program's terminal: options, and when it has one of its own.

use crate::{out, program::RequestError};
use clap::Args;
use nsx_core::{
    idmap::IdKind,
    ns::NsKind,
    plan::{
        PlanError,
        enter::{Request, TargetProcess},
    },
    pty::Pty,
};
use rustix::{stdio, termios::isatty};

#[derive(Args, Clone, Copy, Debug)]
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
    /// Asks for a terminal where the program is to have one. Its user and the kinds that are joined
    /// must be settled.
    pub(super) fn apply(
        self,
        request: &mut Request,
        target: Option<&TargetProcess<'_>>,
    ) -> Result<(), RequestError> {
        let [stdin, stdout, stderr] =
            [stdio::stdin(), stdio::stdout(), stdio::stderr()].map(isatty);
        // In a pipeline the keys are another's too, a pager's for one.
        let from_file = |kind| request.files.iter().any(|file| file.kind() == kind);
        let joins_mounts = from_file(NsKind::Mnt);
        let by_default = stdin && stdout && (joins_mounts || request.kinds.contains(NsKind::Mnt));
        if self.no_pty || !(self.pty || by_default) {
            return Ok(());
        }
        if !(stdin || stdout || stderr) {
            let none = "--pty needs a terminal: none of standard input, output and error is one";
            return Err(RequestError::Usage(none.to_owned()));
        }
        let own = match request.kinds.contains(NsKind::Mnt) {
            true => target.and_then(|target| Pty::beneath(target.root().ok()?, target.proc).ok()),
            false => None,
        };
        let pty = match own.map_or_else(Pty::of_caller, Ok) {
            Ok(pty) => pty,
            Err(errno) if self.pty => return Err(PlanError::Terminal(errno).into()),
            // As on a rescue system, and where every pseudo-terminal is in use.
            Err(errno) => {
                out::note(&format!(
                    "{}: it has yours",
                    out::chain(&PlanError::Terminal(errno))
                ));
                return Ok(());
            }
        };
        let outside = |ids, id: Option<u32>| match request.kinds.contains(NsKind::User) {
            true => target?.id_map(ids).ok()?.to_outside(id?),
            // Which ids are mapped there the file does not tell.
            false => id.filter(|_| !from_file(NsKind::User)),
        };
        if let Some(user) = outside(IdKind::User, request.uid) {
            let group = request.gid.filter(|_| request.kinds.contains(NsKind::User));
            pty.give(user, outside(IdKind::Group, group));
        }
        request.terminal = Some(pty);
        Ok(())
    }
}
