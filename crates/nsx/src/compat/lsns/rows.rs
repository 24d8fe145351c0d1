//! The rows: namespaces, or the processes of one, with the facts that the columns need, and the tree.

use super::{
    super::Complaint,
    columns::Column,
    host::{Host, Mounts, Process, Way},
    options::{Options, Tree},
    wording,
};
use crate::query::filter::{Filter, Value};
use nsx_core::{
    census::{self, Census, Entry, Holder, Query, Relation, Sources},
    hash::HashMap,
    ns::{NsId, NsKind, NsSet},
    pid::Pid,
    proc::ProcRoot,
};
use rustix::io::Errno;
use std::{collections::BTreeMap, rc::Rc};

/// A row. Facts that no column needs are absent.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) ns: NsId,
    pub(super) processes: usize,
    /// The process, or the thread, that the row shows.
    pub(super) pid: Option<Pid>,
    pub(super) process: Option<Rc<Process>>,
    pub(super) relation: Option<Relation>,
    pub(super) user: Option<Vec<u8>>,
    pub(super) netnsid: Option<Vec<u8>>,
    /// The files to which the namespace is bound.
    pub(super) points: Vec<Vec<u8>>,
    /// The index of the parent in the tree, which comes before its children.
    pub(super) parent: Option<usize>,
}

/// The content of a row in a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell<'a> {
    Nothing,
    Number(u64),
    Text(&'a [u8]),
    Owned(String),
    /// Texts one below the other; at least one.
    Lines(&'a [Vec<u8>]),
}

impl Row {
    pub(super) fn cell(&self, column: Column) -> Cell<'_> {
        let number = |number: i32| Cell::Number(u64::try_from(number).unwrap_or(0));
        let above = |id: Option<NsId>| Cell::Number(id.map_or(0, |id| id.inode));
        match column {
            Column::Ns => Cell::Number(self.ns.inode),
            Column::Type => Cell::Text(self.ns.kind.name().as_bytes()),
            Column::Path => self.pid.map_or(Cell::Nothing, |pid| {
                Cell::Owned(format!(
                    "/proc/{}/ns/{}",
                    pid.as_raw_pid(),
                    self.ns.kind.name()
                ))
            }),
            Column::Nprocs => Cell::Number(self.processes as u64),
            Column::Pid => self
                .pid
                .map_or(Cell::Nothing, |pid| number(pid.as_raw_pid())),
            Column::Ppid => self
                .process
                .as_ref()
                .map_or(Cell::Nothing, |process| number(process.ppid)),
            Column::Command => self
                .process
                .as_ref()
                .map_or(Cell::Nothing, |process| Cell::Text(&process.command)),
            Column::Uid => self
                .uid()
                .map_or(Cell::Nothing, |uid| Cell::Number(uid.into())),
            Column::User => self
                .user
                .as_ref()
                .map_or(Cell::Nothing, |user| Cell::Text(user)),
            Column::Netnsid => self
                .netnsid
                .as_ref()
                .map_or(Cell::Nothing, |number| Cell::Text(number)),
            Column::Nsfs if self.points.is_empty() => Cell::Nothing,
            Column::Nsfs => Cell::Lines(&self.points),
            Column::Pns => above(self.relation.and_then(|relation| relation.parent.id())),
            Column::Ons => above(self.relation.and_then(|relation| relation.owner.id())),
        }
    }

    /// Returns the user of the process, or the creator of a namespace without a process.
    fn uid(&self) -> Option<u32> {
        match self.pid {
            Some(_) => self.process.as_ref().map(|process| process.uid),
            None => self.relation?.owner_uid,
        }
    }

    fn value(&self, column: Column) -> Value<'_> {
        match self.cell(column) {
            Cell::Nothing => Value::Nothing,
            Cell::Number(number) => Value::Integer(number),
            Cell::Text(text) => Value::Text(text.into()),
            Cell::Owned(text) => Value::Text(text.into_bytes().into()),
            Cell::Lines(lines) => Value::Text(lines.join(&b'\n').into()),
        }
    }
}

/// The maker of the requested rows.
pub(super) struct Maker<'a> {
    options: &'a Options,
    tree: Tree,
    /// The columns that are shown or filtered by.
    wanted: Vec<Column>,
    filter: Option<&'a Filter<Column>>,
    host: Host<'a>,
    census: &'a Census,
    mounts: &'a Mounts,
    rows: Vec<Row>,
    /// The row of each namespace, or `None` if the filter takes it out.
    of_namespace: HashMap<NsId, Option<usize>>,
    /// The last row of each process that has one.
    of_process: HashMap<i32, usize>,
    /// The number of processes in each namespace, and the lowest process, or else the lowest
    /// thread.
    inhabited: BTreeMap<(u64, NsKind), (usize, Option<Pid>)>,
}

impl<'a> Maker<'a> {
    pub(super) fn new(
        options: &'a Options,
        tree: Tree,
        filter: Option<&'a Filter<Column>>,
        proc: &'a ProcRoot,
        (census, mounts): (&'a Census, &'a Mounts),
    ) -> Self {
        let mut wanted = options.columns.clone();
        wanted.extend(filter.into_iter().flat_map(Filter::columns));
        let commands = wanted.contains(&Column::Command);
        Self {
            options,
            tree,
            wanted,
            filter,
            host: Host::new(proc, commands),
            census,
            mounts,
            rows: Vec::new(),
            of_namespace: HashMap::default(),
            of_process: HashMap::default(),
            inhabited: inhabited(census),
        }
    }

    /// Returns the rows of namespaces in the order of their inode numbers, except that a parent in
    /// the tree comes before its children.
    pub(super) fn namespaces(mut self) -> Result<Vec<Row>, Complaint> {
        let kinds = self.options.kinds;
        let of_task = self
            .options
            .task
            .map(|task| namespaces_of(self.host.proc, task, kinds))
            .transpose()?;
        for ns in self.mounts.keys().filter(|ns| kinds.contains(ns.kind)) {
            self.inhabited
                .entry((ns.inode, ns.kind))
                .or_insert((0, None));
        }
        let mut namespaces: Vec<NsId> = self
            .inhabited
            .keys()
            .map(|&(inode, kind)| NsId { kind, inode })
            .collect();
        if matches!(self.tree, Tree::Owner | Tree::Parent) && of_task.is_none() {
            // Parents and owners of other namespaces are rows of their own.
            for &ns in &namespaces {
                self.relation(ns)?;
            }
            namespaces.extend(self.host.related().filter(|ns| kinds.contains(ns.kind)));
            namespaces.sort_unstable_by_key(|ns| (ns.inode, ns.kind));
        }
        namespaces.retain(|ns| {
            of_task.as_ref().is_none_or(|own| own.contains(ns))
                && !(self.options.persistent
                    && self
                        .inhabited
                        .get(&(ns.inode, ns.kind))
                        .is_some_and(|found| found.0 > 0))
        });
        for ns in namespaces {
            self.add(ns)?;
        }
        Ok(self.rows)
    }

    /// Returns the rows of the processes in the namespace with this inode number, in the order of
    /// their ids.
    pub(super) fn processes(mut self, inode: u64) -> Result<Vec<Row>, Complaint> {
        let is_it = |ns: &NsId| ns.inode == inode && self.options.kinds.contains(ns.kind);
        let seen = self.census.namespaces.iter().map(|entry| entry.ns);
        let ns = seen.chain(self.mounts.keys().copied()).find(is_it);
        let ns = ns.ok_or_else(|| {
            Complaint::new([b"not found namespace: ", inode.to_string().as_bytes()])
        })?;
        let pids: Vec<Pid> = self.census.processes_in(ns).collect();
        let count = pids.len();
        for pid in pids {
            let row = self.row(ns, count, Some(pid))?;
            self.push(row, None)?;
        }
        Ok(self.rows)
    }

    /// Adds the row of a namespace after that of its parent in the tree. Returns the index of the
    /// row; `None` if the filter takes it out.
    fn add(&mut self, ns: NsId) -> Result<Option<usize>, Complaint> {
        if let Some(&index) = self.of_namespace.get(&ns) {
            return Ok(index);
        }
        let row = {
            let (processes, pid) = self
                .inhabited
                .get(&(ns.inode, ns.kind))
                .copied()
                .unwrap_or_default();
            self.row(ns, processes, pid)?
        };
        let (owner, parent) = row
            .relation
            .map_or((None, None), |it| (it.owner.id(), it.parent.id()));
        let listed = |ns: &NsId| self.options.kinds.contains(ns.kind);
        let above = match self.tree {
            Tree::Owner => owner,
            Tree::Parent => parent,
            Tree::None | Tree::Process => None,
        };
        let above = above.filter(listed);
        // A tree of parents also has the owners of namespaces that have no parent.
        let beside = owner
            .filter(listed)
            .filter(|_| self.tree == Tree::Parent && parent.is_none());
        let parent_row = above
            .or(beside)
            .map(|related| self.add(related))
            .transpose()?
            .flatten();
        let index = self.push(row, parent_row.filter(|_| above.is_some()))?;
        self.of_namespace.insert(ns, index);
        Ok(index)
    }

    /// Returns the row of a namespace and of one process in it, with the facts that are needed.
    fn row(&mut self, ns: NsId, processes: usize, pid: Option<Pid>) -> Result<Row, Complaint> {
        let wants = |columns: &[Column]| columns.iter().any(|column| self.wanted.contains(column));
        let climbs = matches!(self.tree, Tree::Owner | Tree::Parent);
        let of_nobody = pid.is_none() && wants(&[Column::Uid, Column::User]);
        let relation = climbs || of_nobody || wants(&[Column::Pns, Column::Ons]);
        let process = self.tree == Tree::Process
            || wants(&[Column::Ppid, Column::Command, Column::Uid, Column::User]);
        let (user, netnsid, points) = (
            wants(&[Column::User]),
            wants(&[Column::Netnsid]),
            wants(&[Column::Nsfs]),
        );
        let mut row = Row {
            ns,
            processes,
            pid,
            process: pid
                .filter(|_| process)
                .and_then(|pid| self.host.process(pid)),
            relation: if relation { self.relation(ns)? } else { None },
            user: None,
            netnsid: None,
            points: Vec::new(),
            parent: None,
        };
        if user {
            row.user = row.uid().map(|uid| self.host.user(uid));
        }
        if netnsid {
            row.netnsid = self.host.netnsid(ns, self.way(ns));
        }
        if points {
            row.points = self
                .mounts
                .get(&ns)
                .into_iter()
                .flatten()
                .map(|mount| mount.point.clone())
                .collect();
        }
        Ok(row)
    }

    fn relation(&mut self, ns: NsId) -> Result<Option<Relation>, Complaint> {
        self.host.relation(ns, self.way(ns))
    }

    /// Returns a way to open a namespace: through a process in it, through a mount, or else through
    /// anything that keeps it. A namespace that is known only as a parent or owner has no way.
    fn way(&self, ns: NsId) -> Option<Way<'a>> {
        let entry = self.census.entry(ns);
        let inhabited = entry.filter(|entry| entry.processes > 0).map(Way::Entry);
        let bound = || self.mounts.get(&ns)?.first().map(Way::Mount);
        inhabited.or_else(bound).or(entry.map(Way::Entry))
    }

    /// Adds a row below that of `above`, unless the filter takes it out. A row whose parent was taken
    /// out has no parent.
    fn push(&mut self, mut row: Row, above: Option<usize>) -> Result<Option<usize>, Complaint> {
        if let Some(filter) = self.filter {
            if filter.mismatches(|column| row.value(column)) {
                return Err(Complaint::because(
                    [b"failed to apply filter"],
                    Errno::INVAL,
                ));
            }
            if filter.matches(|column| row.value(column)) != Some(true) {
                return Ok(None);
            }
        }
        row.parent = above;
        if self.tree == Tree::Process
            && let (Some(pid), Some(process)) = (row.pid, &row.process)
        {
            row.parent = self.of_process.get(&process.ppid).copied();
            self.of_process.insert(pid.as_raw_pid(), self.rows.len());
        }
        self.rows.push(row);
        Ok(Some(self.rows.len() - 1))
    }
}

/// Finds the namespaces of the listed kinds, or the processes in one. Namespaces that only a
/// descriptor or socket keeps are found if they can be rows.
pub(super) fn take_census(proc: &ProcRoot, options: &Options) -> Result<Census, Complaint> {
    let kinds = options.kinds;
    let take = |sources| {
        let census = Census::take(proc, Query { kinds, sources });
        census.map_err(|errno| Complaint::because([b"cannot list the processes in /proc"], errno))
    };
    let kept = match kinds.contains(NsKind::Net) {
        true => Sources::DESCRIPTORS.with(Sources::SOCKETS),
        false => Sources::DESCRIPTORS,
    };
    match options.namespace {
        None if options.task.is_some() => take(Sources::THREADS),
        None => take(Sources::THREADS.with(kept)),
        Some(inode) => {
            let members = take(Sources::MEMBERS)?;
            match members
                .namespaces
                .iter()
                .any(|entry| entry.ns.inode == inode)
            {
                true => Ok(members),
                false => take(Sources::MEMBERS.with(kept)),
            }
        }
    }
}

/// Counts the processes in each namespace, and finds the lowest. A namespace that only threads are
/// in is shown with the lowest of them: /proc/TID is there too.
fn inhabited(census: &Census) -> BTreeMap<(u64, NsKind), (usize, Option<Pid>)> {
    let lowest = |entry: &Entry| {
        entry.lowest.or_else(|| {
            entry
                .holders
                .iter()
                .filter_map(thread)
                .min_by_key(|tid| tid.as_raw_pid())
        })
    };
    let found = |entry: &Entry| {
        (
            (entry.ns.inode, entry.ns.kind),
            (entry.processes, lowest(entry)),
        )
    };
    census.namespaces.iter().map(found).collect()
}

/// Returns the namespaces that the process is in.
fn namespaces_of(proc: &ProcRoot, task: Pid, kinds: NsSet) -> Result<Vec<NsId>, Complaint> {
    census::namespaces_of(proc, task, kinds).map_err(|error| wording::unreadable(task, &error))
}

fn thread(holder: &Holder) -> Option<Pid> {
    if let Holder::Thread { tid, .. } = holder {
        Some(*tid)
    } else {
        None
    }
}
