//! A private instance of tracefs: a directory with buffers and events of its own, which no other
//! user of tracefs sees or changes (3.10).

use crate::{bytes::decimal, pid::Pid, proc::ProcRoot, trouble};
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{AtFlags, CWD, Dir, Mode, OFlags},
    io::Errno,
    mount::{FsMountFlags, FsOpenFlags, MountAttrFlags},
};
use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// The usual mount point.
const MOUNTED: &str = "/sys/kernel/tracing";
/// `TRACEFS_MAGIC` of linux/magic.h.
const MAGIC: i64 = 0x7472_6163;
/// The start of the name of an instance, before the PID and the start time of its owner.
const NAME: &str = "nsx-";

/// An instance, which ends with this value.
#[derive(Debug)]
pub(super) struct Instance {
    tracefs: OwnedFd,
    path: PathBuf,
}

impl Instance {
    /// Makes an instance, and removes those of processes that were killed.
    ///
    /// # Errors
    /// `EPERM` and `EACCES` without CAP_SYS_ADMIN, or under kernel lockdown; `ENODEV` if the kernel
    /// has no tracefs.
    pub(super) fn new(proc: &ProcRoot) -> Result<Self, Errno> {
        let tracefs = tracefs()?;
        let own = rustix::process::getpid();
        let started = start(proc, own).ok_or(Errno::SRCH)?;
        remove_leftovers(&tracefs, proc);
        let path = Path::new("instances").join(format!("{NAME}{own}-{started}"));
        rustix::fs::mkdirat(&tracefs, &path, Mode::RWXU).map_err(trouble::met)?;
        Ok(Self { tracefs, path })
    }

    /// Opens a file of the instance.
    pub(super) fn open(&self, file: impl AsRef<Path>, flags: OFlags) -> Result<OwnedFd, Errno> {
        let path = self.path.join(file);
        rustix::fs::openat(&self.tracefs, path, flags | OFlags::CLOEXEC, Mode::empty())
            .map_err(trouble::met)
    }

    /// Reads a file of the instance.
    pub(super) fn read(&self, file: impl AsRef<Path>) -> Result<Vec<u8>, Errno> {
        let mut file = File::from(self.open(file, OFlags::RDONLY)?);
        let mut text = Vec::new();
        file.read_to_end(&mut text)
            .map_err(|error| trouble::errno_of(&error))?;
        Ok(text)
    }

    /// Writes a file of the instance.
    pub(super) fn write(&self, file: impl AsRef<Path>, text: &str) -> Result<(), Errno> {
        let file = self.open(file, OFlags::WRONLY)?;
        rustix::io::write(file, text.as_bytes()).map_err(trouble::met)?;
        Ok(())
    }

    /// Returns the names in a directory of the instance.
    pub(super) fn list(&self, directory: &str) -> Result<Vec<String>, Errno> {
        names(self.open(directory, OFlags::RDONLY | OFlags::DIRECTORY)?)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // An instance that stays is removed by the next process that makes one.
        let _ = rustix::fs::unlinkat(&self.tracefs, &self.path, AtFlags::REMOVEDIR);
    }
}

/// Opens the file system: where it is mounted, or as a mount that no process sees. Before 6.9 a new
/// mount sets the options of the existing ones.
fn tracefs() -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mounted = rustix::fs::openat(CWD, MOUNTED, flags, Mode::empty());
    if let Ok(mounted) = mounted
        && rustix::fs::fstatfs(&mounted).is_ok_and(|it| it.f_type == MAGIC)
    {
        return Ok(mounted);
    }
    let context = rustix::mount::fsopen("tracefs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_create(context.as_fd())?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    rustix::mount::fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

/// Removes the instances of processes that have ended.
fn remove_leftovers(tracefs: &OwnedFd, proc: &ProcRoot) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(instances) = rustix::fs::openat(tracefs, "instances", flags, Mode::empty()) else {
        return;
    };
    let Ok(names) = instances.try_clone().map_err(|_| Errno::IO).and_then(names) else {
        return;
    };
    for name in names {
        if let Some((pid, started)) = owner(&name)
            && start(proc, pid) != Some(started)
        {
            // Another process may have removed the instance meanwhile.
            let _ = rustix::fs::unlinkat(&instances, name, AtFlags::REMOVEDIR);
        }
    }
}

/// Returns the PID and the start time that the name of an instance has.
fn owner(name: &str) -> Option<(Pid, u64)> {
    let (pid, started) = name.strip_prefix(NAME)?.split_once('-')?;
    Some((
        crate::pid::parse(pid.as_bytes()).ok()?,
        decimal(started.as_bytes())?,
    ))
}

fn start(proc: &ProcRoot, pid: Pid) -> Option<u64> {
    proc.start_time(pid).ok()
}

fn names(directory: OwnedFd) -> Result<Vec<String>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::new(directory)? {
        names.extend(entry?.file_name().to_str().ok().map(ToOwned::to_owned));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_names_its_owner() {
        let pid = Pid::from_raw(4711).unwrap();
        assert_eq!(owner("nsx-4711-99"), Some((pid, 99)));
        for name in [
            "nsx-4711",
            "nsx-0-1",
            "nsx-4711-",
            "nsx-a-1",
            "other-4711-99",
        ] {
            assert_eq!(owner(name), None, "{name}");
        }
    }
}
