//! The program's entry: a C `main`, because Rust's runtime would change what the caller gave.
//!
//! That runtime ignores SIGPIPE and opens closed descriptors 0 to 2, and the program that nsx
//! becomes would inherit it. Everything else is in the library.

#![cfg_attr(not(test), no_main)]

#[cfg(not(test))]
#[global_allocator]
static ALLOCATOR: nsx_core::memory::Allocator = nsx_core::memory::Allocator;

/// Called by the C library's start-up code.
///
/// # Safety
/// `arguments` points to `count` strings, as C promises.
#[cfg(not(test))]
#[allow(unsafe_code)]
// SAFETY: no other symbol of this program is called `main`.
#[unsafe(no_mangle)]
unsafe extern "C" fn main(
    count: libc::c_int,
    arguments: *const *const libc::c_char,
) -> libc::c_int {
    use std::ffi::CStr;
    let arguments = (0..usize::try_from(count).unwrap_or(0)).map(|place| {
        // SAFETY: `place` is below the count that came with the array.
        let argument = unsafe { arguments.add(place) };
        // SAFETY: every place below the count holds a pointer.
        let argument = unsafe { *argument };
        // SAFETY: an argument is a string that ends with a zero byte and lives as long as the
        // process.
        unsafe { CStr::from_ptr(argument) }
    });
    nsx::main(&arguments.collect::<Vec<_>>()).finish()
}
