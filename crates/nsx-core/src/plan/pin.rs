//! Files that keep namespaces alive.

use crate::{ns::NsKind, proc::NsLink};
use std::path::{Path, PathBuf};

/// A file to which a namespace is bound, so that it lives without processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The kind of the new namespace.
    pub kind: NsKind,
    /// The file, as the caller names it.
    pub at: PathBuf,
    /// `true` if a missing file is made, a link is refused, and a file that already holds a
    /// namespace is left alone.
    pub make: bool,
}

impl Pin {
    /// Returns a pin for which the file is made if it is missing. A file in the directory of
    /// `ip-netns(8)` gets the directory's own path: what is mounted on the directory covers the way
    /// there from inside.
    pub fn new(kind: NsKind, at: PathBuf) -> Self {
        let pin = Self {
            kind,
            at,
            make: true,
        };
        match pin.ip_netns().zip(pin.at.file_name()) {
            Some((directory, name)) => Self {
                at: directory.join(name),
                ..pin
            },
            None => pin,
        }
    }

    /// Returns the path of the directory that the file is in, if that is the one of `ip-netns(8)`,
    /// however it is named, or would be.
    pub(crate) fn ip_netns(&self) -> Option<PathBuf> {
        let directory = self.directory();
        let missing = || {
            Some(
                directory
                    .parent()?
                    .canonicalize()
                    .ok()?
                    .join(directory.file_name()?),
            )
        };
        let resolved = directory.canonicalize().ok().or_else(missing)?;
        ["/run/netns", "/var/run/netns"]
            .iter()
            .any(|known| resolved == Path::new(known))
            .then_some(resolved)
    }

    /// Returns the directory that the file is in.
    pub fn directory(&self) -> &Path {
        self.at
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."))
    }

    /// Returns the link below `/proc/PID` that the file is bound to: the namespace of nsx's
    /// children if nsx itself is in none.
    pub fn link(&self) -> String {
        let link = match self.kind {
            NsKind::Pid => NsLink::PidForChildren,
            NsKind::Time => NsLink::TimeForChildren,
            kind => NsLink::Own(kind),
        };
        format!("ns/{}", link.name())
    }
}
