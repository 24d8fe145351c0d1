//! The options that name kinds of namespaces, and the files that keep them.

use crate::{error::Error, kinds::KindFlags, pin, text};
use clap::{Args, builder::ValueHint};
use nsx_core::{
    ns::{NsKind, NsSet},
    plan::{Caller, Pin, unshare::Request},
};
use std::{ffi::OsString, path::PathBuf};

/// A flag for each kind; with `=FILE` the new namespace is pinned to that file.
#[derive(Args, Debug)]
#[command(next_help_heading = "Namespaces")]
pub(super) struct KindOptions {
    #[command(flatten)]
    flags: KindFlags,
    /// User and group ids, capabilities
    #[arg(short = 'U', long, value_name = "FILE", num_args = 0..=1, require_equals = true, value_hint = ValueHint::FilePath)]
    user: Option<Option<PathBuf>>,
    /// Every kind that the kernel has; implies --map-root-user if no other option maps ids
    #[arg(short, long)]
    pub(super) all: bool,
    /// Keep the new namespace of KIND in FILE, like --KIND=FILE; implies that kind
    ///
    /// The namespace is bound to FILE, which is made if it is missing, and lives until `nsx rm`
    /// removes the file. For a network namespace netns:NAME is short for net=/run/netns/NAME,
    /// which ip-netns(8) knows; that directory is prepared as ip does it. If the program cannot be
    /// run, nothing is left behind.
    #[arg(long, value_name = "KIND=FILE", value_hint = ValueHint::FilePath)]
    pin: Vec<OsString>,
}

impl KindOptions {
    /// Sets the kinds that are named, and the files to keep them in. All kinds are those that are not
    /// `joined`.
    pub(super) fn apply(
        self,
        request: &mut Request,
        caller: &Caller,
        joined: NsSet,
    ) -> Result<(), Error> {
        if self.all {
            request.kinds = caller.kinds.difference(joined);
        }
        let user = (NsKind::User, self.user.as_ref());
        for (kind, flag) in self.flags.each().into_iter().chain([user]) {
            if let Some(file) = flag {
                request.kinds.insert(kind);
                request
                    .pins
                    .extend(file.clone().map(|at| Pin::new(kind, at)));
            }
        }
        for word in &self.pin {
            let pin = pin::parse(word).ok_or_else(|| {
                Error::Usage(format!("--pin {}: {}", text::shown(word), pin::FORM))
            })?;
            request.kinds.insert(pin.kind);
            request.pins.push(pin);
        }
        Ok(())
    }
}
