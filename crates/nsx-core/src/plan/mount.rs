//! The mounts of a request, in words and as data.
//!
//! Sources are opened before the first mount is made, so that no mount hides the source of a later
//! one. Each [`Source`] is opened in its turn, in the order in which the mounts use them.

use rustix::mount::{MountAttrFlags, MountFlags, MountPropagationFlags};
use std::{
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

/// The path of what is mounted on top of the root directory: `..` of the root leads there, the
/// root's own path does not.
pub(crate) const ABOVE_ROOT: &str = "/..";

/// A mount: contents at a mount point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The mount point: an absolute path, below the new root if there is one.
    pub at: PathBuf,
    /// The contents that appear there.
    pub contents: Contents,
}

/// The contents of a mount.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Contents {
    /// The directory or file that the caller sees at a path.
    Bind {
        /// The path, as the caller names it.
        source: PathBuf,
        /// `true` if the mounts below come too. A user namespace may not leave out mounts that it
        /// did not make.
        recursive: bool,
        /// Flags that forbid things there or say how access times are kept, for all mounts that
        /// come.
        flags: MountFlags,
    },
    /// A copy of a file of the target's, in memory and read-only: what is bound to the file itself
    /// could be written to.
    Copy {
        /// The file, as the target names it.
        of: PathBuf,
        /// Its content.
        text: Vec<u8>,
    },
    /// A new file system.
    New(FileSystem),
    /// Directories of the caller merged, the first on top, which stay as they are.
    Overlay {
        /// The directories.
        lower: Vec<PathBuf>,
        /// The destination of changes.
        upper: Upper,
    },
    /// The devices that any program expects, bound from the caller's /dev because a user namespace
    /// can make none, and the links beside them. The mount point is on a new file
    /// system.
    Devices,
    /// The mount that is there already, changed.
    Changed(Change),
    /// A directory that is made if it is missing; nothing is mounted there.
    Directory,
    /// Nothing: a file becomes empty and a directory too. A path that does not exist is left alone.
    Masked,
    /// The files that are there, to be read and not changed. A path that does not exist is left
    /// alone.
    ReadOnly,
}

/// The destination of changes in an overlay.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Upper {
    /// Memory, with which they are lost.
    Lost,
    /// Memory that nsx can look into when the program has ended.
    Listed,
    /// A directory, in whose `upper` the changes stay. `work` beside it is for the kernel.
    Kept(PathBuf),
}

/// A change of a mount.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// The flags of this mount alone, instead of those that it has.
    Flags(MountFlags),
    /// The attributes of this mount and all below, see `mount_setattr(2)`.
    Attributes {
        /// The attributes to set.
        set: MountAttrFlags,
        /// The attributes to clear, before others are set.
        clear: MountAttrFlags,
    },
    /// The propagation of mount events.
    Propagation(MountPropagationFlags),
    /// The options of the file system, and its flags.
    Remount(FileSystem),
}

/// A file system to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSystem {
    /// Its type, as /proc/filesystems names it.
    pub kind: String,
    /// The options of that type.
    pub options: Vec<(String, Option<String>)>,
    /// Flags that forbid things there or say how access times are kept.
    pub flags: MountFlags,
    /// A device, or a word for lists of mounts; that of the type if empty.
    pub source: OsString,
    /// `true` if a new file system takes the files of the directory that it covers.
    pub copy_up: bool,
}

impl Default for FileSystem {
    fn default() -> Self {
        let (kind, options, source) = (String::new(), Vec::new(), OsString::new());
        Self {
            kind,
            options,
            flags: MountFlags::empty(),
            source,
            copy_up: false,
        }
    }
}

/// The source of a mount, opened before another mount can hide it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// A directory as it is, whatever is mounted on it later.
    Directory(PathBuf),
    /// A copy of what is mounted at a path.
    Tree {
        /// The path.
        path: PathBuf,
        /// `true` if the mounts below come too.
        recursive: bool,
    },
}

impl Mount {
    /// Returns the sources to open for this mount, in the order in which the mount uses them.
    pub fn sources(&self) -> Vec<Source> {
        match &self.contents {
            Contents::Bind {
                source, recursive, ..
            } => {
                vec![Source::Tree {
                    path: source.clone(),
                    recursive: *recursive,
                }]
            }
            Contents::Overlay { lower, .. } => {
                lower.iter().cloned().map(Source::Directory).collect()
            }
            Contents::Devices => vec![Source::Directory("/dev".into())],
            _ => Vec::new(),
        }
    }

    /// Returns the call that opens the upper directory of an overlay.
    pub(super) fn held(&self) -> String {
        match &self.contents {
            Contents::Overlay {
                upper: Upper::Kept(path),
                ..
            } => format!("open({})", path.display()),
            _ => "fsmount(tmpfs)".to_owned(),
        }
    }

    /// Returns the call of `mount(2)`, or what it would be if the kernel has the newer calls.
    pub(super) fn call(&self, root: Option<&Path>) -> String {
        let at = super::words::below(root, &self.at);
        match &self.contents {
            Contents::Bind {
                source,
                recursive,
                flags,
            } => {
                let recursive = if *recursive {
                    MountFlags::REC
                } else {
                    MountFlags::empty()
                };
                let flags = flag_names(MountFlags::BIND | recursive | *flags);
                format!("mount({}, {at}, {flags})", source.display())
            }
            Contents::Copy { of, .. } => format!(
                "mount(a copy of its {}, {at}, MS_BIND|MS_RDONLY)",
                of.display()
            ),
            Contents::New(FileSystem {
                kind,
                options,
                flags,
                ..
            }) => {
                let flags = (!flags.is_empty()).then(|| flag_names(*flags));
                let options = (!options.is_empty()).then(|| data(options));
                let rest: String = [flags, options]
                    .into_iter()
                    .flatten()
                    .map(|word| format!(", {word}"))
                    .collect();
                format!("mount({kind}, {at}{rest})")
            }
            Contents::Overlay { lower, upper } => {
                let upper = match upper {
                    Upper::Kept(path) => format!(",upperdir={}/upper", path.display()),
                    Upper::Lost | Upper::Listed => String::new(),
                };
                let lower: Vec<_> = lower
                    .iter()
                    .map(|path| path.display().to_string())
                    .collect();
                format!("mount(overlay, {at}, lowerdir={}{upper})", lower.join(":"))
            }
            Contents::Devices => format!("mount(/dev/{{{}}}, {at}, MS_BIND)", DEVICES.join(",")),
            Contents::Changed(change) => change.call(&at),
            Contents::Directory => format!("mkdir({at})"),
            Contents::Masked => format!("mount(/dev/null or an empty tmpfs, {at}, MS_RDONLY)"),
            Contents::ReadOnly => format!("mount({at}, {at}, MS_BIND|MS_RDONLY|MS_REC)"),
        }
    }

    pub(super) fn why(&self) -> String {
        match &self.contents {
            Contents::Bind { flags, .. } if flags.contains(MountFlags::RDONLY) => {
                "what the caller sees there, to be read and not changed".to_owned()
            }
            Contents::Bind { .. } => "what the caller sees there".to_owned(),
            Contents::Copy { .. } => {
                "what the target sees there, which is of its network, to be read".to_owned()
            }
            Contents::New(FileSystem { kind, .. }) => match kind.as_str() {
                "tmpfs" => "an empty directory in memory, gone with the program".to_owned(),
                "devpts" => "pseudo-terminals that the host's know nothing of".to_owned(),
                "proc" => "the program's own PID namespace".to_owned(),
                "sysfs" => "the devices of the program's own network".to_owned(),
                _ => format!("a new {kind}"),
            },
            Contents::Overlay {
                upper: Upper::Kept(_),
                ..
            } => "changes stay in the upper directory; below, nothing changes".to_owned(),
            Contents::Overlay { .. } => {
                "changes go to memory and are lost; below, nothing changes".to_owned()
            }
            Contents::Devices => {
                "the host's, as a user namespace can make none, and the usual links".to_owned()
            }
            Contents::Changed(Change::Flags(_)) => "the flags of this mount alone".to_owned(),
            Contents::Changed(Change::Attributes { .. }) => {
                "the flags of this mount and of all below".to_owned()
            }
            Contents::Changed(Change::Propagation(_)) => {
                "which mount events the mount passes on and receives".to_owned()
            }
            Contents::Changed(Change::Remount(_)) => "the options of the file system".to_owned(),
            Contents::Directory => "made if it is missing".to_owned(),
            Contents::Masked => {
                "the program cannot read it; left alone if it does not exist".to_owned()
            }
            Contents::ReadOnly => {
                "the program cannot change it; left alone if it does not exist".to_owned()
            }
        }
    }

    pub(super) fn act(&self, root: Option<&Path>) -> String {
        let at = super::words::below(root, &self.at);
        match &self.contents {
            Contents::Bind { source, .. } => format!("bind {} to {at}", source.display()),
            Contents::Copy { of, .. } => format!("show the target's {} as {at}", of.display()),
            Contents::New(FileSystem { kind, .. }) => format!("mount {kind} on {at}"),
            Contents::Overlay { .. } => format!("mount an overlay on {at}"),
            Contents::Devices => format!("bind the devices to {at}"),
            Contents::Changed(Change::Propagation(_)) => {
                format!("set the propagation of the mount at {at}")
            }
            Contents::Changed(_) => format!("set the options of the mount at {at}"),
            Contents::Directory => format!("make the directory {at}"),
            Contents::Masked => format!("mask {at}"),
            Contents::ReadOnly => format!("make {at} read-only"),
        }
    }
}

impl Change {
    fn call(&self, at: &str) -> String {
        match self {
            Self::Flags(flags) => format!(
                "mount({at}, MS_REMOUNT|{})",
                flag_names(MountFlags::BIND | *flags)
            ),
            Self::Attributes { set, clear } => {
                let names = |set: &MountAttrFlags| {
                    set.iter_names()
                        .map(|(name, _)| name)
                        .collect::<Vec<_>>()
                        .join("|")
                };
                let parts = [("set", names(set)), ("clear", names(clear))];
                let parts = parts.iter().filter(|(_, names)| !names.is_empty());
                let parts: String = parts
                    .map(|(what, names)| format!(", {what} {names}"))
                    .collect();
                format!("mount_setattr({at}, AT_RECURSIVE{parts})")
            }
            Self::Propagation(flags) => {
                let names: Vec<_> = flags
                    .iter_names()
                    .map(|(name, _)| name.replace("DOWNSTREAM", "SLAVE"))
                    .collect();
                format!("mount({at}, MS_{})", names.join("|MS_"))
            }
            Self::Remount(FileSystem { options, flags, .. }) => {
                let flags = flag_names(*flags);
                let flags = ["MS_REMOUNT", &flags]
                    .into_iter()
                    .filter(|it| !it.is_empty())
                    .collect::<Vec<_>>()
                    .join("|");
                let options = if options.is_empty() {
                    String::new()
                } else {
                    format!(", {}", data(options))
                };
                format!("mount({at}, {flags}{options})")
            }
        }
    }
}

impl Source {
    /// Returns the path, as the caller names it.
    pub fn path(&self) -> &Path {
        match self {
            Self::Directory(path) | Self::Tree { path, .. } => path,
        }
    }
}

/// The call that opens it.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "open({}, O_PATH)", path.display()),
            Self::Tree {
                path,
                recursive: false,
            } => write!(f, "open_tree({}, OPEN_TREE_CLONE)", path.display()),
            Self::Tree {
                path,
                recursive: true,
            } => {
                write!(
                    f,
                    "open_tree({}, OPEN_TREE_CLONE|AT_RECURSIVE)",
                    path.display()
                )
            }
        }
    }
}

/// The devices bound from the caller's /dev. `ptmx` is missing: it must belong to the
/// pseudo-terminals inside.
pub(crate) const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Options of a file system, as `mount(2)` takes them.
pub(crate) fn data(options: &[(String, Option<String>)]) -> String {
    let word = |(name, value): &(String, Option<String>)| match value {
        Some(value) => format!("{name}={value}"),
        None => name.clone(),
    };
    options.iter().map(word).collect::<Vec<_>>().join(",")
}

fn flag_names(flags: MountFlags) -> String {
    flags
        .iter_names()
        .map(|(name, _)| format!("MS_{name}"))
        .collect::<Vec<_>>()
        .join("|")
}
