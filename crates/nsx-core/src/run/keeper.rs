//! The keeper: a process that holds namespaces when their program has ended, or without one.
//!
//! As PID 1 of a PID namespace it also reaps what is left to it. It has no descriptors, belongs to
//! no session but its own, and takes no signal but SIGKILL and, from its own PID namespace, none.

use super::{
    board::NOT_RUN,
    link::{Link, Message},
};
use crate::sys::{
    descriptor,
    process::exit_now,
    signal::{Mask, SignalFd},
};
use rustix::{
    io::Errno,
    process::{WaitOptions, setsid, wait},
};

/// Tells nsx that the namespaces are whole, and stays once nsx has heard of it. A keeper that nsx
/// does not want, because nsx has ended, ends too.
pub(super) fn stay(nsx: &Link) -> ! {
    // A process that already leads a session stays its leader.
    let _ = setsid();
    let _ = settle(nsx).and_then(|signals| reap(&signals));
    exit_now(NOT_RUN)
}

/// Gives up all that the caller gave but the namespaces.
fn settle(nsx: &Link) -> Result<SignalFd, Errno> {
    Mask::block_all()?;
    nsx.send(Message::Running)?;
    match nsx.receive()? {
        Some(Message::Keep) => {}
        _ => return Err(Errno::PIPE),
    }
    descriptor::close_now(Some(0), None)?;
    SignalFd::of(&[libc::SIGCHLD])
}

/// Takes the status of each process that is left to this one, for ever.
fn reap(signals: &SignalFd) -> Result<(), Errno> {
    loop {
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        signals.read()?;
    }
}
