//! File systems that are made whole before they are attached (5.2).

use crate::plan::FileSystem;
use rustix::{
    fd::OwnedFd,
    io::Errno,
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, fsconfig_create, fsconfig_set_flag,
        fsconfig_set_string,
    },
};
use std::ffi::OsStr;

/// The first length of a value that `fsconfig(2)` does not take.
const VALUE_MAX: usize = 256;

/// Makes a file system that is mounted nowhere yet. `ENOSYS` also if an option is longer than the
/// newer calls take, or is several, or if a flag is not one of a mount.
pub(super) fn detached(file_system: &FileSystem) -> Result<OwnedFd, Errno> {
    let FileSystem {
        kind,
        options,
        flags,
        source,
        ..
    } = file_system;
    let is_several = |text: &String| text.len() >= VALUE_MAX || text.contains(',');
    if options
        .iter()
        .any(|(name, value)| is_several(name) || value.as_ref().is_some_and(is_several))
        || flags.intersects(of_file_system())
    {
        return Err(Errno::NOSYS);
    }
    let context = rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(
        &context,
        "source",
        if source.is_empty() {
            OsStr::new(kind)
        } else {
            source
        },
    )?;
    // A hierarchy of cgroups has one superblock, which others write through.
    if flags.contains(MountFlags::RDONLY) && !kind.starts_with("cgroup") {
        fsconfig_set_flag(&context, "ro")?;
    }
    for (name, value) in options {
        match value {
            Some(value) => fsconfig_set_string(&context, name, value)?,
            None => fsconfig_set_flag(&context, name)?,
        }
    }
    fsconfig_create(&context)?;
    rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes(*flags))
}

/// Returns the flags of `mount(2)` that are those of a file system, wherever it is mounted.
fn of_file_system() -> MountFlags {
    // MS_POSIXACL and MS_I_VERSION have no names in rustix.
    MountFlags::from_bits_retain(1 << 16 | 1 << 23)
        | MountFlags::DIRSYNC
        | MountFlags::LAZYTIME
        | MountFlags::PERMIT_MANDATORY_FILE_LOCKING
        | MountFlags::SILENT
        | MountFlags::SYNCHRONOUS
}

/// Flags of `mount(2)` as the newer calls name them.
pub(super) fn attributes(mut flags: MountFlags) -> MountAttrFlags {
    // To the newer calls access times are one value, and two of them EINVAL. To mount(2) the strict
    // one goes before.
    if flags.contains(MountFlags::STRICTATIME) {
        flags.remove(MountFlags::NOATIME);
    }
    [
        (MountFlags::RDONLY, MountAttrFlags::MOUNT_ATTR_RDONLY),
        (MountFlags::NOSUID, MountAttrFlags::MOUNT_ATTR_NOSUID),
        (MountFlags::NODEV, MountAttrFlags::MOUNT_ATTR_NODEV),
        (MountFlags::NOEXEC, MountAttrFlags::MOUNT_ATTR_NOEXEC),
        (MountFlags::NOATIME, MountAttrFlags::MOUNT_ATTR_NOATIME),
        (
            MountFlags::STRICTATIME,
            MountAttrFlags::MOUNT_ATTR_STRICTATIME,
        ),
        (
            MountFlags::NODIRATIME,
            MountAttrFlags::MOUNT_ATTR_NODIRATIME,
        ),
        (
            MountFlags::NOSYMFOLLOW,
            MountAttrFlags::MOUNT_ATTR_NOSYMFOLLOW,
        ),
    ]
    .into_iter()
    .filter_map(|(flag, attribute)| flags.contains(flag).then_some(attribute))
    .collect()
}
