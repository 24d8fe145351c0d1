//! nsx while its program runs: one loop over signals and what the child tells.
//!
//! nsx passes every signal on, stops when the program stops, and ends as it ends.

use super::{
    Ended,
    init::Watch,
    link::{Link, Message},
    listen::{Heard, Listener},
    outside::Outside,
    program::{Program, news},
    pty::SessionLeader,
    report::Report,
    suspension::Suspension,
    terminal::Terminal,
};
use crate::{
    plan::Signals,
    proc::ProcRoot,
    sys::{
        process::{Group, collect, has_job_control},
        signal::{DefaultEffect, Received, Signal, SignalFd, default_effect},
    },
};
use rustix::{
    io::Errno,
    process::{WaitOptions, WaitStatus, waitpid},
};
use std::time::Duration;

/// nsx, waiting.
pub(super) struct Waiter<'a> {
    program: Program,
    rule: Signals,
    /// The watch over the program, if the program is PID 1 of its namespace and can be looked up.
    init: Option<Watch<'a>>,
    terminal: Option<Terminal>,
    /// The signal that nsx emulated with SIGKILL or SIGSTOP, because the program, as PID 1, would
    /// have ignored it.
    in_place_of: Option<Signal>,
    /// The signal that killed the program, as nsx, as PID 1, has reported.
    killed: Option<Signal>,
    outside: Option<Outside>,
    /// The leader, if the program has a terminal of its own, which this process's session is on.
    leader: Option<SessionLeader>,
    /// `true` once it is known whether the program has set off.
    set_off: bool,
    suspension: Suspension,
    /// The number of stops of the program that PID 1 has reported.
    stops: usize,
}

impl<'a> Waiter<'a> {
    /// Returns a waiter for `program`, which is looked up in `proc` if that is given.
    pub(super) fn new(
        program: Program,
        rule: Signals,
        proc: Option<&'a ProcRoot>,
        terminal: Option<Terminal>,
        outside: Option<Outside>,
        leader: Option<SessionLeader>,
    ) -> Self {
        let init = proc.map(|proc| Watch::new(proc, program.0));
        Self {
            program,
            rule,
            init,
            killed: None,
            terminal,
            in_place_of: None,
            outside,
            leader,
            set_off: false,
            suspension: Suspension::default(),
            stops: 0,
        }
    }

    /// Waits for the program to end, and sees to signals until then. Without a link there is
    /// nothing to hear of the program's process, and the signal that tells of its end may have been
    /// read already.
    pub(super) fn wait(
        &mut self,
        signals: &SignalFd,
        link: Option<&Link>,
        report: &mut Report<'_, '_>,
    ) -> Result<Ended, Errno> {
        let ended = self.attend(signals, link, report)?;
        if let Some(terminal) = &self.terminal {
            terminal.take_back(self.program.0);
        }
        Ok(ended)
    }

    fn attend(
        &mut self,
        signals: &SignalFd,
        link: Option<&Link>,
        report: &mut Report<'_, '_>,
    ) -> Result<Ended, Errno> {
        if link.is_none()
            && let Some(ended) = self.look()?
        {
            return Ok(ended);
        }
        let mut listener = Listener::new(signals, link.into_iter().collect());
        loop {
            let pause = self.init.as_ref().and_then(Watch::pause);
            if pause == Some(Duration::ZERO) {
                self.stand_in_for_init();
                continue;
            }
            match listener.listen(pause)? {
                Heard::Nothing => {}
                Heard::Told(message) => {
                    if let Some(ended) = self.hear(message, link, report)? {
                        return Ok(ended);
                    }
                }
                Heard::Cut(_) => self.set_off(report)?,
                Heard::Signalled(received) if received.signal != libc::SIGCHLD => {
                    self.pass_on(received)
                }
                Heard::Signalled(_) => {
                    if let Some(ended) = self.look()? {
                        return Ok(ended);
                    }
                }
            }
        }
    }

    /// Waits for the program to end and for nothing else, if no signal is passed on.
    pub(super) fn wait_for_end(
        &mut self,
        link: &Link,
        report: &mut Report<'_, '_>,
    ) -> Result<Ended, Errno> {
        while let Some(message) = link.receive()? {
            if let Some(ended) = self.hear(message, Some(link), report)? {
                return Ok(ended);
            }
        }
        self.set_off(report)?;
        collect(self.program.0).map(|status| self.ended(status))
    }

    /// Acts on a message. Returns the end of the wait, if a keeper needs nobody to wait for it.
    fn hear(
        &mut self,
        message: Message,
        link: Option<&Link>,
        report: &mut Report<'_, '_>,
    ) -> Result<Option<Ended>, Errno> {
        match message {
            Message::Running => {
                self.set_off(report)?;
                if let Some(link) = link.filter(|_| report.plan.keeps()) {
                    link.send(Message::Keep)?;
                    return Ok(Some(Ended::Exited(0)));
                }
            }
            Message::Stopped(signal) => {
                self.stops += 1;
                self.stop(signal)?;
                link.map_or(Ok(()), |link| link.send(Message::Resume(self.stops)))?;
            }
            Message::Killed(signal) => self.killed = Some(signal),
            _ => {} // not a message to a waiter
        }
        Ok(None)
    }

    /// Notes that the program has started, or that a failure was reported: what was made outside
    /// stays or is undone accordingly.
    fn set_off(&mut self, report: &mut Report<'_, '_>) -> Result<(), Errno> {
        if std::mem::replace(&mut self.set_off, true) {
            return Ok(());
        }
        let outside = self.outside.take();
        match (report.settle(), outside) {
            (false, Some(outside)) => {
                outside.keep()?;
                self.outside = Some(outside).filter(Outside::ends_with_program);
                Ok(())
            }
            (true, Some(outside)) => {
                outside.undo();
                Ok(())
            }
            (_, None) => Ok(()),
        }
    }

    /// Takes away what ends with the program, which has ended.
    pub(super) fn finish(&mut self) {
        self.outside.take().inspect(Outside::finish);
    }

    /// Ends the program, for which nobody would wait, and undoes what was left behind outside.
    pub(super) fn give_up(&mut self) {
        self.program.send(libc::SIGKILL);
        self.outside.take().inspect(Outside::undo);
    }

    /// Checks whether the program ended or stopped; if it stopped, stops nsx too.
    fn look(&mut self) -> Result<Option<Ended>, Errno> {
        let mut options = WaitOptions::NOHANG;
        options.set(
            WaitOptions::UNTRACED | WaitOptions::CONTINUED,
            self.rule == Signals::PassOn,
        );
        let mut is_stopped = false;
        loop {
            match news(|| waitpid(Some(self.program.0), options))? {
                None => {
                    if is_stopped {
                        self.resume_program();
                    }
                    return Ok(None);
                }
                // The process that resumed nsx resumed the program too. Another SIGCONT could
                // resume a program that has stopped again.
                Some((_, status)) if status.continued() => is_stopped = false,
                Some((_, status)) => match status.stopping_signal() {
                    Some(signal) => {
                        self.stop(signal)?;
                        is_stopped = true;
                    }
                    None => return Ok(Some(self.ended(status))),
                },
            }
        }
    }

    fn ended(&self, status: WaitStatus) -> Ended {
        match status.terminating_signal() {
            Some(libc::SIGKILL) => {
                let meant = self
                    .in_place_of
                    .filter(|signal| default_effect(*signal) == DefaultEffect::End);
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
        if self.suspension.ended_by(received) {
            return;
        }
        if received.signal == libc::SIGHUP
            && self.leader.as_ref().is_some_and(SessionLeader::is_alone)
        {
            self.program.send(libc::SIGKILL);
            return;
        }
        if let Some(init) = &mut self.init {
            init.expect(received.signal);
        }
        self.program.pass_on(received);
    }

    /// Gives signals that PID 1 drops their effect from outside.
    fn stand_in_for_init(&mut self) {
        // Until the program has set off, its process holds signals back for nsx's own sake.
        let dropped = self
            .init
            .as_mut()
            .map(|init| init.look(self.set_off))
            .unwrap_or_default();
        for (signal, effect) in dropped {
            self.in_place_of = Some(signal);
            match effect {
                DefaultEffect::End => self.program.send(libc::SIGKILL),
                DefaultEffect::Stop => self.program.send(libc::SIGSTOP),
                DefaultEffect::Nothing => {}
            }
        }
    }

    /// Resumes the program: alone, because the process that resumed nsx has resumed its group, or
    /// with its group, if that is a job of its own.
    fn resume_program(&self) {
        match Group::of(self.program.0) {
            Ok(group) if self.leader.is_some() && group != Group::own() => {
                group.signal(libc::SIGCONT)
            }
            _ => self.program.send(libc::SIGCONT),
        }
    }

    /// Stops nsx as the program was stopped, so that nsx's parent learns of it. Returns when nsx is
    /// resumed, or if the kernel does not let nsx stop because no process could resume it.
    fn stop(&mut self, signal: Signal) -> Result<(), Errno> {
        if let Some(init) = &mut self.init {
            init.stopped();
        }
        let signal = if signal == libc::SIGSTOP {
            self.in_place_of.take().unwrap_or(signal)
        } else {
            signal
        };
        let group = Group::of(self.program.0)
            .ok()
            .filter(|group| *group != Group::own());
        let had_terminal = group.filter(|group| {
            self.terminal
                .as_ref()
                .is_some_and(|tty| tty.is_foreground(*group))
        });
        // SIGSTOP lets no other signal through meanwhile, but stops a group too that nobody is
        // there to resume.
        let is_resumed = self.leader.is_some() || has_job_control();
        self.suspension
            .stop(if is_resumed { libc::SIGSTOP } else { signal })?;
        if let (Some(group), Some(terminal)) = (had_terminal, &self.terminal)
            && terminal.is_foreground(Group::own())
        {
            terminal.set_foreground(group);
        }
        // A shell resumes the whole group, and nsx may be the first of it.
        std::thread::sleep(Duration::from_millis(5));
        Ok(())
    }
}
