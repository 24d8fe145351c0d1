//! The directory of the tests: one for the whole run, with nsx in it, removed at the end.
//!
//! The ordinary user cannot reach a target directory in root's home, so nsx and the test program,
//! which also applies seccomp filters, are copied to a directory in which that user can run them.
//! They are copied before the first thread starts: a file that any process has open for writing
//! cannot be run, not even by a child that was just forked.

use super::ENTER_EXAMPLE;
use std::{
    env, fs,
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicUsize, Ordering},
};

/// The directory of a run.
pub(crate) struct Place {
    root: PathBuf,
    /// The number of directories that were given out.
    given: AtomicUsize,
}

impl Place {
    pub(crate) fn new() -> Self {
        let root = env::temp_dir().join(format!("nsx-tests.{}", process::id()));
        fs::create_dir(&root).unwrap();
        let place = Self {
            root,
            given: AtomicUsize::new(0),
        };
        allow(&place.root, 0o755);
        fs::create_dir(place.bin()).unwrap();
        allow(&place.bin(), 0o755);
        for (from, to) in [
            (PathBuf::from(env!("CARGO_BIN_EXE_nsx")), "nsx"),
            (
                PathBuf::from(env!("CARGO_BIN_EXE_nsx-compat")),
                "nsx-compat",
            ),
            (env::current_exe().unwrap(), "tests"),
        ] {
            fs::copy(from, place.bin().join(to)).unwrap();
            allow(&place.bin().join(to), 0o755);
        }
        symlink("tests", place.bin().join(ENTER_EXAMPLE)).unwrap();
        fs::create_dir(place.strict()).unwrap();
        allow(&place.strict(), 0o755);
        for name in ["lsns", "nsenter", "unshare"] {
            symlink("../bin/nsx-compat", place.strict().join(name)).unwrap();
            if let Some(directory) = other_util_linux() {
                symlink(directory.join(name), place.bin().join(name)).unwrap();
            }
        }
        place
    }

    /// Returns the directory in which links to nsx-compat have the names of util-linux's programs.
    pub(crate) fn strict(&self) -> PathBuf {
        self.root.join("strict")
    }

    /// Returns the directory of `nsx`, first in every test's PATH. If a util-linux other than the
    /// host's is named, its programs are there too.
    pub(crate) fn bin(&self) -> PathBuf {
        self.root.join("bin")
    }

    /// The copy of the test program.
    pub(crate) fn tests(&self) -> PathBuf {
        self.bin().join("tests")
    }

    /// A new empty directory, closed to others, owned by `ids` (user and group) or else by the user
    /// who runs the tests.
    pub(crate) fn directory(&self, ids: Option<(u32, u32)>) -> PathBuf {
        let directory = self
            .root
            .join(self.given.fetch_add(1, Ordering::Relaxed).to_string());
        fs::create_dir(&directory).unwrap();
        allow(&directory, 0o700);
        if let Some((user, group)) = ids {
            chown(&directory, Some(user), Some(group)).unwrap();
        }
        directory
    }
}

/// The directory of the util-linux to compare with, if it is not the host's own.
pub(crate) fn other_util_linux() -> Option<PathBuf> {
    env::var_os("NSX_TEST_UTIL_LINUX").map(PathBuf::from)
}

impl Drop for Place {
    fn drop(&mut self) {
        // Files that cannot be removed remain in the system's temporary directory.
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// Sets a mode whatever the umask is.
fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
