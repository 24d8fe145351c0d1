//! Namespaces as they come and go.
//!
//! The kernel tells nobody of namespaces, so nsx looks again and again, and says what is different. Where it may, it is
//! woken when a process starts or ends (the proc connector), so that it looks soon after; it looks at least once in every
//! interval, because a process that moves by itself wakes nobody. What comes and goes between two looks is not seen.

mod picture;
mod screen;

use super::{Options, Sight, grouped};
use crate::{
    exit::ExitStatus,
    out::{self, Styles},
};
use nsx_core::{
    proc::ProcEvents,
    sys::signal::{Mask, SignalFd},
};
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
    io::IsTerminal,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// How long nsx waits for more before it looks: what starts a container starts many processes.
const SETTLE: Duration = Duration::from_millis(50);

/// Events that the screen may show.
const KEPT: usize = 100;

/// What ends it, and what has the screen left for a while.
const SIGNALS: [i32; 5] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGTSTP, libc::SIGWINCH];

/// Why waiting ended.
enum Woken {
    /// It is time to look.
    Look,
    /// The screen is to be drawn anew.
    Draw,
    /// The user has seen enough.
    Quit,
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

/// Follows them until somebody says stop. An error is the status to end with, once its reason is on standard error.
pub(super) fn follow(options: &Options, interval: f64, sight: &Sight) -> Result<ExitStatus, ExitStatus> {
    let interval = Duration::from_secs_f64(interval);
    let failed = |act: &'static str| move |errno: Errno| out::failed(act, &errno);
    let _mask = Mask::block(&SIGNALS).map_err(failed("hold signals back"))?;
    let signals = SignalFd::of(&SIGNALS).map_err(failed("wait for signals"))?;
    // Whom the kernel does not tell looks in every interval.
    let events = ProcEvents::listen().ok();
    let mut screen = if std::io::stdout().is_terminal() && !options.json_lines {
        Some(Screen::open().map_err(failed("set the terminal up"))?)
    } else {
        None
    };

    let mut picture = Picture::take(sight, None).map_err(failed("list the processes"))?;
    let mut recent = VecDeque::new();
    loop {
        if let Some(screen) = &mut screen {
            let (width, height) = screen.size();
            let table = grouped::table(picture.census(), sight);
            let text = table.render(&Styles::stdout(options.color), Some(width));
            screen.draw(&lines(&text, &recent, width, height)).map_err(failed("write to the terminal"))?;
        }
        match wait(interval, &signals, events.as_ref(), screen.as_ref()).map_err(failed("wait"))? {
            Woken::Quit => return Ok(ExitStatus::SUCCESS),
            Woken::Draw => continue,
            Woken::Signal(libc::SIGTSTP) => {
                if let Some(screen) = &mut screen {
                    screen.leave_for_a_while().map_err(failed("stop"))?;
                }
                continue;
            }
            Woken::Signal(signal) => return Ok(ExitStatus::Signal(signal)),
            Woken::Look => {}
        }
        let next = Picture::take(sight, Some(&picture)).map_err(failed("list the processes"))?;
        if screen.is_none() && !out::is_read() {
            return Ok(ExitStatus::SUCCESS);
        }
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        for event in next.since(&picture, &sight.proc) {
            match &screen {
                Some(_) => recent.push_front(event.in_words()),
                None => out::print_json_lines(&[Line { time: time.as_millis() as f64 / 1000.0, event: &event }])?,
            }
        }
        recent.truncate(KEPT);
        picture = next;
    }
}

/// The lines of the screen: the table, and as many of the last events as there is room for.
fn lines(table: &str, recent: &VecDeque<String>, width: usize, height: usize) -> Vec<String> {
    let news = recent.len().min((height / 3).max(1));
    let room = height.saturating_sub(news + 1);
    let mut lines: Vec<String> = table.lines().take(room).map(str::to_owned).collect();
    let left = table.lines().count().saturating_sub(room);
    if left > 0 && !lines.is_empty() {
        lines.pop();
        lines.push(format!("... {} more", left + 1));
    }
    lines.push(String::new());
    lines.extend(recent.iter().take(news).map(|event| crate::table::cut(event, width).to_owned()));
    lines
}

/// Waits for something to do.
fn wait(
    interval: Duration,
    signals: &SignalFd,
    events: Option<&ProcEvents>,
    screen: Option<&Screen>,
) -> Result<Woken, Errno> {
    let mut until = Instant::now() + interval;
    let mut told = false;
    loop {
        // Where nobody tells of processes, and nobody types, the signals are waited for twice.
        let events_fd: BorrowedFd<'_> = events.filter(|_| !told).map_or(signals.as_fd(), AsFd::as_fd);
        let keys_fd: BorrowedFd<'_> = screen.map_or(signals.as_fd(), Screen::keys);
        let fds = [signals.as_fd(), events_fd, keys_fd];
        let mut fds = fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec { tv_sec: left.as_secs() as _, tv_nsec: left.subsec_nanos() as _ };
        match poll(&mut fds, Some(&left)) {
            Ok(0) => return Ok(Woken::Look),
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
        let ready = fds.each_ref().map(|fd| !fd.revents().is_empty());
        if ready[0] {
            return Ok(match signals.read()?.signal {
                libc::SIGWINCH => Woken::Draw,
                signal => Woken::Signal(signal),
            });
        }
        if let (Some(events), true, false) = (events, ready[1], told) {
            events.drain();
            told = true;
            until = until.min(Instant::now() + SETTLE);
        }
        if let (Some(screen), true) = (screen, ready[2])
            && screen.is_told_to_quit()
        {
            return Ok(Woken::Quit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_screen_says_how_much_is_missing() {
        let recent: VecDeque<_> = (0..9).map(|event| format!("event {event}")).collect();
        let table: String = (0..30).map(|row| format!("row {row}\n")).collect();
        let shown = lines(&table, &recent, 7, 10);
        assert_eq!(shown.len(), 10);
        assert_eq!(shown[..6], ["row 0", "row 1", "row 2", "row 3", "row 4", "... 25 more"]);
        assert_eq!(shown[6..], ["", "event 0", "event 1", "event 2"]);
        assert_eq!(lines("row\n", &VecDeque::new(), 80, 24), ["row", ""]);
    }
}
