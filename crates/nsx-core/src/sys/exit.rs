//! The end of a process.

/// Ends this process now, with no clean-up of the C library or of Rust.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: the call does not return and touches no memory.
    unsafe { libc::_exit(code) }
}
