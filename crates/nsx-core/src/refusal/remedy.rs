//! The ways out of a refusal, as facts: a program words them after its own options.

use crate::ns::NsKind;
use rustix::thread::CapabilitySet;
use std::path::PathBuf;

/// A way out of a refusal. The list is exhaustive, so that a program that words each of them fails
/// to compile when there is another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Run the program as root.
    BecomeRoot,
    /// Run the program with these capabilities, which root lacks.
    RunWith(CapabilitySet),
    /// Have the program started with these capabilities, which are not in the caller's bounding
    /// set.
    AddToBoundingSet(CapabilitySet),
    /// Run the program with these capabilities in the bounding set, which another program dropped.
    KeepInBoundingSet(CapabilitySet),
    /// Run the program where no_new_privs is not set.
    RunWithoutNoNewPrivs,
    /// Run the program as the user who created the user namespaces.
    RunAsCreator,
    /// Run the program in the other user namespace, or in one above that.
    RunInThatUserNamespace,

    /// Create a user namespace with the others, in which the caller has all capabilities.
    CreateUserNamespace,
    /// Join the user namespace of the target too.
    JoinUserNamespace,
    /// Leave the owner of the new user namespace at the caller.
    OwnUserNamespace,
    /// Run the program in a user namespace and a mount namespace of the caller's own.
    RunInOwnMountNamespace,
    /// End namespaces of this kind.
    EndNamespaces(NsKind),

    /// Let somebody with the right to do so raise the sysctl that the cause names.
    RaiseSysctl(Administrator),
    /// Let the administrator set the sysctl that the cause names to this value.
    SetSysctl(u64),
    /// Let the administrator install an AppArmor profile that allows user namespaces.
    InstallAppArmorProfile,
    /// Start the container with a seccomp profile that allows the call.
    ChangeSeccompProfile,
    /// Start the container without mounts over parts of `/proc`.
    UnmaskProc,

    /// Map ranges of ids, by which setgroups stays allowed.
    MapIdRanges,
    /// Map ids other than user 0 of the caller's user namespace.
    MapOtherIds,
    /// Keep the supplementary groups.
    KeepGroups,
    /// Install `newuidmap(1)` and `newgidmap(1)`, or add their directory to PATH.
    InstallIdMapHelper,
    /// Give the file of the helper its privilege: set-user-ID, or this capability.
    PrivilegeIdMapHelper {
        /// The file of the helper.
        file: PathBuf,
        /// The capability.
        capability: CapabilitySet,
    },
    /// Use a helper that is not on a mount with the option nosuid.
    MoveIdMapHelper,

    /// Make the directory that is missing.
    MakeDirectory,
    /// Name another directory to mount the procfs on.
    NameProcDirectory,
    /// Do not mount a procfs.
    LeaveProcOut,
    /// Leave the procfs of the target as it is.
    LeaveProcAsItIs,
    /// Make the mount point, or mount a new file system above it.
    MakeMountPoint,
    /// Leave the propagation of mounts at private.
    PrivatePropagation,
    /// Leave the propagation of mounts unchanged.
    LeavePropagation,
    /// Name layers of an overlay on which nothing is mounted.
    NameLayersWithoutMounts,
    /// Name the program's working directory, or start from another.
    NameWorkingDirectory,
    /// Name another working directory, or bind this one.
    BindWorkingDirectory(PathBuf),

    /// Leave out the system call filters of the target.
    LeaveFiltersOut,

    /// Enter the namespace that is pinned here, or remove the pin.
    EnterOrRemovePin(PathBuf),
    /// Make the directory of the pin, or name a file in another.
    MakePinDirectory,
    /// Name a file in this directory for the pin of this kind.
    NamePinIn(NsKind, PathBuf),
    /// Name a file in a directory that holds nothing else.
    NamePinApart,
    /// Look up the process that holds the lock on this directory.
    FindLockHolder(PathBuf),

    /// Name a clock offset nearer to 0.
    SmallerClockOffset,
    /// Write the interpreter in the form of binfmt_misc.
    BinfmtForm,
}

/// The user who may change a sysctl of a user namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Administrator {
    /// Root of the host.
    Host,
    /// Root of the caller's user namespace.
    UserNamespace,
}
