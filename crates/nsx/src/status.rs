//! `--status-fd`: a line of JSON at each stage, for programs that start programs.

use crate::{out, text::escape};
use nsx_core::{
    descriptor,
    ns::NsKind,
    pid::Pid,
    proc::{NsLink, ProcRoot},
    run::{Ended, Failure},
};
use rustix::{fd::OwnedFd, fs::OFlags, io::Errno};
use serde::Serialize;
use std::{cell::Cell, collections::BTreeMap};

/// The descriptor to write to.
pub(crate) struct StatusFd {
    fd: OwnedFd,
    /// `true` if it was said that a line is lost.
    told: Cell<bool>,
}

/// An event that is written, under the key `event`. Later versions add keys and events and change
/// none.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Stage {
    /// All namespaces are there. `namespaces` are the inode numbers of the program's, by kind.
    Created {
        pid: i32,
        pid_inside: Option<i32>,
        namespaces: BTreeMap<&'static str, u64>,
    },
    /// The program runs.
    Running,
    /// The program ended: one of the two is null.
    Exited {
        status: Option<u8>,
        signal: Option<i32>,
    },
    /// The program did not run. `step` and `errno` are null where nothing was tried.
    Failed {
        step: Option<String>,
        errno: Option<String>,
        message: String,
    },
}

impl StatusFd {
    /// Takes the descriptor that the caller gave this number.
    ///
    /// `EBADF` where it is not open for writing.
    pub(crate) fn take(number: i32) -> Result<Self, Errno> {
        let fd = descriptor::take(number)?;
        let flags = rustix::fs::fcntl_getfl(&fd)?;
        let is_writable =
            !flags.contains(OFlags::PATH) && flags & OFlags::ACCMODE != OFlags::RDONLY;
        if is_writable {
            Ok(Self {
                fd,
                told: Cell::new(false),
            })
        } else {
            Err(Errno::BADF)
        }
    }

    pub(crate) fn created(&self, pid: Pid, proc: &ProcRoot) {
        let link = |kind| match kind {
            // The process that waits to become the program was made in it.
            NsKind::Time => NsLink::TimeForChildren,
            kind => NsLink::Own(kind),
        };
        let id = |kind: NsKind| Some((kind.name(), proc.ns(pid, link(kind)).ok()?.inode));
        let chain = proc
            .status(pid, &mut Vec::new())
            .ok()
            .map(|status| status.chain);
        self.say(&Stage::Created {
            pid: number(pid),
            pid_inside: chain.map(|chain| number(chain.innermost())),
            namespaces: NsKind::ALL.into_iter().filter_map(id).collect(),
        });
    }

    pub(crate) fn running(&self) {
        self.say(&Stage::Running);
    }

    pub(crate) fn ended(&self, ended: Ended) {
        self.say(&match ended {
            Ended::Exited(status) => Stage::Exited {
                status: Some(status),
                signal: None,
            },
            Ended::Killed(signal) => Stage::Exited {
                status: None,
                signal: Some(signal),
            },
        });
    }

    pub(crate) fn failed(&self, failure: &Failure, message: &str) {
        let (step, errno) = (
            escape(failure.step().call().as_bytes()),
            errno_name(failure.errno),
        );
        self.say(&Stage::Failed {
            step: Some(step),
            errno: Some(errno),
            message: message.to_owned(),
        });
    }

    pub(crate) fn refused(&self, message: &str) {
        self.say(&Stage::Failed {
            step: None,
            errno: None,
            message: message.to_owned(),
        });
    }

    fn say(&self, stage: &Stage) {
        let Ok(line) = serde_json::to_string(stage) else {
            return;
        };
        // Whoever asked for it and stops reading misses it. Anybody else may wait for it.
        if let Err(errno) = descriptor::write_all(&self.fd, (line + "\n").as_bytes())
            && errno != Errno::PIPE
            && !self.told.replace(true)
        {
            out::note(&format!(
                "failed to write to the descriptor of --status-fd: {}",
                out::reason(&errno)
            ));
        }
    }
}

fn number(pid: Pid) -> i32 {
    pid.as_raw_nonzero().get()
}

/// The name of an error in `errno(3)`.
fn errno_name(errno: Errno) -> String {
    macro_rules! names {
        ($($name:ident)*) => {
            match errno.raw_os_error() {
                $(libc::$name => stringify!($name).to_owned(),)*
                number => number.to_string(),
            }
        };
    }
    names!(E2BIG EACCES EAGAIN EBADF EBUSY ECHILD EDQUOT EEXIST EFAULT EFBIG EINTR EINVAL EIO EISDIR ELIBBAD ELOOP EMFILE
        EMLINK ENAMETOOLONG ENFILE ENODEV ENOENT ENOEXEC ENOMEM ENOSPC ENOSYS ENOTBLK ENOTDIR ENOTEMPTY ENOTTY ENXIO
        EOPNOTSUPP EOVERFLOW EPERM EPIPE ERANGE EROFS ESRCH ETIMEDOUT ETXTBSY EUSERS EXDEV)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_their_names() {
        assert_eq!(errno_name(Errno::PERM), "EPERM");
        assert_eq!(errno_name(Errno::from_raw_os_error(4000)), "4000");
    }
}
