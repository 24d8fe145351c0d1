//! `nsx pin`: keeps a namespace that exists in a file; and the words for pins that other commands
//! take too.
//!
//! It is a command of its own because it runs no program: `nsx enter` would have to run one, and
//! `nsx ls` changes nothing.

use crate::{exit::ExitStatus, out, program, target, text::escape};
use clap::{Parser, builder::ValueHint};
use nsx_core::{
    ns::{Namespace, NsKind},
    pid::Process,
    plan::Pin,
    proc::{NsLink, ProcError, ProcRoot},
    refusal, run,
};
use nsx_target::{Found, NETNS};
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::Path,
};

const EXAMPLES: &str = "\
Examples:
  nsx pin docker:web netns:web              the network of a container, for `ip netns exec web`
  nsx pin 4711 uts=/run/x/uts ipc=/run/x/ipc
                                            two namespaces of a process
  nsx rm netns:web                          the way back

Exit status: 0 if all are kept, 1 if the target is not there, 2 for wrong usage or a failure.";

/// Keep namespaces of a process or container in files
///
/// Each namespace is bound to its file, which is made if it is missing, and lives until `nsx rm`
/// takes the file away, whatever becomes of the processes. If one cannot be kept, none is.
#[derive(Debug, Parser)]
#[command(name = "nsx pin", bin_name = "nsx pin", after_help = EXAMPLES)]
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
    if let Some(name) = word.as_bytes().strip_prefix(b"netns:") {
        let name = OsStr::from_bytes(name);
        let is_name =
            !name.is_empty() && !name.as_bytes().contains(&b'/') && name != "." && name != "..";
        return is_name.then(|| Pin::new(NsKind::Net, Path::new(NETNS).join(name)));
    }
    let equals = word.as_bytes().iter().position(|byte| *byte == b'=')?;
    let (kind, file) = (&word.as_bytes()[..equals], &word.as_bytes()[equals + 1..]);
    let kind = std::str::from_utf8(kind).ok()?.parse().ok()?;
    (!file.is_empty()).then(|| Pin::new(kind, OsStr::from_bytes(file).into()))
}

/// The form of a word for a pin, for a user who wrote another word.
pub(crate) const FORM: &str = "it is KIND=FILE, as in uts=/run/x/uts, or netns:NAME";

/// Opens a namespace of a process, which is held by its pidfd.
fn of_process(process: &Process, kind: NsKind, proc: &ProcRoot) -> Result<Namespace, ProcError> {
    let namespace = proc.open_ns(process.pid_in(proc)?, NsLink::Own(kind))?;
    if process.ended() {
        Err(ProcError::Vanished)
    } else {
        Ok(namespace)
    }
}

/// Runs the command.
pub(crate) fn run(options: Options) -> ExitStatus {
    let mut pins = Vec::new();
    for word in &options.pins {
        match parse(word) {
            Some(pin) => pins.push(pin),
            None => {
                out::error(&format!("{} is not a pin: {FORM}", out::shown(word)));
                return ExitStatus::FAILURE;
            }
        }
    }
    // As for new namespaces: the directory of a mount namespace may have to be made private first.
    pins.sort_by_key(|pin| pin.kind != NsKind::Mnt);
    let (caller, proc) = match program::caller() {
        Ok(known) => known,
        Err(error) => return out::failed("read the caller's process", &error),
    };
    let found = match target::look_up(&options.target) {
        Ok(found) => found,
        Err(error) => return target::failed(&error),
    };
    let mut namespaces = Vec::new();
    for pin in pins {
        let namespace = match &found {
            Found::Process(subject) => of_process(&subject.process, pin.kind, &proc),
            Found::Namespace(namespace) if namespace.id().kind != pin.kind => {
                let (target, kind) = (out::shown(&options.target), namespace.id().kind);
                out::error(&format!(
                    "{target} is a {kind} namespace, and {} is to keep a {} namespace",
                    pin.at.display(),
                    pin.kind
                ));
                return ExitStatus::FAILURE;
            }
            Found::Namespace(namespace) => nsx_core::descriptor::reopen(namespace)
                .and_then(Namespace::from_fd)
                .map_err(ProcError::Os),
        };
        match namespace {
            Ok(namespace) => namespaces.push((namespace, pin)),
            Err(error) => {
                let act = format!(
                    "open the {} namespace of {}",
                    pin.kind,
                    out::shown(&options.target)
                );
                let status = out::failed(&act, &error);
                if let (Found::Process(subject), ProcError::Denied) = (&found, error) {
                    target::hint_at_guard(&subject.process);
                }
                return status;
            }
        }
    }
    match run::pin_all(&namespaces) {
        Ok(()) => ExitStatus::SUCCESS,
        Err((index, errno)) => {
            let pin = &namespaces[index].1;
            let act = format!(
                "pin the {} namespace to {}",
                pin.kind,
                escape(pin.at.as_os_str().as_bytes())
            );
            let status = out::failed(&act, &errno);
            let own = proc.own_ns(NsLink::Own(NsKind::Mnt)).ok();
            if own == Some(namespaces[index].0.id()) {
                out::hint(
                    "it is the mount namespace that you are in, and the kernel keeps none in itself",
                );
            } else if let Some(refusal) = refusal::of_pin(pin, errno, &caller, &proc) {
                out::hint(&escape(refusal.cause.as_bytes()));
                if let Some(remedy) = refusal.remedy {
                    out::hint(&escape(remedy.as_bytes()));
                }
            }
            status
        }
    }
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
