//! The verdicts of the target's filters on the system calls that nsx still needs once it has
//! installed them.
//!
//! All words of these calls are known, so that each filter returns one value.

use crate::{
    plan::{Filter, Step},
    seccomp::{
        Effect,
        judge::effect,
        program::{Data, run},
    },
    sys::process::SIBLING,
};
use rustix::io::Errno;

/// A call that is needed under the filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Reads the capabilities.
    ReadCapabilities,
    /// Sets the capabilities.
    SetCapabilities,
    /// Sets the ambient ones.
    SetAmbient,
    /// Makes the program's process.
    Clone,
    /// Ties its life to nsx's. The program can go without.
    Tie,
    /// Waits for the other side.
    Wait,
    /// Wakes the other side.
    Wake,
    /// Reads the parent's id.
    Parent,
    /// Restores the effect of a signal.
    Disposition,
    /// Restores the signal mask.
    Mask,
    /// Ends the joiner.
    End,
}

impl Call {
    const ALL: [Self; 11] = [
        Self::ReadCapabilities,
        Self::SetCapabilities,
        Self::SetAmbient,
        Self::Clone,
        Self::Tie,
        Self::Wait,
        Self::Wake,
        Self::Parent,
        Self::Disposition,
        Self::Mask,
        Self::End,
    ];

    /// Returns its number on the board, from 1.
    pub(super) fn number(self) -> u32 {
        self as u32 + 1
    }

    fn name(self) -> &'static str {
        match self {
            Self::ReadCapabilities => "capget(2)",
            Self::SetCapabilities => "capset(2)",
            Self::SetAmbient => "prctl(PR_CAP_AMBIENT)",
            Self::Clone => "clone(CLONE_PARENT)",
            Self::Tie => "prctl(PR_SET_PDEATHSIG)",
            Self::Wait | Self::Wake => "futex(2)",
            Self::Parent => "getppid(2)",
            Self::Disposition => "rt_sigaction(2)",
            Self::Mask => "rt_sigprocmask(2)",
            Self::End => "exit_group(2)",
        }
    }

    /// Returns the call as the kernel shows it to a filter, with the arguments that are known.
    fn data(self) -> Data {
        let (call, arguments): (_, &[libc::c_int]) = match self {
            Self::ReadCapabilities => (libc::SYS_capget, &[]),
            Self::SetCapabilities => (libc::SYS_capset, &[]),
            Self::SetAmbient => (libc::SYS_prctl, &[libc::PR_CAP_AMBIENT]),
            Self::Clone => (libc::SYS_clone, &[SIBLING]),
            Self::Tie => (libc::SYS_prctl, &[libc::PR_SET_PDEATHSIG, libc::SIGKILL]),
            Self::Wait => (libc::SYS_futex, &[0, libc::FUTEX_WAIT]),
            Self::Wake => (libc::SYS_futex, &[0, libc::FUTEX_WAKE, libc::c_int::MAX]),
            Self::Parent => (libc::SYS_getppid, &[]),
            Self::Disposition => (libc::SYS_rt_sigaction, &[libc::SIGCHLD]),
            Self::Mask => (libc::SYS_rt_sigprocmask, &[libc::SIG_SETMASK]),
            Self::End => (libc::SYS_exit_group, &[0]),
        };
        Data::new(call, arguments)
    }

    /// Returns whether a plan that goes on with this step makes this call.
    fn is_of(self, step: &Step) -> bool {
        match self {
            Self::ReadCapabilities | Self::SetCapabilities => {
                matches!(step, Step::SetCapabilities(_))
            }
            Self::SetAmbient => {
                matches!(step, Step::SetCapabilities(state) if !state.inheritable.is_empty())
            }
            Self::Tie => matches!(step, Step::DieWithParent(_)),
            _ => matches!(step, Step::ForkSibling),
        }
    }
}

/// Returns the name of the call that has this number on the board.
pub(super) fn name(number: u32) -> Option<&'static str> {
    Call::ALL
        .into_iter()
        .find(|call| call.number() == number)
        .map(Call::name)
}

/// Returns the number of the call that has this name, 0 if none has.
pub(super) fn number(name: &str) -> u32 {
    Call::ALL
        .into_iter()
        .find(|call| call.name() == name)
        .map_or(0, Call::number)
}

/// Returns the calls that these filters do not let nsx make though it needs them for the `rest` of
/// the steps, each with the error that the caller would get.
pub(super) fn forbidden<'p>(
    filters: &[Filter],
    rest: impl Iterator<Item = &'p Step> + Clone,
) -> Vec<(Call, Errno)> {
    let needed = Call::ALL
        .into_iter()
        .filter(|call| rest.clone().any(|step| call.is_of(step)));
    needed
        .filter_map(|call| Some((call, refusal(filters, &call.data())?)))
        .collect()
}

/// Returns the error of a call that the filters do not allow, `EPERM` if it has none or would end
/// the process; nothing if all allow it.
fn refusal(filters: &[Filter], data: &Data) -> Option<Errno> {
    filters.iter().find_map(|filter| match run(filter, data) {
        Some(verdict) => effect(verdict).map(|effect| match effect {
            Effect::Error(errno) => errno,
            // Nobody traces nsx, and nobody listens to a filter that it installs.
            Effect::Trace | Effect::Notify => Errno::NOSYS,
            Effect::Kill | Effect::Trap => Errno::PERM,
        }),
        None => Some(Errno::INVAL),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::CapabilityState,
        seccomp::program::{ALLOW, ERRNO, LOG, TRACE},
        sys::trace::Instruction,
    };
    use rustix::thread::CapabilitySet;

    /// Returns a filter that returns `verdict` of one call if bits of its first argument are set,
    /// and else allows it.
    fn filter(call: libc::c_long, bits: u32, verdict: u32) -> Filter {
        vec![
            Instruction::new(0x20, 0, 0, 0),
            Instruction::new(0x15, 0, 3, call as u32),
            Instruction::new(
                0x20,
                0,
                0,
                if cfg!(target_endian = "big") { 20 } else { 16 },
            ),
            Instruction::new(0x45, 0, 1, bits),
            Instruction::new(0x06, 0, 0, verdict),
            Instruction::new(0x06, 0, 0, ALLOW),
        ]
    }

    const CLONE: [Step; 1] = [Step::ForkSibling];

    fn forbidden_by(filter: Filter, steps: &[Step]) -> Vec<(Call, Errno)> {
        forbidden(
            &[vec![Instruction::new(0x06, 0, 0, ALLOW)], filter],
            steps.iter(),
        )
    }

    #[test]
    fn what_is_not_allowed_is_named_with_its_error() {
        let errno = ERRNO | libc::EXDEV as u32;
        let all = u32::MAX;
        assert_eq!(
            forbidden_by(filter(libc::SYS_clone, all, errno), &CLONE),
            [(Call::Clone, Errno::XDEV)]
        );
        // Namespaces, as engines forbid them.
        assert_eq!(
            forbidden_by(filter(libc::SYS_clone, 0x7e02_0000, errno), &CLONE),
            []
        );
        assert_eq!(
            forbidden_by(filter(libc::SYS_clone, all, ALLOW), &CLONE),
            []
        );
        assert_eq!(forbidden_by(filter(libc::SYS_clone, all, LOG), &CLONE), []);
        assert_eq!(
            forbidden_by(filter(libc::SYS_clone, all, TRACE), &CLONE),
            [(Call::Clone, Errno::NOSYS)]
        );
        assert_eq!(
            forbidden_by(filter(libc::SYS_clone, all, 0), &CLONE),
            [(Call::Clone, Errno::PERM)]
        );
        assert_eq!(
            forbidden_by(filter(libc::SYS_clone, all, ERRNO), &CLONE),
            [(Call::Clone, Errno::PERM)]
        );
        assert_eq!(forbidden_by(filter(libc::SYS_prctl, 1, errno), &CLONE), []);
        let tied = [Step::ForkSibling, Step::DieWithParent(libc::SIGKILL)];
        assert_eq!(
            forbidden_by(filter(libc::SYS_prctl, 1, errno), &tied),
            [(Call::Tie, Errno::XDEV)]
        );
        let state = CapabilityState::of(CapabilitySet::empty(), false);
        let steps = [Step::SetCapabilities(state)];
        let nothing = vec![Instruction::new(0x06, 0, 0, errno)];
        assert_eq!(
            forbidden_by(nothing, &steps),
            [
                (Call::ReadCapabilities, Errno::XDEV),
                (Call::SetCapabilities, Errno::XDEV)
            ]
        );
    }

    #[test]
    fn each_call_has_a_number_that_leads_back() {
        for call in Call::ALL {
            assert_eq!(name(call.number()), Some(call.name()));
        }
        assert_eq!((name(0), name(u32::MAX)), (None, None));
    }
}
