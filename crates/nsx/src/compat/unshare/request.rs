//! The request that the options come to.

use super::{
    super::{Complaint, ORDER, numbers},
    options::{Environment, Map, Options, Single},
    wording,
};
use crate::unshare::clock_offsets;
use nsx_core::{
    accounts,
    environment::Environment as Variables,
    idmap::{IdKind, IdMap, MapRequest, Owned, RangeRequest, Setgroups},
    ns::{NsKind, NsSet},
    plan::{Caller, CapabilityState, Confinement, GroupsDenied, Pin, Signals, unshare::Request},
    proc::ProcRoot,
    trouble,
};
use rustix::{
    io::Errno,
    process::{getegid, geteuid},
    thread::CapabilitySet,
};
use std::{
    ffi::{CString, OsStr},
    io,
    os::unix::ffi::OsStrExt,
    path::Path,
};

/// Returns the caller as util-linux judges it, by its user alone. The kernel refuses kinds of
/// namespace that it does not have.
pub(super) fn caller() -> Caller {
    let (uid, gid) = (geteuid(), getegid());
    let capabilities = if uid.is_root() {
        CapabilitySet::all()
    } else {
        CapabilitySet::empty()
    };
    Caller {
        uid: uid.as_raw(),
        gid: gid.as_raw(),
        capabilities,
        kinds: NsSet::ALL,
        exec_enters_time: true,
    }
}

/// Returns the request. Without /proc, maps that depend on the caller's own cannot be made.
pub(super) fn request(
    options: Options<'_>,
    caller: &Caller,
    proc: Option<&ProcRoot>,
) -> Result<Request, Complaint> {
    numbers::check_ids(options.uid, options.gid)?;
    let users = map(IdKind::User, &options.users, caller.uid, caller, proc)?;
    let groups = map(IdKind::Group, &options.groups, caller.gid, caller, proc)?;
    // Only the caller's own group, mapped by the caller, requires that setgroups is denied.
    let may_allow =
        options.maps_ranges_of_groups() && caller.capabilities.contains(CapabilitySet::SETGID);
    let mut kinds: NsSet = options.kinds.iter().map(|(kind, _)| *kind).collect();
    let maps = users.is_some() || groups.is_some();
    if maps || options.owner.is_some() || options.mount_binfmt.is_some() {
        kinds.insert(NsKind::User);
    }
    if options.mount_proc.is_some() || options.mount_binfmt.is_some() {
        kinds.insert(NsKind::Mnt);
    }
    let keeps_capabilities = options.keep_caps && kinds.contains(NsKind::User);
    let mount_from = options.directory.or(options.root.map(|_| Path::new("/")));
    Ok(Request {
        kinds,
        owner: options.owner,
        users,
        groups,
        setgroups: options.setgroups.or(may_allow.then_some(Setgroups::Allow)),
        clocks: clock_offsets(options.boottime, options.monotonic),
        pins: pins(&options.kinds),
        propagation: options.propagation,
        fork: options.fork || options.forward_signals || options.kill_child.is_some(),
        signals: if options.forward_signals {
            Signals::PassOnEnding
        } else {
            Signals::HoldBackEnding
        },
        kill_child: options.kill_child,
        mount_proc: options.mount_proc.map(Path::to_path_buf),
        mounts_may_leak: true,
        mount_binfmt: options.mount_binfmt.map(Path::to_path_buf),
        interpreter: options.interpreter,
        chroot: options.root.map(Path::to_path_buf),
        mount_from: mount_from.map(Path::to_path_buf),
        uid: options.uid,
        gid: options.gid,
        groups_denied: GroupsDenied::FailAlways,
        confinement: Confinement {
            capabilities: keeps_capabilities
                .then(|| CapabilityState::of(CapabilitySet::all(), true)),
            ..Confinement::default()
        },
        environment: environment(&options.environment),
        programs: match options.program.as_slice() {
            [] => Vec::new(),
            words => vec![words.iter().map(|word| CString::from(*word)).collect()],
        },
        ..Request::default()
    })
}

/// Returns the pins, in util-linux's order: for each kind the last file that is named.
fn pins(kinds: &[(NsKind, Option<&Path>)]) -> Vec<Pin> {
    let mut pins = Vec::new();
    for kind in ORDER {
        let mut files = kinds.iter().rev().filter(|(named, _)| *named == kind);
        if let Some(file) = files.find_map(|(_, file)| *file) {
            pins.push(Pin {
                kind,
                at: file.to_owned(),
                make: false,
            });
        }
    }
    pins
}

/// Returns the finished map of one kind of ids, if one is requested. `id` is the caller's own, even
/// if the caller becomes another owner.
fn map(
    ids: IdKind,
    typed: &Map,
    id: u32,
    caller: &Caller,
    proc: Option<&ProcRoot>,
) -> Result<Option<IdMap>, Complaint> {
    let request = MapRequest {
        single: typed.single.map(|single| match single {
            Single::Id(inside) => inside,
            Single::Same => id,
        }),
        ranges: typed.ranges.clone(),
    };
    if request.is_empty() {
        return Ok(None);
    }
    let mut own_map = IdMap::default();
    if typed.ranges.contains(&RangeRequest::All) {
        own_map = read_own_map(ids, proc)?;
    }
    let mut given = Given::default();
    if typed.ranges.contains(&RangeRequest::Auto) || typed.ranges.contains(&RangeRequest::Subids) {
        given = Given::read(ids, caller.uid).map_err(|error| {
            let errno = trouble::errno_of(&error);
            wording::unreadable(ids.ranges_file(), errno)
        })?;
    }
    let owned = Owned {
        id,
        given: &given.ranges,
        own_map: &own_map,
        privileged: true,
    };
    let map = request.merge(ids, &owned);
    map.map(Some)
        .map_err(|error| wording::map_error(&error, ids, given.user.as_deref(), caller.uid))
}

fn read_own_map(ids: IdKind, proc: Option<&ProcRoot>) -> Result<IdMap, Complaint> {
    proc.and_then(|proc| IdMap::read_own(ids, proc).ok())
        .ok_or_else(|| wording::unreadable(&format!("/proc/self/{}", ids.file()), Errno::NOENT))
}

/// The ranges that /etc/subuid or /etc/subgid gives to a user.
#[derive(Default)]
struct Given {
    /// The name of the user, if it has one.
    user: Option<Vec<u8>>,
    /// The first range, because util-linux uses no other.
    ranges: Vec<(u32, u32)>,
}

impl Given {
    fn read(ids: IdKind, uid: u32) -> io::Result<Self> {
        let known = accounts::user_by_id(uid)?;
        let name = known.as_ref().map(|user| user.name.clone());
        let user = known.map_or_else(|| accounts::user_or_number(uid), Ok)?;
        let mut ranges = accounts::given_ranges(ids, &user)?;
        ranges.truncate(1);
        Ok(Self { user: name, ranges })
    }
}

/// Returns the variables that are kept, in the caller's order; `None` if all are.
fn environment(typed: &Environment<'_>) -> Option<Vec<CString>> {
    let Environment::Clear(kept) = typed else {
        return None;
    };
    let kept: Vec<_> = kept.iter().map(|name| OsStr::from_bytes(name)).collect();
    let mut environment = Variables::of_caller();
    environment.keep(&kept);
    Some(environment.into_variables())
}
