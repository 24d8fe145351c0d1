//! Filters of system calls, see `seccomp(2)`. A call without an effect, made in a child, tells
//! whether a filter refuses it: the kernel itself would answer with another error.

use super::{Facts, Refusal, Remedy};
use crate::{delegate, ns::NsSet, plan::Step, sys::process::unshare};
use rustix::{
    fd::AsFd,
    io::Errno,
    mount::MountPropagationFlags,
    net::{AddressFamily, SocketType},
    thread::{Gid, ThreadNameSpaceType},
};

/// A system call that a filter may refuse.
#[derive(Clone, Copy)]
pub(super) enum Call {
    Unshare(NsSet),
    Join(NsSet),
    Mount,
    ChangeRoot,
    SetGroups,
    Socket,
}

impl Call {
    /// The call of a step, if the kernel looks at its arguments before it looks at capabilities.
    fn of(step: &Step) -> Option<Self> {
        Some(match step {
            Step::Unshare(kinds) => Self::Unshare(*kinds),
            Step::Join { kinds, .. } => Self::Join(*kinds),
            Step::JoinFile(file) => Self::Join(NsSet::from_iter([file.kind()])),
            Step::Propagate { .. }
            | Step::KeepMountsApart
            | Step::BindRoot(_)
            | Step::Mount { .. }
            | Step::MountCgroups { .. }
            | Step::MountProc { .. }
            | Step::MountJoinedProc
            | Step::MountQueues { .. }
            | Step::MountSys { .. }
            | Step::Pin(_) => Self::Mount,
            Step::Chroot(_) => Self::ChangeRoot,
            Step::LoopbackUp => Self::Socket,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Unshare(_) => "unshare",
            Self::Join(_) => "setns",
            Self::Mount => "mount",
            Self::ChangeRoot => "chroot",
            Self::SetGroups => "setgroups",
            Self::Socket => "socket",
        }
    }
}

impl Facts<'_> {
    /// Returns the filter on this process that refuses the call of a step with this error.
    pub(super) fn filter_of_step(&self, step: &Step, errno: Errno) -> Option<Refusal> {
        self.filter(Call::of(step)?, errno)
    }

    /// Returns the filter on this process that refuses a call with this error. For `setgroups`, the
    /// caller must have CAP_SETGID.
    pub(super) fn filter(&self, call: Call, errno: Errno) -> Option<Refusal> {
        // The kernel answers the call without an effect with other errors.
        let may_be = matches!(errno, Errno::PERM | Errno::ACCESS | Errno::NOSYS);
        if !may_be || !self.has_status(b"Seccomp:\t2") {
            return None;
        }
        if delegate::act(|| self.call_without_effect(call)) != Ok(Err(errno)) {
            return None;
        }
        Refusal::new(
            format!(
                "a filter of system calls (seccomp), as container engines set it, refuses {}(2)",
                call.name()
            ),
            [Remedy::ChangeSeccompProfile],
        )
    }

    /// Makes a call whose arguments the kernel refuses: with `EINVAL`, `EBADF` or `ENOENT`.
    fn call_without_effect(&self, call: Call) -> Result<(), Errno> {
        /// No kind of namespace has this flag.
        const INVALID: u32 = 1;
        match call {
            Call::Unshare(kinds) => unshare(kinds.flags() | INVALID),
            Call::Join(kinds) => {
                let flags = ThreadNameSpaceType::from_bits_retain(kinds.flags());
                rustix::thread::move_into_thread_name_spaces(self.proc.as_fd(), flags)
            }
            Call::Mount => rustix::mount::mount_change(c"", MountPropagationFlags::PRIVATE),
            Call::ChangeRoot => rustix::process::chroot(c""),
            Call::SetGroups => {
                /// More groups than the kernel takes.
                const TOO_MANY: usize = 65537;
                rustix::thread::set_thread_groups(&vec![Gid::ROOT; TOO_MANY])
            }
            Call::Socket => {
                rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None).map(drop)
            }
        }
    }
}
