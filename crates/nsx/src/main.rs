//! The program's entry: a C `main`, because Rust's runtime ignores SIGPIPE and opens closed
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
    use std::ffi::CStr;
    let arguments = (0..usize::try_from(count).unwrap_or(0)).map(|index| {
        // SAFETY: `index` is below the length of the array.
        let argument = unsafe { arguments.add(index) };
        // SAFETY: every element of the array is a pointer.
        let argument = unsafe { *argument };
        // SAFETY: an argument is a string that ends with a null byte and lives as long as the
        // process.
        unsafe { CStr::from_ptr(argument) }
    });
    nsx::main(&arguments.collect::<Vec<_>>()).finish()
}
