//! `cargo xtask completions`: what bash, zsh and fish complete, from the options themselves.

use crate::tree::Generated;
use clap::CommandFactory;
use clap_complete::Shell;
use nsx::cli::Nsx;
use std::path::Path;

/// A script for each shell.
pub(crate) fn scripts() -> Vec<Generated> {
    let files = [(Shell::Bash, "nsx.bash"), (Shell::Zsh, "_nsx"), (Shell::Fish, "nsx.fish")];
    files.map(|(shell, file)| script(shell, file)).into()
}

fn script(shell: Shell, file: &str) -> Generated {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut Nsx::command(), "nsx", &mut bytes);
    Generated {
        path: Path::new("crates/nsx/completions").join(file),
        text: String::from_utf8_lossy(&bytes).into_owned(),
        by: "completions",
    }
}
