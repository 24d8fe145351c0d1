//! `nsx pin`: keeps an existing namespace in a file. Also the words for pins that other commands take.
//!
//! Neither `nsx enter`, which runs a program, nor `nsx ls`, which changes nothing, could do this.

use crate::{error::Error, exit::ExitStatus, program, remedy, target, text::escape};
use clap::{Parser, builder::ValueHint};
use nsx_core::{
    ns::{Namespace, NsKind},
    plan::{Caller, Pin},
    proc::{NsLink, ProcRoot},
    refusal, run,
};
use nsx_target::NETNS;
use rustix::io::Errno;
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::Path,
};

const EXAMPLES: &str = "\
Examples:
  nsx pin docker:web netns:web              the network of a container, for `ip
                                            netns exec web`
  nsx pin 4711 uts=/run/x/uts ipc=/run/x/ipc
                                            two namespaces of a process
  nsx rm netns:web                          remove the pin

Exit status: 0 if all are kept, 1 if the target does not exist, 2 for wrong usage or a failure.";

/// Keep namespaces of a process or container in files
///
/// Each namespace is bound to its file, which is created if it is missing, and lives until `nsx rm`
/// removes the file, even if all its processes end. If one namespace cannot be kept, none is.
#[derive(Debug, Parser)]
#[command(name = "nsx pin", version, bin_name = "nsx pin", after_help = EXAMPLES)]
pub struct Options {
    /// A process or container, or a namespace
    #[arg(value_name = "TARGET", allow_negative_numbers = true)]
    target: OsString,
    /// The kind of namespace and the file, or netns:NAME for net=/run/netns/NAME, which ip-netns(8)
    /// knows
    #[arg(value_name = "KIND=FILE", required = true, value_hint = ValueHint::FilePath)]
    pins: Vec<OsString>,
}

/// Reads `KIND=FILE` or `netns:NAME`.
pub(crate) fn parse(word: &OsStr) -> Option<Pin> {
    if let Some(name) = netns(word) {
        return Some(Pin::new(NsKind::Net, Path::new(NETNS).join(name)));
    }
    let equals = word.as_bytes().iter().position(|byte| *byte == b'=')?;
    let (kind, file) = (&word.as_bytes()[..equals], &word.as_bytes()[equals + 1..]);
    let kind = std::str::from_utf8(kind).ok()?.parse().ok()?;
    (!file.is_empty()).then(|| Pin::new(kind, OsStr::from_bytes(file).into()))
}

/// Returns the name in `netns:NAME`, which is the name of a file in [`NETNS`].
pub(crate) fn netns(word: &OsStr) -> Option<&OsStr> {
    let name = OsStr::from_bytes(word.as_bytes().strip_prefix(b"netns:")?);
    let is_name = !name.is_empty() && !name.as_bytes().contains(&b'/');
    (is_name && name != "." && name != "..").then_some(name)
}

/// The form of a pin, for messages.
pub(crate) const FORM: &str = "it is KIND=FILE, as in uts=/run/x/uts, or netns:NAME";

/// Runs the command.
pub(crate) fn run(options: Options) -> Result<ExitStatus, Error> {
    let pins = options.pins.iter().map(|word| {
        parse(word).ok_or_else(|| {
            let shown = escape(word.as_bytes());
            Error::usage(format!("{shown} is not a pin: {FORM}"))
        })
    });
    let mut pins = pins.collect::<Result<Vec<_>, _>>()?;
    // As for new namespaces: the directory of a mount namespace may have to be made private first.
    pins.sort_by_key(|pin| pin.kind != NsKind::Mnt);
    let (caller, proc) =
        program::caller().map_err(|error| Error::failed("read the caller's process", error))?;
    let found = target::look_up(&options.target)?;
    let mut namespaces = Vec::new();
    for pin in pins {
        namespaces.push((
            target::namespace_of(&found, &options.target, pin.kind, &proc)?,
            pin,
        ));
    }
    match run::pin_all(&namespaces) {
        Ok(()) => Ok(ExitStatus::SUCCESS),
        Err((index, errno)) => {
            let (namespace, pin) = &namespaces[index];
            Err(refused(namespace, pin, errno, &caller, &proc))
        }
    }
}

/// Returns the error for a pin that the kernel refuses.
fn refused(
    namespace: &Namespace,
    pin: &Pin,
    errno: Errno,
    caller: &Caller,
    proc: &ProcRoot,
) -> Error {
    let own = proc.own_ns(NsLink::Own(NsKind::Mnt)).ok();
    let mut hints = Vec::new();
    if own == Some(namespace.id()) {
        hints.push(
            "it is the mount namespace that you are in, and a namespace cannot be kept in itself"
                .to_owned(),
        );
    } else if let Some(refusal) = refusal::of_pin(pin, errno, caller, proc) {
        hints.extend(remedy::hints(&refusal));
    }
    let file = escape(pin.at.as_os_str().as_bytes());
    Error::failed(format!("pin the {} namespace to {file}", pin.kind), errno).with_hints(hints)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_names_a_kind_and_a_file() {
        let pin = |at: &str| {
            Some(Pin {
                kind: NsKind::Net,
                at: at.into(),
                make: true,
            })
        };
        assert_eq!(
            parse(OsStr::new("net=/run/netns/a=b")),
            pin("/run/netns/a=b")
        );
        assert_eq!(parse(OsStr::new("netns:blue")), pin("/run/netns/blue"));
        for word in [
            "net",
            "net=",
            "=x",
            "foo=/x",
            "",
            "netns:",
            "netns:..",
            "netns:a/b",
        ] {
            assert_eq!(parse(OsStr::new(word)), None, "{word}");
        }
    }
}
