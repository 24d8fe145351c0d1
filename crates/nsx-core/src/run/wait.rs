//! nsx while its program runs: one loop over signals and what the child reports.
//!
//! Life cycle: signals are held back and SIGCHLD has its default effect from before the fork, so none is lost and the
//! child's status is kept; the child gives itself back what the caller had set. From then on nsx passes every signal on,
//! stops when the program stops, and ends as it ends.

use super::{
    Ended, Failure,
    init::dropped,
    inside,
    link::{Link, Message},
    outside::Outside,
    perform::Hands,
    take,
    terminal::Terminal,
};
use crate::{
    pid::Pid,
    plan::{Actor, Plan, Signals, Step},
    proc::ProcRoot,
    sys::{
        process::{Forked, fork},
        signal::{self, DefaultEffect, Disposition, Mask, Received, Signal, SignalFd, default_effect},
    },
};
use rustix::{
    event::{PollFd, PollFlags},
    io::Errno,
    process::{WaitOptions, WaitStatus, getpgid, getpgrp, waitpid},
};

/// What the caller had set and the program must get.
pub(super) struct Inherited {
    mask: Mask,
    child_ended: Disposition,
}

impl Inherited {
    /// Holds signals back, and has the status of children kept, which an ignored SIGCHLD would throw away.
    fn take(rule: Signals) -> Result<Self, Errno> {
        let mask = match rule {
            Signals::PassOn => Mask::block_all()?,
            Signals::PassOnEnding | Signals::HoldBackEnding => Mask::block(&ENDING)?,
        };
        Ok(Self { mask, child_ended: Disposition::default_for(libc::SIGCHLD)? })
    }

    /// Sets what the caller had set.
    pub(super) fn restore(&self) -> Result<(), Errno> {
        self.child_ended.restore(libc::SIGCHLD)?;
        self.mask.restore()
    }
}

/// What nsx holds back where other signals act on itself; the last is how it learns of the program's end.
const ENDING: [Signal; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGCHLD];

/// Takes the step at `place`, which makes a child that walks on from there, and waits for the program to end.
pub(super) fn run_child<'p>(
    plan: &'p Plan,
    place: usize,
    hands: &Hands<'_>,
    outside: Option<Outside>,
    skipped: &mut dyn FnMut(&'p Step, Errno),
) -> Result<Ended, Failure<'p>> {
    let step = &plan.tasks()[place].step;
    let failed = |errno| Failure { step, errno };
    let rule = if let Step::Fork { signals, .. } = step { *signals } else { Signals::PassOn };
    let terminal = if rule == Signals::PassOn { Terminal::open() } else { None };
    let inherited = Inherited::take(rule).map_err(failed)?;
    let signals = match rule {
        Signals::PassOn => SignalFd::new(),
        Signals::PassOnEnding => SignalFd::of(&ENDING),
        Signals::HoldBackEnding => SignalFd::of(&[libc::SIGCHLD]),
    };
    let signals = signals.map_err(failed)?;
    let (ours, theirs) = Link::pair().map_err(failed)?;
    let joiner = matches!(step, Step::ForkJoiner);

    let child = match fork().map_err(failed)? {
        Forked::Parent(pid) => pid,
        Forked::Child => {
            drop(ours);
            if !joiner && let Err(errno) = inherited.restore() {
                theirs.send(Message::Took(place, Err(errno)));
            }
            inside::walk(plan, place + 1, hands, &theirs, &inherited)
        }
    };
    drop(theirs);

    let mut report = Report { plan, skipped, failure: None };
    for (later, task) in plan.tasks().iter().enumerate().skip(place) {
        if task.actor == Actor::Outside
            && let Err(errno) = take(plan, later, hands, outside.as_ref())
        {
            drop(ours); // the child ends
            outside.inspect(Outside::undo);
            let _ = waitpid(Some(child), WaitOptions::empty());
            return Err(Failure { step: &task.step, errno });
        }
    }
    ours.send(Message::Go);
    let program = if joiner { joined(child, &ours, &mut report) } else { Some(child) };
    let Some(program) = program else { return Err(report.failure.unwrap_or_else(|| failed(Errno::CHILD))) };
    let init = matches!(step, Step::Fork { init: true, signals: Signals::PassOn });
    let init = hands.proc.filter(|proc| init && proc.is_callers());
    let mut waiter = Waiter { program, rule, init, terminal, in_place_of: None, outside };
    let ended = waiter.wait(&signals, ours, &mut report).map_err(failed)?;
    report.failure.map_or(Ok(ended), Err)
}

/// The program's process, once the joiner has made it; none where it failed.
fn joined(joiner: Pid, link: &Link, report: &mut Report<'_, '_>) -> Option<Pid> {
    let mut program = None;
    while program.is_none() && report.failure.is_none() {
        match link.receive()? {
            Message::Started(pid) => program = Some(pid),
            message => report.hear(message),
        }
    }
    let _ = waitpid(Some(joiner), WaitOptions::empty());
    program
}

/// What the child tells of its steps.
struct Report<'p, 's> {
    plan: &'p Plan,
    skipped: &'s mut dyn FnMut(&'p Step, Errno),
    failure: Option<Failure<'p>>,
}

impl Report<'_, '_> {
    fn hear(&mut self, message: Message) {
        let Message::Took(place, Err(errno)) = message else { return };
        match self.plan.tasks().get(place) {
            Some(task) if task.optional => (self.skipped)(&task.step, errno),
            Some(task) => self.failure = Some(Failure { step: &task.step, errno }),
            None => {}
        }
    }
}

struct Waiter<'a> {
    program: Pid,
    rule: Signals,
    /// The caller's procfs, where the program is PID 1 of its namespace and can be looked up there.
    init: Option<&'a ProcRoot>,
    terminal: Option<Terminal>,
    /// The signal that nsx gave its effect by SIGKILL or SIGSTOP, because the program would have dropped it.
    in_place_of: Option<Signal>,
    outside: Option<Outside>,
}

impl Waiter<'_> {
    fn wait(&mut self, signals: &SignalFd, link: Link, report: &mut Report<'_, '_>) -> Result<Ended, Errno> {
        let mut link = Some(link);
        loop {
            let mut fds = vec![PollFd::new(signals, PollFlags::IN)];
            fds.extend(link.as_ref().map(|link| PollFd::new(link, PollFlags::IN)));
            match rustix::event::poll(&mut fds, None) {
                Err(Errno::INTR) => continue,
                outcome => outcome?,
            };
            let [signalled, told] = [0, 1].map(|fd| fds.get(fd).is_some_and(|fd| !fd.revents().is_empty()));
            drop(fds);
            if told && let Some(end) = &link {
                match end.receive() {
                    Some(message) => report.hear(message),
                    // The program runs, or its process has ended.
                    None => {
                        link = None;
                        self.settle(report.failure.is_none());
                    }
                }
            } else if signalled {
                let received = signals.read()?;
                if received.signal != libc::SIGCHLD {
                    self.pass_on(received);
                } else if let Some(ended) = self.look()? {
                    if let Some(terminal) = &self.terminal {
                        terminal.take_back(self.program);
                    }
                    return Ok(ended);
                }
            }
        }
    }

    /// Lets what was left behind outside stay, if the program runs, and lets go of the outside.
    fn settle(&mut self, runs: bool) {
        if let Some(outside) = self.outside.take() {
            if runs {
                let _ = outside.keep();
            } else {
                outside.undo();
            }
        }
    }

    /// Looks what became of the program: whether it ended, or stopped, whereupon nsx stops too.
    fn look(&mut self) -> Result<Option<Ended>, Errno> {
        let mut options = WaitOptions::NOHANG;
        options.set(WaitOptions::UNTRACED, self.rule == Signals::PassOn);
        let Some((_, status)) = waitpid(Some(self.program), options)? else { return Ok(None) };
        if let Some(signal) = status.stopping_signal() {
            self.stop(signal)?;
            return Ok(None);
        }
        Ok(Some(self.ended(status)))
    }

    fn ended(&self, status: WaitStatus) -> Ended {
        match status.terminating_signal() {
            Some(libc::SIGKILL) => {
                let meant = self.in_place_of.filter(|signal| default_effect(*signal) == DefaultEffect::End);
                Ended::Killed(meant.unwrap_or(libc::SIGKILL))
            }
            Some(signal) => Ended::Killed(signal),
            None => Ended::Exited(status.exit_status().unwrap_or_default() as u8),
        }
    }

    fn pass_on(&mut self, Received { signal, from_kernel }: Received) {
        // The terminal sent it to the whole foreground group, so the program has it already unless it left that group.
        if !(from_kernel && self.shares_group()) {
            self.send(signal);
        }
        let effect = self.init.and_then(|proc| dropped(proc, self.program, signal));
        match effect {
            Some(DefaultEffect::End) => self.substitute(signal, libc::SIGKILL),
            Some(DefaultEffect::Stop) => self.substitute(signal, libc::SIGSTOP),
            Some(DefaultEffect::Nothing) | None => {}
        }
    }

    fn substitute(&mut self, signal: Signal, by: Signal) {
        self.in_place_of = Some(signal);
        self.send(by);
    }

    /// Sends a signal to the program. It may have ended, but its id is its own until nsx has seen that.
    fn send(&self, signal: Signal) {
        let _ = signal::send(self.program, signal);
    }

    fn shares_group(&self) -> bool {
        getpgid(Some(self.program)) == Ok(getpgrp())
    }

    /// Stops nsx as the program was stopped, so that whoever waits for nsx learns of it, and lets both go on together.
    ///
    /// Where the kernel does not let nsx stop, because nobody would be there to resume it, the program goes on at once.
    fn stop(&mut self, signal: Signal) -> Result<(), Errno> {
        let signal = if signal == libc::SIGSTOP { self.in_place_of.take().unwrap_or(signal) } else { signal };
        let group = getpgid(Some(self.program)).ok().filter(|group| *group != getpgrp());
        let had_terminal = group.filter(|group| self.terminal.as_ref().is_some_and(|tty| tty.is_foreground(*group)));
        signal::raise_default(signal)?;
        if let (Some(group), Some(terminal)) = (had_terminal, &self.terminal)
            && terminal.is_foreground(getpgrp())
        {
            terminal.set_foreground(group);
        }
        self.send(libc::SIGCONT);
        Ok(())
    }
}
