//! Looking into a process that is stopped for it, see `ptrace(2)`, and filters of system calls, see
//! `seccomp(2)`.
//!
//! Sound because the kernel writes no more than it said that there is, into memory that is ours for
//! that long.

use super::check;
use rustix::{io::Errno, process::Pid};

const PTRACE_SECCOMP_GET_FILTER: libc::c_uint = 0x420c;
const SECCOMP_SET_MODE_FILTER: libc::c_uint = 1;

/// The most instructions that the kernel takes in one filter: `BPF_MAXINSNS`.
pub(crate) const MOST_INSTRUCTIONS: usize = 4096;

/// An instruction of a filter, see `bpf(4)` of the BSDs: the operation, how far to jump, the
/// operand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    /// The operation.
    pub code: u16,
    /// Instructions to skip if it is true.
    pub jump_true: u8,
    /// Instructions to skip if it is not.
    pub jump_false: u8,
    /// With what.
    pub operand: u32,
}

impl Instruction {
    #[cfg(test)]
    pub(crate) const fn new(code: u16, jump_true: u8, jump_false: u8, operand: u32) -> Self {
        Self {
            code,
            jump_true,
            jump_false,
            operand,
        }
    }
}

/// Becomes the tracer of a process without stopping it: `PTRACE_SEIZE`. It is let go of when this
/// process ends.
pub(crate) fn seize(process: Pid) -> Result<(), Errno> {
    // SAFETY: the request needs no memory.
    let answer = unsafe {
        libc::ptrace(
            libc::PTRACE_SEIZE,
            process.as_raw_nonzero().get(),
            0_usize,
            0_usize,
        )
    };
    check(answer as libc::c_int).map(drop)
}

/// Asks a traced process to stop: `PTRACE_INTERRUPT`.
pub(crate) fn interrupt(process: Pid) -> Result<(), Errno> {
    // SAFETY: the request needs no memory.
    let answer = unsafe {
        libc::ptrace(
            libc::PTRACE_INTERRUPT,
            process.as_raw_nonzero().get(),
            0_usize,
            0_usize,
        )
    };
    check(answer as libc::c_int).map(drop)
}

/// Becomes the tracer of a process and of all that it makes, without stopping it.
pub(crate) fn follow(process: Pid) -> Result<(), Errno> {
    let options = libc::PTRACE_O_TRACESYSGOOD
        | libc::PTRACE_O_TRACEFORK
        | libc::PTRACE_O_TRACEVFORK
        | libc::PTRACE_O_TRACECLONE
        | libc::PTRACE_O_TRACEEXEC;
    // SAFETY: the request takes flags, and needs no memory.
    let answer = unsafe {
        libc::ptrace(
            libc::PTRACE_SEIZE,
            process.as_raw_nonzero().get(),
            0_usize,
            options as usize,
        )
    };
    check(answer as libc::c_int).map(drop)
}

/// Lets a traced thread that is stopped go on, with this signal or 0, to the start or end of its
/// next system call.
pub(crate) fn go_on(thread: Pid, signal: libc::c_int) -> Result<(), Errno> {
    // SAFETY: the request takes a number, and needs no memory.
    let answer = unsafe {
        libc::ptrace(
            libc::PTRACE_SYSCALL,
            thread.as_raw_nonzero().get(),
            0_usize,
            signal as usize,
        )
    };
    check(answer as libc::c_int).map(drop)
}

/// Leaves a traced thread stopped as job control has stopped it.
pub(crate) fn stay_stopped(thread: Pid) -> Result<(), Errno> {
    // SAFETY: the request needs no memory.
    let answer = unsafe {
        libc::ptrace(
            libc::PTRACE_LISTEN,
            thread.as_raw_nonzero().get(),
            0_usize,
            0_usize,
        )
    };
    check(answer as libc::c_int).map(drop)
}

/// A point of a system call at which a traced thread is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallStop {
    /// The start, with the number and the arguments.
    Start(u64, [u64; 6]),
    /// The end, with the error.
    End(Option<Errno>),
}

/// Returns the system call that a traced thread is stopped at (5.3).
pub(crate) fn call_stop(thread: Pid) -> Result<Option<CallStop>, Errno> {
    const PTRACE_GET_SYSCALL_INFO: libc::c_uint = 0x420e;
    /// `struct ptrace_syscall_info`, as words.
    const LENGTH: usize = 11;
    let mut words = [0_u64; LENGTH];
    // SAFETY: the kernel writes no more bytes than are told.
    let answer = unsafe {
        libc::ptrace(
            PTRACE_GET_SYSCALL_INFO,
            thread.as_raw_nonzero().get(),
            size_of_val(&words),
            words.as_mut_ptr(),
        )
    };
    check(answer as libc::c_int)?;
    let [kind, is_error] = [words[0].to_ne_bytes()[0], words[4].to_ne_bytes()[0]];
    Ok(match kind {
        1 => {
            let mut arguments = [0; 6];
            arguments.copy_from_slice(&words[4..10]);
            Some(CallStop::Start(words[3], arguments))
        }
        2 => {
            let value = words[3].cast_signed();
            let errno = i32::try_from(value.wrapping_neg()).unwrap_or(0);
            let failed = is_error != 0 && (1..4096).contains(&errno);
            Some(CallStop::End(
                failed.then(|| Errno::from_raw_os_error(errno)),
            ))
        }
        _ => None,
    })
}

/// Returns a filter of a traced process that is stopped, by its index; `ENOENT` beyond the last
/// (4.4).
pub(crate) fn filter(process: Pid, index: usize) -> Result<Vec<Instruction>, Errno> {
    let process = process.as_raw_nonzero().get();
    // SAFETY: without an address the kernel only says how many instructions there are.
    let length = check(
        unsafe { libc::ptrace(PTRACE_SECCOMP_GET_FILTER, process, index, 0_usize) } as libc::c_int,
    )?;
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= MOST_INSTRUCTIONS)
        .ok_or(Errno::INVAL)?;
    let mut instructions = vec![Instruction::default(); length];
    // SAFETY: the filter of a stopped process cannot change, so no more than `length` instructions
    // of 8 bytes are written.
    check(unsafe {
        libc::ptrace(
            PTRACE_SECCOMP_GET_FILTER,
            process,
            index,
            instructions.as_mut_ptr(),
        )
    } as libc::c_int)?;
    Ok(instructions)
}

/// Puts a filter on this process, for good. `EACCES` without no_new_privs and CAP_SYS_ADMIN.
pub(crate) fn install(filter: &[Instruction]) -> Result<(), Errno> {
    let length = u16::try_from(filter.len()).map_err(|_| Errno::INVAL)?;
    // The kernel only reads; the types say otherwise.
    let program = libc::sock_fprog {
        len: length,
        filter: filter.as_ptr().cast_mut().cast(),
    };
    // SAFETY: `Instruction` is laid out as the kernel's `sock_filter`, and there are as many as is
    // told.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            SECCOMP_SET_MODE_FILTER,
            0,
            &raw const program,
        )
    };
    check(answer as libc::c_int).map(drop)
}

/// Makes a call that needs no memory, and returns its errno, or 0.
#[cfg(test)]
pub(crate) fn errno_of(call: libc::c_long, arguments: [libc::c_int; 2]) -> i32 {
    let [first, second] = arguments.map(libc::c_long::from);
    // SAFETY: used only for calls that take no address.
    let answer = unsafe { libc::syscall(call, first, second) };
    if answer == -1 {
        check(-1).err().map_or(0, Errno::raw_os_error)
    } else {
        0
    }
}
