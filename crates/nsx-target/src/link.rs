//! Symbolic links that name namespaces, as `ln -s /proc/4711/ns/net /run/netns/blue` makes them.
//! A link in a directory that only root or the caller can write to is followed. A link to a
//! process's namespace means the process that had the id when the link was made. The process is
//! pinned, and refused if it started later. Any other link is walked like the path of a store, and
//! every user who could have changed a part of the path counts.

use crate::{
    claim::{Claim, Location},
    host::Host,
    meta::Meta,
    no_namespace::NoNamespace,
    unread::ReadError,
};
use nsx_core::{
    ns::{Namespace, NsKind},
    pid::{self, Pid, Process},
    proc::{NsLink, ProcError},
};
use rustix::{fd::OwnedFd, fs::FileType, io::Errno};
use std::{
    ffi::OsString,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Component, Path, PathBuf},
};

/// The most links that are followed, one to the other.
const MOST_LINKS: usize = 8;

/// Opens the namespace of `file`, an `O_PATH` descriptor of an entry of `directory`, or the
/// namespace that a link there leads to. Returns the claim of those who could have led it
/// elsewhere.
pub(crate) fn open(
    host: &Host,
    directory: &Location,
    mut file: OwnedFd,
    mut claim: Claim,
) -> Result<(Namespace, Claim), NoNamespace> {
    let mut directory = directory.clone();
    // The text of the first link, which is what people see.
    let mut link: Option<PathBuf> = None;
    for _ in 0..=MOST_LINKS {
        let meta = Meta::of(&file).map_err(NoNamespace::Os)?;
        if meta.kind != FileType::Symlink || host.is_anothers(claim) {
            let failed = |errno| match (link, meta.kind) {
                (Some(link), _) => NoNamespace::Elsewhere(link),
                (None, FileType::RegularFile) if errno == Errno::INVAL => NoNamespace::Plain,
                (None, _) => NoNamespace::Os(errno),
            };
            // A call to another file system may hang.
            if host
                .proc()
                .nsfs_device()
                .is_some_and(|device| device != meta.device)
            {
                return Err(failed(Errno::INVAL));
            }
            return Namespace::from_path_fd(file)
                .map(|namespace| (namespace, claim))
                .map_err(failed);
        }
        let target = PathBuf::from(OsString::from_vec(
            rustix::fs::readlinkat(&file, c"", Vec::new())
                .map_err(NoNamespace::Os)?
                .into_bytes(),
        ));
        let path = directory.path.join(&target);
        let link = link.get_or_insert(target);
        if let Some(process) = OfProcess::parse(&path) {
            return process
                .open(host, link, meta.written.as_secs())
                .map(|namespace| (namespace, claim));
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(NoNamespace::Elsewhere(link.clone()));
        };
        directory = Location::new(parent, claim);
        (file, claim) = host
            .dir(&directory)
            .and_then(|it| it.open_path(name))
            .map_err(|error| match error {
                ReadError::Absent => NoNamespace::Dangling(link.clone()),
                why => NoNamespace::Unread {
                    link: link.clone(),
                    why,
                },
            })?;
    }
    Err(NoNamespace::Unread {
        link: link.unwrap_or_default(),
        why: Errno::LOOP.into(),
    })
}

/// Returns the reason why the file `path` could not be opened as a namespace.
pub(crate) fn refusal(path: &Path, errno: Errno) -> NoNamespace {
    match (errno, std::fs::read_link(path)) {
        (Errno::NOENT, Ok(link)) if OfProcess::parse(&path.with_file_name(&link)).is_some() => {
            NoNamespace::Ended(link)
        }
        (Errno::NOENT, Ok(link)) => NoNamespace::Dangling(link),
        _ => NoNamespace::Os(errno),
    }
}

/// A namespace of a process, as `/proc` names it.
#[derive(Debug, PartialEq, Eq)]
struct OfProcess {
    pid: Pid,
    tid: Option<Pid>,
    kind: NsKind,
}

impl OfProcess {
    /// Reads `/proc/PID/ns/KIND` or `/proc/PID/task/TID/ns/KIND`.
    fn parse(path: &Path) -> Option<Self> {
        let mut parts: Vec<&[u8]> = Vec::new();
        for component in path.components() {
            match component {
                Component::Normal(name) => parts.push(name.as_bytes()),
                Component::ParentDir => drop(parts.pop()),
                _ => {}
            }
        }
        let (pid, tid, kind) = match parts[..] {
            [b"proc", pid, b"ns", kind] => (pid, None, kind),
            [b"proc", pid, b"task", tid, b"ns", kind] => (pid, Some(tid), kind),
            _ => return None,
        };
        let tid = tid.map(|tid| pid::parse(tid).ok());
        Some(Self {
            pid: pid::parse(pid).ok()?,
            tid: tid.map_or(Some(None), |tid| tid.map(Some))?,
            kind: NsKind::from_name(kind)?,
        })
    }

    /// Opens the namespace for a link with this text that was made at `made`, in seconds since 1970.
    fn open(&self, host: &Host, link: &Path, made: u64) -> Result<Namespace, NoNamespace> {
        let ended = || NoNamespace::Ended(link.to_owned());
        let proc = host.proc();
        let process = Process::pin(self.pid).map_err(|_| ended())?;
        let start = proc.start_time(self.pid).map_err(|_| ended())?;
        let own = NsLink::Own(self.kind);
        let opened = match self.tid {
            Some(tid) => proc.thread_ns_links(self.pid, tid).open(own),
            None => proc.open_ns(self.pid, own),
        };
        // This was read by the number, and is about this process only if it has not ended.
        if process.ended() {
            return Err(ended());
        }
        // A link that seems older than the boot was made before the clock was set.
        if host.boot().is_some_and(|boot| boot <= made) && host.started_after(start, made) {
            return Err(NoNamespace::Reused {
                link: link.to_owned(),
                pid: self.pid,
            });
        }
        opened.map_err(|error| match error {
            ProcError::Vanished => ended(),
            ProcError::Os(errno) => NoNamespace::Unread {
                link: link.to_owned(),
                why: errno.into(),
            },
            _ => NoNamespace::Unread {
                link: link.to_owned(),
                why: ReadError::Denied,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_a_processs_namespace_is_read() {
        let parse = |path: &str| OfProcess::parse(Path::new(path));
        let pid = |number| Pid::from_raw(number).unwrap();
        let net = |tid| {
            Some(OfProcess {
                pid: pid(4711),
                tid,
                kind: NsKind::Net,
            })
        };
        for path in [
            "/proc/4711/ns/net",
            "/run/netns/../../proc/4711/./ns/net",
            "//proc//4711/ns/net",
        ] {
            assert_eq!(parse(path), net(None), "{path}");
        }
        assert_eq!(parse("/proc/4711/task/4712/ns/net"), net(Some(pid(4712))));
        for path in [
            "/proc/self/ns/net",
            "/proc/4711/ns/nets",
            "/proc/4711/root",
            "/proc/0/ns/net",
            "/run/netns/blue",
            "",
        ] {
            assert_eq!(parse(path), None, "{path}");
        }
    }
}
