//! Signals: masks, dispositions, waiting for one, dying of one.
//!
//! Sound because every structure that a call fills is a plain C one that lives on the stack, and
//! because no handler of ours exists: a disposition here is the default one or one that was read
//! before.

use super::check;
use rustix::{
    fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd},
    io::Errno,
    process::Pid,
};
use std::mem::MaybeUninit;

/// A signal's number, from 1 to 64.
pub type Signal = libc::c_int;

/// A flag with which the C library sets every disposition on x86.
const SA_RESTORER: libc::c_int = 0x0400_0000;

/// The signals that are held back until they are read or let through.
#[derive(Clone, Copy)]
pub struct Mask(libc::sigset_t);

/// The reaction of a process to a signal: a handler, the default, nothing.
#[derive(Clone, Copy)]
pub struct Disposition(libc::sigaction);

/// A signal that was waited for.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// Its number.
    pub signal: Signal,
    /// `true` if the kernel sent the signal of itself, as a terminal's driver does on Ctrl-C, and
    /// no process did.
    pub from_kernel: bool,
}

impl Mask {
    /// Holds back all signals but those that a fault of the program itself raises; returns what was
    /// held back before.
    pub fn block_all() -> Result<Self, Errno> {
        let mut set = MaybeUninit::uninit();
        // SAFETY: fills the set.
        check(unsafe { libc::sigfillset(set.as_mut_ptr()) })?;
        // SAFETY: the call before has filled it.
        let mut set = unsafe { set.assume_init() };
        for signal in [
            libc::SIGSEGV,
            libc::SIGBUS,
            libc::SIGFPE,
            libc::SIGILL,
            libc::SIGTRAP,
            libc::SIGSYS,
            libc::SIGABRT,
        ] {
            // SAFETY: takes one signal out of a set that is whole.
            check(unsafe { libc::sigdelset(&raw mut set, signal) })?;
        }
        Self::set(libc::SIG_SETMASK, &set)
    }

    /// Holds back these signals beside those that are held back already; returns what was held back
    /// before.
    pub fn block(signals: &[Signal]) -> Result<Self, Errno> {
        Self::set(libc::SIG_BLOCK, &Self::of(signals)?)
    }

    /// Returns whether this mask holds `signal` back.
    pub fn holds_back(&self, signal: Signal) -> bool {
        // SAFETY: looks at a set that is whole.
        unsafe { libc::sigismember(&raw const self.0, signal) == 1 }
    }

    /// Holds back exactly what this mask says.
    pub fn restore(&self) -> Result<(), Errno> {
        Self::set(libc::SIG_SETMASK, &self.0).map(drop)
    }

    fn set(how: libc::c_int, set: &libc::sigset_t) -> Result<Self, Errno> {
        let mut before = MaybeUninit::uninit();
        // SAFETY: both point to sets that live as long as the call.
        check(unsafe { libc::sigprocmask(how, set, before.as_mut_ptr()) })?;
        // SAFETY: the call before has filled it.
        Ok(Self(unsafe { before.assume_init() }))
    }

    fn of(signals: &[Signal]) -> Result<libc::sigset_t, Errno> {
        let mut set = MaybeUninit::uninit();
        // SAFETY: empties the set.
        check(unsafe { libc::sigemptyset(set.as_mut_ptr()) })?;
        // SAFETY: the call before has filled it.
        let mut set = unsafe { set.assume_init() };
        for signal in signals {
            // SAFETY: adds one signal to a set that is whole.
            check(unsafe { libc::sigaddset(&raw mut set, *signal) })?;
        }
        Ok(set)
    }
}

impl Disposition {
    /// Gives `signal` its default effect; returns what it had before.
    pub fn default_for(signal: Signal) -> Result<Self, Errno> {
        // SAFETY: a structure of integers, for which zero is valid: SIG_DFL, no flags, an empty
        // mask.
        let default: libc::sigaction = unsafe { std::mem::zeroed() };
        let mut before = MaybeUninit::uninit();
        // SAFETY: both point to structures that live as long as the call.
        check(unsafe { libc::sigaction(signal, &raw const default, before.as_mut_ptr()) })?;
        // SAFETY: the call before has filled it.
        Ok(Self(unsafe { before.assume_init() }))
    }

    /// Replaces every handler by the default disposition, as an exec does.
    pub fn drop_handlers() {
        for signal in 1..=libc::SIGRTMAX() {
            let mut now = MaybeUninit::<libc::sigaction>::zeroed();
            // SAFETY: points to a structure that lives as long as the call; null sets nothing. The
            // call refuses the numbers that the C library keeps for itself.
            let read =
                check(unsafe { libc::sigaction(signal, std::ptr::null(), now.as_mut_ptr()) });
            // SAFETY: a structure of integers, for which zero is valid too.
            let handler = unsafe { now.assume_init() }.sa_sigaction;
            if read.is_ok() && ![libc::SIG_DFL, libc::SIG_IGN].contains(&handler) {
                let _ = Self::default_for(signal);
            }
        }
    }

    /// Returns whether this process ignores `signal`.
    pub fn ignores(signal: Signal) -> bool {
        let mut now = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: points to a structure that lives as long as the call; null sets nothing.
        let asked = check(unsafe { libc::sigaction(signal, std::ptr::null(), now.as_mut_ptr()) });
        // SAFETY: a structure of integers, for which zero is valid too.
        asked.is_ok() && unsafe { now.assume_init() }.sa_sigaction == libc::SIG_IGN
    }

    /// Returns whether it is the default one, without flags.
    pub fn is_default(&self) -> bool {
        let flags = self.0.sa_flags & !SA_RESTORER;
        self.0.sa_sigaction == libc::SIG_DFL && flags == 0
    }

    /// Gives `signal` this effect again.
    pub fn restore(&self, signal: Signal) -> Result<(), Errno> {
        // SAFETY: points to a structure that lives as long as the call; null returns nothing.
        check(unsafe { libc::sigaction(signal, &raw const self.0, std::ptr::null_mut()) }).map(drop)
    }
}

/// A descriptor from which the signals that are held back are read, see `signalfd(2)`.
pub struct SignalFd(OwnedFd);

impl SignalFd {
    /// Opens a descriptor for every signal.
    pub fn new() -> Result<Self, Errno> {
        let mut all = MaybeUninit::uninit();
        // SAFETY: fills the set.
        check(unsafe { libc::sigfillset(all.as_mut_ptr()) })?;
        // SAFETY: the call before has filled it.
        Self::open(&unsafe { all.assume_init() })
    }

    /// Opens a descriptor for these signals.
    pub fn of(signals: &[Signal]) -> Result<Self, Errno> {
        Self::open(&Mask::of(signals)?)
    }

    fn open(set: &libc::sigset_t) -> Result<Self, Errno> {
        // SAFETY: the set lives as long as the call.
        let fd = check(unsafe { libc::signalfd(-1, set, libc::SFD_CLOEXEC) })?;
        // SAFETY: the kernel has just made the descriptor for us alone.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Returns whether a signal is there to be read.
    pub fn has_one(&self) -> bool {
        super::descriptor::has_now(&self.0, rustix::event::PollFlags::IN)
    }

    /// Waits for the next signal that is held back.
    pub fn read(&self) -> Result<Received, Errno> {
        let own = rustix::process::getpid()
            .as_raw_nonzero()
            .get()
            .unsigned_abs();
        let mut bytes = [0; size_of::<libc::signalfd_siginfo>()];
        loop {
            match rustix::io::read(&self.0, &mut bytes) {
                Err(Errno::INTR) => continue,
                outcome => outcome?,
            };
            // SAFETY: a structure of integers, for which any bytes are valid; the kernel writes
            // whole ones only.
            let info: libc::signalfd_siginfo = unsafe { std::mem::transmute(bytes) };
            let from_kernel = info.ssi_code == libc::SI_KERNEL;
            // A SIGPIPE that this process's own write raised is not passed on.
            if from_kernel || info.ssi_pid != own || info.ssi_signo != libc::SIGPIPE.cast_unsigned()
            {
                return Ok(Received {
                    signal: info.ssi_signo.cast_signed(),
                    from_kernel,
                });
            }
        }
    }
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The effect of a signal on a process that has set nothing for it, see `signal(7)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DefaultEffect {
    /// Ends it, with or without a core file.
    End,
    /// Stops it.
    Stop,
    /// Nothing, or resumes it.
    Nothing,
}

/// Returns the default effect of a signal.
pub(crate) fn default_effect(signal: Signal) -> DefaultEffect {
    match signal {
        libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU => DefaultEffect::Stop,
        libc::SIGCHLD | libc::SIGCONT | libc::SIGURG | libc::SIGWINCH => DefaultEffect::Nothing,
        _ => DefaultEffect::End,
    }
}

/// Sends a signal to a process, see `kill(2)`.
pub(crate) fn send(process: Pid, signal: Signal) -> Result<(), Errno> {
    // SAFETY: a call without memory.
    check(unsafe { libc::kill(process.as_raw_nonzero().get(), signal) }).map(drop)
}

/// Sends `signal` to this process and lets it through at once, with its default effect. Returns
/// if that effect did not end or stop it, or once it goes on.
///
/// On PID 1 of a namespace a signal has no default effect. So that another nsx, which waits for
/// this one, can see that it does nothing about a signal that stops, and stop it from outside, the
/// signal is let through for a moment.
pub(crate) fn raise_default(signal: Signal) -> Result<(), Errno> {
    let before = Disposition::default_for(signal).ok(); // fails for KILL and STOP, whose effect is fixed
    send(rustix::process::getpid(), signal)?;
    let blocked = Mask::set(libc::SIG_UNBLOCK, &Mask::of(&[signal])?)?;
    if rustix::process::getpid() == Pid::INIT && default_effect(signal) == DefaultEffect::Stop {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    blocked.restore()?;
    before.map_or(Ok(()), |before| before.restore(signal))
}

/// Ends this process by `signal`, without a core file: the program that died of it has left its
/// own.
///
/// If that is impossible, as for PID 1 of a namespace, ends with 128 and the signal's number.
pub fn die_of(signal: Signal) -> ! {
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: points to a structure that lives as long as the call. Failure only leaves a core
    // file.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) };
    let _ = raise_default(signal);
    super::exit::exit_now(128 + signal)
}
