//! The user and PID namespace that everything happens in.

use crate::{error::Error, program, remedy};
use nsx_core::{
    ns::{NsKind, NsSet},
    process::{Forked, exit_now, fork, unshare},
    refusal,
    signal::{Mask, SignalFd},
    trouble,
};
use rustix::{
    event::{PollFd, PollFlags, poll},
    fd::OwnedFd,
    io::{Errno, retry_on_intr},
    process::{PidfdFlags, Signal, WaitOptions, getegid, geteuid, getpid, pidfd_open, waitpid},
};

/// The stage. This process stays outside of the PID namespace, and its later children are in it.
pub(super) struct Stage(());

impl Stage {
    /// Moves this process to a new user namespace, and its later children to a new PID namespace.
    /// However this process ends, all of them end with it.
    pub(super) fn enter() -> Result<Self, Error> {
        let kinds: NsSet = [NsKind::Pid, NsKind::User].into_iter().collect();
        let unprepared = |errno| Error::failed("prepare the measurements", errno);
        let own = pidfd_open(getpid(), PidfdFlags::empty()).map_err(unprepared)?;
        let map = OwnMap::read();
        unshare(kinds).map_err(|errno| refused(kinds, errno))?;
        map.write().map_err(unprepared)?;
        match fork().map_err(unprepared)? {
            Forked::Child => {
                let _ = reap_until_the_end_of(&own);
                exit_now(0)
            }
            Forked::Parent(_) => Ok(Self(())),
        }
    }

    /// Limits the number of namespaces of a kind that the kernel counts at any time.
    pub(super) fn limit(&self, kind: NsKind, most: usize) -> Result<(), Error> {
        // The PID namespace of the stage counts, too.
        let most = most + usize::from(kind == NsKind::Pid);
        let file = format!("/proc/sys/user/max_{kind}_namespaces");
        let written = std::fs::write(&file, most.to_string());
        written.map_err(|error| Error::failed(format!("write {file}"), error))
    }
}

/// Returns the failure to create namespaces of these kinds, with the ways out.
pub(super) fn refused(kinds: NsSet, errno: Errno) -> Error {
    let act = match kinds.is_empty() {
        true => "start a process".to_owned(),
        false => format!("create {}", kinds.noun_with_article()),
    };
    let caller = program::caller().ok();
    let refusal = caller.and_then(|(it, proc)| refusal::of_unshare(kinds, errno, &it, &proc));
    let hints = refusal.as_ref().map_or_else(Vec::new, remedy::hints);
    Error::failed(act, errno).with_hints(hints)
}

/// Reaps children that lost their parents until a process has ended, and then ends, and with it all
/// processes of the PID namespace.
fn reap_until_the_end_of(process: &OwnedFd) -> Result<(), Errno> {
    let ends = [Signal::CHILD.as_raw()];
    Mask::block(&ends)?;
    let ends = SignalFd::of(&ends)?;
    let mut events = [
        PollFd::new(process, PollFlags::IN),
        PollFd::new(&ends, PollFlags::IN),
    ];
    loop {
        retry_on_intr(|| poll(&mut events, None))?;
        if !events[0].revents().is_empty() {
            return Ok(());
        }
        ends.read()?;
        while let Ok(Some(_)) = waitpid(None, WaitOptions::NOHANG) {}
    }
}

/// A map of a new user namespace: its maker's own user and group.
pub(super) struct OwnMap {
    uid: u32,
    gid: u32,
}

impl OwnMap {
    /// Reads the ids of this process, before it makes the user namespace.
    pub(super) fn read() -> Self {
        Self {
            uid: geteuid().as_raw(),
            gid: getegid().as_raw(),
        }
    }

    /// Gives the user namespace that this process is in its maps.
    pub(super) fn write(&self) -> Result<(), Errno> {
        let Self { uid, gid } = self;
        for (file, text) in [
            ("setgroups", "deny".to_owned()),
            ("uid_map", format!("{uid} {uid} 1")),
            ("gid_map", format!("{gid} {gid} 1")),
        ] {
            // A second open would give the kernel the map in two pieces.
            std::fs::write(format!("/proc/self/{file}"), text)
                .map_err(|error| trouble::errno_of(&error))?;
        }
        Ok(())
    }
}
