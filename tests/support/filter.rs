//! Older kernels on a newer one: commands under a seccomp filter that refuses what came later.
//!
//! The filter has to be installed in the child before its exec. So that this needs no code between fork and exec, the test
//! program runs itself: `tests --under-filter NAME PROGRAM [ARG]…` filters itself and becomes the program.

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use std::{
    env::{self, ArgsOs},
    io::{self, Write},
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
};

/// What is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    /// `setns` of several kinds by a pidfd (5.8): it has to be told the kinds, which for one file may be left out.
    SetnsByPidfd,
    /// The ioctls that translate process ids between PID namespaces (6.11).
    PidTranslation,
    /// The calls that a container engine's older seccomp profile does not know and answers with ENOSYS.
    NewCalls,
    /// What came after 5.4 and tells of namespaces: calls and ioctls.
    Since5_4,
}

impl Filter {
    pub(crate) const ALL: [Self; 4] = [Self::SetnsByPidfd, Self::PidTranslation, Self::NewCalls, Self::Since5_4];

    /// The first argument of the test program where it is to filter itself.
    pub(crate) const OPTION: &str = "--under-filter";

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SetnsByPidfd => "setns-by-pidfd",
            Self::PidTranslation => "pid-translation",
            Self::NewCalls => "new-calls",
            Self::Since5_4 => "since-5.4",
        }
    }

    /// The system calls that it refuses, each with the values of its second argument that it is about (none: all), and the
    /// error that they get.
    fn refused(self) -> (Vec<(libc::c_long, Vec<SeccompRule>)>, libc::c_int) {
        match self {
            Self::SetnsByPidfd => (vec![(libc::SYS_setns, vec![second(SeccompCmpOp::Ne, 0)])], libc::EINVAL),
            Self::PidTranslation => {
                // NS_GET_PID_FROM_PIDNS to NS_GET_TGID_IN_PIDNS
                let requests = (0x8004_b706..=0x8004_b709).map(|request| second(SeccompCmpOp::Eq, request));
                (vec![(libc::SYS_ioctl, requests.collect())], libc::ENOTTY)
            }
            Self::NewCalls => {
                let calls = [
                    libc::SYS_open_tree,
                    libc::SYS_move_mount,
                    libc::SYS_fsopen,
                    libc::SYS_fsmount,
                    libc::SYS_mount_setattr,
                    libc::SYS_openat2,
                    libc::SYS_clone3,
                ];
                (calls.map(|call| (call, Vec::new())).into(), libc::ENOSYS)
            }
            Self::Since5_4 => {
                // statmount, listmount and listns, which the C library's headers do not know.
                let calls = [libc::SYS_openat2, libc::SYS_pidfd_getfd, 457, 458, 470].map(|call| (call, Vec::new()));
                // NS_GET_MNTNS_ID, NS_MNT_GET_INFO to NS_MNT_GET_PREV, NS_GET_ID
                let requests = [0x8008_b705, 0x8010_b70a, 0x8010_b70b, 0x8010_b70c, 0x8008_b70d];
                let requests = requests.map(|request| second(SeccompCmpOp::Eq, request));
                let ioctl = (libc::SYS_ioctl, requests.into());
                (calls.into_iter().chain([ioctl]).collect(), libc::ENOSYS)
            }
        }
    }

    fn program(self) -> BpfProgram {
        let (calls, errno) = self.refused();
        let refuse = SeccompAction::Errno(errno.unsigned_abs());
        let here = env::consts::ARCH.try_into().unwrap();
        SeccompFilter::new(calls.into_iter().collect(), SeccompAction::Allow, refuse, here).unwrap().try_into().unwrap()
    }
}

/// A rule about a system call's second argument.
fn second(comparison: SeccompCmpOp, value: u64) -> SeccompRule {
    SeccompRule::new(vec![SeccompCondition::new(1, Dword, comparison, value).unwrap()]).unwrap()
}

/// Becomes the program that the arguments name, under the filter that they name. Returns where they ask for no such thing,
/// and with a failure where it cannot be done.
pub(crate) fn become_filtered(mut arguments: ArgsOs) -> Option<ExitCode> {
    arguments.next();
    if arguments.next()? != Filter::OPTION {
        return None;
    }
    let name = arguments.next()?;
    let filter = Filter::ALL.into_iter().find(|filter| filter.name() == name)?;
    let program = arguments.next()?;
    seccompiler::apply_filter(&filter.program()).unwrap();
    let error = Command::new(program).args(arguments).exec();
    let _ = writeln!(io::stderr(), "failed to run a program under a filter: {error}");
    Some(ExitCode::from(127))
}
