//! The auxiliary vector that a program gets at its exec, see `getauxval(3)`: no system call,
//! nothing that can fail.

/// Returns whether the kernel, or a security module, requires care: `AT_SECURE`.
pub(crate) fn is_secure() -> bool {
    // SAFETY: reads a number that the kernel put on the stack at the exec.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Sixteen random bytes, the same for as long as the program runs: `AT_RANDOM`. The C library makes
/// its own secrets of them, so they must not be shown.
pub(crate) fn random() -> [u8; 16] {
    // SAFETY: reads a number that the kernel put on the stack at the exec.
    let bytes = unsafe { libc::getauxval(libc::AT_RANDOM) } as *const [u8; 16];
    if bytes.is_null() {
        return [0; 16];
    }
    // SAFETY: the kernel put sixteen bytes there, which nothing changes.
    unsafe { *bytes }
}
