//! The changes that a program made in its overlays.

use crate::{
    answer::Answer,
    error::Error,
    out::Output,
    text::{escape, shown},
};
use nsx_core::{
    layers::Difference,
    plan::{Contents, Plan, Upper, unshare::Request},
};
use std::{fmt::Write, os::unix::ffi::OsStrExt};

/// Lets nsx look at the changes of each overlay when the program has ended.
pub(super) fn apply(request: &mut Request) -> Result<(), Error> {
    let mut any = false;
    for mount in &mut request.mounts {
        if let Contents::Overlay { upper, .. } = &mut mount.contents {
            any = true;
            if *upper == Upper::Lost {
                *upper = Upper::Listed;
            }
        }
    }
    if any {
        return Ok(());
    }
    Err(
        Error::usage("--changes lists what a program changes in an overlay, and there is none")
            .with_hints(["add one, as in --overlay .:$PWD"]),
    )
}

/// Prints the changes, one path per line.
pub(super) fn print(plan: &Plan) -> Result<(), Error> {
    let mut text = String::new();
    let mut outcome = Ok(());
    for layers in plan.layers() {
        let listed = layers.differences(&mut |difference, path| {
            let word = match difference {
                Difference::Added => "added",
                Difference::Changed => "changed",
                Difference::Deleted => "deleted",
            };
            let path = escape(path.as_os_str().as_bytes());
            // Writing to a string does not fail.
            let _ = writeln!(text, "{word:7}  {path}");
        });
        if let Err(errno) = listed {
            let act = format!("list the changes below {}", shown(layers.at.as_os_str()));
            outcome = Err(Error::failed(act, errno));
        }
    }
    Output::default().print(Answer::text(text))?;
    outcome
}
