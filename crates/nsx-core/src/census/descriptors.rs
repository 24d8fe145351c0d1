//! Namespaces that open descriptors keep: of the namespaces themselves, and of sockets that are in
//! them.
//!
//! A link in `/proc/PID/fd` is read, never followed: what is open there may be a FIFO, or a file on
//! a host that is away. A socket shows its namespace only through a descriptor of our own, which
//! `pidfd_getfd(2)` lends (5.6).

use super::{
    Holder, Member, Sources, Unseen,
    scan::{Scan, shared},
};
use crate::{
    ns::{Namespace, NsId, NsKind},
    pid::{Pid, Process},
    proc::{Lines, NsLink, ProcError, ProcRoot, decimal, socket_inode},
    sys::socket,
};
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, OFlags, StatxFlags},
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType},
    process::PidfdGetfdFlags,
};
use std::{collections::BTreeMap, mem::MaybeUninit};

/// Notes what the processes of a scan have open.
pub(super) fn find(proc: &ProcRoot, sources: Sources, scan: &mut Scan) {
    let search = Search {
        proc,
        pins: pins(scan),
        sockets: sources.has(Sources::SOCKETS) && proc.is_callers(),
        descriptors: sources.has(Sources::DESCRIPTORS),
        own: own_cookie(proc),
        nsfs: proc.nsfs_device(),
    };
    for part in shared(&scan.members, Part::default, |part, member| {
        part.look(&search, member)
    }) {
        for (ns, holder) in part.held {
            scan.tally.hold(ns, holder);
        }
        scan.unseen.absorb(part.unseen);
    }
}

/// The things to look for.
struct Search<'a> {
    proc: &'a ProcRoot,
    /// The mount points of namespaces that are bound to files, with the ids of the mounts: a
    /// descriptor that was opened there has the path for a name.
    pins: BTreeMap<Vec<u8>, Vec<(u64, NsId)>>,
    sockets: bool,
    descriptors: bool,
    /// The caller's network namespace and its cookie, which tells it apart if
    /// [`Namespace::of_socket`] is refused.
    own: Option<(u64, NsId)>,
    nsfs: Option<(u32, u32)>,
}

impl Search<'_> {
    /// Returns the namespace of a descriptor that nothing else tells of. The file is opened for its
    /// path alone and compared by device, for which no file system is asked.
    fn open_unmounted(&self, pid: Pid, fd: u32) -> Option<NsId> {
        let file = self
            .proc
            .open_entry(pid, &format!("fd/{fd}"), OFlags::PATH)
            .ok()?;
        let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
        let stat = rustix::fs::statx(&file, c"", flags, StatxFlags::empty()).ok()?;
        let is_nsfs = Some((stat.stx_dev_major, stat.stx_dev_minor)) == self.nsfs;
        is_nsfs
            .then(|| Namespace::from_path_fd(file).ok())
            .flatten()
            .map(|namespace| namespace.id())
    }
}

fn pins(scan: &Scan) -> BTreeMap<Vec<u8>, Vec<(u64, NsId)>> {
    let mut pins: BTreeMap<Vec<u8>, Vec<(u64, NsId)>> = BTreeMap::new();
    for entry in &scan.tally.entries {
        for holder in &entry.holders {
            if let Holder::Mount(pin) = holder {
                pins.entry(pin.mount.point.clone())
                    .or_default()
                    .push((pin.mount.id, entry.ns));
            }
        }
    }
    pins
}

fn own_cookie(proc: &ProcRoot) -> Option<(u64, NsId)> {
    let own = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        None,
    )
    .ok()?;
    Some((
        socket::network_cookie(own).ok()?,
        proc.own_ns(NsLink::Own(NsKind::Net)).ok()?,
    ))
}

/// The findings of one thread.
#[derive(Default)]
struct Part {
    held: Vec<(NsId, Holder)>,
    unseen: Unseen,
    /// The network namespace that each cookie stands for, so that each is looked up once.
    cookies: BTreeMap<u64, NsId>,
    /// The cookies of network namespaces that processes are in (6.18).
    ids: BTreeMap<NsId, Option<u64>>,
}

impl Part {
    fn look(&mut self, search: &Search<'_>, member: Member) {
        let pid = member.pid;
        let descriptors = match search.proc.descriptors(pid) {
            Ok(descriptors) => descriptors,
            // Its namespaces were seen, so it is not among those that are hidden as a whole.
            Err(ProcError::Denied) => {
                self.unseen.closed += 1;
                return;
            }
            Err(_) => return,
        };
        let mut lender = None;
        let mut buffer = [MaybeUninit::uninit(); 4096];
        for fd in descriptors {
            let Ok(target) = search
                .proc
                .link_target(pid, &format!("fd/{fd}"), &mut buffer)
            else {
                continue;
            };
            if let Some(inode) = socket_inode(target).filter(|_| search.sockets) {
                self.socket(search, member, &mut lender, (fd, inode));
            } else if search.descriptors
                && let Some(ns) = NsId::parse(target)
                    .ok()
                    .or_else(|| self.by_path(search, pid, fd, target))
            {
                self.held.push((ns, Holder::Descriptor { pid, fd }));
            }
        }
    }

    /// Returns the namespace of a descriptor whose name is a path: one that was opened where the
    /// namespace is or was bound to a file.
    fn by_path(&mut self, search: &Search<'_>, pid: Pid, fd: u32, path: &[u8]) -> Option<NsId> {
        let pins = search.pins.get(path);
        if pins.is_none() && path != UNMOUNTED {
            return None;
        }
        let text = search.proc.read(pid, &format!("fdinfo/{fd}")).ok()?;
        let number = |name: &[u8]| decimal(Lines(&text).value(name).ok()?);
        match pins {
            Some(pins) => {
                let mount = number(b"mnt_id")?;
                pins.iter().find(|(id, _)| *id == mount).map(|(_, ns)| *ns)
            }
            // A root directory has that name too. Kernels before 5.14 report no inode number.
            None if number(b"ino").is_some_and(|inode| inode < LOWEST_INODE) => None,
            None => search.open_unmounted(pid, fd),
        }
    }

    /// Notes a socket, if it is in another network namespace than its process.
    fn socket(
        &mut self,
        search: &Search<'_>,
        member: Member,
        lender: &mut Option<Process>,
        (fd, inode): (u32, u64),
    ) {
        let Some(home) = member.ns(NsKind::Net) else {
            return;
        };
        let pid = member.pid;
        if lender.is_none() {
            *lender = Process::pin(pid).ok();
        }
        let Some(process) = lender else { return };
        match self.network_of(search, process, home, fd) {
            Ok(ns) if ns != home => self.held.push((ns, Holder::Socket { pid, fd, inode })),
            // Closed meanwhile, or now another file that is not a socket.
            Ok(_) | Err(Errno::BADF | Errno::NOTSOCK | Errno::SRCH | Errno::NOTTY) => {}
            Err(_) => self.unseen.sockets += 1,
        }
    }

    fn network_of(
        &mut self,
        search: &Search<'_>,
        process: &Process,
        home: NsId,
        fd: u32,
    ) -> Result<NsId, Errno> {
        let socket = borrow(process, fd)?;
        let cookie = match socket::network_cookie(&socket) {
            Ok(cookie) => cookie,
            // Before 5.14.
            Err(Errno::NOPROTOOPT) => return namespace_of(&socket),
            Err(errno) => return Err(errno),
        };
        if let Some((_, own)) = search.own.filter(|(own, _)| *own == cookie) {
            return Ok(own);
        }
        if let Some(known) = self.cookies.get(&cookie) {
            return Ok(*known);
        }
        let ns = match namespace_of(&socket) {
            // Without rights there, but it may be the process's own.
            Err(Errno::PERM) if self.id_of(search, process.pid(), home) == Some(cookie) => home,
            ns => ns?,
        };
        self.cookies.insert(cookie, ns);
        Ok(ns)
    }

    /// Returns the never-reused id of a network namespace that a process is in.
    fn id_of(&mut self, search: &Search<'_>, pid: Pid, ns: NsId) -> Option<u64> {
        *self.ids.entry(ns).or_insert_with(|| {
            let open = search.proc.open_ns(pid, NsLink::Own(NsKind::Net)).ok()?;
            if open.id() == ns {
                open.id64().ok()
            } else {
                None
            }
        })
    }
}

fn namespace_of(socket: &OwnedFd) -> Result<NsId, Errno> {
    Ok(Namespace::of_socket(socket)?.id())
}

/// Opens the network namespace that a socket of a process is in.
pub(super) fn open_by_socket(pid: Pid, fd: u32) -> Result<Namespace, ProcError> {
    let process = Process::pin(pid).map_err(|_| ProcError::Vanished)?;
    Ok(Namespace::of_socket(borrow(&process, fd)?)?)
}

/// Returns a descriptor of our own of what a process has open.
fn borrow(process: &Process, fd: u32) -> Result<OwnedFd, Errno> {
    let fd = i32::try_from(fd).map_err(|_| Errno::BADF)?;
    rustix::process::pidfd_getfd(process, fd, PidfdGetfdFlags::empty())
}

/// The lowest inode number that namespaces have: that of the initial mount namespace.
const LOWEST_INODE: u64 = 0xefff_fff8;

/// The name of a file that was opened at a mount point that is unmounted by now.
const UNMOUNTED: &[u8] = b"/";
