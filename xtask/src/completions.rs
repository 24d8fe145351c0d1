//! `cargo xtask completions`: what bash, zsh and fish complete, from the options themselves.

use crate::tree::Generated;
use clap::{Arg, ArgAction, CommandFactory};
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
    let mut nsx = Nsx::command().mut_subcommands(|command| command.mut_args(without_attached_value));
    clap_complete::generate(shell, &mut nsx, "nsx", &mut bytes);
    Generated {
        path: Path::new("crates/nsx/completions").join(file),
        text: String::from_utf8_lossy(&bytes).into_owned(),
        by: "completions",
    }
}

/// A value that may be left out is attached with `=`. The scripts would take the next word for it, so they are told of a
/// flag.
fn without_attached_value(option: Arg) -> Arg {
    if !option.is_require_equals_set() {
        return option;
    }
    let mut flag = Arg::new(option.get_id()).action(ArgAction::SetTrue);
    if let Some(short) = option.get_short() {
        flag = flag.short(short);
    }
    if let Some(long) = option.get_long() {
        flag = flag.long(long.to_owned());
    }
    if let Some(help) = option.get_help() {
        flag = flag.help(help.clone());
    }
    flag
}
