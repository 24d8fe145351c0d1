//! `--status-fd`: one line of JSON at each stage, for programs that start programs.

use crate::{
    error::Error,
    out,
    text::{self, escape},
};
use nsx_core::{
    descriptor,
    ns::NsKind,
    pid::Pid,
    proc::{NsLink, ProcRoot},
    run::Ended,
};
use rustix::{fd::OwnedFd, fs::OFlags, io::Errno};
use serde::Serialize;
use std::{cell::Cell, collections::BTreeMap};

/// The descriptor for the lines.
pub(crate) struct StatusFd {
    fd: OwnedFd,
    /// `true` if a line was lost and a note has said so.
    has_failed: Cell<bool>,
}

/// A line. The variant is under the key `event`. Later versions add keys and events, and change
/// none.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Stage {
    /// All namespaces exist. `namespaces` are the inode numbers of the program's, by kind.
    Created {
        pid: i32,
        pid_inside: Option<i32>,
        namespaces: BTreeMap<&'static str, u64>,
    },
    /// The program runs.
    Running,
    /// The program ended: `status` or `signal` is null.
    Exited {
        status: Option<u8>,
        signal: Option<i32>,
    },
    /// The program did not run. `step` and `errno` are null if no step of the plan was tried.
    Failed {
        step: Option<String>,
        errno: Option<String>,
        message: String,
    },
}

impl StatusFd {
    /// Takes the descriptor that the caller gave this number. It must be open for writing.
    pub(crate) fn take(number: i32) -> Result<Self, Error> {
        let fd = take_writable(number).map_err(|errno| Error::StatusFd(number, errno))?;
        Ok(Self {
            fd,
            has_failed: Cell::new(false),
        })
    }

    pub(crate) fn created(&self, pid: Pid, proc: &ProcRoot) {
        let link = |kind| match kind {
            // The process that waits to become the program was made in it.
            NsKind::Time => NsLink::TimeForChildren,
            kind => NsLink::Own(kind),
        };
        let id = |kind: NsKind| Some((kind.name(), proc.ns(pid, link(kind)).ok()?.inode));
        let chain = proc.status(pid).ok().map(|status| status.chain);
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

    pub(crate) fn failed(&self, error: &Error) {
        let failure = error.step();
        self.say(&Stage::Failed {
            step: failure.map(|failure| escape(failure.call().as_bytes())),
            errno: failure.map(|failure| errno_name(failure.errno)),
            message: escape(text::chain(error).as_bytes()),
        });
    }

    fn say(&self, stage: &Stage) {
        let Ok(line) = serde_json::to_string(stage) else {
            return;
        };
        // A reader that closes a pipe wants no more lines. In any other case, one may wait for this.
        if let Err(errno) = descriptor::write_all(&self.fd, (line + "\n").as_bytes())
            && errno != Errno::PIPE
            && !self.has_failed.replace(true)
        {
            out::note(&format!(
                "failed to write to the descriptor of --status-fd: {}",
                text::reason(&errno)
            ));
        }
    }
}

fn take_writable(number: i32) -> Result<OwnedFd, Errno> {
    let fd = descriptor::take(number)?;
    let flags = rustix::fs::fcntl_getfl(&fd)?;
    if flags.contains(OFlags::PATH) || flags & OFlags::ACCMODE == OFlags::RDONLY {
        return Err(Errno::BADF);
    }
    Ok(fd)
}

fn number(pid: Pid) -> i32 {
    pid.as_raw_nonzero().get()
}

/// Returns the name of an error in `errno(3)`, or its number.
fn errno_name(errno: Errno) -> String {
    text::errno_name(errno).map_or_else(|| errno.raw_os_error().to_string(), str::to_owned)
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
