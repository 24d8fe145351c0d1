//! Attempts to create namespaces, by a child that ends at once and leaves nothing.

use crate::{delegate, ns::NsSet, sys::process::unshare};
use rustix::io::Errno;

/// Creates these namespaces in a child, one set after the other, each by one `unshare(2)`.
///
/// # Errors
/// The error of the first set that the kernel refuses, `EPERM` if a filter of system calls kills
/// the child for it; any errno of `fork(2)`; `EINVAL` if the process has several threads.
pub fn create(sets: &[NsSet]) -> Result<(), Errno> {
    delegate::act(|| sets.iter().try_for_each(|set| unshare(set.flags())))?
}
