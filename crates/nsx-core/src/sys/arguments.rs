//! The argument vector that the C library's start-up code gives to `main`.

use std::ffi::CStr;

/// Returns the arguments of a C `main`.
///
/// # Safety
/// `vector` points to `count` strings that live as long as the process, as the C standard
/// guarantees of the arguments of `main`.
pub unsafe fn of_main(
    count: libc::c_int,
    vector: *const *const libc::c_char,
) -> Vec<&'static CStr> {
    let arguments = (0..usize::try_from(count).unwrap_or(0)).map(|index| {
        // SAFETY: `index` is below the length of the array.
        let argument = unsafe { vector.add(index) };
        // SAFETY: every element of the array is a pointer.
        let argument = unsafe { *argument };
        // SAFETY: an argument is a string that ends with a null byte and lives as long as the
        // process.
        unsafe { CStr::from_ptr(argument) }
    });
    arguments.collect()
}
