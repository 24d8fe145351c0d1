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
    /// Opens the directory at `location`. Symbolic links on the way are followed, and the users who
    /// could have made them are part of the claim.
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
        // The names that are still to be walked, in reverse order, each with the part of the path
        // that ends with it.
        let mut rest: Vec<(OsString, Option<&Path>)> = Vec::new();
        for ancestor in path.ancestors() {
            let name = ancestor
                .components()
                .next_back()
                .map(|component| component.as_os_str().to_owned());
            rest.extend(name.map(|name| (name, Some(ancestor))));
        }
        let mut links = 0;
        let mut directory = Rc::new(top.clone());
        while let Some((name, so_far)) = rest.pop() {
            match name.as_bytes() {
                b"" | b"." => {}
                b"/" => {
                    directory = Rc::new(Self {
                        claim: directory.claim,
                        ..top.clone()
                    })
                }
                b".." => {
                    let up = directory.up.as_ref().unwrap_or(&directory);
                    directory = Rc::new(Self {
                        claim: directory.claim,
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
                    let entry = match directory.entry(&name, OFlags::DIRECTORY, on) {
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
                        directory = Rc::new(Self {
                            claim: entry.claim,
                            ..directory.as_ref().clone()
                        });
                    } else {
                        directory = Rc::new(directory.child(entry, Some(&directory)));
                    }
                }
            }
        }
        match directory.meta.kind {
            FileType::Directory => Ok(Self {
                up: None,
                ..directory.as_ref().clone()
            }),
            _ => Err(ReadError::Absent),
        }
    }
}
