//! Extended regular expressions of POSIX as the C library reads them, see `regex(7)`.
//!
//! What scripts write for programs in C means the same here, and no engine of our own has to be started.
//!
//! Sound because a compiled expression is the C library's own from `regcomp(3)` to `regfree(3)`, does not move in between,
//! and because both texts that it reads end with a zero byte.

use std::{
    ffi::{CStr, CString, c_int},
    mem::MaybeUninit,
    ptr::null_mut,
};

/// A compiled expression.
pub struct Regex(Box<libc::regex_t>);

impl Regex {
    /// Compiles an extended expression.
    ///
    /// # Errors
    /// What the C library says is wrong with it.
    pub fn new(pattern: &CStr) -> Result<Self, String> {
        let mut compiled = Box::new(MaybeUninit::uninit());
        // SAFETY: the C library fills the structure, unless it fails.
        let error =
            unsafe { libc::regcomp(compiled.as_mut_ptr(), pattern.as_ptr(), libc::REG_EXTENDED | libc::REG_NOSUB) };
        if error != 0 {
            return Err(message(error));
        }
        // SAFETY: it did not fail.
        Ok(Self(unsafe { compiled.assume_init() }))
    }

    /// Whether any part of `text`, up to a zero byte if it has one, matches.
    pub fn matches(&self, text: &[u8]) -> bool {
        let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
        let Ok(text) = CString::new(&text[..end]) else { return false };
        // SAFETY: the expression is compiled, and no place of a match is asked for.
        unsafe { libc::regexec(&raw const *self.0, text.as_ptr(), 0, null_mut(), 0) == 0 }
    }
}

impl Drop for Regex {
    fn drop(&mut self) {
        // SAFETY: it is compiled, and nobody uses it again.
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
    // SAFETY: the C library writes no more than the buffer holds, a zero byte at the end included; what was compiled it
    // only asks for where there is something.
    unsafe { libc::regerror(error, std::ptr::null(), text.as_mut_ptr().cast(), text.len()) };
    CStr::from_bytes_until_nul(&text).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_those_of_posix() {
        let matches = |pattern: &CStr, text: &[u8]| Regex::new(pattern).unwrap().matches(text);
        assert!(matches(c"^(sh|bash)( |$)", b"bash -c x"));
        assert!(!matches(c"^(sh|bash)( |$)", b"dash -c x"));
        assert!(matches(c"[[:digit:]]{3}", b"a\xff123"));
        assert!(matches(c"", b""));
        assert!(matches(c"^a$", b"a\0b"));
        assert!(!Regex::new(c"a(").unwrap_err().is_empty());
    }
}
