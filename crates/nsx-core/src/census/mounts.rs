//! Namespaces that are bound to files.
//!
//! Every mount namespace has its own table, `/proc/PID/mountinfo` of any process that is in it.
//! Those that no process is in are gone through one by one (6.12, as root of the host), and their
//! mounts requested. Nothing is opened here: if a namespace has no other way to it,
//! [`NamespaceMount::open`] opens it, and never waits.

use super::{
    Holder, Member, NamespaceMount, Sources, Viewer, relation_reader::RelationReader, scan::Scan,
    tally::Tally,
};
use crate::{
    ns::{Namespace, NsId, NsKind},
    pid::Pid,
    proc::{Mount, NsLink, ProcError, ProcRoot},
    sys::nsfs::{self, Way},
};
use memchr::memmem;
use std::{collections::BTreeMap, mem::MaybeUninit};

/// The number of processes of a mount namespace that are looked at to find one that sees all of it.
const READERS: usize = 16;

/// Notes the mounts of namespaces: those that the caller sees, or with [`Sources::MOUNTS`] all.
/// Mount namespaces that no process is in are asked on the way, if there is a reader.
pub(super) fn find(
    proc: &ProcRoot,
    sources: Sources,
    scan: &mut Scan,
    reader: Option<&mut RelationReader>,
) {
    let own = proc.own_ns(NsLink::Own(NsKind::Mnt)).ok();
    let mut tables = vec![Table {
        proc,
        viewer: Viewer::Caller,
        inside: own,
    }];
    if sources.has(Sources::MOUNTS) {
        let others = readers(proc, &scan.members, own);
        tables.extend(others.map(|(inside, pid)| Table {
            proc,
            viewer: Viewer::Process(pid),
            inside: Some(inside),
        }));
    }
    for table in tables {
        // A process that ended or may not be read was counted when its namespaces were read.
        let _ = table.read(&mut scan.tally);
    }
    if sources.has(Sources::MOUNTS) && !proc.is_copy() {
        find_empty(proc, &mut scan.tally, reader);
    }
}

/// Notes the mounts in mount namespaces that no process is in.
fn find_empty(proc: &ProcRoot, tally: &mut Tally, mut reader: Option<&mut RelationReader>) {
    for way in [Way::Previous, Way::Next] {
        let mut namespace = Namespace::open(proc, "self/ns/mnt").ok();
        while let Some(current) = namespace {
            let inside = current.id();
            let index = tally.index(inside);
            if tally.entries[index].processes == 0 {
                if let Some(reader) = reader.as_deref_mut() {
                    reader.ask(&current);
                }
                for mount in Mount::pins_in(&current).unwrap_or_default() {
                    if let Some(ns) = mount.namespace() {
                        let pin = NamespaceMount {
                            mount,
                            inside: Some(inside),
                            viewer: Viewer::Nobody,
                        };
                        tally.hold(ns, Holder::Mount(pin));
                    }
                }
            }
            namespace = nsfs::mounts_beside(&current, way)
                .and_then(Namespace::from_fd)
                .ok();
        }
    }
}

/// Returns a process for each mount namespace but the caller's own: the lowest of those whose root
/// directory is that of the namespace, for from another one not all mounts are seen; or else the
/// lowest.
fn readers<'a>(
    proc: &'a ProcRoot,
    members: &[Member],
    own: Option<NsId>,
) -> impl Iterator<Item = (NsId, Pid)> + use<'a> {
    let mut candidates: BTreeMap<NsId, Vec<Pid>> = BTreeMap::new();
    for member in members {
        if let Some(ns) = member.ns(NsKind::Mnt).filter(|ns| Some(*ns) != own) {
            let pids = candidates.entry(ns).or_default();
            if pids.len() < READERS {
                pids.push(member.pid);
            }
        }
    }
    candidates.into_iter().filter_map(|(ns, pids)| {
        let sees_all = pids.iter().find(|pid| {
            let mut target = [MaybeUninit::uninit(); 2];
            proc.link_target(**pid, "root", &mut target) == Ok(b"/")
        });
        Some((ns, *sees_all.or(pids.first())?))
    })
}

/// The mounts of one mount namespace.
struct Table<'a> {
    proc: &'a ProcRoot,
    viewer: Viewer,
    inside: Option<NsId>,
}

impl Table<'_> {
    fn read(&self, tally: &mut Tally) -> Result<(), ProcError> {
        match self.viewer {
            Viewer::Caller => {
                self.note(&self.proc.read_own("mountinfo")?, tally);
                Ok(())
            }
            Viewer::Process(pid) => self
                .proc
                .read_with(pid, "mountinfo", |text| self.note(text, tally)),
            Viewer::Nobody => Err(ProcError::Vanished),
        }
    }

    fn note(&self, text: &[u8], tally: &mut Tally) {
        // Hosts have thousands of mounts, and few of them are namespaces.
        let lines = text
            .split(|byte| *byte == b'\n')
            .filter(|line| memmem::find(line, b" - nsfs ").is_some());
        for mount in lines.filter_map(|line| Mount::parse(line).ok()) {
            let Some(ns) = mount.namespace() else {
                continue;
            };
            tally.hold(
                ns,
                Holder::Mount(NamespaceMount {
                    mount,
                    inside: self.inside,
                    viewer: self.viewer,
                }),
            );
        }
    }
}
