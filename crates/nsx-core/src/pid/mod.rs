//! Processes: one that is pinned, the chain of ids that each has, and the ways between the ids.
//!
//! An id alone says little. These types add the PID namespace that counts so, and whether the
//! process is still the same.

mod chain;
mod handle;
mod lineage;
mod numbering;
mod scan;
mod translator;

pub use chain::PidChain;
pub use handle::{PinError, Process};
pub(crate) use lineage::shown_by;
pub use lineage::{Level, Lineages};
pub use numbering::Numbering;
pub use rustix::process::Pid;
pub use translator::{IdsOf, Translator, Untranslated};

use crate::proc::decimal;

/// The largest id that a 64-bit kernel gives, plus one: the kernel's limit of
/// /proc/sys/kernel/pid_max, see `proc_sys_kernel(5)`.
pub const LIMIT: i32 = 1 << 22;

/// The reason why a text is not a process id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParsePidError {
    /// `0`, which `kill(2)` and others take for the caller's group.
    #[error("a PID is never 0")]
    Zero,
    /// `-1`, which some calls take for everyone and `-N` for a group.
    #[error("a PID is never negative")]
    Negative,
    /// A number that no process can have.
    #[error("a PID is less than {LIMIT}")]
    TooLarge,
    /// Anything else.
    #[error("a PID is a decimal number")]
    NotANumber,
}

/// Reads the id of a process: a positive decimal number.
///
/// # Errors
/// [`ParsePidError`]; signs, spaces and other text around the number are refused.
pub fn parse(text: &[u8]) -> Result<Pid, ParsePidError> {
    let (negative, digits) = text
        .strip_prefix(b"-")
        .map_or((false, text), |digits| (true, digits));
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(ParsePidError::NotANumber);
    }
    if negative {
        return Err(ParsePidError::Negative);
    }
    let number = decimal(digits)
        .and_then(|number| number.try_into().ok())
        .filter(|&number| number < LIMIT);
    Pid::from_raw(number.ok_or(ParsePidError::TooLarge)?).ok_or(ParsePidError::Zero)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_that_is_not_an_id_is_refused_with_the_reason() {
        assert_eq!(parse(b"1"), Ok(Pid::INIT));
        assert_eq!(parse(b"4194303").map(Pid::as_raw_pid), Ok(4_194_303));
        assert_eq!(parse(b"0"), Err(ParsePidError::Zero));
        assert_eq!(parse(b"000"), Err(ParsePidError::Zero));
        assert_eq!(parse(b"-1"), Err(ParsePidError::Negative));
        for text in [
            &b"4194304"[..],
            b"2147483648",
            b"4294967297",
            b"99999999999999999999999",
        ] {
            assert_eq!(parse(text), Err(ParsePidError::TooLarge));
        }
        for text in [
            &b""[..],
            b"-",
            b"+1",
            b" 1",
            b"1 ",
            b"--1",
            b"-x",
            b"0x1",
            b"1e3",
            b"1.0",
            b"\xff",
        ] {
            assert_eq!(parse(text), Err(ParsePidError::NotANumber));
        }
    }

    proptest! {
        #[test]
        fn every_id_is_read_back(id in 1..LIMIT) {
            prop_assert_eq!(parse(id.to_string().as_bytes()).map(Pid::as_raw_pid), Ok(id));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
