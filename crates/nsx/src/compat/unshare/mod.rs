//! `unshare` as util-linux has it.
//!
//! Its options come to the same request as those of `nsx unshare`, with fewer defaults: nothing is
//! mounted, set up or forked for that was not asked for.

mod options;
mod wording;

use super::{Complaint, numbers};
use crate::exit::ExitStatus;
use nsx_core::{
    accounts, environment,
    idmap::{IdKind, IdMap, MapRequest, Owned, RangeRequest, Setgroups},
    ns::{NsKind, NsSet},
    plan::{
        self, Caller, CapabilityState, Clock, ClockOffset, Confinement, GroupsDenied, Pin, Signals,
        unshare::Request,
    },
    proc::ProcRoot,
    run::{self, Ended, RunError},
};
use options::{Environment, Map, Options, Single};
use rustix::{
    fd::{AsFd, AsRawFd},
    io::Errno,
    process::{Resource, getegid, geteuid, getrlimit},
    thread::CapabilitySet,
};
use std::{
    ffi::{CStr, CString, OsStr},
    os::unix::ffi::OsStrExt,
    path::Path,
};

const HELP: &str = include_str!("help.txt");

/// Does what the command line asks for.
pub(super) fn run(arguments: &[&CStr]) -> Result<ExitStatus, Complaint> {
    options::read(arguments)?.answer("unshare", HELP, |options| run_program(*options))
}

fn run_program(options: Options<'_>) -> Result<ExitStatus, Complaint> {
    // Not every step needs one: without /proc a program can still be run.
    let proc = ProcRoot::system().ok();
    let lets_go = proc.as_ref().is_some_and(leaves_no_room);
    let caller = caller();
    let request = request(options, &caller, proc.as_ref())?;
    let plan =
        plan::unshare::plan(request, &caller).map_err(|error| wording::plan_error(&error))?;
    // What nsx opens by the path of /proc then has the one descriptor that is left.
    let proc = proc.filter(|_| !lets_go);
    match run::in_place(&plan, proc.as_ref(), &mut |_| {}) {
        Ok(Ended::Exited(code)) => Ok(ExitStatus::Code(code)),
        Ok(Ended::Killed(signal)) => Ok(ExitStatus::Signal(signal)),
        Err(RunError::Step(failure)) => Err(wording::failure(&failure)),
        Err(error) => Err(Complaint::new([error.to_string().as_bytes()])),
    }
}

/// Returns whether nsx could open nothing more beside a procfs because the caller's limit is that
/// low.
fn leaves_no_room(proc: &ProcRoot) -> bool {
    let next = proc.as_fd().as_raw_fd() + 1;
    let limit = getrlimit(Resource::Nofile).current;
    limit.is_some_and(|limit| u64::try_from(next).is_ok_and(|next| next >= limit))
}

/// The caller as util-linux judges it, by its user alone. Which kinds of namespace there are the
/// kernel will say.
fn caller() -> Caller {
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

fn request(
    options: Options<'_>,
    caller: &Caller,
    proc: Option<&ProcRoot>,
) -> Result<Request, Complaint> {
    numbers::check_ids(options.uid, options.gid)?;
    let mut kinds: NsSet = options.kinds.iter().map(|(kind, _)| *kind).collect();
    let users = map(IdKind::User, &options.users, caller.uid, caller, proc)?;
    let groups = map(IdKind::Group, &options.groups, caller.gid, caller, proc)?;
    // Only the caller's own group, mapped by the caller, needs a denial.
    let by_outside =
        options.maps_ranges_of_groups() && caller.capabilities.contains(CapabilitySet::SETGID);
    if users.is_some()
        || groups.is_some()
        || options.owner.is_some()
        || options.mount_binfmt.is_some()
    {
        kinds.insert(NsKind::User);
    }
    if options.mount_proc.is_some() || options.mount_binfmt.is_some() {
        kinds.insert(NsKind::Mnt);
    }
    let clocks = [
        (Clock::Boottime, options.boottime),
        (Clock::Monotonic, options.monotonic),
    ];
    let own = |path: &Path| path.to_owned();
    Ok(Request {
        kinds,
        owner: options.owner,
        users,
        groups,
        setgroups: options.setgroups.or(by_outside.then_some(Setgroups::Allow)),
        clocks: clocks
            .into_iter()
            .filter_map(|(clock, seconds)| {
                Some(ClockOffset {
                    clock,
                    seconds: seconds?,
                    nanoseconds: 0,
                })
            })
            .collect(),
        pins: pins(&options.kinds),
        propagation: options.propagation,
        fork: options.fork || options.forward_signals || options.kill_child.is_some(),
        signals: if options.forward_signals {
            Signals::PassOnEnding
        } else {
            Signals::HoldBackEnding
        },
        kill_child: options.kill_child,
        mount_proc: options.mount_proc.map(own),
        mounts_may_leak: true,
        mount_binfmt: options.mount_binfmt.map(own),
        interpreter: options.interpreter,
        chroot: options.root.map(own),
        mount_from: options
            .directory
            .or(options.root.map(|_| Path::new("/")))
            .map(own),
        uid: options.uid,
        gid: options.gid,
        groups_denied: GroupsDenied::FailAlways,
        confinement: Confinement {
            capabilities: (options.keep_caps && kinds.contains(NsKind::User))
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

/// The order in which namespaces are bound to files.
const PIN_ORDER: [NsKind; 8] = [
    NsKind::User,
    NsKind::Cgroup,
    NsKind::Ipc,
    NsKind::Uts,
    NsKind::Net,
    NsKind::Pid,
    NsKind::Mnt,
    NsKind::Time,
];

fn pins(kinds: &[(NsKind, Option<&Path>)]) -> Vec<Pin> {
    let last = |kind| {
        kinds
            .iter()
            .rev()
            .find_map(|(named, file)| file.filter(|_| *named == kind))
    };
    let pin = |kind| {
        Some(Pin {
            kind,
            at: last(kind)?.to_owned(),
            make: false,
        })
    };
    PIN_ORDER.into_iter().filter_map(pin).collect()
}

/// The finished map of one kind of ids, if one is asked for. `id` is the caller's, also if it
/// becomes another owner.
fn map(
    ids: IdKind,
    asked: &Map,
    id: u32,
    caller: &Caller,
    proc: Option<&ProcRoot>,
) -> Result<Option<IdMap>, Complaint> {
    let single = asked.single.map(|single| match single {
        Single::Id(inside) => inside,
        Single::Same => id,
    });
    let request = MapRequest {
        single,
        ranges: asked.ranges.clone(),
    };
    if request.is_empty() {
        return Ok(None);
    }
    let has = |wanted: &[RangeRequest]| asked.ranges.iter().any(|range| wanted.contains(range));
    let mut own_map = IdMap::default();
    if has(&[RangeRequest::All]) {
        own_map = read_own_map(ids, proc).map_err(|errno| {
            Complaint::because([b"cannot open /proc/self/", ids.file().as_bytes()], errno)
        })?;
    }
    let mut given = Vec::new();
    let mut name = None;
    if has(&[RangeRequest::Auto, RangeRequest::Subids]) {
        let ranges = accounts::user_by_id(caller.uid).and_then(|known| {
            let name = known.as_ref().map(|user| user.name.clone());
            let user = known.map_or_else(|| accounts::user_or_number(caller.uid), Ok)?;
            // util-linux takes the first.
            let given = accounts::given_ranges(ids, &user)?
                .into_iter()
                .take(1)
                .collect();
            Ok((name, given))
        });
        (name, given) = ranges.map_err(|error| {
            let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
            Complaint::because([b"cannot open ", ids.ranges_file().as_bytes()], errno)
        })?;
    }
    let owned = Owned {
        id,
        given: &given,
        own_map: &own_map,
        privileged: true,
    };
    let merged = request.merge(ids, &owned);
    merged
        .map(Some)
        .map_err(|error| wording::map_error(&error, ids, name.as_deref(), caller.uid))
}

fn read_own_map(ids: IdKind, proc: Option<&ProcRoot>) -> Result<IdMap, Errno> {
    let mut text = Vec::new();
    let read = proc.ok_or(Errno::NOENT)?.read_own(ids.file(), &mut text);
    read.and_then(|()| IdMap::parse(&text))
        .map_err(|_| Errno::NOENT)
}

/// The variables that stay, in the order in which the caller has them; none where all of them stay
/// as they are.
fn environment(wanted: &Environment<'_>) -> Option<Vec<CString>> {
    let Environment::Clear(kept) = wanted else {
        return None;
    };
    let kept: Vec<_> = kept.iter().map(|name| OsStr::from_bytes(name)).collect();
    let mut environment = environment::Environment::of_caller();
    environment.keep(&kept);
    Some(environment.into_variables())
}
