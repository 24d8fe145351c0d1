//! Text that belongs to one machine, to an editor or to a merge.

use std::path::Path;

/// The only registry that a lock file may name.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Directories of a single machine.
const MACHINE: [&str; 3] = ["home", "work", "Users"];

/// Lists text that belongs to a machine, an editor or a merge.
pub(super) fn litter(path: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.ends_with('~')
        || [".swp", ".orig", ".rej"]
            .iter()
            .any(|end| name.ends_with(end))
        || name == ".DS_Store"
    {
        found.push("left by an editor or a merge".to_owned());
    }
    for (line, number) in text.lines().zip(1..) {
        if MACHINE
            .iter()
            .any(|directory| names_root_directory(line, directory))
        {
            found.push(format!("line {number} names a directory of one machine"));
        }
        if ["registry", "sparse"]
            .iter()
            .any(|kind| line.contains(&format!("\"{kind}+")))
            && !line.contains(CRATES_IO)
        {
            found.push(format!(
                "line {number} names a registry that is not crates.io"
            ));
        }
        if line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ") {
            found.push(format!("line {number} is left from a merge"));
        }
    }
    found
}

/// Returns whether a path below `/directory` is in the line.
fn names_root_directory(line: &str, directory: &str) -> bool {
    let path = format!("/{directory}/");
    let before = |index: usize| line[..index].chars().next_back();
    line.match_indices(&path).any(|(index, _)| {
        before(index).is_none_or(|letter| !(letter.is_alphanumeric() || "._-}/".contains(letter)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_a_machine_is_seen_and_one_below_another_is_not() {
        assert!(names_root_directory("/lab/x", "lab"));
        assert!(names_root_directory("see \"/lab/x\"", "lab"));
        assert!(!names_root_directory(
            "{dir}/lab/x and overlay/lab/x",
            "lab"
        ));
        assert!(!names_root_directory("/laboratory", "lab"));
    }
}
