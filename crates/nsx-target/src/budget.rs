//! [`Budget`]: limits to what reading the stores of other users may cost.

use crate::{
    claim::{Claim, OVERFLOW},
    unread::ReadError,
};
use nsx_core::hash::HashMap;
use std::cell::RefCell;

/// The most bytes that are read from one user's store on behalf of another user.
const MOST_BYTES: u64 = 32 << 20;
/// The most names that are listed, and files that are opened, there.
const MOST_ENTRIES: u64 = 10_000;

/// The cost of users' stores so far, as one caller looks into them.
#[derive(Debug)]
pub(crate) struct Budget {
    caller: u32,
    costs: RefCell<HashMap<u32, Cost>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    bytes: u64,
    entries: u64,
}

impl Budget {
    /// Returns a budget from which nothing is spent. What is the caller's own costs nothing.
    pub(crate) fn new(caller: u32) -> Self {
        Self {
            caller,
            costs: RefCell::default(),
        }
    }

    /// Forgets all costs.
    pub(crate) fn renew(&self) {
        self.costs.borrow_mut().clear();
    }

    /// Adds to the cost of a user's store.
    ///
    /// # Errors
    /// [`ReadError::CutOff`] if the store has cost as much as it may.
    pub(crate) fn charge(&self, claim: Claim, entries: u64, bytes: u64) -> Result<(), ReadError> {
        let uid = match claim {
            Claim::System => return Ok(()),
            Claim::User(uid) if uid == self.caller => return Ok(()),
            Claim::User(uid) => uid,
            Claim::Several => OVERFLOW,
        };
        let mut costs = self.costs.borrow_mut();
        let cost = costs.entry(uid).or_default();
        cost.entries = cost.entries.saturating_add(entries);
        cost.bytes = cost.bytes.saturating_add(bytes);
        if cost.entries > MOST_ENTRIES {
            Err(ReadError::CutOff {
                uid,
                after: format!("{MOST_ENTRIES} entries"),
            })
        } else if cost.bytes > MOST_BYTES {
            Err(ReadError::CutOff {
                uid,
                after: format!("{} MiB", MOST_BYTES >> 20),
            })
        } else {
            Ok(())
        }
    }
}
