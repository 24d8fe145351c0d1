//! A cgroup of a program's own, with limits on what it uses, see `cgroups(7)`.
//!
//! Version 1 has a hierarchy for each controller, and the cgroup is made in the caller's own there.
//! In version 2 a cgroup that has processes gives its children no controllers, so the cgroup is
//! made in the nearest one above that does.

use crate::{
    cgroup::{self, Membership, Mounts},
    plan::enter::CgroupFile,
    proc::{ProcError, ProcRoot, decimal},
};
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, CWD, Mode, OFlags, mkdirat, openat, unlinkat},
    io::Errno,
    process::{Pid, test_kill_process},
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// The limits of a cgroup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The memory of all its processes, in bytes.
    pub memory: Option<u64>,
    /// The number of its processes and threads.
    pub pids: Option<u64>,
    /// The time of processors per second, in thousandths of a processor.
    pub cpu: Option<u64>,
}

/// The length of the period for which a share of a processor is counted, in microseconds.
const PERIOD: u64 = 100_000;

/// A cgroup in each hierarchy that has a controller for one of its limits.
#[derive(Debug)]
pub struct OwnCgroup(Vec<Part>);

/// The cgroup in one hierarchy. It is removed by its parent, whatever the process that removes it
/// has as root directory then.
#[derive(Debug)]
struct Part {
    parent: OwnedFd,
    name: String,
    directory: PathBuf,
    is_v2: bool,
}

/// An error that says why a cgroup cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OwnCgroupError {
    /// The caller's cgroups cannot be read.
    #[error(transparent)]
    Proc(#[from] ProcError),
    /// No hierarchy that the caller may use has the controller.
    #[error("no cgroup that you may make has the controller {0}")]
    NoController(&'static str),
    /// A cgroup cannot be made.
    #[error("failed to make the cgroup {}", .0.display())]
    Make(PathBuf, #[source] Errno),
    /// A limit cannot be set.
    #[error("failed to write {text} to {}", file.display())]
    Set {
        /// The file of the cgroup.
        file: PathBuf,
        /// The text that was to be written.
        text: String,
        /// The cause.
        source: Errno,
    },
}

impl Limits {
    /// Returns the controllers that the limits need.
    pub fn controllers(self) -> impl Iterator<Item = &'static str> {
        let needed = [
            self.memory.map(|_| "memory"),
            self.pids.map(|_| "pids"),
            self.cpu.map(|_| "cpu"),
        ];
        needed.into_iter().flatten()
    }

    /// Returns the files of a controller, what is written to them, and whether a file may be
    /// missing.
    fn files(self, controller: &str, is_v2: bool) -> Vec<(&'static str, String, bool)> {
        let quota = self.cpu.unwrap_or_default() * PERIOD / 1000;
        let memory = self.memory.unwrap_or_default().to_string();
        match (controller, is_v2) {
            ("memory", true) => vec![
                ("memory.max", memory, false),
                ("memory.swap.max", "0".to_owned(), true),
            ],
            // The second counts what is swapped out too, and may not be below the first.
            ("memory", false) => vec![
                ("memory.limit_in_bytes", memory.clone(), false),
                ("memory.memsw.limit_in_bytes", memory, true),
            ],
            ("pids", _) => vec![("pids.max", self.pids.unwrap_or_default().to_string(), false)],
            ("cpu", true) => vec![("cpu.max", format!("{quota} {PERIOD}"), false)],
            ("cpu", false) => vec![
                ("cpu.cfs_period_us", PERIOD.to_string(), false),
                ("cpu.cfs_quota_us", quota.to_string(), false),
            ],
            _ => Vec::new(),
        }
    }
}

impl OwnCgroup {
    /// Makes the cgroup, whose directories have this name. What an earlier program of the name has
    /// left behind, and what programs of [`Self::transient_name`] have, is removed first.
    ///
    /// # Errors
    /// [`OwnCgroupError`]; nothing is left behind.
    pub fn make(limits: Limits, name: &str, proc: &ProcRoot) -> Result<Self, OwnCgroupError> {
        let text = proc.read_own("cgroup")?;
        let (memberships, mounts) = (Membership::parse_all(&text), Mounts::read(proc)?);
        let mut made = Self(Vec::new());
        for controller in limits.controllers() {
            let outcome = parent_of(controller, &memberships, &mounts)
                .ok_or(OwnCgroupError::NoController(controller))
                .and_then(|(parent, is_v2)| {
                    made.add(&parent, name, is_v2)?;
                    set(limits, controller, &parent.join(name), is_v2)
                });
            if let Err(error) = outcome {
                made.remove();
                return Err(error);
            }
        }
        Ok(made)
    }

    /// Returns a name for the cgroup of a program that this process waits for.
    pub fn transient_name() -> String {
        format!("{TRANSIENT}{}", rustix::process::getpid().as_raw_pid())
    }

    fn add(&mut self, parent: &Path, name: &str, is_v2: bool) -> Result<(), OwnCgroupError> {
        let directory = parent.join(name);
        if self.0.iter().any(|part| part.directory == directory) {
            return Ok(());
        }
        let failed = |errno| OwnCgroupError::Make(directory.clone(), errno);
        let opened = cgroup::open_directory(parent).map_err(failed)?;
        remove_left(parent, &opened);
        let make = || mkdirat(&opened, name, Mode::from_raw_mode(0o755));
        match make() {
            Err(Errno::EXIST) => unlinkat(&opened, name, AtFlags::REMOVEDIR).and_then(|()| make()),
            outcome => outcome,
        }
        .map_err(failed)?;
        self.0.push(Part {
            parent: opened,
            name: name.to_owned(),
            directory,
            is_v2,
        });
        Ok(())
    }

    /// Opens the files by which a process joins.
    ///
    /// # Errors
    /// The errno of `openat(2)`, and the file.
    pub fn files(&self) -> Result<Vec<CgroupFile>, OwnCgroupError> {
        let open = |part: &Part| {
            let file = if part.is_v2 { "cgroup.procs" } else { "tasks" };
            let path = part.directory.join(file);
            match cgroup::open_file(&path) {
                Ok(file) => Ok(CgroupFile {
                    path,
                    file: file.into(),
                    directory: None,
                }),
                Err(source) => Err(OwnCgroupError::Set {
                    file: path,
                    text: "0".to_owned(),
                    source,
                }),
            }
        };
        self.0.iter().map(open).collect()
    }

    /// Removes the cgroup. It stays if a process is left in it.
    pub fn remove(self) {
        for Part { parent, name, .. } in self.0.iter().rev() {
            remove(parent, name);
        }
    }
}

/// Removes the cgroup named `name` of a process that has ended from each hierarchy in which it was.
pub fn remove_of(memberships: &[Membership], name: &str, mounts: &Mounts) {
    for membership in memberships {
        if let Some(directory) = membership.directory(mounts)
            && directory.file_name().is_some_and(|last| last == name)
            && let Some(parent) = directory.parent()
            && let Ok(parent) = cgroup::open_directory(parent)
        {
            remove(&parent, name);
        }
    }
}

/// Removes a cgroup. The kernel takes a moment to let go of a process that has ended.
fn remove(parent: &OwnedFd, name: &str) {
    for _ in 0..50 {
        match unlinkat(parent, name, AtFlags::REMOVEDIR) {
            Err(Errno::BUSY) => std::thread::sleep(Duration::from_millis(4)),
            _ => break,
        }
    }
}

const TRANSIENT: &str = "nsx.";

/// Removes empty cgroups that a kill of nsx has left in `parent`.
fn remove_left(parent: &Path, opened: &OwnedFd) {
    for entry in parent.read_dir().into_iter().flatten().flatten() {
        let name = entry.file_name();
        let maker = name.to_str().and_then(|name| name.strip_prefix(TRANSIENT));
        let maker = maker.and_then(|text| decimal(text.as_bytes()));
        let maker = maker.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        if maker.is_some_and(|maker| test_kill_process(maker) == Err(Errno::SRCH)) {
            let _ = unlinkat(opened, &name, AtFlags::REMOVEDIR);
        }
    }
}

/// Finds the directory in which a cgroup with a controller can be made, and whether it is of version
/// 2.
fn parent_of(
    controller: &str,
    memberships: &[Membership],
    mounts: &Mounts,
) -> Option<(PathBuf, bool)> {
    let mut of_first = memberships.iter();
    if let Some(membership) = of_first.find(|one| one.has_controller(controller)) {
        return Some((membership.directory(mounts)?, false));
    }
    let unified = memberships.iter().find(|one| one.is_v2())?;
    let own = unified.directory(mounts)?;
    let mut above = own.ancestors();
    let found = above.find(|directory| gives(directory, controller))?;
    Some((found.to_owned(), true))
}

/// Returns whether a cgroup of version 2 gives its children a controller, or does now.
fn gives(directory: &Path, controller: &str) -> bool {
    let file = directory.join("cgroup.subtree_control");
    let is_given = || {
        std::fs::read(&file).is_ok_and(|text| {
            let mut words = text.split(u8::is_ascii_whitespace);
            words.any(|word| word == controller.as_bytes())
        })
    };
    is_given() || (write(&file, &format!("+{controller}")).is_ok() && is_given())
}

fn set(
    limits: Limits,
    controller: &str,
    directory: &Path,
    is_v2: bool,
) -> Result<(), OwnCgroupError> {
    for (file, text, is_optional) in limits.files(controller, is_v2) {
        let path = directory.join(file);
        match write(&path, &text) {
            Err(Errno::NOENT) if is_optional => {}
            Err(source) => {
                let file = path;
                return Err(OwnCgroupError::Set { file, text, source });
            }
            Ok(()) => {}
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Errno> {
    let file = openat(CWD, path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(&file, text.as_bytes()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_has_its_files() {
        let limits = Limits {
            memory: Some(4096),
            pids: Some(7),
            cpu: Some(500),
        };
        let files = |is_v2| {
            let files = limits
                .controllers()
                .flat_map(|controller| limits.files(controller, is_v2));
            files
                .map(|(file, text, _)| format!("{file}={text}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            files(true),
            [
                "memory.max=4096",
                "memory.swap.max=0",
                "pids.max=7",
                "cpu.max=50000 100000"
            ]
        );
        assert_eq!(
            files(false),
            [
                "memory.limit_in_bytes=4096",
                "memory.memsw.limit_in_bytes=4096",
                "pids.max=7",
                "cpu.cfs_period_us=100000",
                "cpu.cfs_quota_us=50000"
            ]
        );
    }
}
