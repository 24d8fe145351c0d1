//! System calls that rustix has not, one small file a family: the one place with `unsafe`.
//!
//! Nothing here decides anything. Each function is one call, with the C library's or the kernel's
//! meaning, and safe.

#![allow(unsafe_code)]

pub mod auxv;
pub mod listns;
pub mod memory;
pub mod mount;
pub mod net;
pub mod nsfs;
pub mod poll;
pub mod process;
pub mod regex;
pub mod shared;
pub mod signal;
pub mod socket;
pub mod stdio;
pub mod trace;

use crate::trouble;
use rustix::io::Errno;

/// The C library's convention: -1 is failure and `errno` says which.
fn check(answer: libc::c_int) -> Result<libc::c_int, Errno> {
    if answer == -1 {
        Err(trouble::met(
            Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO),
        ))
    } else {
        Ok(answer)
    }
}
