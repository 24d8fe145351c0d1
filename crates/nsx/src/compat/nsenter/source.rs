//! The target of `nsenter`: a pinned process, and the files of it that are opened.
//!
//! All files are reached through one open directory of /proc, which never becomes that of another
//! process. They count only if the pinned process had not ended by then, which the plan checks. A
//! thread, or a process on a kernel without pidfds, cannot be pinned and is entered through that
//! directory alone.

use super::{super::Complaint, wording};
use nsx_core::{
    ns::{Namespace, NsId, NsKind, NsSet},
    pid::{Pid, Process},
    plan::{NamespaceFile, ProcDirectory},
    proc::{NsLink, ProcRoot},
    trouble,
};
use rustix::{
    fd::{AsFd, AsRawFd, OwnedFd},
    fs::{Mode, OFlags},
    io::Errno,
    process::PidfdGetfdFlags,
};
use std::{fs::File, io::Read};

/// A process that is named by its id.
pub(super) struct Source {
    pid: Pid,
    /// `None` if the process cannot be pinned, or is not pinned yet.
    process: Option<Process>,
    proc: Option<ProcRoot>,
    directory: Option<ProcDirectory>,
}

impl Source {
    /// Returns the process `pid`, which is pinned at once if the inode number of its pidfd is known.
    pub(super) fn new(pid: Pid, inode: Option<u64>) -> Result<Self, Complaint> {
        let mut source = Self {
            pid,
            process: None,
            proc: None,
            directory: None,
        };
        if let Some(inode) = inode {
            source.pin();
            let found = source
                .process
                .as_ref()
                .ok_or(Errno::SRCH)
                .and_then(Process::inode);
            let found = found.and_then(|found| {
                if found == inode {
                    Ok(())
                } else {
                    Err(Errno::SRCH)
                }
            });
            found.map_err(|errno| source.no_descriptor(errno))?;
        }
        Ok(source)
    }

    /// Pins the process, if possible. The kernel refuses to enter a zombie.
    pub(super) fn pin(&mut self) {
        if self.process.is_none() {
            self.process = Process::hold(self.pid).ok();
        }
    }

    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    pub(super) fn is_pinned(&self) -> bool {
        self.process.is_some()
    }

    /// Returns the procfs; `None` if there is none.
    pub(super) fn proc(&mut self) -> Option<&ProcRoot> {
        if self.proc.is_none() {
            self.proc = ProcRoot::system().ok();
        }
        self.proc.as_ref()
    }

    /// Returns whether anything was read from the process's directory.
    pub(super) fn was_read(&self) -> bool {
        self.directory.is_some()
    }

    /// Returns the process and the procfs, and closes the rest.
    pub(super) fn into_parts(self) -> (Option<Process>, Option<ProcRoot>) {
        (self.process, self.proc)
    }

    /// Returns its directory in /proc.
    pub(super) fn directory(&mut self) -> Result<ProcDirectory, Complaint> {
        let directory = self.reach();
        directory.map_err(|errno| self.cannot_open("", errno))
    }

    /// Opens a file or link in its directory.
    pub(super) fn open(&mut self, entry: &str, flags: OFlags) -> Result<OwnedFd, Complaint> {
        self.open_entry(entry, flags)
            .map_err(|errno| self.cannot_open(entry, errno))
    }

    /// Reads a file in its directory.
    pub(super) fn read(&mut self, entry: &str) -> Result<Vec<u8>, Complaint> {
        let mut text = Vec::new();
        let read = File::from(self.open(entry, OFlags::RDONLY)?).read_to_end(&mut text);
        read.map_err(|error| self.cannot_open(entry, trouble::errno_of(&error)))?;
        Ok(text)
    }

    /// Opens its namespace of a kind.
    pub(super) fn namespace(&mut self, kind: NsKind) -> Result<NamespaceFile, Complaint> {
        let entry = format!("ns/{kind}");
        let opened = self.open(&entry, OFlags::RDONLY)?;
        let ns = Namespace::from_fd(opened).map_err(|errno| self.cannot_open(&entry, errno))?;
        Ok(NamespaceFile::new(self.path(&entry).into(), ns))
    }

    /// Returns whether the process and the caller are in the same namespace of a kind.
    pub(super) fn shares(&mut self, kind: NsKind) -> Result<bool, Complaint> {
        let link = format!("ns/{kind}");
        let ids = self.reach().and_then(|directory| {
            let its = rustix::fs::readlinkat(&directory, &link, Vec::new())?;
            let own = self
                .proc
                .as_ref()
                .and_then(|proc| proc.own_ns(NsLink::Own(kind)).ok());
            Ok((NsId::parse(its.to_bytes()).ok(), own))
        });
        match ids {
            Ok((its, own)) => Ok(its == own),
            Err(errno) => Err(wording::cannot_stat(&self.path(&link), errno)),
        }
    }

    /// Returns the kinds of namespace that the kernel has.
    pub(super) fn kinds(&mut self) -> Result<NsSet, Complaint> {
        let kinds = self
            .proc()
            .ok_or(Errno::NOENT)
            .and_then(|proc| proc.kinds());
        kinds.map_err(|errno| wording::cannot_stat(&self.path("ns/user"), errno))
    }

    /// Opens the network namespace of the socket that is its descriptor `fd`.
    pub(super) fn socket_namespace(&mut self, fd: i32) -> Result<Namespace, Complaint> {
        let process = self
            .process
            .as_ref()
            .ok_or_else(|| self.no_descriptor(Errno::SRCH))?;
        let socket = rustix::process::pidfd_getfd(process, fd, PidfdGetfdFlags::empty()).map_err(
            |errno| {
                let call = format!("pidfd_getfd({}, {fd})", process.as_fd().as_raw_fd());
                Complaint::because([call.as_bytes()], errno)
            },
        )?;
        let ns = Namespace::of_socket(&socket);
        let call = format!("ioctl({}, SIOCGSKNS)", socket.as_raw_fd());
        ns.map_err(|errno| Complaint::because([call.as_bytes()], errno))
    }

    fn no_descriptor(&self, errno: Errno) -> Complaint {
        let text = format!(
            "failed to obtain a valid file descriptor for PID {}",
            self.pid
        );
        Complaint::because([text.as_bytes()], errno)
    }

    fn open_entry(&mut self, entry: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        rustix::fs::openat(self.reach()?, entry, flags | OFlags::CLOEXEC, Mode::empty())
    }

    fn reach(&mut self) -> Result<ProcDirectory, Errno> {
        if let Some(directory) = &self.directory {
            return Ok(directory.clone());
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let name = self.pid.to_string();
        let opened =
            rustix::fs::openat(self.proc().ok_or(Errno::NOENT)?, name, flags, Mode::empty())?;
        Ok(self.directory.insert(ProcDirectory::new(opened)).clone())
    }

    fn cannot_open(&self, entry: &str, errno: Errno) -> Complaint {
        wording::cannot_open(self.path(entry).trim_end_matches('/').as_bytes())(errno)
    }

    fn path(&self, entry: &str) -> String {
        format!("/proc/{}/{entry}", self.pid)
    }
}
