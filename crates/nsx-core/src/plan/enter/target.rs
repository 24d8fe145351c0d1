//! The target as the plan reads it: by its number, and believed only because it has not ended afterwards.

use crate::{
    idmap::{IdKind, IdMap},
    ns::{NsId, NsKind, NsSet},
    pid::{Pid, Process},
    plan::PlanError,
    proc::{NsLink, ProcError, ProcRoot, Status},
};
use rustix::{fd::OwnedFd, fs::OFlags};

/// A process and the procfs that shows it.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The process.
    pub process: &'a Process,
    /// The caller's procfs.
    pub proc: &'a ProcRoot,
}

impl Target<'_> {
    /// Those of `kinds` in which it is not where the caller is.
    ///
    /// # Errors
    /// [`PlanError`]: the kernel has no such kind, the target has ended or may not be read.
    pub fn differing(&self, kinds: NsSet) -> Result<NsSet, PlanError> {
        let mut differing = NsSet::EMPTY;
        for kind in kinds.iter() {
            let link = NsLink::Own(kind);
            let own = match self.proc.own_ns(link) {
                Err(ProcError::Vanished) => return Err(PlanError::NoSuchKind(kind)),
                own => own.map_err(self.failure("caller's namespaces"))?,
            };
            if self.ns(kind)? != own {
                differing.insert(kind);
            }
        }
        Ok(differing)
    }

    /// Which namespace of a kind it is in.
    ///
    /// # Errors
    /// As for [`Self::root`].
    pub fn ns(&self, kind: NsKind) -> Result<NsId, PlanError> {
        self.proc.ns(self.process.pid(), NsLink::Own(kind)).map_err(self.failure("namespaces"))
    }

    /// Its id in its own PID namespace.
    ///
    /// # Errors
    /// As for [`Self::root`].
    pub fn innermost_pid(&self) -> Result<Pid, PlanError> {
        let status = Status::parse(&self.read("status")?).map_err(self.failure("status"))?;
        Ok(status.chain.innermost())
    }

    /// Its root directory, by path only.
    ///
    /// # Errors
    /// [`PlanError`] where it has ended or may not be read.
    pub fn root(&self) -> Result<OwnedFd, PlanError> {
        self.open("root", "root directory")
    }

    /// Its working directory, by path only.
    ///
    /// # Errors
    /// As for [`Self::root`].
    pub fn directory(&self) -> Result<OwnedFd, PlanError> {
        self.open("cwd", "working directory")
    }

    /// The ids of its user namespace, as they are counted in the caller's.
    ///
    /// # Errors
    /// As for [`Self::root`].
    pub fn id_map(&self, ids: IdKind) -> Result<IdMap, PlanError> {
        IdMap::parse(&self.read(ids.file())?).map_err(self.failure(ids.file()))
    }

    /// Whether programs in its user namespace may set their groups.
    ///
    /// # Errors
    /// As for [`Self::root`].
    pub fn may_set_groups(&self) -> Result<bool, PlanError> {
        Ok(self.read("setgroups")?.starts_with(b"allow"))
    }

    fn open(&self, link: &'static str, what: &'static str) -> Result<OwnedFd, PlanError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        self.proc.open_entry(self.process.pid(), link, flags).map_err(self.failure(what))
    }

    fn read(&self, file: &'static str) -> Result<Vec<u8>, PlanError> {
        let mut text = Vec::new();
        self.proc.read(self.process.pid(), file, &mut text).map_err(self.failure(file))?;
        Ok(text)
    }

    /// What an error of reading it means: its end, if it has ended.
    pub fn failure(&self, what: &'static str) -> impl Fn(ProcError) -> PlanError {
        move |source| match self.process.unseen(self.proc, self.process.pid(), source) {
            ProcError::Vanished => PlanError::TargetEnded,
            _ if self.process.ended() => PlanError::TargetEnded,
            source => PlanError::Target { what, source },
        }
    }
}
