//! The tasks of actors.

use super::{
    clock::now,
    messages::{LONGEST, answer, wait},
    packets::{self, Path},
    stage::OwnMap,
};
use nsx_core::{
    ns::{NsKind, NsSet},
    process::{Forked, exit_now, fork, set_death_signal, unshare},
};
use rustix::{
    fd::{BorrowedFd, OwnedFd},
    io::Errno,
    process::{Signal, getuid},
    thread::{
        NanosleepRelativeResult, ThreadNameSpaceType, Timespec, move_into_thread_name_spaces,
        nanosleep, set_thread_uid,
    },
};

/// A task, which is answered with numbers.
pub(super) enum Task<'a> {
    /// Creates namespaces of these kinds. Answers how long that took, and the time when it was done.
    Create(NsSet),
    /// Creates namespaces of these kinds and a child in all of them. Answers the child's id.
    Settle(NsSet),
    /// Joins the namespaces of a process. Answers how long that took.
    Join(BorrowedFd<'a>, NsSet),
    /// Sets the user id to what it is. Answers how long that took, each time.
    SetUser { is_mapped: bool },
    /// Sends packets. Answers how long each was on its way.
    Send(Path),
}

impl Task<'_> {
    /// Carries out the task. Called by the actor.
    pub(super) fn perform(&self, socket: &OwnedFd) -> Result<Vec<u64>, Errno> {
        match self {
            Self::Create(kinds) => create(*kinds),
            Self::Settle(kinds) => settle(*kinds, socket),
            Self::Join(process, kinds) => join(*process, *kinds),
            Self::SetUser { is_mapped } => set_user(*is_mapped),
            Self::Send(path) => packets::send(*path),
        }
    }
}

/// The time after which namespaces that the kernel still counts are taken for an error.
const PATIENCE: u64 = 120 * 1_000_000_000;

/// Creates namespaces of these kinds as soon as the stage's limit allows it.
fn create(kinds: NsSet) -> Result<Vec<u64>, Errno> {
    let first = now();
    loop {
        let started = now();
        let outcome = unshare(kinds);
        let done = now();
        match outcome {
            Ok(()) => return Ok(vec![done - started, done]),
            Err(Errno::NOSPC) if done - first < PATIENCE => pause(20_000),
            Err(errno) => return Err(errno),
        }
    }
}

fn pause(nanoseconds: i64) {
    let time = Timespec {
        tv_sec: 0,
        tv_nsec: nanoseconds,
    };
    let _: NanosleepRelativeResult = nanosleep(&time);
}

fn settle(kinds: NsSet, socket: &OwnedFd) -> Result<Vec<u64>, Errno> {
    create(kinds)?;
    match fork()? {
        Forked::Child => {
            let pid = set_death_signal(Signal::KILL.as_raw()).and_then(|()| own_id());
            answer(socket, pid.map(|pid| vec![pid]));
            wait(socket);
            exit_now(0)
        }
        Forked::Parent(_) => {
            wait(socket);
            exit_now(0)
        }
    }
}

/// Returns the id that this process has in the procfs on /proc.
fn own_id() -> Result<u64, Errno> {
    let link = rustix::fs::readlink("/proc/self", Vec::new())?;
    nsx_core::proc::decimal(link.to_bytes()).ok_or(Errno::SRCH)
}

fn join(process: BorrowedFd<'_>, kinds: NsSet) -> Result<Vec<u64>, Errno> {
    let kinds = ThreadNameSpaceType::from_bits_retain(kinds.flags());
    let started = now();
    move_into_thread_name_spaces(process, kinds)?;
    Ok(vec![now() - started])
}

fn set_user(is_mapped: bool) -> Result<Vec<u64>, Errno> {
    if is_mapped {
        let map = OwnMap::read();
        create(NsSet::EMPTY.with(NsKind::User))?;
        map.write()?;
    }
    let uid = getuid();
    let mut times = Vec::with_capacity(LONGEST);
    for _ in 0..LONGEST {
        let started = now();
        set_thread_uid(uid)?;
        times.push(now() - started);
    }
    Ok(times)
}
