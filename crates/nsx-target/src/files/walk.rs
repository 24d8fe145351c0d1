//! The way to the root directory of a store, one component at a time.

use super::{Dir, Files, On};
use crate::{
    claim::{Claim, Location},
    unread::ReadError,
};
use rustix::fs::{FileType, OFlags};
use std::{
    ffi::OsString,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::Path,
    rc::Rc,
};

/// A directory that only root can write to, so that no user can mount anything there.
const RUN: &str = "/run";
/// Directories of the kernel's file systems.
const KERNELS: [&str; 2] = ["/proc", "/sys"];

/// The most symbolic links that are followed on one path; the kernel has the same limit.
const MOST_LINKS: usize = 40;

impl Dir {
    /// Opens the directory at `location`, through symbolic links, each of which counts with those
    /// who could have made it.
    pub(crate) fn walk(files: &Rc<Files>, location: &Location) -> Result<Self, ReadError> {
        let Location { path, claim } = location;
        if *claim == Claim::Several {
            return Err(ReadError::Shared(path.clone()));
        }
        let is_absent = |path: &Path| files.absent.borrow().contains(path);
        if path.ancestors().any(is_absent) {
            return Err(ReadError::Absent);
        }
        let top = Self {
            fd: Rc::clone(&files.root),
            meta: files.root_meta,
            claim: *claim,
            up: None,
            files: Rc::clone(files),
        };
        // What is still to be walked, the last first; with each name the part of the path that it
        // ends.
        let mut rest: Vec<(OsString, Option<&Path>)> = Vec::new();
        for ancestor in path.ancestors() {
            let name = ancestor
                .components()
                .next_back()
                .map(|component| component.as_os_str().to_owned());
            rest.extend(name.map(|name| (name, Some(ancestor))));
        }
        let mut links = 0;
        let mut place = Rc::new(top.clone());
        while let Some((name, so_far)) = rest.pop() {
            match name.as_bytes() {
                b"" | b"." => {}
                b"/" => {
                    place = Rc::new(Self {
                        claim: place.claim,
                        ..top.clone()
                    })
                }
                b".." => {
                    let up = place.up.as_ref().unwrap_or(&place);
                    place = Rc::new(Self {
                        claim: place.claim,
                        ..up.as_ref().clone()
                    });
                }
                _ => {
                    let is_kernels = so_far.is_some_and(|path| {
                        KERNELS.iter().any(|kernels| path.starts_with(kernels))
                    });
                    let on = if is_kernels || so_far == Some(Path::new(RUN)) {
                        On::Systems
                    } else {
                        On::Any
                    };
                    let entry = match place.entry(&name, OFlags::DIRECTORY, on) {
                        Err(ReadError::Absent) => {
                            files.absent.borrow_mut().extend(so_far.map(Path::to_owned));
                            return Err(ReadError::Absent);
                        }
                        entry => entry?,
                    };
                    if entry.meta.kind == FileType::Symlink {
                        links += 1;
                        if links > MOST_LINKS {
                            return Err(ReadError::Irregular);
                        }
                        let target = rustix::fs::readlinkat(&entry.fd, c"", Vec::new())?;
                        let target = OsString::from_vec(target.into_bytes());
                        let parts = Path::new(&target).components().rev();
                        rest.extend(parts.map(|part| (part.as_os_str().to_owned(), None)));
                        place = Rc::new(Self {
                            claim: entry.claim,
                            ..place.as_ref().clone()
                        });
                    } else {
                        place = Rc::new(place.child(entry, Some(&place)));
                    }
                }
            }
        }
        match place.meta.kind {
            FileType::Directory => Ok(Self {
                up: None,
                ..place.as_ref().clone()
            }),
            _ => Err(ReadError::Absent),
        }
    }
}
