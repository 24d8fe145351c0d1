//! Files that may be executed.

use rustix::fs::{Access, AtFlags, CWD};
use std::path::Path;

/// Returns whether the caller may execute a file.
pub(crate) fn is_program(path: &Path) -> bool {
    path.is_file() && rustix::fs::accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS).is_ok()
}
