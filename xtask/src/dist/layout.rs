//! The files below the prefix of an installation: /usr of a package, the tarball's own directory.

use super::dependencies::{self, Dependency};
use crate::{Outcome, tree};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

/// The programs of util-linux whose names the second package provides.
const NAMES: [&str; 3] = ["lsns", "nsenter", "unshare"];

/// Copies all files to a prefix that does not exist.
pub(super) fn fill(prefix: &Path, programs: &Path, dependencies: &[Dependency]) -> Outcome {
    for program in ["nsx", "nsx-compat"] {
        copy(
            &programs.join(program),
            &prefix.join("bin").join(program),
            0o755,
        )?;
    }
    let links = prefix.join("libexec/nsx/bin");
    fs::create_dir_all(&links)?;
    for name in NAMES {
        symlink("../../../bin/nsx-compat", links.join(name))?;
    }
    for (from, to, extension) in [
        ("man", "share/man/man1", "1"),
        ("man", "share/man/man7", "7"),
        ("crates/nsx/schema", "share/nsx/schema", "json"),
    ] {
        for entry in fs::read_dir(tree::root().join(from))? {
            let path = entry?.path();
            if path.extension().is_some_and(|it| it == extension)
                && let Some(name) = path.file_name()
            {
                copy(&path, &prefix.join(to).join(name), 0o644)?;
            }
        }
    }
    for (from, to) in [
        (
            "crates/nsx/completions/nsx.bash",
            "share/bash-completion/completions/nsx",
        ),
        (
            "crates/nsx/completions/_nsx",
            "share/zsh/vendor-completions/_nsx",
        ),
        (
            "crates/nsx/completions/nsx.fish",
            "share/fish/vendor_completions.d/nsx.fish",
        ),
        ("packaging/apparmor/nsx", "share/nsx/apparmor/nsx"),
    ] {
        copy(&tree::root().join(from), &prefix.join(to), 0o644)?;
    }
    let licences = prefix.join("share/doc/nsx/copyright");
    write(&licences, &dependencies::licences(dependencies)?, 0o644)
}

fn copy(from: &Path, to: &Path, mode: u32) -> Outcome {
    let bytes =
        fs::read(from).map_err(|error| format!("failed to read {}: {error}", from.display()))?;
    put(to, &bytes, mode)
}

/// Writes a file, with the directories above it.
pub(super) fn write(to: &Path, text: &str, mode: u32) -> Outcome {
    put(to, text.as_bytes(), mode)
}

fn put(to: &Path, bytes: &[u8], mode: u32) -> Outcome {
    if let Some(directory) = to.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(to, bytes)?;
    Ok(fs::set_permissions(to, fs::Permissions::from_mode(mode))?)
}
