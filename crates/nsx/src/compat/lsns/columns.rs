//! The columns of `lsns(8)`.

use std::str::FromStr;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Ns,
    Type,
    Path,
    Nprocs,
    Pid,
    Ppid,
    Command,
    Uid,
    User,
    Netnsid,
    Nsfs,
    Pns,
    Ons,
}

impl Column {
    /// All, in the order of `--output-all`.
    pub(super) const ALL: [Self; 13] = [
        Self::Ns,
        Self::Type,
        Self::Path,
        Self::Nprocs,
        Self::Pid,
        Self::Ppid,
        Self::Command,
        Self::Uid,
        Self::User,
        Self::Netnsid,
        Self::Nsfs,
        Self::Pns,
        Self::Ons,
    ];

    /// The heading. JSON has it in small letters.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ns => "NS",
            Self::Type => "TYPE",
            Self::Path => "PATH",
            Self::Nprocs => "NPROCS",
            Self::Pid => "PID",
            Self::Ppid => "PPID",
            Self::Command => "COMMAND",
            Self::Uid => "UID",
            Self::User => "USER",
            Self::Netnsid => "NETNSID",
            Self::Nsfs => "NSFS",
            Self::Pns => "PNS",
            Self::Ons => "ONS",
        }
    }

    pub(super) fn description(self) -> &'static str {
        match self {
            Self::Ns => "inode number of the namespace",
            Self::Type => "type of the namespace",
            Self::Path => "file of the namespace in /proc",
            Self::Nprocs => "how many processes are in the namespace",
            Self::Pid => "lowest process id in the namespace",
            Self::Ppid => "parent of the process PID",
            Self::Command => "command line of the process PID",
            Self::Uid => "user id of the process PID",
            Self::User => "user of the process PID",
            Self::Netnsid => "number that the network namespace has in this one",
            Self::Nsfs => "where the namespace is bound to a file",
            Self::Pns => "inode number of the parent namespace",
            Self::Ons => "inode number of the user namespace that owns it",
        }
    }

    /// Returns whether JSON has numbers in the column; otherwise it has strings.
    pub(super) fn is_number(self) -> bool {
        !matches!(
            self,
            Self::Type | Self::Path | Self::Command | Self::User | Self::Netnsid | Self::Nsfs
        )
    }

    /// Returns whether the cells stand on the right. All numbers do, and so does what may be a
    /// number.
    pub(super) fn is_right(self) -> bool {
        self.is_number() || self == Self::Netnsid
    }

    /// Returns the least width of the column if a cell is wider than the heading.
    pub(super) fn hint(self) -> usize {
        match self {
            Self::Type | Self::Nprocs | Self::Pid | Self::Ppid => 5,
            _ => 0,
        }
    }
}

impl FromStr for Column {
    type Err = ();

    /// By its name, in any case.
    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|column| column.name().eq_ignore_ascii_case(name))
            .ok_or(())
    }
}
