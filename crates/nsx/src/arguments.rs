//! From an argument vector to options.

use clap::Parser;
use std::{ffi::OsString, mem::ManuallyDrop};

/// Reads an argument vector as options.
pub(crate) fn read<O: Parser>(arguments: &[OsString]) -> Result<O, clap::Error> {
    // Dropped, it would cost a tenth of a start.
    let mut command = ManuallyDrop::new(O::command());
    let mut matches = command.try_get_matches_from_mut(arguments)?;
    O::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}
