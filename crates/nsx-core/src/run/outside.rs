//! The outside: a child that stays in the caller's namespaces, for steps that can be taken only there.
//!
//! It is made before the first step, takes one step each time it is told to, and ends when nsx does or lets go of it.

use super::{
    link::{Link, Message},
    perform::Hands,
};
use crate::{
    pid::Pid,
    plan::{Actor, Plan},
    sys::{
        process::{Forked, exit_now, fork},
        signal::Disposition,
    },
};
use rustix::{io::Errno, process::WaitOptions};

/// nsx's handle on its outside.
pub(super) struct Outside {
    link: Option<Link>,
    pid: Pid,
}

impl Outside {
    /// Makes one, if any step of the plan asks for it.
    pub(super) fn start(plan: &Plan, hands: &Hands<'_>) -> Result<Option<Self>, Errno> {
        if !plan.tasks().iter().any(|task| task.actor == Actor::Outside) {
            return Ok(None);
        }
        let (ours, theirs) = Link::pair()?;
        match fork()? {
            Forked::Parent(pid) => Ok(Some(Self { link: Some(ours), pid })),
            Forked::Child => {
                drop(ours);
                serve(plan, hands, &theirs)
            }
        }
    }

    /// Has it take the step at `place`.
    pub(super) fn take(&self, place: usize) -> Result<(), Errno> {
        let link = self.link.as_ref().ok_or(Errno::PIPE)?;
        link.send(Message::Take(place));
        match link.receive() {
            Some(Message::Took(_, outcome)) => outcome,
            _ => Err(Errno::PIPE),
        }
    }
}

impl Drop for Outside {
    /// Lets it end and takes its status, so that the program does not inherit a child that it never made.
    fn drop(&mut self) {
        self.link = None;
        let _ = rustix::process::waitpid(Some(self.pid), WaitOptions::empty());
    }
}

fn serve(plan: &Plan, hands: &Hands<'_>, link: &Link) -> ! {
    // Else the status of a program that a step runs would be lost, where the caller ignores SIGCHLD.
    let _ = Disposition::default_for(libc::SIGCHLD);
    while let Some(Message::Take(place)) = link.receive() {
        let outcome = plan.tasks().get(place).map_or(Err(Errno::INVAL), |task| hands.perform(&task.step));
        link.send(Message::Took(place, outcome));
    }
    exit_now(0)
}
