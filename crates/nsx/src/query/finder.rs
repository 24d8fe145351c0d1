//! Finds the cells of a row.
//!
//! The census knows which process is in which namespace. Everything else is read only for the rows
//! and columns that are shown, most of it from files of the leader, each read once per row.

use super::{
    cell::Cell,
    column::{NsColumn, ProcessColumn},
    entry_cells,
    process::{ProcessInfo, ProcessReader},
    system::System,
};
use nsx_core::{
    census::{Entry, Resident},
    idmap::IdKind,
    ns::{Namespace, NsId, NsKind, NsidSocket},
    pid::Pid,
    proc::{NsLink, ProcError, ProcRoot, Status},
};
use nsx_target::{Container, Inventory, Origin, cgroup::CgroupFacts};
use rustix::io::Errno;
use std::{
    cell::{Cell as Cached, OnceCell},
    rc::Rc,
    time::Duration,
};

/// Finds the cells of rows, one row after the other.
pub(crate) struct CellFinder<'a> {
    proc: &'a ProcRoot,
    reader: ProcessReader<'a>,
    /// The known containers; `None` if the system is another host.
    inventory: Option<Inventory<'a>>,
    /// The process of the previous row, which often is the process of the next row too.
    previous: Option<Rc<RowProcess>>,
    netns_ids: OnceCell<Option<NsidSocket>>,
}

/// The process of a row, with what was read of it.
struct RowProcess {
    pid: Pid,
    status: OnceCell<Result<Status, ProcError>>,
    who: OnceCell<ProcessInfo>,
    /// The namespace that the process was in after everything here was read. If `None`, another
    /// process may have taken its PID meanwhile.
    seen_in: Cached<Option<NsId>>,
}

impl<'a> CellFinder<'a> {
    pub(crate) fn new(system: &'a System) -> Self {
        let proc = &system.proc;
        Self {
            proc,
            reader: ProcessReader::new(proc),
            inventory: system.host.as_ref().map(Inventory::new),
            previous: None,
            netns_ids: OnceCell::new(),
        }
    }

    /// Returns the cell of a namespace's row in a column.
    pub(crate) fn find(&mut self, entry: &Entry, column: NsColumn) -> Cell {
        let relation = entry.relation;
        match column {
            NsColumn::Ns => Cell::Number(entry.ns.inode),
            NsColumn::Type => Cell::text(entry.ns.kind.name()),
            NsColumn::Nprocs => Cell::count(entry.processes, entry.is_whole),
            NsColumn::Seen => Cell::Number(entry.processes as u64),
            NsColumn::Nthreads => Cell::count(entry.threads, entry.is_whole),
            NsColumn::Pid => entry.leader.map_or_else(
                || entry_cells::no_leader(entry),
                |pid| Cell::Number(pid.as_raw_pid().unsigned_abs().into()),
            ),
            NsColumn::Id64 => {
                relation.map_or(Cell::Unknown, |relation| Cell::number(relation.id64))
            }
            NsColumn::Parent => relation.map_or(Cell::Unknown, |relation| {
                entry_cells::above(relation.parent)
            }),
            NsColumn::Owner => {
                relation.map_or(Cell::Unknown, |relation| entry_cells::above(relation.owner))
            }
            NsColumn::OwnerUid => {
                relation.map_or(Cell::Unknown, |relation| Cell::number(relation.owner_uid))
            }
            NsColumn::Path => entry_cells::path(entry),
            NsColumn::Nsfs => Cell::some_list(entry_cells::bind_mounts(entry)),
            NsColumn::Holders => entry_cells::holders(entry),
            NsColumn::NetnsId => self.in_namespace(entry, NsKind::Net, Self::netns_id),
            NsColumn::Hostname
                if entry.ns.kind == NsKind::Uts
                    && !self.proc.is_copy()
                    && self.proc.own_ns(NsLink::Own(NsKind::Uts)) == Ok(entry.ns) =>
            {
                Cell::Text(rustix::system::uname().nodename().to_bytes().to_vec())
            }
            NsColumn::Hostname => {
                self.in_namespace(entry, NsKind::Uts, |_, ns| ns.hostname().map(Cell::Text))
            }
            NsColumn::Nlinks if entry.leader.is_none() => {
                self.in_namespace(entry, NsKind::Net, |finder, ns| {
                    ns.links(finder.proc).map(Cell::Number)
                })
            }
            NsColumn::Nlinks => self.in_leader(entry, NsKind::Net, |finder, pid| {
                finder.lines(pid, "net/dev", 2)
            }),
            NsColumn::Nmounts if entry.leader.is_none() => {
                self.in_namespace(entry, NsKind::Mnt, |_, ns| {
                    ns.mounts().map(|count| Cell::Number(count.into()))
                })
            }
            NsColumn::Nmounts => self.in_leader(entry, NsKind::Mnt, |finder, pid| {
                finder.lines(pid, "mountinfo", 0)
            }),
            NsColumn::UidMap => self.in_leader(entry, NsKind::User, |finder, pid| {
                finder.map(pid, IdKind::User)
            }),
            NsColumn::GidMap => self.in_leader(entry, NsKind::User, |finder, pid| {
                finder.map(pid, IdKind::Group)
            }),
            NsColumn::NsPid => match self.leader_cell(entry, ProcessColumn::Chain) {
                chain @ Cell::Chain(_) => Cell::text(chain.shown()),
                cell => cell,
            },
            NsColumn::Ppid => self.leader_cell(entry, ProcessColumn::Ppid),
            NsColumn::User => self.leader_cell(entry, ProcessColumn::User),
            NsColumn::Uid => self.leader_cell(entry, ProcessColumn::Uid),
            NsColumn::Command => self.leader_cell(entry, ProcessColumn::Command),
            NsColumn::Container => self.leader_cell(entry, ProcessColumn::Container),
            NsColumn::Engine => self.leader_cell(entry, ProcessColumn::Engine),
            NsColumn::Pod => self.leader_cell(entry, ProcessColumn::Pod),
            NsColumn::Unit => self.leader_cell(entry, ProcessColumn::Unit),
            NsColumn::Cgroup => self.leader_cell(entry, ProcessColumn::Cgroup),
            NsColumn::Age => self.leader_cell(entry, ProcessColumn::Age),
        }
    }

    /// Returns the cell of a process's row in a column.
    pub(crate) fn of_resident(&mut self, resident: &Resident, column: ProcessColumn) -> Cell {
        if column == ProcessColumn::Ns {
            return resident
                .ns
                .map_or(Cell::Unknown, |ns| Cell::Number(ns.inode));
        }
        let process = self.process(resident.pid);
        let read_before = process
            .status
            .get_or_init(|| Ok(resident.status.clone()))
            .is_ok();
        let cell = self.process_cell(&process, column);
        // These cells come from a status that was read together with the namespace.
        if read_before
            && matches!(
                column,
                ProcessColumn::Pid
                    | ProcessColumn::Chain
                    | ProcessColumn::Ppid
                    | ProcessColumn::User
                    | ProcessColumn::Uid
            )
        {
            return cell;
        }
        match resident.ns {
            Some(ns) if !self.is_in(&process, ns) => Cell::Unknown,
            _ => cell,
        }
    }

    /// Returns a process's cell in a column, if the process still is in one of these namespaces
    /// afterwards; else unknown.
    pub(crate) fn of_member(
        &mut self,
        pid: Pid,
        mut namespaces: impl Iterator<Item = NsId>,
        column: ProcessColumn,
    ) -> Cell {
        let process = self.process(pid);
        let cell = self.process_cell(&process, column);
        if namespaces.any(|ns| self.is_in(&process, ns)) {
            cell
        } else {
            Cell::Unknown
        }
    }

    /// Returns a process's parent, if the caller sees the parent.
    pub(crate) fn parent(&mut self, pid: Pid) -> Option<Pid> {
        let process = self.process(pid);
        self.status(&process).as_ref().ok()?.ppid
    }

    /// Returns the container or unit of a process, as its cgroup and the engines' records say.
    pub(crate) fn origin(&mut self, pid: Pid) -> Origin {
        self.inventory
            .as_mut()
            .map(|inventory| inventory.origin(pid))
            .unwrap_or_default()
    }

    /// Returns the process of a row, with what was read of it for the previous row.
    fn process(&mut self, pid: Pid) -> Rc<RowProcess> {
        match &self.previous {
            Some(process) if process.pid == pid => process.clone(),
            _ => {
                let process = Rc::new(RowProcess {
                    pid,
                    status: OnceCell::new(),
                    who: OnceCell::new(),
                    seen_in: Cached::new(None),
                });
                self.previous = Some(process.clone());
                process
            }
        }
    }

    fn leader_cell(&mut self, entry: &Entry, column: ProcessColumn) -> Cell {
        let Some(pid) = entry.leader else {
            return entry_cells::no_leader(entry);
        };
        let process = self.process(pid);
        let cell = self.process_cell(&process, column);
        if self.is_in(&process, entry.ns) {
            cell
        } else {
            Cell::Unknown
        }
    }

    /// Returns whether a process is in a namespace after everything was read of it. If so, no other
    /// process had the PID meanwhile.
    fn is_in(&self, process: &RowProcess, ns: NsId) -> bool {
        if process.seen_in.get() != Some(ns)
            && self.proc.ns(process.pid, NsLink::Own(ns.kind)) != Ok(ns)
        {
            return false;
        }
        process.seen_in.set(Some(ns));
        true
    }

    /// Returns a process's cell in a column.
    fn process_cell(&mut self, process: &RowProcess, column: ProcessColumn) -> Cell {
        match column {
            ProcessColumn::Pid => Cell::Number(process.pid.as_raw_pid().unsigned_abs().into()),
            ProcessColumn::Chain => {
                self.status_cell(process, |status| Cell::Chain(status.chain.clone()))
            }
            ProcessColumn::Ns => match self.proc.ns(process.pid, NsLink::Own(NsKind::Pid)) {
                Ok(ns) => Cell::Number(ns.inode),
                Err(error) => unreadable(error),
            },
            ProcessColumn::Ppid => self.status_cell(process, |status| {
                Cell::number(status.ppid.map(|pid| pid.as_raw_pid().unsigned_abs()))
            }),
            ProcessColumn::User => self.who(process).user_cell(),
            ProcessColumn::Uid => self.who(process).uid_cell(),
            ProcessColumn::Command => self.who(process).command_cell(),
            ProcessColumn::Container => self.container(process, |container| {
                Some(container.shown().into_encoded_bytes())
            }),
            ProcessColumn::Engine => self.container(process, |container| {
                Some(container.engine.to_string().into_bytes())
            }),
            ProcessColumn::Pod => self.container(process, pod),
            ProcessColumn::Unit => self.cgroup(process, |cgroups| cgroups.unit),
            ProcessColumn::Cgroup => self.cgroup(process, |cgroups| Some(cgroups.path)),
            ProcessColumn::Age => self.age(process),
        }
    }

    /// Returns a cell that only namespaces of one kind have, from a file of the leader.
    fn in_leader(
        &mut self,
        entry: &Entry,
        kind: NsKind,
        find: impl FnOnce(&mut Self, Pid) -> Cell,
    ) -> Cell {
        match entry.leader {
            _ if entry.ns.kind != kind => Cell::Nothing,
            Some(pid) => {
                let cell = find(self, pid);
                if self.proc.ns(pid, NsLink::Own(kind)) == Ok(entry.ns) {
                    cell
                } else {
                    Cell::Unknown
                }
            }
            None => Cell::Unknown,
        }
    }

    /// Returns a cell that only namespaces of one kind have, from the namespace itself.
    fn in_namespace(
        &mut self,
        entry: &Entry,
        kind: NsKind,
        find: impl FnOnce(&mut Self, &Namespace) -> Result<Cell, Errno>,
    ) -> Cell {
        if entry.ns.kind != kind {
            return Cell::Nothing;
        }
        let found = entry.open(self.proc).and_then(|ns| Ok(find(self, &ns)?));
        found.unwrap_or_else(unreadable)
    }

    fn who<'l>(&mut self, process: &'l RowProcess) -> &'l ProcessInfo {
        process.who.get_or_init(|| {
            process.seen_in.set(None);
            match process.status.get() {
                Some(Ok(status)) => self.reader.read_since(process.pid, status, None).0,
                _ => self.reader.read(process.pid),
            }
        })
    }

    fn status<'l>(&mut self, process: &'l RowProcess) -> &'l Result<Status, ProcError> {
        process.status.get_or_init(|| {
            process.seen_in.set(None);
            self.proc.status(process.pid)
        })
    }

    fn status_cell(&mut self, process: &RowProcess, find: impl FnOnce(&Status) -> Cell) -> Cell {
        self.status(process)
            .as_ref()
            .map_or_else(|error| unreadable(*error), find)
    }

    fn lines(&self, pid: Pid, file: &str, headings: usize) -> Cell {
        let count = |text: &[u8]| text.iter().filter(|byte| **byte == b'\n').count();
        match self.proc.read_with(pid, file, count) {
            Ok(lines) => Cell::Number(lines.saturating_sub(headings) as u64),
            Err(error) => unreadable(error),
        }
    }

    /// Returns the extents of an id mapping, as the kernel lists them.
    fn map(&self, pid: Pid, ids: IdKind) -> Cell {
        let extents = |text: &[u8]| {
            text.split(|byte| *byte == b'\n')
                .map(|line| {
                    line.split(u8::is_ascii_whitespace)
                        .filter(|word| !word.is_empty())
                        .collect::<Vec<_>>()
                })
                .filter(|words| !words.is_empty())
                .map(|words| words.join(&b' '))
                .collect()
        };
        self.proc
            .read_with(pid, ids.file(), extents)
            .map_or_else(unreadable, Cell::List)
    }

    fn age(&mut self, process: &RowProcess) -> Cell {
        process.seen_in.set(None);
        if self.proc.is_copy() {
            return Cell::Unknown;
        }
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let now = Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32);
        match self.proc.start_time(process.pid) {
            Ok(ticks) => Cell::Number(
                now.as_secs()
                    .saturating_sub(ticks / rustix::param::clock_ticks_per_second()),
            ),
            Err(error) => unreadable(error),
        }
    }

    fn netns_id(&mut self, ns: &Namespace) -> Result<Cell, Errno> {
        let socket = self
            .netns_ids
            .get_or_init(|| NsidSocket::new().ok())
            .as_ref();
        socket.ok_or(Errno::OPNOTSUPP)?.number(ns).map(Cell::number)
    }

    fn cgroup(
        &mut self,
        process: &RowProcess,
        find: impl FnOnce(CgroupFacts) -> Option<Vec<u8>>,
    ) -> Cell {
        process.seen_in.set(None);
        match self
            .proc
            .read_with(process.pid, "cgroup", CgroupFacts::parse)
        {
            Ok(facts) => find(facts).map_or(Cell::Nothing, Cell::Text),
            Err(error) => unreadable(error),
        }
    }

    fn container(
        &mut self,
        process: &RowProcess,
        find: impl FnOnce(&Container) -> Option<Vec<u8>>,
    ) -> Cell {
        process.seen_in.set(None);
        let origin = self.origin(process.pid);
        origin
            .container()
            .and_then(find)
            .map_or(Cell::Nothing, Cell::Text)
    }
}

/// Returns `NAMESPACE/POD/CONTAINER`, or `NAMESPACE/POD` for the sandbox of a pod.
fn pod(container: &Container) -> Option<Vec<u8>> {
    let pod = container.pod.as_ref()?;
    let parts = [
        Some(&pod.namespace),
        Some(&pod.name),
        pod.container.as_ref(),
    ];
    Some(
        parts
            .into_iter()
            .flatten()
            .map(|part| part.as_encoded_bytes())
            .collect::<Vec<_>>()
            .join(&b'/'),
    )
}

fn unreadable(error: ProcError) -> Cell {
    match error {
        ProcError::Denied | ProcError::Unshown => Cell::Hidden,
        _ => Cell::Unknown,
    }
}
