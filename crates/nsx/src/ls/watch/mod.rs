//! `nsx ls --watch`: namespaces as they come and go.
//!
//! nsx looks again and again, and reports the differences. If it has the right to use the proc
//! connector, it also looks soon after a process starts or ends. As root, it also reads the kernel's
//! events about calls that create and join namespaces, and so misses none; otherwise, namespaces
//! that come and go between two looks are not seen.

mod changes;
mod event;
mod followed;
mod heard;
mod pace;
mod screen;
mod snapshot;
mod ticks;
mod view;

use super::selection::Selection;
use crate::{
    answer::Format,
    error::Error,
    exit::ExitStatus,
    out::{self, Output},
    query::system::System,
    style::Styles,
    text,
};
use changes::Changes;
use followed::Followed;
use heard::Heard;
use nsx_core::{
    proc::ProcEvents,
    signal::{Disposition, Mask, SignalFd},
};
use pace::Pace;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::{AsFd, BorrowedFd},
    io::Errno,
};
use screen::Screen;
use snapshot::Snapshot;
use std::{
    collections::VecDeque,
    ffi::OsString,
    io::IsTerminal,
    time::{Duration, Instant},
};
use view::{Key, View};

/// The number of events that are kept for the screen.
const KEPT: usize = 100;

/// The signals that end watching, suspend nsx, or make it draw the screen again.
const SIGNALS: [i32; 12] = [
    libc::SIGINT,
    libc::SIGTERM,
    libc::SIGHUP,
    libc::SIGQUIT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGXCPU,
    libc::SIGTSTP,
    libc::SIGWINCH,
];

/// The reason why waiting ended.
enum Woken {
    /// It is time to look.
    Look,
    /// Keys were pressed.
    Keys,
    /// A signal arrived.
    Signal(i32),
}

/// The request to follow namespaces: those of a target, those that are selected, or all.
pub(super) struct Watch {
    /// The longest time between two looks.
    pub(super) interval: Duration,
    pub(super) target: Option<OsString>,
    pub(super) selection: Option<Selection>,
}

impl Watch {
    /// Follows namespaces until a signal or key ends that, or the target is gone.
    pub(super) fn follow(
        self,
        system: &System,
        format: Format,
        output: &Output,
    ) -> Result<ExitStatus, Error> {
        let interval = self.interval;
        let followed = Followed::find(self, system)?;
        watch(interval, followed, system, format, output)
    }
}

fn watch(
    interval: Duration,
    mut followed: Followed,
    system: &System,
    format: Format,
    output: &Output,
) -> Result<ExitStatus, Error> {
    let failed = |act: &'static str| move |errno: Errno| Error::failed(act, errno);
    // Signals that the caller ignores, such as SIGHUP under nohup(1), stay ignored.
    let signals: Vec<i32> = SIGNALS
        .into_iter()
        .filter(|signal| !Disposition::ignores(*signal))
        .collect();
    let _mask = Mask::block(&signals).map_err(failed("hold signals back"))?;
    let signals = SignalFd::of(&signals).map_err(failed("wait for signals"))?;
    // Without events, nsx looks once per interval.
    let events = ProcEvents::listen().ok();
    let mut heard = listen(&followed, system, output);

    let look = |followed: &mut Followed, earlier: Option<&Snapshot>, with_table| {
        let began = Instant::now();
        let snapshot = Snapshot::take(system, followed, earlier, with_table)
            .map_err(failed("list the processes"))?;
        Ok::<_, Error>((snapshot, began, Instant::now()))
    };
    let has_screen = std::io::stdout().is_terminal() && format != Format::JsonLines;
    let (mut snapshot, began, ended) = look(&mut followed, None, has_screen)?;
    if !followed.is_there(&snapshot.census) {
        return Err(followed.missing());
    }
    let mut pace = Pace::new(interval, began, ended);
    let mut screen = if has_screen {
        Some(Screen::open().map_err(failed("set the terminal up"))?)
    } else {
        None
    };
    let (mut view, mut recent) = (View::default(), VecDeque::new());
    loop {
        if let (Some(screen), Some(table)) = (&mut screen, snapshot.table()) {
            let lines = view.draw(
                table,
                &recent,
                screen.size(),
                &Styles::stdout(output.color),
                screen.has_keys(),
            );
            screen
                .draw(&lines)
                .map_err(failed("write to the terminal"))?;
        }
        let woken = wait(
            &mut pace,
            &signals,
            events.as_ref(),
            heard.as_mut(),
            screen.as_ref(),
        );
        match woken.map_err(failed("wait"))? {
            Woken::Keys => {
                let keys = screen.as_ref().map_or_else(Vec::new, Screen::pressed);
                keys.iter().for_each(|key| view.press(*key));
                if keys.contains(&Key::Quit) {
                    return Ok(ExitStatus::SUCCESS);
                }
                continue;
            }
            Woken::Signal(libc::SIGWINCH) => continue,
            Woken::Signal(libc::SIGTSTP) => {
                if let Some(screen) = &mut screen {
                    screen.suspend().map_err(failed("stop"))?;
                }
                continue;
            }
            Woken::Signal(signal) => return Ok(ExitStatus::Signal(signal)),
            Woken::Look => {}
        }
        let (mut next, began, ended) = look(&mut followed, Some(&snapshot), has_screen)?;
        pace.looked(began, ended);
        if screen.is_none() && !out::is_read() {
            return Ok(ExitStatus::SUCCESS);
        }
        if let Some(heard) = &mut heard {
            heard.listen_now().map_err(failed("read events"))?;
        }
        let events = Changes::between(
            &mut snapshot,
            &mut next,
            heard.as_mut(),
            &followed,
            &system.proc,
        );
        if screen.is_some() {
            events
                .iter()
                .for_each(|event| recent.push_front(event.in_words()));
        } else if !output.write_json_lines(events)? {
            return Ok(ExitStatus::SUCCESS);
        }
        recent.truncate(KEPT);
        snapshot = next;
        if !followed.is_there(&snapshot.census) {
            return Ok(ExitStatus::SUCCESS);
        }
    }
}

/// Requests the kernel's events about namespaces. If that fails, notes what nsx misses.
fn listen<'a>(followed: &Followed, system: &'a System, output: &Output) -> Option<Heard<'a>> {
    if !followed.may_be_unseen() {
        return None;
    }
    match Heard::listen(&system.proc) {
        Ok(heard) => Some(heard),
        Err(errno) => {
            if !output.quiet {
                out::note(&format!(
                    "namespaces that come and go between two looks are missed, because nsx cannot \
                    trace system calls: {}",
                    text::chain(&errno)
                ));
            }
            None
        }
    }
}

/// Waits for a reason to act.
fn wait(
    pace: &mut Pace,
    signals: &SignalFd,
    events: Option<&ProcEvents>,
    mut heard: Option<&mut Heard<'_>>,
    screen: Option<&Screen>,
) -> Result<Woken, Errno> {
    let mut had_event = false;
    loop {
        let now = Instant::now();
        let mut until = pace.due();
        if now >= until {
            return Ok(Woken::Look);
        }
        // Without events or keys, the descriptor of the signals is polled twice.
        let events_fd: BorrowedFd<'_> = events
            .filter(|_| !had_event)
            .map_or(signals.as_fd(), AsFd::as_fd);
        let keys_fd: BorrowedFd<'_> = screen.map_or(signals.as_fd(), Screen::keys);
        let mut fds = vec![signals.as_fd(), events_fd, keys_fd];
        match heard.as_deref() {
            Some(heard) if heard.rests_until() > now => until = until.min(heard.rests_until()),
            Some(heard) => fds.extend(heard.descriptors()),
            None => {}
        }
        let mut fds: Vec<_> = fds
            .iter()
            .map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN))
            .collect();
        let left = until.saturating_duration_since(now);
        let left = Timespec {
            tv_sec: left.as_secs() as _,
            tv_nsec: left.subsec_nanos() as _,
        };
        match poll(&mut fds, Some(&left)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
        let ready: Vec<_> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        if ready[0] {
            return Ok(Woken::Signal(signals.read()?.signal));
        }
        if let (Some(events), true, false) = (events, ready[1], had_event) {
            events.drain();
            had_event = true;
            pace.saw_event(Instant::now());
        }
        if screen.is_some() && ready[2] {
            return Ok(Woken::Keys);
        }
        if let Some(heard) = &mut heard
            && ready[3..].contains(&true)
            && heard.listen_now()?
        {
            pace.saw_event(Instant::now());
        }
    }
}
