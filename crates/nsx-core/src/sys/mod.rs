//! System calls that rustix lacks, one small file per family: all `unsafe` of this crate is here.
//!
//! Nothing here decides anything, and nothing here knows a type of the modules above. Each function
//! is one call with the C library's or the kernel's meaning, takes bytes, numbers and descriptors,
//! and is safe.

#![allow(unsafe_code)]

pub(crate) mod arguments;
pub(crate) mod auxv;
pub(crate) mod descriptor;
pub(crate) mod exit;
pub(crate) mod listns;
pub(crate) mod memory;
pub(crate) mod mount;
pub(crate) mod net;
pub(crate) mod nsfs;
pub(crate) mod process;
pub(crate) mod regex;
pub(crate) mod shared;
pub(crate) mod signal;
pub(crate) mod socket;
pub(crate) mod trace;

use crate::trouble;
use rustix::io::Errno;

/// Reads an answer of the C library: -1 is a failure, and `errno` says which.
fn check(answer: libc::c_int) -> Result<libc::c_int, Errno> {
    if answer == -1 {
        Err(trouble::met(trouble::errno_of(
            &std::io::Error::last_os_error(),
        )))
    } else {
        Ok(answer)
    }
}
