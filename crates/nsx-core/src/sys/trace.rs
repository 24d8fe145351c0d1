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
