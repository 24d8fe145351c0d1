//! A process that carries out one task.

use super::{
    messages::{LONGEST, answer, wait},
    task::Task,
};
use nsx_core::process::{Forked, exit_now, fork};
use rustix::{
    fd::OwnedFd,
    io::{Errno, read, retry_on_intr},
    net::{AddressFamily, SendFlags, SocketFlags, SocketType, send, socketpair},
    process::{Pid, Signal, WaitOptions, kill_process, waitpid},
};

/// A process that waits until it is told to carry out its task. Afterwards it stays in its
/// namespaces until it is killed, which dropping this value does.
pub(super) struct Actor {
    pid: Pid,
    socket: OwnedFd,
}

impl Actor {
    /// Starts the process.
    pub(super) fn start(task: &Task<'_>) -> Result<Self, Errno> {
        let flags = SocketFlags::CLOEXEC;
        let (socket, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        match fork()? {
            Forked::Child => {
                drop(socket);
                if wait(&other) > 0 {
                    answer(&other, task.perform(&other));
                    wait(&other);
                }
                exit_now(0)
            }
            Forked::Parent(pid) => Ok(Self { pid, socket }),
        }
    }

    /// Starts a process that carries out its task at once, and returns the process and its answer.
    pub(super) fn act(task: &Task<'_>) -> Result<(Self, Vec<u64>), Errno> {
        let actor = Self::start(task)?;
        let numbers = actor.tell()?;
        Ok((actor, numbers))
    }

    /// Tells the process to carry out its task, and returns the numbers that it answers.
    pub(super) fn tell(&self) -> Result<Vec<u64>, Errno> {
        send(&self.socket, b"g", SendFlags::NOSIGNAL)?;
        let mut bytes = [0; 8 * (LONGEST + 1)];
        let length = retry_on_intr(|| read(&self.socket, &mut bytes))?;
        let mut numbers = bytes[..length].chunks_exact(8).filter_map(|chunk| {
            let number = chunk.try_into().ok()?;
            Some(u64::from_ne_bytes(number))
        });
        match numbers.next() {
            Some(0) => Ok(numbers.collect()),
            Some(errno) => Err(Errno::from_raw_os_error(errno as i32)),
            // It was killed.
            None => Err(Errno::CHILD),
        }
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ = kill_process(self.pid, Signal::KILL);
        let _ = retry_on_intr(|| waitpid(Some(self.pid), WaitOptions::empty()));
    }
}
