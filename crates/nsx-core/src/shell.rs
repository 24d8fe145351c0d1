//! The shells that run if no program is named.

use crate::accounts;
use std::{ffi::OsString, os::unix::ffi::OsStringExt};

/// Returns the shells to try in order: the one that `SHELL` names, or else the one of the caller's
/// account, and `/bin/sh`.
pub fn of_caller() -> Vec<OsString> {
    let named = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    let mut shells: Vec<_> = named.or_else(of_account).into_iter().collect();
    let usual = OsString::from("/bin/sh");
    if !shells.contains(&usual) {
        shells.push(usual);
    }
    shells
}

fn of_account() -> Option<OsString> {
    let user = accounts::user_by_id(rustix::process::getuid().as_raw()).ok()??;
    Some(OsString::from_vec(user.shell)).filter(|shell| !shell.is_empty())
}
