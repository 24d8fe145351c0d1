//! The target that options name.

use super::{Options, failed};
use crate::{error::Error, target};
use nsx_core::ns::NsSet;
use nsx_target::{
    Host,
    enter::{Destination, NamespaceDirectory},
};
use std::{os::unix::ffi::OsStrExt, path::Path};

/// Finds the target: a process, a namespace, or a directory of namespaces.
pub(super) fn destination(options: &Options, host: &Host) -> Result<Destination, Error> {
    let Some(word) = options.target() else {
        return Ok(Destination::Files);
    };
    if word.as_bytes().contains(&b'/') {
        let kinds = options.common.kinds.named().unwrap_or(NsSet::ALL);
        let directory = NamespaceDirectory::open(Path::new(word), kinds)
            .map_err(|error| failed(options, error))?;
        if let Some(directory) = directory {
            return Ok(Destination::Directory(directory));
        }
    }
    let found = target::parse(word).and_then(|target| host.find(&target));
    match found {
        Ok(found) => Ok(Destination::new(word, found)),
        Err(error) => Err(Error::from(error).with_hints(options.hints_without_target())),
    }
}
