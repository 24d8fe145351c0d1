//! The option that joins namespaces of targets beside the new ones.

use crate::{
    error::Error,
    target,
    text::{escape, shown},
};
use clap::{
    Args,
    builder::{OsStringValueParser, TypedValueParser, ValueHint},
};
use nsx_core::{
    ns::{NsKind, NsSet, UnknownKind},
    plan::{Caller, unshare::Request},
};
use nsx_target::{
    Host,
    enter::{self, Destination, EnterError, Findings, NamespaceDirectory},
};
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::Path,
};

#[derive(Args, Debug)]
#[command(next_help_heading = "Namespaces")]
pub(super) struct JoinOptions {
    /// Join these kinds of TARGET; kinds that are named otherwise are new; repeatable
    ///
    /// TARGET is as for `nsx enter`: a process, a container, a set as lab:NAME, a namespace by its
    /// file, a directory of such files. With -a every other kind is new. If you are not root, the
    /// user namespace of yours that owns the namespaces is joined too, as its root. /proc and /sys
    /// show what is joined, unless the mount namespace is joined itself.
    #[arg(
        long,
        value_name = "KIND[,KIND]=TARGET",
        value_parser = OsStringValueParser::new().try_map(parse),
        value_hint = ValueHint::Other
    )]
    join: Vec<Join>,
}

/// Kinds of namespaces, and the word for the target that has them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Join {
    kinds: NsSet,
    target: OsString,
}

/// Reads `KIND[,KIND]=TARGET`.
fn parse(word: OsString) -> Result<Join, String> {
    let form = "it is KIND[,KIND]=TARGET, as in net,uts=lab:web";
    let equals = word.as_bytes().iter().position(|byte| *byte == b'=');
    let (kinds, target) = equals
        .map(|at| (&word.as_bytes()[..at], &word.as_bytes()[at + 1..]))
        .filter(|(_, target)| !target.is_empty())
        .ok_or(form)?;
    let kinds = kinds.split(|byte| *byte == b',').map(|kind| {
        let kind = str::from_utf8(kind).ok().and_then(|kind| kind.parse().ok());
        kind.ok_or_else(|| UnknownKind.to_string())
    });
    Ok(Join {
        kinds: kinds.collect::<Result<_, _>>()?,
        target: OsStr::from_bytes(target).to_owned(),
    })
}

/// The kinds that are not new.
pub(super) struct Joined {
    /// All of them, those that the caller shares with a target included.
    pub(super) kinds: NsSet,
    /// `true` if a user namespace is among them only because it gives the right to join others.
    adds_owner: bool,
}

impl JoinOptions {
    /// Returns whether a mount namespace is joined.
    pub(super) fn joins_mounts(&self) -> bool {
        self.join
            .iter()
            .any(|join| join.kinds.contains(NsKind::Mnt))
    }

    /// Opens the namespaces, and adds them to the request.
    pub(super) fn apply(
        &self,
        request: &mut Request,
        caller: &Caller,
        findings: &mut Findings,
    ) -> Result<Joined, Error> {
        let mut kinds = NsSet::EMPTY;
        if self.join.is_empty() {
            let adds_owner = false;
            return Ok(Joined { kinds, adds_owner });
        }
        let host = Host::system()?;
        for join in &self.join {
            if let Some(kind) = kinds.intersection(join.kinds).iter().next() {
                return Err(Error::usage(format!(
                    "--join names the {kind} namespace twice"
                )));
            }
            kinds = kinds.union(join.kinds);
            let destination = destination(&join.target, join.kinds, &host)?;
            let opened = enter::open_kinds(destination, join.kinds, host.proc(), findings);
            request
                .joins
                .extend(opened.map_err(|error| failed(&join.target, error))?);
        }
        target::note_cut_off(&host);
        enter::add_owner(&mut request.joins, caller, host.proc(), findings);
        let adds_owner = request.joins_kind(NsKind::User) && !kinds.contains(NsKind::User);
        if adds_owner {
            kinds.insert(NsKind::User);
        }
        Ok(Joined { kinds, adds_owner })
    }
}

impl Joined {
    /// Checks that no kind is both joined and new.
    pub(super) fn check(&self, request: &Request) -> Result<(), Error> {
        let both = request.kinds.intersection(self.kinds);
        let Some(kind) = both.iter().next() else {
            return Ok(());
        };
        let hint = match kind {
            NsKind::User if self.adds_owner => {
                "leave out -r and the like: the user namespace that owns what --join names has to \
                be joined, and you are root there"
            }
            NsKind::Mnt => {
                "an option that mounts something, or changes the root directory, needs a new one: \
                the processes in the joined one would see the mounts"
            }
            NsKind::Uts => {
                "--hostname and --domainname need a new one: they would change the name of the \
                joined one"
            }
            _ => "leave out --join or the option that makes a new one",
        };
        let usage = format!("the {kind} namespace cannot be both joined and new");
        Err(Error::usage(usage).with_hints([hint]))
    }
}

/// Finds a process, a namespace, or a directory of namespaces.
fn destination(word: &OsStr, kinds: NsSet, host: &Host) -> Result<Destination, Error> {
    if word.as_bytes().contains(&b'/')
        && let Some(directory) = NamespaceDirectory::open(Path::new(word), kinds)?
    {
        return Ok(Destination::Directory(directory));
    }
    let found = host.find(&target::parse(word)?)?;
    Ok(Destination::new(word, found))
}

/// Returns the failure with the name of the target.
fn failed(word: &OsStr, error: EnterError) -> Error {
    match error {
        EnterError::Plan(source) => {
            Error::failed(format!("join namespaces of {}", shown(word)), source)
        }
        EnterError::Denied { source, process } => Error::failed(
            format!("join namespaces of {}", escape(word.as_bytes())),
            source,
        )
        .with_hints(crate::hints::of_guard(&process)),
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::ffi::OsStringExt;

    #[test]
    fn kinds_come_before_the_target() {
        let join = |kinds: &[NsKind], target: &str| {
            Ok(Join {
                kinds: kinds.iter().copied().collect(),
                target: target.into(),
            })
        };
        let read = |word: &str| parse(word.into());
        assert_eq!(read("net=lab:web"), join(&[NsKind::Net], "lab:web"));
        assert_eq!(
            read("net,mount=/a=b"),
            join(&[NsKind::Net, NsKind::Mnt], "/a=b")
        );
        for wrong in ["", "net", "net=", "=web", "net,=web", "nets=web", "Net=web"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = parse(OsString::from_vec(bytes));
        }
    }
}
