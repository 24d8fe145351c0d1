//! [`ProcRoot`]: an open procfs, and the only way in which this crate reads one.
//!
//! It is a value, not the path `/proc`: the one that was opened before a mount namespace was left
//! stays the caller's, and a recorded tree on disk can stand in for a live one.

use super::{ProcError, entry_path::EntryPath};
use crate::{
    ns::{Namespace, NsKind, NsSet},
    pid::Pid,
    trouble,
};
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, ResolveFlags, StatxFlags},
    io::Errno,
};
use std::{ffi::CStr, mem::MaybeUninit, path::Path};

/// Returns whether a directory is a procfs that does not show its reader: that of a PID namespace
/// without the reader.
pub(crate) fn hides_reader(directory: impl AsFd) -> bool {
    let is_procfs = |it: rustix::fs::StatFs| it.f_type == rustix::fs::PROC_SUPER_MAGIC;
    let mut target = [MaybeUninit::uninit(); 16];
    rustix::fs::fstatfs(&directory).is_ok_and(is_procfs)
        && matches!(
            rustix::fs::readlinkat_raw(&directory, c"self", &mut target),
            Err(Errno::NOENT)
        )
}

/// An open procfs, or a recording of one.
#[derive(Debug)]
pub struct ProcRoot {
    fd: OwnedFd,
    is_copy: bool,
}

/// The most bytes of a file in a copy that are read: no process has a longer command line or table
/// of mounts.
const LONGEST_IN_COPY: usize = 64 << 20;

/// The longest text that is read onto the stack: longer than most files of a process.
const SHORT: usize = 8 << 10;

/// The memory for a longer text, so that most of them fit.
const LONG: usize = 32 << 10;

impl ProcRoot {
    /// Returns the caller's own, `/proc`.
    ///
    /// # Errors
    /// The errno of `openat(2)`.
    pub fn system() -> Result<Self, Errno> {
        Self::open(Path::new("/proc"))
    }

    /// Returns the one at `path`.
    ///
    /// # Errors
    /// The errno of `openat(2)`.
    pub fn open(path: &Path) -> Result<Self, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(trouble::met)?;
        Ok(Self { fd, is_copy: false })
    }

    /// Returns a copy of a procfs in plain files at `path`, as `cp -a` and sosreport make it;
    /// anyone may have written it. What it lacks has vanished. Nothing outside of it is read, and
    /// nothing in it is waited for or opened as a namespace.
    ///
    /// # Errors
    /// The errno of `openat(2)`.
    pub fn copy(path: &Path) -> Result<Self, Errno> {
        Ok(Self {
            is_copy: true,
            ..Self::open(path)?
        })
    }

    /// Returns whether this is a copy, whose processes and namespaces do not exist here.
    pub fn is_copy(&self) -> bool {
        self.is_copy
    }

    /// Opens a file or directory of it.
    fn open_file(&self, path: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::CLOEXEC;
        if !self.is_copy {
            return rustix::fs::openat(&self.fd, path, flags, Mode::empty());
        }
        // A FIFO would be waited for, and a link may lead anywhere.
        let flags = if flags.contains(OFlags::PATH) {
            flags
        } else {
            flags | OFlags::NONBLOCK
        };
        let way = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        rustix::fs::openat2(&self.fd, path, flags, Mode::empty(), way)
    }

    pub(super) fn read_link<'b>(
        &self,
        path: &CStr,
        buffer: &'b mut [MaybeUninit<u8>],
    ) -> Result<&'b [u8], Errno> {
        if !self.is_copy {
            return Ok(rustix::fs::readlinkat_raw(&self.fd, path, buffer)?.0);
        }
        let link = self.open_file(path, OFlags::PATH | OFlags::NOFOLLOW)?;
        Ok(rustix::fs::readlinkat_raw(link, c"", buffer)?.0)
    }

    /// Returns whether this is a procfs by its file system, and not a directory without one
    /// mounted, or a recording.
    pub fn is_procfs(&self) -> bool {
        rustix::fs::fstatfs(&self.fd)
            .is_ok_and(|file_system| file_system.f_type == rustix::fs::PROC_SUPER_MAGIC)
    }

    /// Returns the target of a link of a process, such as `root` or `fd/3`, cut to what `buffer`
    /// holds.
    ///
    /// # Errors
    /// [`ProcError`].
    pub(crate) fn link_target<'b>(
        &self,
        pid: Pid,
        link: &str,
        buffer: &'b mut [MaybeUninit<u8>],
    ) -> Result<&'b [u8], ProcError> {
        let path = EntryPath::of(pid).file(link);
        Ok(self.read_link(path.as_c_str(), buffer)?)
    }

    /// Returns the effective user id of a process, in the reader's user namespace: the owner of its
    /// directory, whatever the process lets others see of its files. Costs a tenth of what reading
    /// its status does.
    ///
    /// # Errors
    /// [`ProcError`].
    pub fn euid(&self, pid: Pid) -> Result<u32, ProcError> {
        if self.is_copy {
            // The owner of the directory is the user who made the copy.
            return Ok(self.status(pid)?.euid);
        }
        let path = EntryPath::of(pid);
        Ok(rustix::fs::statat(&self.fd, path.as_c_str(), AtFlags::SYMLINK_NOFOLLOW)?.st_uid)
    }

    /// Returns the root directory of a process, as the numbers of its device and inode. Nothing is
    /// waited for: what a file system on another host, or one in user space, has said before is
    /// enough.
    ///
    /// # Errors
    /// [`ProcError`].
    pub fn root_of(&self, pid: Pid) -> Result<(u64, u64), ProcError> {
        self.identity(&EntryPath::of(pid).file("root"))
    }

    /// Like [`ProcRoot::root_of`], but for the caller.
    ///
    /// # Errors
    /// [`ProcError`].
    pub fn own_root(&self) -> Result<(u64, u64), ProcError> {
        self.identity(&EntryPath::of_caller().file("root"))
    }

    /// Returns the major and minor number of nsfs, the file system of namespaces, or none if this
    /// procfs does not tell.
    pub fn nsfs_device(&self) -> Option<(u32, u32)> {
        let (device, _inode) = self
            .identity(&EntryPath::of_caller().file("ns/user"))
            .ok()?;
        Some((rustix::fs::major(device), rustix::fs::minor(device)))
    }

    fn identity(&self, path: &EntryPath) -> Result<(u64, u64), ProcError> {
        if self.is_copy {
            return Err(ProcError::Vanished);
        }
        let flags = AtFlags::STATX_DONT_SYNC | AtFlags::NO_AUTOMOUNT;
        let found = rustix::fs::statx(&self.fd, path.as_c_str(), flags, StatxFlags::INO)?;
        Ok((
            rustix::fs::makedev(found.stx_dev_major, found.stx_dev_minor),
            found.stx_ino,
        ))
    }

    /// Returns the kinds of namespace that the kernel has: those that the caller has links for.
    ///
    /// # Errors
    /// The errno of `openat(2)` or `getdents64(2)`.
    pub fn kinds(&self) -> Result<NsSet, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory =
            rustix::fs::openat(&self.fd, c"self/ns", flags, Mode::empty()).map_err(trouble::met)?;
        let mut buffer = [MaybeUninit::uninit(); 1024];
        let mut entries = RawDir::new(directory, &mut buffer);
        let mut kinds = NsSet::EMPTY;
        while let Some(entry) = entries.next() {
            if let Some(kind) = NsKind::from_name(entry?.file_name().to_bytes()) {
                kinds.insert(kind);
            }
        }
        Ok(kinds)
    }

    /// Returns whether the procfs leaves out processes that exist: PID 1 lives for as long as any
    /// other. With `hidepid=invisible`, see `proc(5)`, nothing else tells.
    pub fn hides_processes(&self) -> bool {
        !self.is_copy
            && matches!(
                rustix::fs::statat(&self.fd, c"1", AtFlags::SYMLINK_NOFOLLOW),
                Err(Errno::NOENT)
            )
    }

    /// Returns whether the procfs numbers processes as the caller's own PID namespace does.
    ///
    /// It does not if a PID namespace was entered and no procfs of that namespace was mounted: then
    /// a number means one process here and another to a system call.
    pub fn is_callers(&self) -> bool {
        if self.is_copy {
            return false;
        }
        let mut target = [MaybeUninit::uninit(); 16];
        let own = rustix::fs::readlinkat_raw(&self.fd, c"self", &mut target);
        let own = own.ok().and_then(|(text, _)| super::decimal(text));
        own == u64::try_from(rustix::process::getpid().as_raw_nonzero().get()).ok()
    }

    /// Reads a process's `file`, such as `limits` or `task/17/syscall`.
    ///
    /// # Errors
    /// [`ProcError`].
    pub fn read(&self, pid: Pid, file: &str) -> Result<Vec<u8>, ProcError> {
        self.read_with(pid, file, <[u8]>::to_vec)
    }

    /// Reads no more than the first `limit` bytes of a process's `file`.
    ///
    /// # Errors
    /// [`ProcError`].
    pub fn read_up_to(&self, limit: usize, pid: Pid, file: &str) -> Result<Vec<u8>, ProcError> {
        self.with_text(&EntryPath::of(pid).file(file), limit, <[u8]>::to_vec)
    }

    /// Reads a process's `file` and passes the text to `parse`. Unless the text is long, this
    /// allocates nothing, for scans of many processes.
    ///
    /// # Errors
    /// [`ProcError`].
    pub fn read_with<T>(
        &self,
        pid: Pid,
        file: &str,
        parse: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, ProcError> {
        self.with_text(&EntryPath::of(pid).file(file), usize::MAX, parse)
    }

    /// Reads a file of the caller's own.
    ///
    /// # Errors
    /// [`ProcError`]; `Vanished` also if this procfs is of a PID namespace that the caller is
    /// not in.
    pub fn read_own(&self, file: &str) -> Result<Vec<u8>, ProcError> {
        let path = EntryPath::of_caller().file(file);
        self.with_text(&path, usize::MAX, <[u8]>::to_vec)
    }

    /// Passes no more than the first `limit` bytes of a file to `parse`.
    pub(super) fn with_text<T>(
        &self,
        path: &EntryPath,
        limit: usize,
        parse: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, ProcError> {
        let (mut short, mut long) = ([MaybeUninit::uninit(); SHORT], Vec::new());
        self.text(path, limit, &mut short, &mut long).map(parse)
    }

    /// Returns the text of a file, in `long` if it does not fit into `short`.
    fn text<'t>(
        &self,
        path: &EntryPath,
        mut limit: usize,
        short: &'t mut [MaybeUninit<u8>; SHORT],
        long: &'t mut Vec<u8>,
    ) -> Result<&'t [u8], ProcError> {
        let fd = self.open_file(path.as_c_str(), OFlags::RDONLY)?;
        if self.is_copy {
            limit = limit.min(LONGEST_IN_COPY);
            if !FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode).is_file() {
                return Err(ProcError::Malformed("a copy of /proc: not a regular file"));
            }
        }
        let (text, room) = rustix::io::read(&fd, &mut short[..limit.min(SHORT)])?;
        if text.len() == limit || (!room.is_empty() && path.is_written_at_once()) {
            return Ok(text);
        }
        let mut more: &[u8] = &[];
        if !room.is_empty() {
            more = rustix::io::read(&fd, room)?.0;
            if more.is_empty() {
                return Ok(text);
            }
        }
        long.reserve(LONG);
        long.extend_from_slice(text);
        long.extend_from_slice(more);
        while long.len() < limit {
            long.reserve(SHORT);
            if rustix::io::read(&fd, rustix::buffer::spare_capacity(long))? == 0 {
                break;
            }
        }
        long.truncate(limit);
        Ok(long)
    }

    /// Opens the namespace that a process's descriptor stands for.
    ///
    /// # Errors
    /// [`ProcError`]; `Os(EINVAL)` if it stands for anything else, which is not opened.
    pub fn open_descriptor(&self, pid: Pid, fd: u32) -> Result<Namespace, ProcError> {
        if self.is_copy {
            return Err(ProcError::Vanished);
        }
        let path = EntryPath::of(pid).file(&format!("fd/{fd}"));
        Ok(Namespace::open(&self.fd, path.as_c_str())?)
    }

    /// Opens a process's `file` or directory.
    ///
    /// # Errors
    /// [`ProcError`].
    pub fn open_entry(&self, pid: Pid, file: &str, flags: OFlags) -> Result<OwnedFd, ProcError> {
        let path = EntryPath::of(pid).file(file);
        Ok(self.open_file(path.as_c_str(), flags)?)
    }
}

impl AsFd for ProcRoot {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::{NsLink, Recording};

    #[test]
    fn a_directory_is_the_effective_users() {
        let proc = ProcRoot::system().unwrap();
        assert_eq!(
            proc.euid(rustix::process::getpid()),
            Ok(rustix::process::geteuid().as_raw())
        );
        let mut compared = 0;
        for pid in proc.pids().unwrap() {
            let status = |proc: &ProcRoot| proc.status(pid).map(|status| status.euid);
            let (before, euid, after) = (status(&proc), proc.euid(pid), status(&proc));
            if before.is_ok() && before == after {
                assert_eq!(euid, before, "{pid}");
                compared += 1;
            }
        }
        assert!(compared > 1);
    }

    #[test]
    fn a_process_that_is_not_there_has_vanished() {
        let proc = ProcRoot::system().unwrap();
        let nobody = Pid::from_raw(i32::MAX).unwrap();
        assert_eq!(
            proc.ns(nobody, NsLink::Own(NsKind::Net)),
            Err(ProcError::Vanished)
        );
        assert_eq!(proc.read(nobody, "status"), Err(ProcError::Vanished));
    }

    #[test]
    fn a_file_of_any_length_is_read_whole() {
        let recording = Recording::new();
        let root = recording.root();
        let pid = Pid::from_raw(7).unwrap();
        for length in [0, 1, SHORT - 1, SHORT, SHORT + 1, LONG, 3 * LONG + 5] {
            let text: Vec<u8> = (0..length).map(|index| index as u8).collect();
            // The kernel writes one of them at once.
            for name in ["status", "mountinfo"] {
                recording.file(7, name, &text);
                assert!(root.read(pid, name).as_ref() == Ok(&text), "{length}");
                for limit in [0, 1, SHORT, LONG + 1] {
                    let most = &text[..length.min(limit)];
                    let read = root.read_up_to(limit, pid, name).unwrap();
                    assert!(read == most, "{limit} of {length}");
                }
            }
        }
    }
}
