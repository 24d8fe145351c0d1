//! Signals: their names, and a process's mask, dispositions and end by one.

pub use crate::sys::signal::{Disposition, Mask, Received, Signal, SignalFd, die_of};

/// The signals that have a name of their own, and other names for some of them, as `kill(1)` knows
/// them: without `SIG`.
const NAMES: [(&str, Signal); 34] = [
    ("HUP", libc::SIGHUP),
    ("INT", libc::SIGINT),
    ("QUIT", libc::SIGQUIT),
    ("ILL", libc::SIGILL),
    ("TRAP", libc::SIGTRAP),
    ("ABRT", libc::SIGABRT),
    ("IOT", libc::SIGABRT),
    ("BUS", libc::SIGBUS),
    ("FPE", libc::SIGFPE),
    ("KILL", libc::SIGKILL),
    ("USR1", libc::SIGUSR1),
    ("SEGV", libc::SIGSEGV),
    ("USR2", libc::SIGUSR2),
    ("PIPE", libc::SIGPIPE),
    ("ALRM", libc::SIGALRM),
    ("TERM", libc::SIGTERM),
    ("STKFLT", libc::SIGSTKFLT),
    ("CHLD", libc::SIGCHLD),
    ("CLD", libc::SIGCHLD),
    ("CONT", libc::SIGCONT),
    ("STOP", libc::SIGSTOP),
    ("TSTP", libc::SIGTSTP),
    ("TTIN", libc::SIGTTIN),
    ("TTOU", libc::SIGTTOU),
    ("URG", libc::SIGURG),
    ("XCPU", libc::SIGXCPU),
    ("XFSZ", libc::SIGXFSZ),
    ("VTALRM", libc::SIGVTALRM),
    ("PROF", libc::SIGPROF),
    ("WINCH", libc::SIGWINCH),
    ("IO", libc::SIGIO),
    ("POLL", libc::SIGIO),
    ("PWR", libc::SIGPWR),
    ("SYS", libc::SIGSYS),
];

/// Returns the names of the signals, without `SIG`.
pub fn names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(|(name, _)| *name)
}

/// Returns the signal called `name`, in either case, with or without `SIG`: one of the table,
/// `RTMIN+n` or `RTMAX-n`. A number is not a name.
pub fn by_name(name: &str) -> Option<Signal> {
    let upper = name.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let offset = |digits: &str| {
        digits
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| digits.parse().ok())
            .flatten()
    };
    let real_time = libc::SIGRTMIN()..=libc::SIGRTMAX();
    let found = if let Some(digits) = name.strip_prefix("RTMIN+") {
        real_time.start().checked_add(offset(digits)?)
    } else if let Some(digits) = name.strip_prefix("RTMAX-") {
        real_time.end().checked_sub(offset(digits)?)
    } else {
        return NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, signal)| *signal);
    };
    found.filter(|signal| real_time.contains(signal))
}

/// Returns a signal's name with `SIG`, as manual pages write it.
pub fn name(signal: Signal) -> String {
    match NAMES.iter().find(|(_, known)| *known == signal) {
        Some((name, _)) => format!("SIG{name}"),
        None => format!("SIGRTMIN+{}", signal - libc::SIGRTMIN()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_and_numbers_are_not() {
        for (text, signal) in [
            ("HUP", libc::SIGHUP),
            ("sigterm", libc::SIGTERM),
            ("Iot", libc::SIGABRT),
            ("RTMIN+3", libc::SIGRTMIN() + 3),
            ("sigrtmax-0", libc::SIGRTMAX()),
        ] {
            assert_eq!(by_name(text), Some(signal), "{text}");
        }
        for text in [
            "",
            "9",
            "0",
            "SIG",
            "FOO",
            "RTMIN",
            "RTMIN+",
            "RTMIN+99",
            "RTMIN+-1",
            "RTMIN-1",
            "RTMAX-9999999999",
        ] {
            assert_eq!(by_name(text), None, "{text}");
        }
    }

    #[test]
    fn each_name_leads_back() {
        for signal in (1..32).chain(libc::SIGRTMIN()..=libc::SIGRTMAX()) {
            assert_eq!(by_name(&name(signal)), Some(signal));
        }
    }
}
