//! Mounts that a request asks for, in words and as data.
//!
//! What is bound is taken hold of before the first mount is made, so that a mount hides nothing from a later one: a
//! [`Source`] is opened in the order in which the mounts use it.

use rustix::mount::MountFlags;
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// The path of what is mounted on top of the root directory: `..` of the root leads there, the root's own path does not.
pub(crate) const ABOVE_ROOT: &str = "/..";

/// Something to be seen at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The place: an absolute path, below the new root where there is one.
    pub at: PathBuf,
    /// What is there.
    pub contents: Contents,
}

/// What a mount shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// What the caller sees at a path: a directory or a file.
    Bind {
        /// The path, as the caller names it.
        source: PathBuf,
        /// Whether the mounts below come too. A user namespace may not leave out those that it did not make.
        recursive: bool,
        /// What is forbidden there, or how access times are kept, for all mounts that come.
        flags: MountFlags,
    },
    /// A copy of a file of the target's, in memory and read-only: what is bound to the file itself could be written to.
    Copy {
        /// The file, as the target names it.
        of: PathBuf,
        /// Its content.
        text: Vec<u8>,
    },
    /// A new file system.
    New(FileSystem),
    /// Directories of the caller, the first on top. Changes go to memory and are lost.
    Overlay(Vec<PathBuf>),
    /// The devices that any program expects, bound from the caller's /dev because a user namespace can make none, and the
    /// links beside them. The place is a directory on a new file system.
    Devices,
}

/// A file system to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSystem {
    /// Its type, as /proc/filesystems names it.
    pub kind: String,
    /// The options of that type.
    pub options: Vec<(String, Option<String>)>,
    /// What is forbidden there, or how access times are kept.
    pub flags: MountFlags,
}

/// What a mount shows, taken hold of before it can be hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A directory as it is, whatever is mounted on it later.
    Directory(PathBuf),
    /// A copy of what is mounted at a path.
    Tree {
        /// The path.
        path: PathBuf,
        /// Whether the mounts below come too.
        recursive: bool,
    },
}

impl Mount {
    /// What has to be opened for it, in the order in which it is used.
    pub fn sources(&self) -> Vec<Source> {
        match &self.contents {
            Contents::Bind { source, recursive, .. } => {
                vec![Source::Tree { path: source.clone(), recursive: *recursive }]
            }
            Contents::New(_) | Contents::Copy { .. } => Vec::new(),
            Contents::Overlay(lower) => lower.iter().cloned().map(Source::Directory).collect(),
            Contents::Devices => vec![Source::Directory("/dev".into())],
        }
    }

    /// The call, as `mount(2)` would be told; it is several newer ones where the kernel has them.
    pub(super) fn call(&self, root: Option<&Path>) -> String {
        let at = super::words::below(root, &self.at);
        match &self.contents {
            Contents::Bind { source, recursive, flags } => {
                let recursive = if *recursive { MountFlags::REC } else { MountFlags::empty() };
                let flags = flag_names(MountFlags::BIND | recursive | *flags);
                format!("mount({}, {at}, {flags})", source.display())
            }
            Contents::Copy { of, .. } => format!("mount(a copy of its {}, {at}, MS_BIND|MS_RDONLY)", of.display()),
            Contents::New(FileSystem { kind, options, flags }) => {
                let flags = (!flags.is_empty()).then(|| flag_names(*flags));
                let options = (!options.is_empty()).then(|| data(options));
                let rest: String = [flags, options].into_iter().flatten().map(|word| format!(", {word}")).collect();
                format!("mount({kind}, {at}{rest})")
            }
            Contents::Overlay(lower) => {
                let lower: Vec<_> = lower.iter().map(|path| path.display().to_string()).collect();
                format!("mount(overlay, {at}, lowerdir={})", lower.join(":"))
            }
            Contents::Devices => format!("mount(/dev/{{{}}}, {at}, MS_BIND)", DEVICES.join(",")),
        }
    }

    pub(super) fn why(&self) -> String {
        match &self.contents {
            Contents::Bind { flags, .. } if flags.contains(MountFlags::RDONLY) => {
                "what the caller sees there, to be read and not changed".to_owned()
            }
            Contents::Bind { .. } => "what the caller sees there".to_owned(),
            Contents::Copy { .. } => "what the target sees there, which is of its network, to be read".to_owned(),
            Contents::New(FileSystem { kind, .. }) => match kind.as_str() {
                "tmpfs" => "an empty directory in memory, gone with the program".to_owned(),
                "devpts" => "pseudo-terminals that the host's know nothing of".to_owned(),
                "proc" => "the program's own PID namespace".to_owned(),
                "sysfs" => "the devices of the program's own network".to_owned(),
                _ => format!("a new {kind}"),
            },
            Contents::Overlay(_) => "changes go to memory and are lost; below, nothing changes".to_owned(),
            Contents::Devices => "the host's, as a user namespace can make none, and the usual links".to_owned(),
        }
    }

    pub(super) fn act(&self, root: Option<&Path>) -> String {
        let at = super::words::below(root, &self.at);
        match &self.contents {
            Contents::Bind { source, .. } => format!("bind {} to {at}", source.display()),
            Contents::Copy { of, .. } => format!("show the target's {} as {at}", of.display()),
            Contents::New(FileSystem { kind, .. }) => format!("mount {kind} on {at}"),
            Contents::Overlay(_) => format!("mount an overlay on {at}"),
            Contents::Devices => format!("bind the devices to {at}"),
        }
    }
}

impl Source {
    /// The path, as the caller names it.
    pub fn path(&self) -> &Path {
        match self {
            Self::Directory(path) | Self::Tree { path, .. } => path,
        }
    }
}

/// As the call that opens it.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "open({}, O_PATH)", path.display()),
            Self::Tree { path, recursive: false } => write!(f, "open_tree({}, OPEN_TREE_CLONE)", path.display()),
            Self::Tree { path, recursive: true } => {
                write!(f, "open_tree({}, OPEN_TREE_CLONE|AT_RECURSIVE)", path.display())
            }
        }
    }
}

/// What is bound of the caller's /dev. `ptmx` is missing: it must belong to the pseudo-terminals inside.
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
    flags.iter_names().map(|(name, _)| format!("MS_{name}")).collect::<Vec<_>>().join("|")
}
