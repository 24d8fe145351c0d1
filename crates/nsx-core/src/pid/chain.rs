//! The chain of ids that one process has, one for each PID namespace it is visible in.
//!
//! Outermost first, as `NSpid` in /proc/PID/status prints it: the first id is the one seen from the
//! procfs mount that was read, the last is the process's own. Which namespaces the levels are is
//! not in the file; see [`super::lineage`].

use super::Pid;
use crate::proc::{ProcError, decimal};
use std::fmt;

/// Ids of one process, outermost visible PID namespace first. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PidChain(Vec<Pid>);

impl PidChain {
    /// Reads the value of an `NSpid` line: ids separated by tabs (4.1).
    ///
    /// # Errors
    /// `Vanished` if a field is 0, which the kernel writes for a process that was reaped meanwhile;
    /// `Malformed` if a field is not a process id, or if there is none.
    pub fn parse(value: &[u8]) -> Result<Self, ProcError> {
        let malformed = ProcError::Malformed("NSpid");
        let ids = value
            .split(u8::is_ascii_whitespace)
            .filter(|field| !field.is_empty())
            .map(|field| {
                let id = decimal(field)
                    .and_then(|id| id.try_into().ok())
                    .ok_or(malformed)?;
                Pid::from_raw(id).ok_or(ProcError::Vanished)
            })
            .collect::<Result<Vec<_>, _>>()?;
        if ids.is_empty() {
            Err(malformed)
        } else {
            Ok(Self(ids))
        }
    }

    /// Returns the ids, outermost first.
    pub fn ids(&self) -> &[Pid] {
        &self.0
    }

    /// Returns the id that the reader's procfs shows.
    pub fn outermost(&self) -> Pid {
        self.0[0]
    }

    /// Returns the id that the process itself sees.
    pub fn innermost(&self) -> Pid {
        self.0[self.0.len() - 1]
    }

    /// Returns how many PID namespaces deep the process is, seen from the reader: 0 for the
    /// reader's own.
    pub fn depth(&self) -> usize {
        self.0.len() - 1
    }
}

/// `12345 → 17 → 1`.
impl fmt::Display for PidChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (level, id) in self.0.iter().enumerate() {
            let arrow = if level == 0 { "" } else { " → " };
            write!(f, "{arrow}{id}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_kernels_line_is_read_outermost_first() {
        let chain = PidChain::parse(b"\t12345\t17\t1").unwrap();
        assert_eq!(chain.outermost().as_raw_nonzero().get(), 12345);
        assert_eq!(chain.innermost(), Pid::INIT);
        assert_eq!(chain.depth(), 2);
        assert_eq!(chain.to_string(), "12345 → 17 → 1");
    }

    #[test]
    fn a_text_that_is_not_a_chain_is_refused() {
        assert_eq!(PidChain::parse(b"\t7\t0"), Err(ProcError::Vanished));
        for value in [
            &b""[..],
            b"\t",
            b"\t-1",
            b"\t1\tx",
            b"\t4294967296",
            b"\t2147483648",
        ] {
            assert_eq!(PidChain::parse(value), Err(ProcError::Malformed("NSpid")));
        }
    }

    proptest! {
        #[test]
        fn any_chain_is_read_back(ids in proptest::collection::vec(1..=i32::MAX, 1..33)) {
            let line: String = ids.iter().map(|id| format!("\t{id}")).collect();
            let chain = PidChain::parse(line.as_bytes()).unwrap();
            let read: Vec<i32> = chain.ids().iter().map(|id| id.as_raw_nonzero().get()).collect();
            prop_assert_eq!(read, ids);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = PidChain::parse(&bytes);
        }
    }
}
