//! Processes: unshare, fork, exec, groups, ending.
//!
//! Sound because what is safe only in a process with one thread takes a [`SingleThread`]: a child
//! finds no lock held by a thread that it lacks, and nothing else reads or writes the environment.

pub(crate) use super::exit::exit_now;

use super::{check, signal::Signal};
use rustix::{
    fd::{AsFd, AsRawFd},
    io::{Errno, retry_on_intr},
    process::{Pid, WaitOptions, WaitStatus, waitpid},
    thread::UnshareFlags,
};
use std::{
    ffi::{CStr, CString},
    marker::PhantomData,
    sync::atomic::AtomicU32,
};

/// Moves this process out of the namespaces it is in, into new ones of these `CLONE_NEW*` flags,
/// see `unshare(2)`. For PID and time namespaces, only its later children move.
pub(crate) fn unshare(flags: u32) -> Result<(), Errno> {
    let flags = UnshareFlags::from_bits_retain(flags);
    // SAFETY: none of these flags parts the descriptor table, which is what can go wrong.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}

/// Makes and reaches files as this user and group from now on, see `setfsuid(2)`. Without the right
/// to that, nothing changes.
pub(crate) fn set_file_ids(uid: libc::uid_t, gid: libc::gid_t) {
    // SAFETY: the call takes numbers alone.
    unsafe { libc::setfsgid(gid) };
    // SAFETY: as above.
    unsafe { libc::setfsuid(uid) };
}

/// Returns whether the process of a pidfd has ended and was waited for: `pidfd_send_signal(2)` with
/// no signal (5.1).
pub(crate) fn is_reaped(pidfd: impl AsFd) -> bool {
    // EPERM is the answer for a process that exists.
    send_signal(pidfd, 0) == Err(Errno::SRCH)
}

/// Kills the process of a pidfd. A process that has ended stays as it is.
pub(crate) fn kill(pidfd: impl AsFd) -> Result<(), Errno> {
    match send_signal(pidfd, libc::SIGKILL) {
        Err(Errno::SRCH) => Ok(()),
        sent => sent,
    }
}

/// Proof that this process has one thread.
///
/// It is proof until the process starts a thread. This crate starts none, and a function that
/// obtains a proof neither returns it nor stores it for a later call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SingleThread(PhantomData<*const ()>);

impl SingleThread {
    /// Checks that this process has one thread.
    ///
    /// # Errors
    /// `EINVAL` if the process has several threads, as `unshare(2)` has it. Any other errno if the
    /// number of threads cannot be determined.
    pub(crate) fn check() -> Result<Self, Errno> {
        const THREAD: u32 = libc::CLONE_THREAD as u32;
        // SAFETY: this flag changes nothing. The call fails if the process has several threads.
        match unsafe { rustix::thread::unshare_unsafe(UnshareFlags::from_bits_retain(THREAD)) } {
            Ok(()) => Ok(Self(PhantomData)),
            Err(Errno::INVAL) => Err(Errno::INVAL),
            // A filter of system calls, such as that of a container without CAP_SYS_ADMIN.
            Err(errno) => match rustix::fs::stat("/proc/self/task") {
                // Two links of the directory itself, and one of each thread.
                Ok(stat) if stat.st_nlink == 3 => Ok(Self(PhantomData)),
                Ok(_) => Err(Errno::INVAL),
                Err(_) => Err(errno),
            },
        }
    }

    /// Returns a proof without a check, for tests, whose children take no lock.
    #[cfg(test)]
    pub(crate) fn assume() -> Self {
        Self(PhantomData)
    }
}

/// The two sides of a fork.
pub enum Forked {
    /// The process that called, with the child's id in its PID namespace.
    Parent(Pid),
    /// The child.
    Child,
}

/// Returns the side, parent or child, on which a call that makes a process has returned.
fn forked(answer: libc::c_long) -> Result<Forked, Errno> {
    let answer = check(libc::c_int::try_from(answer).unwrap_or(-1))?;
    Ok(Pid::from_raw(answer).map_or(Forked::Child, Forked::Parent))
}

/// Makes a child of this process, see `fork(2)`.
pub(crate) fn fork(_: SingleThread) -> Result<Forked, Errno> {
    // SAFETY: one thread, so the child finds no lock held.
    forked(unsafe { libc::fork() }.into())
}

/// Waits until a child of this process has ended, and collects its status, see `waitpid(2)`.
pub(crate) fn collect(child: Pid) -> Result<WaitStatus, Errno> {
    let ended = retry_on_intr(|| waitpid(Some(child), WaitOptions::empty()))?;
    // Only NOHANG makes it return without a status.
    ended.map(|(_, status)| status).ok_or(Errno::CHILD)
}

/// The two sides of a fork beside other threads.
pub(crate) enum ForkedBeside {
    /// The process that called, with the child's id in its PID namespace.
    Parent(Pid),
    /// The child, which has one thread.
    Child(SingleThread),
}

/// Makes a child of a process that may have several threads, of which the child has the one that
/// calls.
///
/// A lock that another thread holds stays held in the child for ever. The C library's `fork` keeps
/// its own allocator usable; [`crate::run::spawn`] documents what else the child must not use.
pub(crate) fn fork_beside_threads() -> Result<ForkedBeside, Errno> {
    // SAFETY: the child has a copy of all memory and of this stack. Data behind a lock that another
    // thread holds cannot be reached in the child; all other data is consistent.
    Ok(match forked(unsafe { libc::fork() }.into())? {
        Forked::Parent(child) => ForkedBeside::Parent(child),
        Forked::Child => ForkedBeside::Child(SingleThread(PhantomData)),
    })
}

/// Sends a signal to the process of a pidfd, see `pidfd_send_signal(2)`.
fn send_signal(pidfd: impl AsFd, signal: Signal) -> Result<(), Errno> {
    let pidfd = pidfd.as_fd().as_raw_fd();
    let no_information: *const libc::siginfo_t = std::ptr::null();
    // SAFETY: the call reads no memory if there is no information to send.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd,
            signal,
            no_information,
            0,
        )
    };
    check(libc::c_int::try_from(answer).unwrap_or(-1)).map(drop)
}

/// Makes a child that is in a cgroup of version 2 from its birth: CLONE_INTO_CGROUP of `clone3(2)`
/// (5.7). `directory` is the cgroup's. A process that joins a cgroup later waits until the kernel has
/// no reader of any process's cgroups left: 20 ms on an idle host.
///
/// # Errors
/// `ENOSYS` if the kernel lacks the call; `EACCES`, `EBUSY` and others if a process could not go
/// there itself either.
pub(crate) fn fork_into(_: SingleThread, directory: impl AsFd) -> Result<Forked, Errno> {
    /// `struct clone_args` of linux/sched.h, as long as it has been since 5.7.
    #[repr(C)]
    #[derive(Default)]
    struct CloneArgs {
        flags: u64,
        pidfd: u64,
        child_tid: u64,
        parent_tid: u64,
        exit_signal: u64,
        stack: u64,
        stack_size: u64,
        tls: u64,
        set_tid: u64,
        set_tid_size: u64,
        cgroup: u64,
    }
    let arguments = CloneArgs {
        flags: 0x2_0000_0000, // CLONE_INTO_CGROUP
        exit_signal: libc::SIGCHLD as u64,
        cgroup: directory.as_fd().as_raw_fd() as u64,
        ..CloneArgs::default()
    };
    // SAFETY: without CLONE_VM this is a fork: the child has a copy of this stack. One thread, as
    // above.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw const arguments,
            size_of::<CloneArgs>(),
        )
    };
    forked(answer)
}

/// The flags of the `clone(2)` that [`fork_sibling`] makes.
pub(crate) const SIBLING: libc::c_int = libc::CLONE_PARENT | libc::CLONE_PARENT_SETTID;

/// Makes a child of this process's *parent*: CLONE_PARENT of `clone(2)`.
///
/// The kernel writes the child's id to `pid` before the child runs, so that a process that shares
/// that word with this process knows the id even if this process is killed. The child's end is signalled to
/// the parent as this process's own will be.
pub(crate) fn fork_sibling(_: SingleThread, pid: &AtomicU32) -> Result<Forked, Errno> {
    // The kernel's arguments are the same everywhere up to the third.
    let flags = libc::c_long::from(SIBLING);
    // SAFETY: without CLONE_VM this is a fork: the child has a copy of this stack. One thread, as
    // above. The kernel writes one word, of 32 bits everywhere.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_clone,
            flags,
            0_usize,
            pid.as_ptr(),
            0_usize,
            0_usize,
        )
    };
    forked(answer)
}

/// Becomes the program `name`, looked up in PATH if the name has no slash, see `execvp(3)`.
/// Returns only on failure.
pub(crate) fn execvp(name: &CStr, arguments: &[CString]) -> Errno {
    let mut pointers: Vec<_> = arguments.iter().map(|argument| argument.as_ptr()).collect();
    pointers.push(std::ptr::null());
    // SAFETY: strings and array end with a zero, and live until the call returns.
    match check(unsafe { libc::execvp(name.as_ptr(), pointers.as_ptr()) }) {
        Err(errno) => errno,
        Ok(_) => Errno::INVAL,
    }
}

/// Becomes the program in the file `path`, which is looked up nowhere and must be one that the
/// kernel takes, see `execv(3)`. Returns only on failure.
pub(crate) fn execv(path: &CStr, arguments: &[CString]) -> Errno {
    let mut pointers: Vec<_> = arguments.iter().map(|argument| argument.as_ptr()).collect();
    pointers.push(std::ptr::null());
    // SAFETY: strings and array end with a zero, and live until the call returns.
    match check(unsafe { libc::execv(path.as_ptr(), pointers.as_ptr()) }) {
        Err(errno) => errno,
        Ok(_) => Errno::INVAL,
    }
}

/// Becomes the program in a file that is open, with the environment that this process has, see
/// `execveat(2)`. Returns only on failure.
pub(crate) fn exec_file(_: SingleThread, file: impl AsFd, arguments: &[CString]) -> Errno {
    let mut pointers: Vec<_> = arguments.iter().map(|argument| argument.as_ptr()).collect();
    pointers.push(std::ptr::null());
    // SAFETY: one thread, so no other changes the variable meanwhile.
    let environment = unsafe { environ };
    // SAFETY: the path is an empty string; strings and arrays end with a zero, and live until the
    // call returns.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_execveat,
            file.as_fd().as_raw_fd(),
            c"".as_ptr(),
            pointers.as_ptr(),
            environment,
            libc::AT_EMPTY_PATH,
        )
    };
    match check(libc::c_int::try_from(answer).unwrap_or(-1)) {
        Err(errno) => errno,
        Ok(_) => Errno::INVAL,
    }
}

/// Sets the name that `ps(1)` shows for this process, cut to 15 bytes, see `PR_SET_NAME` in
/// `prctl(2)`.
pub(crate) fn set_name(name: &CStr) -> Result<(), Errno> {
    // SAFETY: the string ends with a zero and lives as long as the call.
    check(unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) }).map(drop)
}

/// Makes these `NAME=VALUE` this process's environment, which the program gets and in whose PATH it
/// is looked up.
///
/// The array stays for the rest of the process's life, which is up to the exec.
pub(crate) fn set_environment(_: SingleThread, variables: &[CString]) {
    let mut pointers: Vec<_> = variables
        .iter()
        .map(|variable| variable.clone().into_raw())
        .collect();
    pointers.push(std::ptr::null_mut());
    let array: &'static mut [_] = pointers.leak();
    // SAFETY: one thread, so no other reads the variable meanwhile.
    unsafe { environ = array.as_mut_ptr() };
}

/// Overwrites the environment that this process was started with, which it must not use any more:
/// see [`set_environment`]. `PR_SET_MM` of `prctl(2)` and `/proc/PID/environ` call this memory the
/// environment too.
pub(crate) fn wipe_environment(_: SingleThread) {
    // SAFETY: one thread, so no other changes the variable meanwhile.
    let mut variable = unsafe { environ };
    loop {
        // SAFETY: the array ends with a null pointer, at which this loop ends.
        let Some(text) = std::ptr::NonNull::new(unsafe { variable.read() }) else {
            return;
        };
        // SAFETY: a string that ends with a zero byte.
        let length = unsafe { CStr::from_ptr(text.as_ptr()) }.count_bytes();
        // SAFETY: the strings lie on the stack as the kernel has put them there, and may be written
        // to.
        unsafe { text.as_ptr().write_bytes(0, length) };
        // SAFETY: not yet at the end of the array.
        variable = unsafe { variable.add(1) };
    }
}

unsafe extern "C" {
    /// The C library's environment, see `environ(7)`.
    static mut environ: *mut *mut libc::c_char;
}

/// Has the kernel send this process `signal` when its parent ends, see `PR_SET_PDEATHSIG` in
/// `prctl(2)`.
pub fn set_death_signal(signal: Signal) -> Result<(), Errno> {
    // SAFETY: a call without memory.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal) }).map(drop)
}

/// A process group's id; 0 for one that was made outside of this process's PID namespace, which
/// rustix has no type for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Group(libc::pid_t);

impl Group {
    /// Returns the group of a process, see `getpgid(2)`.
    pub(crate) fn of(process: Pid) -> Result<Self, Errno> {
        // SAFETY: a call without memory.
        check(unsafe { libc::getpgid(process.as_raw_nonzero().get()) }).map(Self)
    }

    /// Returns this process's group.
    pub(crate) fn own() -> Self {
        // SAFETY: a call without memory, which cannot fail.
        Self(unsafe { libc::getpgrp() })
    }

    /// Returns the group that has the foreground of a terminal, see `tcgetpgrp(3)`.
    pub(crate) fn in_foreground(terminal: impl AsFd) -> Result<Self, Errno> {
        // SAFETY: the descriptor is open, and the call needs no memory of ours.
        check(unsafe { libc::tcgetpgrp(terminal.as_fd().as_raw_fd()) }).map(Self)
    }

    /// Gives the group the foreground of a terminal, see `tcsetpgrp(3)`.
    pub(crate) fn set_foreground(self, terminal: impl AsFd) -> Result<(), Errno> {
        // SAFETY: the descriptor is open, and the call needs no memory of ours.
        check(unsafe { libc::tcsetpgrp(terminal.as_fd().as_raw_fd(), self.0) }).map(drop)
    }

    /// Makes a process the first of a group of its own, see `setpgid(2)`: a child that has not
    /// executed a program yet.
    pub(crate) fn make_leader(process: Pid) -> Result<Self, Errno> {
        let process = process.as_raw_nonzero().get();
        // SAFETY: a call without memory.
        check(unsafe { libc::setpgid(process, process) }).map(|_| Self(process))
    }

    /// Sends a signal to all processes of the group that this process may signal, if any.
    pub(crate) fn signal(self, signal: Signal) {
        if self.0 > 1 {
            // SAFETY: a call without memory.
            unsafe { libc::kill(-self.0, signal) };
        }
    }

    /// Returns whether the group has no process left; false if the group has no id here.
    pub(crate) fn is_gone(self) -> bool {
        Pid::from_raw(self.0).is_some_and(|leader| {
            rustix::process::test_kill_process_group(leader) == Err(Errno::SRCH)
        })
    }

    /// Returns whether this is the group that `process` leads, or led.
    pub(crate) fn is_led_by(self, process: Pid) -> bool {
        self.0 == process.as_raw_nonzero().get()
    }
}

/// Returns whether this process's parent is of its session but of another group, as a shell is that
/// runs jobs: the parent then learns when this process stops, and can resume it.
pub(crate) fn has_job_control() -> bool {
    let Some(parent) = rustix::process::getppid() else {
        return false;
    };
    // SAFETY: a call without memory.
    let session = |process: libc::pid_t| unsafe { libc::getsid(process) };
    Group::of(parent).is_ok_and(|group| group != Group::own())
        && session(parent.as_raw_nonzero().get()) == session(0)
}
