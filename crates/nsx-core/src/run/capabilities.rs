//! Steps about capabilities, see `capabilities(7)`.

use crate::plan::CapabilityState;
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
            // Dropping a capability that is not there requires the right too.
            Err(Errno::PERM)
                if rustix::thread::capability_is_in_bounding_set(capability) == Ok(false) => {}
            outcome => outcome?,
        }
    }
    Ok(())
}

/// Sets these capabilities, as far as this process has them.
pub(super) fn set(state: &CapabilityState) -> Result<(), Errno> {
    let own = rustix::thread::capabilities(None)?;
    let permitted = own.permitted & state.permitted;
    let inheritable = state.inheritable & (own.permitted | own.inheritable);
    // What is ambient is inheritable too, and leaves with it.
    if !inheritable.difference(state.ambient).is_empty() {
        rustix::thread::clear_ambient_capability_set()?;
    }
    let effective = permitted & state.effective;
    rustix::thread::set_capabilities(
        None,
        CapabilitySets {
            effective,
            permitted,
            inheritable,
        },
    )?;
    let ambient = state.ambient & permitted & inheritable;
    each()
        .filter(|capability| ambient.contains(*capability))
        .try_for_each(|capability| {
            rustix::thread::configure_capability_in_ambient_set(capability, true)
        })
}

/// Brings into force all that a change of the user has left.
pub(super) fn bring_into_force() -> Result<(), Errno> {
    let own = rustix::thread::capabilities(None)?;
    rustix::thread::set_capabilities(
        None,
        CapabilitySets {
            effective: own.permitted,
            ..own
        },
    )
}
