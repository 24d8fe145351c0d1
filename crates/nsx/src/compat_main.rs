//! The entry of `nsx-compat`: a C `main`, because Rust's runtime ignores SIGPIPE and opens closed
//! descriptors 0 to 2, and the program that nsx becomes would inherit that. Everything else is in the
//! library.

#![cfg_attr(not(test), no_main)]

#[cfg(not(test))]
#[global_allocator]
static ALLOCATOR: nsx_core::memory::Allocator = nsx_core::memory::Allocator;

/// The function that the C library's start-up code calls.
///
/// # Safety
/// `arguments` points to `count` strings, as the C standard guarantees.
#[cfg(not(test))]
#[allow(unsafe_code)]
// SAFETY: no other symbol of this program is called `main`.
#[unsafe(no_mangle)]
unsafe extern "C" fn main(
    count: libc::c_int,
    arguments: *const *const libc::c_char,
) -> libc::c_int {
    // SAFETY: the arguments of `main`.
    let arguments = unsafe { nsx_core::arguments::of_main(count, arguments) };
    nsx::main_compat(&arguments).finish()
}
