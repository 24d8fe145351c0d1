//! An open namespace: a descriptor of its file in nsfs, and what the kernel tells of it, see
//! `ioctl_nsfs(2)`.

use super::{NsId, NsKind};
use crate::{descriptor::reopen, proc::Mount, sys::nsfs, trouble};
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, StatxFlags},
    io::Errno,
};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

/// A namespace that is held open, so that it and its inode number stay as long as this value does.
#[derive(Debug)]
pub struct Namespace {
    fd: OwnedFd,
    id: NsId,
}

/// A namespace's parent or owner, as far as the caller may see.
#[derive(Debug)]
pub enum Related {
    /// This one.
    Is(Namespace),
    /// There is one, but the kernel does not show it to the caller (`EPERM`): it lies above the
    /// caller's own.
    Hidden,
}

impl Namespace {
    /// Opens the namespace file `path`, relative to `dir`: a link in `/proc/PID/ns` or a file that
    /// one was bound to.
    ///
    /// # Errors
    /// The errno of `openat(2)`; `EINVAL` if the file is not a namespace; `ENOSYS` if nsx does
    /// not know its kind.
    pub fn open(dir: impl AsFd, path: impl rustix::path::Arg) -> Result<Self, Errno> {
        // Opened by path alone first: opening a FIFO or a device that stands at the path could
        // block or act.
        Self::from_path_fd(
            rustix::fs::openat(dir, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
                .map_err(trouble::met)?,
        )
    }

    /// Opens the namespace file that an `O_PATH` descriptor leads to.
    ///
    /// # Errors
    /// As [`Namespace::open`].
    pub fn from_path_fd(file: OwnedFd) -> Result<Self, Errno> {
        if rustix::fs::fstatfs(&file).map_err(trouble::met)?.f_type != nsfs::MAGIC {
            return Err(Errno::INVAL);
        }
        Self::from_fd(reopen(&file)?)
    }

    /// Opens the namespace that is bound at a mount point of the caller's own mount namespace. It
    /// never waits, however slow what is mounted on the way there is, for only what the kernel has
    /// at hand is looked at (5.12).
    ///
    /// # Errors
    /// `EINVAL` if no namespace is bound there, or the kernel is older; `ESTALE` if it is no
    /// longer there; `EAGAIN` if the kernel would have had to wait; any errno of `openat2(2)`.
    pub fn open_mount(mount: &Mount) -> Result<Self, Errno> {
        Self::open_cached(CWD, mount, ResolveFlags::CACHED)
    }

    /// Like [`Namespace::open_mount`], but in another mount namespace: `root` is the directory from
    /// which the mount point is seen.
    ///
    /// # Errors
    /// As [`Namespace::open_mount`].
    pub fn open_mount_below(root: impl AsFd, mount: &Mount) -> Result<Self, Errno> {
        Self::open_cached(root, mount, ResolveFlags::CACHED | ResolveFlags::IN_ROOT)
    }

    fn open_cached(
        directory: impl AsFd,
        mount: &Mount,
        resolve: ResolveFlags,
    ) -> Result<Self, Errno> {
        let id = mount.namespace().ok_or(Errno::INVAL)?;
        let point = OsStr::from_bytes(&mount.point);
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let file = rustix::fs::openat2(directory, point, flags, Mode::empty(), resolve)
            .map_err(trouble::met)?;
        let asked = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
        let stat = rustix::fs::statx(&file, "", asked, StatxFlags::INO).map_err(trouble::met)?;
        if (stat.stx_dev_major, stat.stx_dev_minor) != mount.device || stat.stx_ino != id.inode {
            return Err(Errno::STALE);
        }
        Self::from_fd(reopen(&file)?)
    }

    /// Opens a namespace by the id that [`Namespace::id64`] returns (6.18). `known` is its kind and
    /// inode number, without which the kernel finds it only since 6.19.
    ///
    /// # Errors
    /// `ESTALE` if there is none that the caller may open; `EBADF` before 6.18.
    pub fn open_by_id(id: u64, known: Option<(NsKind, u32)>) -> Result<Self, Errno> {
        let known = known.map(|(kind, inode)| (kind.flag(), inode));
        Self::from_fd(nsfs::open_by_id(id, known)?)
    }

    /// Opens the network namespace of a socket (4.10). Requires CAP_NET_ADMIN over that namespace.
    ///
    /// # Errors
    /// The errno of the `SIOCGSKNS` ioctl.
    pub fn of_socket(socket: impl AsFd) -> Result<Self, Errno> {
        Self::from_fd(nsfs::of_socket(socket)?)
    }

    /// Takes a descriptor of a file in nsfs.
    ///
    /// # Errors
    /// `ENOTTY` or `EINVAL` if the descriptor is not that of a namespace; `ENOSYS` if nsx does not
    /// know its kind.
    pub fn from_fd(fd: OwnedFd) -> Result<Self, Errno> {
        let kind = NsKind::from_flag(nsfs::kind_flag(&fd)?).ok_or(Errno::NOSYS)?;
        let inode = rustix::fs::fstat(&fd).map_err(trouble::met)?.st_ino;
        Ok(Self {
            fd,
            id: NsId { kind, inode },
        })
    }

    /// Returns the kind and the inode number of the namespace.
    pub fn id(&self) -> NsId {
        self.id
    }

    /// Returns the user namespace that owns this one: who has capabilities there has them over this
    /// (4.9).
    ///
    /// # Errors
    /// Any errno but `EPERM`, which is [`Related::Hidden`].
    pub fn owner(&self) -> Result<Related, Errno> {
        Self::related(nsfs::owner(&self.fd))
    }

    /// Returns the parent of a PID or user namespace (4.9).
    ///
    /// # Errors
    /// `EINVAL` for the kinds that have no parents; any other errno but `EPERM`, which is
    /// [`Related::Hidden`]. The topmost namespace of a host has no parent, and the kernel says
    /// `EPERM` for it too.
    pub fn parent(&self) -> Result<Related, Errno> {
        Self::related(nsfs::parent(&self.fd))
    }

    /// Returns the id, in the caller's user namespace, of the user who created this user namespace
    /// (4.11).
    ///
    /// # Errors
    /// `EINVAL` for kinds other than user.
    pub fn owner_uid(&self) -> Result<u32, Errno> {
        nsfs::owner_uid(&self.fd)
    }

    /// Returns the id that no other namespace gets before the next boot (6.18).
    ///
    /// # Errors
    /// `ENOTTY` before 6.18.
    pub fn id64(&self) -> Result<u64, Errno> {
        nsfs::id64(&self.fd)
    }

    /// Returns the number of mounts in this mount namespace (6.12).
    ///
    /// # Errors
    /// `ENOTTY` before 6.12; `EINVAL` for kinds other than mnt.
    pub fn mounts(&self) -> Result<u32, Errno> {
        nsfs::count_mounts(&self.fd)
    }

    fn related(answer: Result<OwnedFd, Errno>) -> Result<Related, Errno> {
        match answer {
            Ok(fd) => Self::from_fd(fd).map(Related::Is),
            Err(Errno::PERM) => Ok(Related::Hidden),
            Err(errno) => Err(errno),
        }
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::{NsLink, ProcRoot};

    #[test]
    fn a_namespace_is_found_by_its_id() {
        let own = ProcRoot::system().unwrap();
        let own = own
            .open_ns(rustix::process::getpid(), NsLink::Own(NsKind::Uts))
            .unwrap();
        let inode = own.id().inode.try_into().unwrap();
        match own
            .id64()
            .and_then(|id| Namespace::open_by_id(id, Some((NsKind::Uts, inode))))
        {
            Ok(found) => assert_eq!(found.id(), own.id()),
            // Before 6.18, or for a caller without the right.
            Err(errno) => assert!([Errno::NOTTY, Errno::PERM].contains(&errno), "{errno}"),
        }
    }
}
