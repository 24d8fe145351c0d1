//! Older kernels on a newer one: commands under a seccomp filter that refuses newer system calls.
//!
//! The filter must be installed in the child before its exec. To avoid code between fork and exec,
//! the test program runs itself: `tests --under-filter NAME PROGRAM [ARG]…` installs the filter and
//! becomes the program.

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule,
};
use std::{
    env::{self, ArgsOs},
    io::{self, Write},
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
};

/// System calls, each with the required values of its arguments.
type Calls = Vec<(libc::c_long, Vec<SeccompRule>)>;

/// Kernel features that are taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    /// `setns` of several kinds by a pidfd (5.8): a kind must be given, which may be left out for a
    /// single file.
    SetnsByPidfd,
    /// The ioctls that translate process ids between PID namespaces (6.11).
    PidTranslation,
    /// The calls that a container engine's older seccomp profile does not know and answers with
    /// ENOSYS.
    NewCalls,
    /// The calls and ioctls that came after 5.4 and could tell about namespaces and processes.
    Since5_4,
    /// `unshare` and `setns`: EPERM, as under the default profiles of container engines.
    Namespaces,
    /// `mount`: EPERM, likewise.
    Mounts,
}

impl Filter {
    pub(crate) const ALL: [Self; 6] = [
        Self::SetnsByPidfd,
        Self::PidTranslation,
        Self::NewCalls,
        Self::Since5_4,
        Self::Namespaces,
        Self::Mounts,
    ];

    /// The first argument of the test program if it has to filter itself.
    pub(crate) const OPTION: &str = "--under-filter";

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SetnsByPidfd => "setns-by-pidfd",
            Self::PidTranslation => "pid-translation",
            Self::NewCalls => "new-calls",
            Self::Since5_4 => "since-5.4",
            Self::Namespaces => "namespaces",
            Self::Mounts => "mounts",
        }
    }

    /// The system calls that it refuses, by the error that they return, each with the required
    /// values of its arguments (none: any).
    fn refused(self) -> Vec<(libc::c_int, Calls)> {
        // NS_GET_PID_FROM_PIDNS to NS_GET_TGID_IN_PIDNS
        let translation =
            (0x8004_b706..=0x8004_b709).map(|request| argument(1, SeccompCmpOp::Eq, request));
        match self {
            Self::SetnsByPidfd => {
                vec![(
                    libc::EINVAL,
                    vec![(libc::SYS_setns, vec![argument(1, SeccompCmpOp::Ne, 0)])],
                )]
            }
            Self::PidTranslation => {
                vec![(libc::ENOTTY, vec![(libc::SYS_ioctl, translation.collect())])]
            }
            Self::Namespaces => {
                let calls = [libc::SYS_unshare, libc::SYS_setns];
                vec![(libc::EPERM, calls.map(|call| (call, Vec::new())).into())]
            }
            Self::Mounts => vec![(libc::EPERM, vec![(libc::SYS_mount, Vec::new())])],
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
                vec![(libc::ENOSYS, calls.map(|call| (call, Vec::new())).into())]
            }
            Self::Since5_4 => {
                let calls = [
                    libc::SYS_close_range,
                    libc::SYS_openat2,
                    libc::SYS_pidfd_getfd,
                    libc::SYS_faccessat2,
                    libc::SYS_epoll_pwait2,
                    libc::SYS_mount_setattr,
                    // statmount, listmount, open_tree_attr and listns, which the C library's
                    // headers do not know.
                    457,
                    458,
                    467,
                    470,
                ];
                // NS_GET_MNTNS_ID, NS_MNT_GET_INFO to NS_MNT_GET_PREV, NS_GET_ID
                let requests = [
                    0x8008_b705,
                    0x8010_b70a,
                    0x8010_b70b,
                    0x8010_b70c,
                    0x8008_b70d,
                ];
                let requests = requests.map(|request| argument(1, SeccompCmpOp::Eq, request));
                // PIDFD_GET_CGROUP_NAMESPACE to PIDFD_GET_INFO, which has grown: all that pidfds
                // answer
                let of_pidfds = argument(1, SeccompCmpOp::MaskedEq(0xff00), 0xff00);
                let ioctl = requests.into_iter().chain(translation).chain([of_pidfds]);
                // A file handle below FD_NSFS_ROOT
                let by_id = argument(0, SeccompCmpOp::Eq, u64::from(NSFS_ROOT.cast_unsigned()));
                vec![
                    (libc::ENOSYS, calls.map(|call| (call, Vec::new())).into()),
                    (libc::ENOTTY, vec![(libc::SYS_ioctl, ioctl.collect())]),
                    (
                        libc::EBADF,
                        vec![(libc::SYS_open_by_handle_at, vec![by_id])],
                    ),
                ]
            }
        }
    }

    fn programs(self) -> impl Iterator<Item = BpfProgram> {
        self.refused().into_iter().map(|(errno, calls)| {
            let refuse = SeccompAction::Errno(errno.unsigned_abs());
            let here = env::consts::ARCH.try_into().unwrap();
            let filter = SeccompFilter::new(
                calls.into_iter().collect(),
                SeccompAction::Allow,
                refuse,
                here,
            );
            filter.unwrap().try_into().unwrap()
        })
    }
}

/// Stands for the root of nsfs instead of a directory's descriptor (6.18).
const NSFS_ROOT: i32 = -10003;

/// A rule about one of a system call's arguments, counted from 0.
fn argument(place: u8, comparison: SeccompCmpOp, value: u64) -> SeccompRule {
    SeccompRule::new(vec![
        SeccompCondition::new(place, Dword, comparison, value).unwrap(),
    ])
    .unwrap()
}

/// Becomes the program that the arguments name, under the filter that they name. Returns if the
/// arguments name no filter, or with a failure.
pub(crate) fn become_filtered(mut arguments: ArgsOs) -> Option<ExitCode> {
    arguments.next();
    if arguments.next()? != Filter::OPTION {
        return None;
    }
    let name = arguments.next()?;
    let filter = Filter::ALL
        .into_iter()
        .find(|filter| filter.name() == name)?;
    let program = arguments.next()?;
    for filter in filter.programs() {
        seccompiler::apply_filter(&filter).unwrap();
    }
    let error = Command::new(program).args(arguments).exec();
    let _ = writeln!(
        io::stderr(),
        "failed to run a program under a filter: {error}"
    );
    Some(ExitCode::from(127))
}
