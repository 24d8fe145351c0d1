//! Changes to the record of a set of namespaces, by those who connect the set.

use crate::{plan::Addition, trouble};
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// Takes lines out of a record again.
pub(super) fn take_back(addition: &Addition) -> Result<(), Errno> {
    let is_kept = |line: &str| addition.lines.iter().all(|added| added != line);
    errno_of(edit_record(&addition.path, is_kept, &[]))
}

/// Rewrites the record of a set: without the lines for which `is_kept` says no, and with the lines
/// `added`. A reader sees the old text or the new one; another writer waits.
///
/// # Errors
/// Those of the system calls; the record is then as it was.
pub fn edit_record(
    path: &Path,
    is_kept: impl Fn(&str) -> bool,
    added: &[String],
) -> io::Result<()> {
    let directory = File::open(path.parent().unwrap_or(Path::new("/")))?;
    flock(&directory, FlockOperation::LockExclusive)?;
    let before = fs::read_to_string(path)?;
    let kept = before.lines().filter(|line| is_kept(line));
    let lines = kept.chain(added.iter().map(String::as_str));
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    let new = draft(path);
    let written = fs::write(&new, text).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}

/// Returns the file that becomes a record. No set has a name that begins with a dot.
pub fn draft(record: &Path) -> PathBuf {
    let name = record.file_name().unwrap_or_default().to_string_lossy();
    record.with_file_name(format!(".{name}.new"))
}

/// Returns the errno of an error of the standard library.
pub(super) fn errno_of<T>(outcome: io::Result<T>) -> Result<T, Errno> {
    outcome.map_err(|error| trouble::errno_of(&error))
}
