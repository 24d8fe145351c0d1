//! Steps about capabilities, see `capabilities(7)`.

use rustix::{
    io::Errno,
    thread::{CapabilitySet, CapabilitySets},
};

/// Every capability that a number could stand for; the kernel knows how many it has.
fn each() -> impl Iterator<Item = CapabilitySet> {
    (0..64).map(|number| CapabilitySet::from_bits_retain(1 << number))
}

/// Takes all but these out of the bounding set, which no exec goes beyond.
pub(super) fn bound(to: CapabilitySet) -> Result<(), Errno> {
    for capability in each().filter(|capability| !to.contains(*capability)) {
        match rustix::thread::remove_capability_from_bounding_set(capability) {
            Err(Errno::INVAL) => break, // beyond the last that this kernel has
            outcome => outcome?,
        }
    }
    Ok(())
}

/// Keeps those of the permitted capabilities that are in `set`. Where `ambient`, the program has them after the exec,
/// whoever it runs as.
pub(super) fn set(set: CapabilitySet, ambient: bool) -> Result<(), Errno> {
    let own = rustix::thread::capabilities(None)?.permitted & set;
    let inheritable = if ambient { own } else { CapabilitySet::empty() };
    rustix::thread::set_capabilities(None, CapabilitySets { effective: own, permitted: own, inheritable })?;
    if ambient {
        each()
            .filter(|capability| own.contains(*capability))
            .try_for_each(|capability| rustix::thread::configure_capability_in_ambient_set(capability, true))?;
    }
    Ok(())
}
