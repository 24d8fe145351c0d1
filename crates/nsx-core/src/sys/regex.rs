//! Extended regular expressions of POSIX as the C library reads them, see `regex(3)`.
//!
//! Sound because a compiled expression is the C library's own from `regcomp(3)` to `regfree(3)`,
//! does not move in between, and because both texts that it reads end with a zero byte.

use std::{
    ffi::{CStr, c_int},
    mem::MaybeUninit,
    ptr::null_mut,
};

/// A compiled expression.
pub(crate) struct Regex(Box<libc::regex_t>);

impl Regex {
    /// Compiles an extended expression, however long that takes.
    ///
    /// # Errors
    /// The C library's complaint.
    pub(crate) fn new(pattern: &CStr) -> Result<Self, String> {
        let mut compiled = Box::new(MaybeUninit::uninit());
        // SAFETY: the C library fills the structure, unless it fails.
        let error = unsafe {
            libc::regcomp(
                compiled.as_mut_ptr(),
                pattern.as_ptr(),
                libc::REG_EXTENDED | libc::REG_NOSUB,
            )
        };
        if error != 0 {
            return Err(message(error));
        }
        // SAFETY: it did not fail.
        Ok(Self(unsafe { compiled.assume_init() }))
    }

    /// Returns whether any part of `text` matches.
    pub(crate) fn matches(&self, text: &CStr) -> bool {
        // SAFETY: the expression is compiled, and the offsets of a match are not requested.
        unsafe { libc::regexec(&raw const *self.0, text.as_ptr(), 0, null_mut(), 0) == 0 }
    }
}

impl Drop for Regex {
    fn drop(&mut self) {
        // SAFETY: it is compiled, and is not used again.
        unsafe { libc::regfree(&raw mut *self.0) }
    }
}

impl std::fmt::Debug for Regex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Regex")
    }
}

fn message(error: c_int) -> String {
    let mut text = [0_u8; 128];
    // SAFETY: the C library writes no more than the buffer holds, a zero byte at the end included.
    unsafe {
        libc::regerror(
            error,
            std::ptr::null(),
            text.as_mut_ptr().cast(),
            text.len(),
        )
    };
    CStr::from_bytes_until_nul(&text)
        .map(|text| text.to_string_lossy().into_owned())
        .unwrap_or_default()
}
