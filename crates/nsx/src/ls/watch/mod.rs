//! Namespaces as they come and go.
//!
//! The kernel tells nobody of namespaces, so nsx looks again and again, and says what is different.
//! Where it may, it is woken when a process starts or ends (the proc connector), so that it looks
//! soon after; it looks at least once in every interval, because a process that moves by itself
//! wakes nobody. What comes and goes between two looks is not seen.

mod asked;
mod pace;
mod picture;
mod screen;
mod view;

use super::selection::Selection;
use crate::{
    answer::Format,
    error::Error,
    exit::ExitStatus,
    out::{self, Output},
    query::system::System,
    style::Styles,
};
use asked::Asked;
use nsx_core::{
    proc::ProcEvents,
    signal::{Disposition, Mask, SignalFd},
};
use pace::Pace;
use picture::{Event, Picture};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::{AsFd, BorrowedFd},
    io::Errno,
};
use screen::Screen;
use serde::Serialize;
use std::{
    collections::VecDeque,
    ffi::OsString,
    io::IsTerminal,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use view::{Key, View};

/// Events that the screen may show.
const KEPT: usize = 100;

/// Signals that end it, and those that have the screen left for a while or drawn anew.
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

/// Why waiting ended.
enum Woken {
    /// It is time to look.
    Look,
    /// Keys were pressed.
    Keys,
    /// A signal.
    Signal(i32),
}

/// An event as a line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    /// Seconds since 1970, with thousandths.
    time: f64,
    #[serde(flatten)]
    event: &'a Event,
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
        let asked = Asked::find(self, system)?;
        look_on(interval, asked, system, format, output)
    }
}

fn look_on(
    interval: Duration,
    mut asked: Asked,
    system: &System,
    format: Format,
    output: &Output,
) -> Result<ExitStatus, Error> {
    let failed = |act: &'static str| move |errno: Errno| Error::failed(act, errno);
    // What the caller ignores, such as SIGHUP by nohup(1), is to be ignored still.
    let signals: Vec<i32> = SIGNALS
        .into_iter()
        .filter(|signal| !Disposition::ignores(*signal))
        .collect();
    let _mask = Mask::block(&signals).map_err(failed("hold signals back"))?;
    let signals = SignalFd::of(&signals).map_err(failed("wait for signals"))?;
    // Whom the kernel does not tell looks in every interval.
    let events = ProcEvents::listen().ok();

    let look = |asked: &mut Asked, earlier: Option<&Picture>, with_table| {
        let began = Instant::now();
        let picture = Picture::take(system, asked, earlier, with_table)
            .map_err(failed("list the processes"))?;
        Ok::<_, Error>((picture, began, Instant::now()))
    };
    let has_screen = std::io::stdout().is_terminal() && format != Format::JsonLines;
    let (mut picture, began, ended) = look(&mut asked, None, has_screen)?;
    if !asked.is_there(&picture) {
        return Err(asked.missing());
    }
    let mut pace = Pace::new(interval, began, ended);
    let mut screen = if has_screen {
        Some(Screen::open().map_err(failed("set the terminal up"))?)
    } else {
        None
    };
    let (mut view, mut recent) = (View::default(), VecDeque::new());
    loop {
        if let (Some(screen), Some(table)) = (&mut screen, picture.table()) {
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
        match wait(&mut pace, &signals, events.as_ref(), screen.as_ref()).map_err(failed("wait"))? {
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
        let (mut next, began, ended) = look(&mut asked, Some(&picture), has_screen)?;
        pace.looked(began, ended);
        if screen.is_none() && !out::is_read() {
            return Ok(ExitStatus::SUCCESS);
        }
        let time = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        for event in next.since(&mut picture, &system.proc) {
            match &screen {
                Some(_) => recent.push_front(event.in_words()),
                None => {
                    let line = Line {
                        time: time.as_millis() as f64 / 1000.0,
                        event: &event,
                    };
                    if !output.write_json_lines([line])? {
                        return Ok(ExitStatus::SUCCESS);
                    }
                }
            }
        }
        recent.truncate(KEPT);
        picture = next;
        if !asked.is_there(&picture) {
            return Ok(ExitStatus::SUCCESS);
        }
    }
}

/// Waits for something to do.
fn wait(
    pace: &mut Pace,
    signals: &SignalFd,
    events: Option<&ProcEvents>,
    screen: Option<&Screen>,
) -> Result<Woken, Errno> {
    let mut told = false;
    loop {
        // Where nobody tells of processes, and nobody types, the signals are waited for twice.
        let events_fd: BorrowedFd<'_> = events
            .filter(|_| !told)
            .map_or(signals.as_fd(), AsFd::as_fd);
        let keys_fd: BorrowedFd<'_> = screen.map_or(signals.as_fd(), Screen::keys);
        let fds = [signals.as_fd(), events_fd, keys_fd];
        let mut fds = fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
        let left = pace.due().saturating_duration_since(Instant::now());
        let left = Timespec {
            tv_sec: left.as_secs() as _,
            tv_nsec: left.subsec_nanos() as _,
        };
        match poll(&mut fds, Some(&left)) {
            Ok(0) => return Ok(Woken::Look),
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
        let ready = fds.each_ref().map(|fd| !fd.revents().is_empty());
        if ready[0] {
            return Ok(Woken::Signal(signals.read()?.signal));
        }
        if let (Some(events), true, false) = (events, ready[1], told) {
            events.drain();
            told = true;
            pace.told(Instant::now());
        }
        if screen.is_some() && ready[2] {
            return Ok(Woken::Keys);
        }
    }
}
