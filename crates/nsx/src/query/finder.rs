//! Finds what a row has in a column.
//!
//! The census knows who is where. Everything else is read for the rows that are shown and the
//! columns that are asked for, most of it from the leader's files, each read once a row.

use super::{
    cell::Cell,
    column::Column,
    process_column::ProcessColumn,
    system::System,
    who::{Registrar, Who},
};
use nsx_core::{
    census::{Above, Entry, Holder, Resident, Viewer},
    idmap::IdKind,
    ns::{Namespace, NsId, NsKind},
    pid::Pid,
    proc::{NsLink, ProcError, ProcRoot, Status},
    sys::net::NsidSocket,
};
use nsx_target::{Container, Inventory, Origin, cgroup::Place};
use rustix::io::Errno;
use std::{
    cell::{Cell as Cached, OnceCell},
    rc::Rc,
    time::Duration,
};

/// Finds out about one namespace after the other.
pub(crate) struct Finder<'a> {
    proc: &'a ProcRoot,
    registrar: Registrar<'a>,
    /// The known containers; `None` if another host is looked at.
    inventory: Option<Inventory<'a>>,
    /// The leader of the row before: those of one set of namespaces are found one after the other.
    leader: Option<Rc<Leader>>,
    netns_ids: OnceCell<Option<NsidSocket>>,
    buffer: Vec<u8>,
}

/// The process that a row tells of.
struct Leader {
    pid: Pid,
    status: OnceCell<Result<Status, ProcError>>,
    who: OnceCell<Who>,
    /// The namespace that it was seen in after everything here was read. Before, its id may have
    /// become another process's.
    seen_in: Cached<Option<NsId>>,
}

impl<'a> Finder<'a> {
    pub(crate) fn new(system: &'a System) -> Self {
        let proc = &system.proc;
        Self {
            proc,
            registrar: Registrar::new(proc),
            inventory: system.host.as_ref().map(Inventory::new),
            leader: None,
            netns_ids: OnceCell::new(),
            buffer: Vec::new(),
        }
    }

    /// Returns the cell of a namespace's row in a column.
    pub(crate) fn find(&mut self, entry: &Entry, column: Column) -> Cell {
        let relation = entry.relation;
        match column {
            Column::Ns => Cell::Number(entry.ns.inode),
            Column::Type => Cell::text(entry.ns.kind.name()),
            Column::Nprocs => Cell::count(entry.processes, entry.is_whole),
            Column::Seen => Cell::Number(entry.processes as u64),
            Column::Nthreads => Cell::count(entry.threads, entry.is_whole),
            Column::Pid => entry.leader.map_or_else(
                || nobody(entry),
                |pid| Cell::Number(pid.as_raw_pid().unsigned_abs().into()),
            ),
            Column::Id64 => relation.map_or(Cell::Unknown, |relation| Cell::number(relation.id64)),
            Column::Parent => relation.map_or(Cell::Unknown, |relation| above(relation.parent)),
            Column::Owner => relation.map_or(Cell::Unknown, |relation| above(relation.owner)),
            Column::OwnerUid => {
                relation.map_or(Cell::Unknown, |relation| Cell::number(relation.owner_uid))
            }
            Column::Path => path(entry),
            Column::Nsfs => match points(entry) {
                points if points.is_empty() => Cell::Nothing,
                points => Cell::List(points),
            },
            Column::Holders => holders(entry),
            Column::NetnsId => self.of_open(entry, NsKind::Net, Self::netns_id),
            Column::Hostname
                if entry.ns.kind == NsKind::Uts
                    && !self.proc.is_copy()
                    && self.proc.own_ns(NsLink::Own(NsKind::Uts)) == Ok(entry.ns) =>
            {
                Cell::Text(rustix::system::uname().nodename().to_bytes().to_vec())
            }
            Column::Hostname => {
                self.of_open(entry, NsKind::Uts, |_, ns| ns.hostname().map(Cell::Text))
            }
            Column::Nlinks if entry.leader.is_none() => {
                self.of_open(entry, NsKind::Net, |finder, ns| {
                    ns.links(finder.proc).map(Cell::Number)
                })
            }
            Column::Nlinks => self.only(entry, NsKind::Net, |finder, pid| {
                finder.lines(pid, "net/dev", 2)
            }),
            Column::Nmounts if entry.leader.is_none() => {
                self.of_open(entry, NsKind::Mnt, |_, ns| {
                    ns.mounts().map(|count| Cell::Number(count.into()))
                })
            }
            Column::Nmounts => self.only(entry, NsKind::Mnt, |finder, pid| {
                finder.lines(pid, "mountinfo", 0)
            }),
            Column::UidMap => self.only(entry, NsKind::User, |finder, pid| {
                finder.map(pid, IdKind::User)
            }),
            Column::GidMap => self.only(entry, NsKind::User, |finder, pid| {
                finder.map(pid, IdKind::Group)
            }),
            Column::NsPid => match self.of_leader(entry, ProcessColumn::Chain) {
                chain @ Cell::Chain(_) => Cell::text(chain.shown()),
                cell => cell,
            },
            Column::Ppid => self.of_leader(entry, ProcessColumn::Ppid),
            Column::User => self.of_leader(entry, ProcessColumn::User),
            Column::Uid => self.of_leader(entry, ProcessColumn::Uid),
            Column::Command => self.of_leader(entry, ProcessColumn::Command),
            Column::Container => self.of_leader(entry, ProcessColumn::Container),
            Column::Engine => self.of_leader(entry, ProcessColumn::Engine),
            Column::Pod => self.of_leader(entry, ProcessColumn::Pod),
            Column::Unit => self.of_leader(entry, ProcessColumn::Unit),
            Column::Cgroup => self.of_leader(entry, ProcessColumn::Cgroup),
            Column::Age => self.of_leader(entry, ProcessColumn::Age),
        }
    }

    /// Returns the cell of a process's row in a column.
    pub(crate) fn of_resident(&mut self, resident: &Resident, column: ProcessColumn) -> Cell {
        if column == ProcessColumn::Ns {
            return resident
                .ns
                .map_or(Cell::Unknown, |ns| Cell::Number(ns.inode));
        }
        let leader = self.leader(resident.pid);
        let read_before = leader
            .status
            .get_or_init(|| Ok(resident.status.clone()))
            .is_ok();
        let cell = self.tell(&leader, column);
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
            Some(ns) if !self.is_in(&leader, ns) => Cell::Unknown,
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
        let leader = self.leader(pid);
        let cell = self.tell(&leader, column);
        if namespaces.any(|ns| self.is_in(&leader, ns)) {
            cell
        } else {
            Cell::Unknown
        }
    }

    /// A process's parent, where that is seen from here.
    pub(crate) fn parent(&mut self, pid: Pid) -> Option<Pid> {
        let leader = self.leader(pid);
        self.status(&leader).as_ref().ok()?.ppid
    }

    /// Returns what a process belongs to, as its cgroup and the engines' records say.
    pub(crate) fn origin(&mut self, pid: Pid) -> Origin {
        self.inventory
            .as_mut()
            .map(|inventory| inventory.origin(pid))
            .unwrap_or_default()
    }

    /// The process that a row tells of.
    fn leader(&mut self, pid: Pid) -> Rc<Leader> {
        match &self.leader {
            Some(leader) if leader.pid == pid => leader.clone(),
            _ => {
                let leader = Rc::new(Leader {
                    pid,
                    status: OnceCell::new(),
                    who: OnceCell::new(),
                    seen_in: Cached::new(None),
                });
                self.leader = Some(leader.clone());
                leader
            }
        }
    }

    fn of_leader(&mut self, entry: &Entry, column: ProcessColumn) -> Cell {
        let Some(pid) = entry.leader else {
            return nobody(entry);
        };
        let leader = self.leader(pid);
        let cell = self.tell(&leader, column);
        if self.is_in(&leader, entry.ns) {
            cell
        } else {
            Cell::Unknown
        }
    }

    /// Returns whether a process is in a namespace after all that was read of the process. If so,
    /// what was read is of that process, not of another one with the same id.
    fn is_in(&self, leader: &Leader, ns: NsId) -> bool {
        if leader.seen_in.get() != Some(ns)
            && self.proc.ns(leader.pid, NsLink::Own(ns.kind)) != Ok(ns)
        {
            return false;
        }
        leader.seen_in.set(Some(ns));
        true
    }

    /// Returns a process's cell in a column.
    fn tell(&mut self, leader: &Leader, column: ProcessColumn) -> Cell {
        match column {
            ProcessColumn::Pid => Cell::Number(leader.pid.as_raw_pid().unsigned_abs().into()),
            ProcessColumn::Chain => self.told(leader, |status| Cell::Chain(status.chain.clone())),
            ProcessColumn::Ns => match self.proc.ns(leader.pid, NsLink::Own(NsKind::Pid)) {
                Ok(ns) => Cell::Number(ns.inode),
                Err(error) => unreadable(error),
            },
            ProcessColumn::Ppid => self.told(leader, |status| {
                Cell::number(status.ppid.map(|pid| pid.as_raw_pid().unsigned_abs()))
            }),
            ProcessColumn::User => self.who(leader).user_cell(),
            ProcessColumn::Uid => self.who(leader).uid_cell(),
            ProcessColumn::Command => self.who(leader).command_cell(),
            ProcessColumn::Container => self.container(leader, |container| {
                Some(container.shown().into_encoded_bytes())
            }),
            ProcessColumn::Engine => self.container(leader, |container| {
                Some(container.engine.to_string().into_bytes())
            }),
            ProcessColumn::Pod => self.container(leader, pod),
            ProcessColumn::Unit => self.cgroup(leader, |place| place.unit),
            ProcessColumn::Cgroup => self.cgroup(leader, |place| Some(place.path)),
            ProcessColumn::Age => self.age(leader),
        }
    }

    /// Returns a cell that only namespaces of one kind have, from a file of the leader's.
    fn only(
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
    fn of_open(
        &mut self,
        entry: &Entry,
        kind: NsKind,
        tell: impl FnOnce(&mut Self, &Namespace) -> Result<Cell, Errno>,
    ) -> Cell {
        if entry.ns.kind != kind {
            return Cell::Nothing;
        }
        let told = entry.open(self.proc).and_then(|ns| Ok(tell(self, &ns)?));
        told.unwrap_or_else(unreadable)
    }

    fn who<'l>(&mut self, leader: &'l Leader) -> &'l Who {
        leader.who.get_or_init(|| {
            leader.seen_in.set(None);
            match leader.status.get() {
                Some(Ok(status)) => self.registrar.who_was(leader.pid, status, None).0,
                _ => self.registrar.who(leader.pid),
            }
        })
    }

    fn status<'l>(&mut self, leader: &'l Leader) -> &'l Result<Status, ProcError> {
        leader.status.get_or_init(|| {
            leader.seen_in.set(None);
            self.proc.status(leader.pid, &mut self.buffer)
        })
    }

    fn told(&mut self, leader: &Leader, tell: impl FnOnce(&Status) -> Cell) -> Cell {
        self.status(leader)
            .as_ref()
            .map_or_else(|error| unreadable(*error), tell)
    }

    fn read(&mut self, pid: Pid, file: &str) -> Result<&[u8], ProcError> {
        self.proc.read(pid, file, &mut self.buffer)?;
        Ok(&self.buffer)
    }

    fn lines(&mut self, pid: Pid, file: &str, headings: usize) -> Cell {
        match self.read(pid, file) {
            Ok(text) => {
                let lines = text.iter().filter(|byte| **byte == b'\n').count();
                Cell::Number(lines.saturating_sub(headings) as u64)
            }
            Err(error) => unreadable(error),
        }
    }

    /// The extents of a map, as the kernel lists them, with commas between.
    fn map(&mut self, pid: Pid, ids: IdKind) -> Cell {
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
        self.read(pid, ids.file())
            .map_or_else(unreadable, |text| Cell::List(extents(text)))
    }

    fn age(&mut self, leader: &Leader) -> Cell {
        leader.seen_in.set(None);
        if self.proc.is_copy() {
            return Cell::Unknown;
        }
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let now = Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32);
        match self.proc.start_time(leader.pid, &mut self.buffer) {
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

    fn cgroup(&mut self, leader: &Leader, tell: impl FnOnce(Place) -> Option<Vec<u8>>) -> Cell {
        leader.seen_in.set(None);
        match self.read(leader.pid, "cgroup") {
            Ok(text) => tell(Place::parse(text)).map_or(Cell::Nothing, Cell::Text),
            Err(error) => unreadable(error),
        }
    }

    fn container(
        &mut self,
        leader: &Leader,
        tell: impl FnOnce(&Container) -> Option<Vec<u8>>,
    ) -> Cell {
        leader.seen_in.set(None);
        let origin = self.origin(leader.pid);
        origin
            .container()
            .and_then(tell)
            .map_or(Cell::Nothing, Cell::Text)
    }
}

/// Its place in Kubernetes: `NAMESPACE/POD/CONTAINER`, without the last for the pod's sandbox.
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

/// Returns the leader cell for a namespace in which no process was seen: nothing if no process can
/// be in the namespace, else unknown.
fn nobody(entry: &Entry) -> Cell {
    if entry.is_whole {
        Cell::Nothing
    } else {
        Cell::Unknown
    }
}

fn unreadable(error: ProcError) -> Cell {
    match error {
        ProcError::Denied | ProcError::Unshown => Cell::Hidden,
        _ => Cell::Unknown,
    }
}

fn above(above: Above) -> Cell {
    match above {
        Above::Is(ns) => Cell::Number(ns.inode),
        Above::Hidden => Cell::Hidden,
        Above::Nothing => Cell::Nothing,
    }
}

/// Returns the files that the caller sees and to which the namespace is bound.
fn points(entry: &Entry) -> Vec<Vec<u8>> {
    let pins = entry.holders.iter().filter_map(|holder| match holder {
        Holder::Mount(pin) if pin.viewer == Viewer::Caller => Some(pin.mount.point.clone()),
        _ => None,
    });
    pins.collect()
}

/// A file that leads to it: of a process, a thread, a descriptor, else where it is bound to one.
fn path(entry: &Entry) -> Cell {
    let kind = entry.ns.kind.name();
    if let Some(pid) = entry.leader {
        return Cell::text(format!("/proc/{pid}/ns/{kind}"));
    }
    let of_holder = |holder: &Holder| match holder {
        Holder::Thread { pid, tid } => {
            Some(Cell::text(format!("/proc/{pid}/task/{tid}/ns/{kind}")))
        }
        Holder::ForChildren { pid, tid } => Some(Cell::text(format!(
            "/proc/{pid}/task/{tid}/ns/{kind}_for_children"
        ))),
        Holder::Descriptor { pid, fd } => Some(Cell::text(format!("/proc/{pid}/fd/{fd}"))),
        Holder::Mount(pin) if pin.viewer == Viewer::Caller => {
            Some(Cell::Text(pin.mount.point.clone()))
        }
        Holder::Mount(_) | Holder::Socket { .. } | Holder::Child(_) | Holder::Owned(_) => None,
    };
    entry
        .holders
        .iter()
        .find_map(of_holder)
        .unwrap_or(Cell::Nothing)
}

/// Returns the number of holders of each kind, in words.
pub(crate) fn holders(entry: &Entry) -> Cell {
    let count = |is: fn(&Holder) -> bool, one: &str, many: &str| match entry
        .holders
        .iter()
        .filter(|it| is(it))
        .count()
    {
        0 => None,
        1 => Some(format!("1 {one}").into_bytes()),
        number => Some(format!("{number} {many}").into_bytes()),
    };
    let counts = [
        count(
            |it| matches!(it, Holder::Thread { .. }),
            "thread",
            "threads",
        ),
        count(
            |it| matches!(it, Holder::ForChildren { .. }),
            "process for its children",
            "processes for their children",
        ),
        count(
            |it| matches!(it, Holder::Descriptor { .. }),
            "descriptor",
            "descriptors",
        ),
        count(|it| matches!(it, Holder::Mount(_)), "mount", "mounts"),
        count(
            |it| matches!(it, Holder::Socket { .. }),
            "socket",
            "sockets",
        ),
        count(|it| matches!(it, Holder::Child(_)), "child", "children"),
        count(
            |it| matches!(it, Holder::Owned(_)),
            "owned namespace",
            "owned namespaces",
        ),
    ];
    Cell::list(
        counts.into_iter().flatten().collect(),
        entry.has_all_holders,
    )
}
