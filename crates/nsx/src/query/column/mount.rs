//! The columns of a list of mounts.

use super::{Column, NOTHING, Spec, spec};
use crate::table::Align::{Left, Right};

/// A column of a list of mounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MountColumn {
    Mount,
    Type,
    Source,
    Root,
    Options,
    FsOptions,
    Propagation,
    Note,
    Id,
    Parent,
    Device,
    Shared,
    Master,
}

impl Column for MountColumn {
    const SPECS: &'static [Spec<Self>] = &SPECS;
    const USUAL: &'static [Self] = &[
        Self::Mount,
        Self::Type,
        Self::Source,
        Self::Options,
        Self::Propagation,
        Self::Note,
    ];
    const LISTED_BY: &'static str = "--columns";

    fn spec(self) -> &'static Spec<Self> {
        &SPECS[self as usize]
    }
}

/// All columns, in the order of [`MountColumn`].
#[rustfmt::skip]
const SPECS: [Spec<MountColumn>; 13] = [
    spec(MountColumn::Mount, "MOUNT", Left, NOTHING, "mount point, as the target sees it"),
    spec(MountColumn::Type, "TYPE", Left, NOTHING, "type of the file system"),
    spec(MountColumn::Source, "SOURCE", Left, NOTHING, "source, as named when it was mounted"),
    spec(MountColumn::Root, "ROOT", Left, NOTHING, "part of the file system that is mounted"),
    spec(MountColumn::Options, "OPTIONS", Left, NOTHING, "options of the mount"),
    spec(MountColumn::FsOptions, "FSOPTIONS", Left, NOTHING, "options of the file system"),
    spec(MountColumn::Propagation, "PROPAGATION", Left, "a file for each mount namespace", "with \
    whom later mounts below it are shared, and from whom they are received"),
    spec(MountColumn::Note, "NOTE", Left, NOTHING, "masked: it hides what the target may not see; \
    covered: another mount is on top of it; idmapped"),
    spec(MountColumn::Id, "ID", Right, NOTHING, "its id, which is reused"),
    spec(MountColumn::Parent, "PARENT", Right, NOTHING, "id of the mount that it is on"),
    spec(MountColumn::Device, "DEVICE", Left, NOTHING, "device of the file system, MAJOR:MINOR"),
    spec(MountColumn::Shared, "SHARED", Right, NOTHING, "number of its peer group"),
    spec(MountColumn::Master, "MASTER", Right, NOTHING, "number of the peer group that it receives \
    mounts from"),
];
