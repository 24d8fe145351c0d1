//! Facts that the kernel tells only a process in the namespace: a child joins the namespace, asks,
//! and ends.

use super::{Namespace, Related};
use crate::{
    delegate::{Delegate, end_with},
    pid::Pid,
    proc::{Mount, ProcRoot, decimal},
};
use rustix::{
    fs::OFlags,
    io::{Errno, read, retry_on_intr, write},
    pipe::{PipeFlags, pipe_with},
    thread::move_into_link_name_space,
};
use std::os::fd::AsFd;

/// The most bytes of an answer.
const LONGEST: usize = 64;

/// A question that the child asks.
enum Question<'a> {
    /// The host name.
    Hostname,
    /// The number of network devices; the answer is a `u64`. The child asks a procfs that shows the
    /// caller.
    Links(&'a ProcRoot),
    /// A setting by its name. The child asks a procfs that shows the caller.
    Sysctl(&'a ProcRoot, &'a str),
}

impl Namespace {
    /// Returns the host name that a UTS namespace gives, 64 bytes at most.
    ///
    /// This process must have one thread, for a child of it asks.
    ///
    /// # Errors
    /// `EPERM` if the caller may join neither it nor the user namespace that owns it; `EINVAL`
    /// of another kind of namespace; any errno of `fork(2)`.
    pub fn hostname(&self) -> Result<Vec<u8>, Errno> {
        self.ask(&Question::Hostname)
    }

    /// Returns the number of devices in a network namespace. `proc` is a procfs that shows the
    /// caller.
    ///
    /// # Errors
    /// As [`Namespace::hostname`]; `ENODATA` if the procfs does not tell.
    pub fn links(&self, proc: &ProcRoot) -> Result<u64, Errno> {
        let answer = self.ask(&Question::Links(proc))?;
        answer
            .try_into()
            .map(u64::from_ne_bytes)
            .map_err(|_| Errno::NODATA)
    }

    /// Returns a setting of this namespace as [`ProcRoot::sysctl_number`] does, such as
    /// `net.ipv4.ip_unprivileged_port_start` of a network namespace. `proc` is a procfs that shows
    /// the caller.
    ///
    /// # Errors
    /// As [`Namespace::links`].
    pub fn sysctl_number(&self, proc: &ProcRoot, name: &str) -> Result<u64, Errno> {
        let answer = self.ask(&Question::Sysctl(proc, name))?;
        decimal(&answer).ok_or(Errno::NODATA)
    }

    /// Opens the namespace that is bound at a mount of this mount namespace, which no process need
    /// be in.
    ///
    /// This process must have one thread: a child joins the mount namespace, so that `proc`, a
    /// procfs that shows the child, leads there, and ends.
    ///
    /// # Errors
    /// As [`Namespace::hostname`] and [`Namespace::open_mount`].
    pub fn open_mount_inside(&self, proc: &ProcRoot, mount: &Mount) -> Result<Self, Errno> {
        self.with_child(|child| {
            let root = proc
                .open_entry(child, "root", OFlags::PATH)
                .map_err(|_| Errno::SRCH)?;
            Self::open_mount_below(root, mount)
        })
    }

    /// Returns the mounts of this mount namespace as `/proc/PID/mountinfo` has them, for one that no
    /// process is in. Otherwise like [`Namespace::open_mount_inside`].
    ///
    /// # Errors
    /// As [`Namespace::hostname`]; `ENODATA` if the procfs does not tell.
    pub fn mountinfo(&self, proc: &ProcRoot) -> Result<Vec<u8>, Errno> {
        self.with_child(|child| proc.read(child, "mountinfo").map_err(|_| Errno::NODATA))
    }

    /// Does something while a child is in this namespace.
    fn with_child<T>(&self, act: impl FnOnce(Pid) -> Result<T, Errno>) -> Result<T, Errno> {
        let (from_child, to_parent) = pipe_with(PipeFlags::CLOEXEC)?;
        let (from_parent, to_child) = pipe_with(PipeFlags::CLOEXEC)?;
        match Delegate::fork()? {
            None => {
                drop((from_child, to_child));
                let joined = self.join().and_then(|()| write(&to_parent, b"j"));
                // The end of the file is the end of the need for it.
                let _ = retry_on_intr(|| read(&from_parent, &mut [0]));
                end_with(joined.map(drop))
            }
            Some(child) => {
                drop((to_parent, from_parent));
                let joined = retry_on_intr(|| read(&from_child, &mut [0]));
                let done = joined.and_then(|_| act(child.pid()));
                drop(to_child);
                child.outcome().and(done)
            }
        }
    }

    fn ask(&self, question: &Question<'_>) -> Result<Vec<u8>, Errno> {
        let (from, to) = pipe_with(PipeFlags::CLOEXEC)?;
        match Delegate::fork()? {
            None => {
                let told = self
                    .join()
                    .and_then(|()| question.answer())
                    .and_then(|answer| write(&to, &answer));
                end_with(told.map(drop))
            }
            Some(child) => {
                drop(to);
                let mut answer = [0; LONGEST];
                let length = retry_on_intr(|| read(&from, &mut answer));
                child.outcome()?;
                Ok(answer[..length?].to_vec())
            }
        }
    }

    /// Joins it, by way of the user namespace that owns it if that gives the right to.
    pub(super) fn join(&self) -> Result<(), Errno> {
        match move_into_link_name_space(self.as_fd(), None) {
            Err(Errno::PERM) => {
                if let Ok(Related::Is(owner)) = self.owner() {
                    move_into_link_name_space(owner.as_fd(), None)?;
                }
                move_into_link_name_space(self.as_fd(), None)
            }
            outcome => outcome,
        }
    }
}

impl Question<'_> {
    /// Answers the question. Called by the child.
    fn answer(&self) -> Result<Vec<u8>, Errno> {
        match self {
            Self::Hostname => Ok(rustix::system::uname().nodename().to_bytes().to_vec()),
            Self::Links(proc) => {
                let text = proc.read_own("net/dev").map_err(|_| Errno::NODATA)?;
                Ok(count_links(&text).to_ne_bytes().to_vec())
            }
            Self::Sysctl(proc, name) => proc.sysctl(name).map_err(|_| Errno::NODATA),
        }
    }
}

/// Returns the devices in `/proc/PID/net/dev`, a line each under two lines of headings, see
/// `proc_pid_net(5)`.
fn count_links(text: &[u8]) -> u64 {
    text.iter()
        .filter(|byte| **byte == b'\n')
        .count()
        .saturating_sub(2) as u64
}
