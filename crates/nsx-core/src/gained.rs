//! Rights that the process has from the file of its program, and not from who started it, see
//! `capabilities(7)` and `AT_SECURE` in `getauxval(3)`.

use crate::sys::auxv;
use rustix::{
    io::Errno,
    process::{getegid, geteuid, getgid, getuid},
    thread::{capabilities, capability_is_in_ambient_set},
};

/// The kind of such a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gained {
    /// The file is set-user-id.
    User,
    /// The file is set-group-id.
    Group,
    /// The file has capabilities.
    Capabilities,
}

/// Returns the rights that the exec gave.
///
/// `AT_SECURE` alone does not mean that there are any: a security module also sets it when a
/// profile starts to apply, to root too. Root, by its real user id, has all capabilities by every
/// exec, and ambient capabilities come from who started it.
///
/// # Errors
/// The errno of `capget(2)` or `prctl(2)`.
pub fn by_exec() -> Result<Option<Gained>, Errno> {
    if !auxv::is_secure() {
        return Ok(None);
    }
    if getuid() != geteuid() {
        return Ok(Some(Gained::User));
    }
    if getgid() != getegid() {
        return Ok(Some(Gained::Group));
    }
    if getuid().is_root() {
        return Ok(None);
    }
    for capability in capabilities(None)?.permitted.iter() {
        if !capability_is_in_ambient_set(capability)? {
            return Ok(Some(Gained::Capabilities));
        }
    }
    Ok(None)
}
