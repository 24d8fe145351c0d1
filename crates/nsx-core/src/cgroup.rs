//! The cgroups of a process, one in each hierarchy, and where the caller's mounts show them, see
//! `cgroups(7)`.
//!
//! Version 2 has one hierarchy, version 1 one for each set of controllers; a host may have both.
//! Paths are counted from the caller's cgroup namespace: one that lies outside of it begins with
//! `/..`, and no mount of the caller's shows it.

use crate::{
    pid::Pid,
    proc::{Mount, ProcError, ProcRoot},
};
use rustix::{
    fs::{CWD, Mode, OFlags},
    io::Errno,
};
use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
};

/// The cgroup of a process in one hierarchy: a line of `/proc/PID/cgroup`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Membership {
    /// The controllers of a hierarchy of version 1, or `name=systemd`; empty for version 2.
    pub controllers: Vec<u8>,
    /// The path of the cgroup.
    pub path: PathBuf,
}

/// A line of `/proc/PID/cgroup`: `HIERARCHY:CONTROLLERS:PATH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The controllers of a hierarchy of version 1, or `name=systemd`; empty for version 2.
    pub controllers: &'a [u8],
    /// The path of the cgroup.
    pub path: &'a [u8],
}

/// Reads the lines of `/proc/PID/cgroup`, and skips any other text.
pub fn lines(text: &[u8]) -> impl Iterator<Item = Line<'_>> {
    text.split(|byte| *byte == b'\n').filter_map(|line| {
        let mut fields = line.splitn(3, |byte| *byte == b':').skip(1);
        Some(Line {
            controllers: fields.next()?,
            path: fields.next()?,
        })
    })
}

impl Line<'_> {
    /// Returns the freezer of the hierarchy, see `cgroups(7)`; none if the hierarchy has no
    /// freezer.
    pub fn freezer(&self) -> Option<Freezer> {
        let mut controllers = self.controllers.split(|byte| *byte == b',');
        if self.controllers.is_empty() {
            Some(Freezer::V2)
        } else if controllers.any(|name| name == b"freezer") {
            Some(Freezer::V1)
        } else {
            None
        }
    }
}

/// The means by which all processes of a cgroup are stopped: the controller `freezer` of version 1,
/// or `cgroup.freeze` of version 2 (5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freezer {
    /// Of version 1.
    V1,
    /// Of version 2.
    V2,
}

impl Freezer {
    /// Returns the file, in the directory of a cgroup, that says whether the cgroup is frozen. The
    /// topmost cgroup lacks it.
    pub const fn file(self) -> &'static str {
        match self {
            Self::V1 => "freezer.state",
            Self::V2 => "cgroup.events",
        }
    }

    /// Returns whether the cgroup, or one around it, is frozen or freezes, by the content of
    /// [`Freezer::file`].
    pub fn is_frozen(self, text: &[u8]) -> bool {
        match self {
            Self::V1 => text.trim_ascii() != b"THAWED",
            Self::V2 => text
                .split(|byte| *byte == b'\n')
                .any(|line| line == b"frozen 1"),
        }
    }
}

impl Membership {
    /// Reads `/proc/PID/cgroup`, and skips any other text.
    pub fn parse_all(text: &[u8]) -> Vec<Self> {
        lines(text)
            .map(|line| Self {
                controllers: line.controllers.to_vec(),
                path: OsStr::from_bytes(line.path).into(),
            })
            .collect()
    }

    /// Returns the memberships of a process in cgroups that the caller is not in.
    ///
    /// # Errors
    /// [`ProcError`] of reading the file of either process.
    pub fn differing(proc: &ProcRoot, pid: Pid) -> Result<Vec<Self>, ProcError> {
        let own = proc.read_own("cgroup")?;
        let text = proc.read(pid, "cgroup")?;
        if own == text {
            return Ok(Vec::new());
        }
        let own = Self::parse_all(&own);
        Ok(Self::parse_all(&text)
            .into_iter()
            .filter(|membership| !own.contains(membership))
            .collect())
    }

    /// Returns whether the cgroup is in the hierarchy of version 2.
    pub fn is_v2(&self) -> bool {
        self.controllers.is_empty()
    }

    /// Returns whether the cgroup is in the hierarchy of version 1 that has a controller.
    pub fn has_controller(&self, controller: &str) -> bool {
        let mut controllers = self.controllers.split(|byte| *byte == b',');
        controllers.any(|it| it == controller.as_bytes())
    }

    /// Returns the file by which a process with one thread joins a cgroup, whose directory is
    /// given.
    pub fn file(&self, directory: &Path) -> PathBuf {
        // A thread that writes its own id need not wait for readers of cgroups. Version 2 forbids
        // that.
        directory.join(if self.is_v2() {
            "cgroup.procs"
        } else {
            "tasks"
        })
    }

    /// Returns the directory of the cgroup, if a mount of the caller's shows it.
    pub fn directory(&self, mounts: &Mounts) -> Option<PathBuf> {
        mounts
            .0
            .iter()
            .filter(|mount| mount.controllers == self.controllers)
            .find_map(|mount| {
                let below = self.path.strip_prefix(&mount.root).ok()?;
                let inside = !below.components().any(|part| part == Component::ParentDir);
                inside.then(|| mount.point.join(below))
            })
    }

    /// Returns whether this cgroup, whose directory is given, or a cgroup around it is frozen, so
    /// that a process that joins stops.
    ///
    /// A hierarchy without a freezer counts as not frozen, and so does a cgroup whose state cannot
    /// be read.
    pub fn is_frozen(&self, directory: &Path) -> bool {
        let read = |file: &str| {
            let flags = OFlags::RDONLY | OFlags::CLOEXEC;
            let fd = rustix::fs::openat(CWD, directory.join(file), flags, Mode::empty()).ok()?;
            let mut text = [0; 256];
            let length = rustix::io::read(&fd, &mut text).ok()?;
            Some(text[..length].to_vec())
        };
        let line = Line {
            controllers: &self.controllers,
            path: self.path.as_os_str().as_bytes(),
        };
        line.freezer().is_some_and(|freezer| {
            read(freezer.file()).is_some_and(|text| freezer.is_frozen(&text))
        })
    }
}

/// Returns the directories of one cgroup in several hierarchies in one word, with braces around
/// what differs as shells read them: `/sys/fs/cgroup/{cpu,pids}/a`. If they have more than one part
/// of their paths different, one after the other.
pub fn together(directories: &[&Path]) -> String {
    let Some((first, others)) = directories.split_first() else {
        return String::new();
    };
    let parts = |path: &Path| {
        path.components()
            .map(|part| part.as_os_str().display().to_string())
            .collect::<Vec<_>>()
    };
    let first = parts(first);
    let others: Vec<_> = others.iter().map(|path| parts(path)).collect();
    let differs = |&index: &usize| {
        others
            .iter()
            .any(|path| path.get(index) != first.get(index))
    };
    let longest = others
        .iter()
        .map(Vec::len)
        .max()
        .unwrap_or(0)
        .max(first.len());
    match (0..longest).filter(differs).collect::<Vec<_>>().as_slice() {
        [index] if others.iter().all(|path| path.len() == first.len()) => {
            let words: Vec<_> = std::iter::once(&first)
                .chain(&others)
                .map(|path| path[*index].as_str())
                .collect();
            let mut path: PathBuf = first[..*index].iter().collect();
            path.push(format!("{{{}}}", words.join(",")));
            path.extend(&first[index + 1..]);
            path.display().to_string()
        }
        _ => directories
            .iter()
            .map(|path| path.display().to_string())
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// A hierarchy of cgroups, and the directory that shows it from its top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    /// The directory.
    pub at: PathBuf,
    /// The controllers of a hierarchy of version 1, or `name=systemd`, as `mount(8)` takes them;
    /// empty for version 2.
    pub controllers: Vec<u8>,
}

impl Hierarchy {
    /// Returns whether this is the hierarchy of version 2.
    pub fn is_v2(&self) -> bool {
        self.controllers.is_empty()
    }
}

/// The directory for hierarchies of cgroups, see `file-hierarchy(7)`.
pub const STANDARD: &str = "/sys/fs/cgroup";

/// The cgroup file systems that the caller sees.
#[derive(Debug)]
pub struct Mounts(Vec<CgroupMount>);

#[derive(Debug, PartialEq, Eq)]
struct CgroupMount {
    controllers: Vec<u8>,
    root: PathBuf,
    point: PathBuf,
}

impl Mounts {
    /// Returns the hierarchies that are mounted on /sys/fs/cgroup, or each on a directory of it.
    pub fn hierarchies(&self) -> Vec<Hierarchy> {
        let standard = Path::new(STANDARD);
        let mut found: Vec<Hierarchy> = Vec::new();
        // Of several mounts on one directory the last is on top.
        for mount in self.0.iter().rev() {
            let is_place = mount.point == standard || mount.point.parent() == Some(standard);
            if is_place && found.iter().all(|other| other.at != mount.point) {
                found.push(Hierarchy {
                    at: mount.point.clone(),
                    controllers: mount.controllers.clone(),
                });
            }
        }
        found.reverse();
        found
    }

    /// Reads them from the caller's `mountinfo`.
    ///
    /// # Errors
    /// [`ProcError`].
    pub fn read(proc: &ProcRoot) -> Result<Self, ProcError> {
        let text = proc.read_own("mountinfo")?;
        Ok(Self(
            text.split(|byte| *byte == b'\n')
                .filter_map(CgroupMount::parse)
                .collect(),
        ))
    }
}

impl CgroupMount {
    /// Reads a line of `mountinfo`, if it is of a cgroup file system: `… - cgroup cgroup
    /// rw,cpu,cpuacct`.
    fn parse(line: &[u8]) -> Option<Self> {
        const BEFORE: &[u8] = b" - cgroup";
        let separator = line
            .windows(BEFORE.len())
            .position(|window| window == BEFORE)?;
        let mut fields = line[separator + b" - ".len()..].split(|byte| *byte == b' ');
        let controllers = match fields.next()? {
            b"cgroup2" => Vec::new(),
            b"cgroup" => {
                // As /proc/PID/cgroup lists them: controllers, then a name.
                let options = fields.nth(1)?.split(|byte| *byte == b',');
                const OTHERS: [&[u8]; 8] = [
                    b"rw",
                    b"ro",
                    b"noprefix",
                    b"xattr",
                    b"clone_children",
                    b"cpuset_v2_mode",
                    b"favordynmods",
                    b"all",
                ];
                let named = options.filter(|option| {
                    !OTHERS.contains(option) && !option.starts_with(b"release_agent=")
                });
                named.collect::<Vec<_>>().join(&b',')
            }
            _ => return None,
        };
        let Mount { root, point, .. } = Mount::parse(line).ok()?;
        Some(Self {
            controllers,
            root: OsStr::from_bytes(&root).into(),
            point: OsStr::from_bytes(&point).into(),
        })
    }
}

/// Opens the directory of a cgroup, for a child to be born there.
///
/// # Errors
/// The errno of `openat(2)`.
pub fn open_directory(directory: &Path) -> Result<rustix::fd::OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, directory, flags, Mode::empty())
}

/// Opens the file of a cgroup to which a process that is to join it is written.
///
/// # Errors
/// The errno of `openat(2)`: `EACCES` if the caller may not, `EROFS` if nobody may through
/// this mount.
pub fn open_file(path: &Path) -> Result<rustix::fd::OwnedFd, Errno> {
    rustix::fs::openat(CWD, path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_cgroup_of_many_hierarchies_is_one_word() {
        let together =
            |paths: &[&str]| super::together(&paths.iter().map(Path::new).collect::<Vec<_>>());
        assert_eq!(
            together(&["/c/cpu,cpuacct/d/1", "/c/pids/d/1"]),
            "/c/{cpu,cpuacct,pids}/d/1"
        );
        assert_eq!(together(&["/c/pids"]), "/c/pids");
        assert_eq!(
            together(&["/c/pids", "/c/cpu", "/c/net"]),
            "/c/{pids,cpu,net}"
        );
        for apart in [
            &["/c/pids/a", "/c/cpu/b"][..],
            &["/c/pids", "/c/cpu/b"],
            &["/c/pids", "/d"],
        ] {
            assert_eq!(together(apart), apart.join(", "));
        }
        assert_eq!(together(&[]), "");
    }

    fn membership(controllers: &str, path: &str) -> Membership {
        Membership {
            controllers: controllers.into(),
            path: path.into(),
        }
    }

    /// As Linux 6.18 writes them, on a host with both versions.
    const MOUNTS: &str = "
31 24 0:26 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:27 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct
33 31 0:28 /box /sys/fs/cgroup/systemd rw,relatime shared:9 - cgroup cgroup \
    rw,xattr,release_agent=/lib/x,name=systemd
34 31 0:29 / /sys/fs/cgroup/uni\\040fied rw,relatime - cgroup2 cgroup2 rw,nsdelegate
35 24 0:30 / /x\\040-\\040cgroup rw - tmpfs tmpfs rw";

    fn mounts() -> Mounts {
        Mounts(
            MOUNTS
                .as_bytes()
                .split(|byte| *byte == b'\n')
                .filter_map(CgroupMount::parse)
                .collect(),
        )
    }

    #[test]
    fn a_cgroup_is_found_below_the_mount_of_its_hierarchy() {
        let mounts = mounts();
        assert_eq!(mounts.0.len(), 3);
        for (controllers, path, found) in [
            ("", "/a/b", Some("/sys/fs/cgroup/uni fied/a/b")),
            ("", "/", Some("/sys/fs/cgroup/uni fied/")),
            ("", "/../a", None),
            ("cpu,cpuacct", "/a", Some("/sys/fs/cgroup/cpu/a")),
            ("cpu", "/a", None),
            ("name=systemd", "/box/a", Some("/sys/fs/cgroup/systemd/a")),
            ("name=systemd", "/boxer", None),
        ] {
            assert_eq!(
                membership(controllers, path).directory(&mounts),
                found.map(PathBuf::from),
                "{controllers} {path}"
            );
        }
    }

    #[test]
    fn lines_are_read() {
        let text = b"4:cpu,cpuacct:/a:b\n1:name=systemd:/\n0::/x\nbad\n";
        let read = [
            membership("cpu,cpuacct", "/a:b"),
            membership("name=systemd", "/"),
            membership("", "/x"),
        ];
        assert_eq!(Membership::parse_all(text), read);
    }

    #[test]
    fn the_callers_own_cgroup_is_known() {
        let proc = ProcRoot::system().unwrap();
        assert_eq!(
            Membership::differing(&proc, rustix::process::getpid()),
            Ok(Vec::new())
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = (Membership::parse_all(&bytes), CgroupMount::parse(&bytes));
        }
    }
}
