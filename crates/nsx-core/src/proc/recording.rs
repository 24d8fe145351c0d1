//! A procfs on disk, for tests: what a live one shows only for a moment, or never twice the same.

use super::ProcRoot;
use std::{
    fs,
    os::unix::fs::symlink,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

/// A directory that a test fills as the kernel would, and that goes with this value.
pub(crate) struct Recording(PathBuf);

impl Recording {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("nsx-recording-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn root(&self) -> ProcRoot {
        ProcRoot::open(&self.0).unwrap()
    }

    pub(crate) fn directory(&self, name: &str) {
        fs::create_dir_all(self.0.join(name)).unwrap();
    }

    /// A process with these links in `ns`, such as `net:[7]`.
    pub(crate) fn process(&self, pid: u32, namespaces: &[&str]) {
        let links = format!("{pid}/ns");
        self.directory(&links);
        for target in namespaces {
            let (kind, _) = target.split_once(':').unwrap();
            symlink(target, self.0.join(&links).join(kind)).unwrap();
        }
    }

    /// A link, with the directories that it is in.
    pub(crate) fn link(&self, path: &str, target: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    /// The text of a process's file.
    pub(crate) fn file(&self, pid: u32, name: &str, text: impl AsRef<[u8]>) {
        self.directory(&pid.to_string());
        fs::write(self.0.join(pid.to_string()).join(name), text).unwrap();
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
