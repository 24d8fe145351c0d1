//! The files of the repository. Paths are relative to its root.

use crate::Outcome;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A file that a chore generates.
#[derive(Clone)]
pub(crate) struct Generated {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    /// The chore.
    pub(crate) by: &'static str,
}

/// Returns the root of the repository.
pub(crate) fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// Returns the cargo that runs this program, to be run in the repository.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

/// Reads a file. Bytes that are not UTF-8 become U+FFFD.
pub(crate) fn read(path: &Path) -> Outcome<String> {
    match fs::read(root().join(path)) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => Err(format!("failed to read {}: {error}", path.display()).into()),
    }
}

/// Writes generated files.
pub(crate) fn write(files: Vec<Generated>) -> Outcome {
    for Generated { path, text, .. } in files {
        fs::write(root().join(&path), text)
            .map_err(|error| format!("failed to write {}: {error}", path.display()))?;
    }
    Ok(())
}

/// Returns the files that git tracks and that exist.
pub(crate) fn committed() -> Outcome<Vec<PathBuf>> {
    let listing = Command::new("git")
        .arg("-C")
        .arg(root())
        .args(["ls-files", "-z"])
        .output();
    let listing = listing.map_err(|error| format!("failed to run git: {error}"))?;
    if !listing.status.success() {
        return Err(format!(
            "git ls-files: {}",
            String::from_utf8_lossy(&listing.stderr).trim()
        )
        .into());
    }
    let names = String::from_utf8(listing.stdout)?;
    let paths = names.split_terminator('\0').map(PathBuf::from);
    Ok(paths.filter(|path| root().join(path).exists()).collect())
}
