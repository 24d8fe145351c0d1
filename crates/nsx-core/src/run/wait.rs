//! nsx while its program runs: one loop over signals and what the child reports.
//!
//! Life cycle: signals are held back and SIGCHLD has its default effect from before the fork, so none is lost and the
//! child's status is kept; the child gives itself back what the caller had set. From then on nsx passes every signal on,
//! stops when the program stops, and ends as it ends.

use super::{
    Ended, Event, Failure,
    init::{Fate, fate},
    inside,
    link::{Link, Message},
    outside::Outside,
    perform::Hands,
    take,
    terminal::Terminal,
};
use crate::{
    pid::Pid,
    plan::{Actor, Plan, Step},
    proc::ProcRoot,
    sys::{
        process::{Forked, Group, fork, has_job_control},
        signal::{self, DefaultEffect, Disposition, Mask, Received, Signal, SignalFd, default_effect},
    },
};
use rustix::{
    event::{PollFd, PollFlags, Timespec},
    io::Errno,
    process::{WaitOptions, WaitStatus, waitpid},
};

/// What the caller had set and the program must get.
pub(super) struct Inherited {
    mask: Mask,
    child_ended: Disposition,
}

impl Inherited {
    /// Holds every signal back, and has the status of children kept, which an ignored SIGCHLD would throw away.
    pub(super) fn take() -> Result<Self, Errno> {
        Ok(Self { mask: Mask::block_all()?, child_ended: Disposition::default_for(libc::SIGCHLD)? })
    }

    /// Sets what the caller had set.
    pub(super) fn restore(&self) -> Result<(), Errno> {
        self.child_ended.restore(libc::SIGCHLD)?;
        self.mask.restore()
    }
}

/// Takes the step at `place`, which makes a child that walks on from there, and waits for the program to end.
pub(super) fn run_child<'p>(
    plan: &'p Plan,
    place: usize,
    hands: &Hands<'_>,
    outside: Option<Outside>,
    observer: &mut dyn FnMut(Event<'p>),
) -> Result<Ended, Failure<'p>> {
    let step = &plan.tasks()[place].step;
    let failed = |errno| Failure { step, errno };
    let terminal = Terminal::open();
    let inherited = Inherited::take().map_err(failed)?;
    let signals = SignalFd::new().map_err(failed)?;
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

    let mut report = Report { plan, observer, failure: None };
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
    if !joiner {
        (report.observer)(Event::Created(child));
    }
    ours.send(Message::Go);
    let program = if joiner { joined(child, &ours, &mut report) } else { Some(child) };
    let Some(program) = program else { return Err(report.failure.unwrap_or_else(|| failed(Errno::CHILD))) };
    if joiner {
        (report.observer)(Event::Created(program));
    }
    let init = matches!(step, Step::Fork { init: true }).then_some(hands.proc).filter(|proc| proc.is_callers());
    let program = Program(program);
    let mut waiter = Waiter {
        program,
        init,
        killed: None,
        terminal,
        in_place_of: None,
        watched: Vec::new(),
        outside,
        set_off: false,
    };
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
    observer: &'s mut dyn FnMut(Event<'p>),
    failure: Option<Failure<'p>>,
}

impl Report<'_, '_> {
    fn hear(&mut self, message: Message) {
        let Message::Took(place, Err(errno)) = message else { return };
        match self.plan.tasks().get(place) {
            Some(task) if task.optional => (self.observer)(Event::Skipped(&task.step, errno)),
            Some(task) => self.failure = Some(Failure { step: &task.step, errno }),
            None => {}
        }
    }
}

/// The program's process, a child of this one: its id is its own until its end was seen.
pub(super) struct Program(pub(super) Pid);

impl Program {
    /// Passes a signal on that this process got.
    pub(super) fn pass_on(&self, Received { signal, from_kernel }: Received) {
        // The terminal sent it to the whole foreground group, so the program has it already unless it left that group.
        let has_it = from_kernel && Group::of(self.0) == Ok(Group::own());
        if !has_it {
            self.send(signal);
        }
    }

    /// Sends a signal. To a program that has ended there is nobody to send it to.
    fn send(&self, signal: Signal) {
        let _ = signal::send(self.0, signal);
    }
}

struct Waiter<'a> {
    program: Program,
    /// The caller's procfs, where the program is PID 1 of its namespace and can be looked up there.
    init: Option<&'a ProcRoot>,
    terminal: Option<Terminal>,
    /// The signal that nsx gave its effect by SIGKILL or SIGSTOP, because the program would have dropped it.
    in_place_of: Option<Signal>,
    /// Signals of which nsx is not yet sure what PID 1 does with them.
    watched: Vec<Watched>,
    /// The signal that killed the program, where nsx itself is PID 1 and told so.
    killed: Option<Signal>,
    outside: Option<Outside>,
    /// Whether the program was seen to set off, or not to.
    set_off: bool,
}

/// A signal whose fate nsx looks at again and again. A process shows what it does with signals only in pieces, which may
/// be of different moments, and while it makes a child it holds all of them back: one look is none.
struct Watched {
    signal: Signal,
    looks: u32,
    /// How many of the looks said that it is dropped.
    dropped: u32,
}

/// How many looks must say that a signal is dropped.
const SURE: u32 = 2;

/// After how many looks nsx leaves a signal to a program that holds it back and has taken it, as one does that reads
/// signals from a descriptor.
const LOOKS: u32 = 50;

impl Watched {
    /// How long until the next look: not in step with a program that does the same thing over and over, and ever longer,
    /// because one that waits for a processor shows the same thing for a while.
    fn pause(&self) -> Timespec {
        let longer = [0, 40, 900][(self.looks / 30).min(2) as usize];
        let milliseconds = 3 + i64::from(self.looks % 5) + longer;
        Timespec { tv_sec: 0, tv_nsec: milliseconds * 1_000_000 }
    }
}

impl Waiter<'_> {
    fn wait(&mut self, signals: &SignalFd, link: Link, report: &mut Report<'_, '_>) -> Result<Ended, Errno> {
        let mut link = Some(link);
        loop {
            let mut fds = vec![PollFd::new(signals, PollFlags::IN)];
            fds.extend(link.as_ref().map(|link| PollFd::new(link, PollFlags::IN)));
            let again = self.watched.first().map(Watched::pause);
            match rustix::event::poll(&mut fds, again.as_ref()) {
                Err(Errno::INTR) => continue,
                Ok(0) => {
                    drop(fds);
                    self.look_at_watched();
                    continue;
                }
                outcome => outcome?,
            };
            let [signalled, told] = [0, 1].map(|fd| fds.get(fd).is_some_and(|fd| !fd.revents().is_empty()));
            drop(fds);
            if told && let Some(end) = &link {
                match end.receive() {
                    Some(Message::Running) => self.set_off(report),
                    Some(Message::Stopped(signal)) => {
                        self.stop(signal)?;
                        self.program.send(libc::SIGCONT);
                    }
                    Some(Message::Killed(signal)) => self.killed = Some(signal),
                    Some(message) => report.hear(message),
                    // The program runs, or its process has ended.
                    None => {
                        link = None;
                        self.set_off(report);
                    }
                }
            } else if signalled {
                let received = signals.read()?;
                if received.signal != libc::SIGCHLD {
                    self.pass_on(received);
                } else if let Some(ended) = self.look()? {
                    if let Some(terminal) = &self.terminal {
                        terminal.take_back(self.program.0);
                    }
                    return Ok(ended);
                }
            }
        }
    }

    /// The program has set off, unless a failure was told: what was left behind outside stays or goes accordingly.
    fn set_off(&mut self, report: &mut Report<'_, '_>) {
        if std::mem::replace(&mut self.set_off, true) {
            return;
        }
        let outside = self.outside.take();
        if report.failure.is_some() {
            outside.inspect(Outside::undo);
        } else {
            (report.observer)(Event::Running);
            let _ = outside.map(|outside| outside.keep());
        }
    }

    /// Looks what became of the program: whether it ended, or stopped, whereupon nsx stops too.
    fn look(&mut self) -> Result<Option<Ended>, Errno> {
        let options = WaitOptions::NOHANG | WaitOptions::UNTRACED | WaitOptions::CONTINUED;
        let mut resumed = false;
        loop {
            match waitpid(Some(self.program.0), options)? {
                None => {
                    if resumed {
                        self.program.send(libc::SIGCONT);
                    }
                    return Ok(None);
                }
                // Whoever resumed nsx resumed the program too. Another SIGCONT could undo that it stopped again.
                Some((_, status)) if status.continued() => resumed = false,
                Some((_, status)) => match status.stopping_signal() {
                    Some(signal) => {
                        self.stop(signal)?;
                        resumed = true;
                    }
                    None => return Ok(Some(self.ended(status))),
                },
            }
        }
    }

    fn ended(&self, status: WaitStatus) -> Ended {
        match status.terminating_signal() {
            Some(libc::SIGKILL) => {
                let meant = self.in_place_of.filter(|signal| default_effect(*signal) == DefaultEffect::End);
                Ended::Killed(meant.unwrap_or(libc::SIGKILL))
            }
            Some(signal) => Ended::Killed(signal),
            None => {
                let exited = Ended::Exited(status.exit_status().unwrap_or_default() as u8);
                self.killed.map_or(exited, Ended::Killed)
            }
        }
    }

    fn pass_on(&mut self, received: Received) {
        // Looked at before the signal changes what there is to see.
        let fate = self.init.map(|proc| fate(proc, self.program.0, received.signal));
        self.program.pass_on(received);
        let dropped = match fate {
            None | Some(Fate::TakenCareOf) => return,
            Some(Fate::Pending | Fate::HeldBack) => 0,
            Some(Fate::Dropped(_)) => 1,
        };
        self.watched.push(Watched { signal: received.signal, looks: 1, dropped });
    }

    /// Gives signals that PID 1 drops their effect from outside, once that is sure.
    fn look_at_watched(&mut self) {
        let Some(proc) = self.init else { return };
        for mut watched in std::mem::take(&mut self.watched) {
            // Until the program has set off, its process holds signals back for nsx's own sake.
            watched.looks += u32::from(self.set_off);
            match fate(proc, self.program.0, watched.signal) {
                Fate::TakenCareOf => {}
                Fate::Dropped(effect) if watched.dropped + 1 >= SURE => self.substitute(watched.signal, effect),
                Fate::Dropped(_) => self.watched.push(Watched { dropped: watched.dropped + 1, ..watched }),
                Fate::Pending => self.watched.push(watched),
                Fate::HeldBack if watched.looks < LOOKS => self.watched.push(watched),
                Fate::HeldBack => {}
            }
        }
    }

    fn substitute(&mut self, signal: Signal, effect: DefaultEffect) {
        self.in_place_of = Some(signal);
        match effect {
            DefaultEffect::End => self.program.send(libc::SIGKILL),
            DefaultEffect::Stop => self.program.send(libc::SIGSTOP),
            DefaultEffect::Nothing => {}
        }
    }

    /// Stops nsx as the program was stopped, so that whoever waits for nsx learns of it. Returns when nsx is resumed, or
    /// where the kernel does not let it stop, because nobody would be there to resume it.
    fn stop(&mut self, signal: Signal) -> Result<(), Errno> {
        let signal = if signal == libc::SIGSTOP { self.in_place_of.take().unwrap_or(signal) } else { signal };
        let group = Group::of(self.program.0).ok().filter(|group| *group != Group::own());
        let had_terminal = group.filter(|group| self.terminal.as_ref().is_some_and(|tty| tty.is_foreground(*group)));
        // SIGSTOP lets no other signal through meanwhile, but stops a group too that nobody is there to resume.
        signal::raise_default(if has_job_control() { libc::SIGSTOP } else { signal })?;
        if let (Some(group), Some(terminal)) = (had_terminal, &self.terminal)
            && terminal.is_foreground(Group::own())
        {
            terminal.set_foreground(group);
        }
        Ok(())
    }
}
