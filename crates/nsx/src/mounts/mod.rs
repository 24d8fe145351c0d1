//! `nsx mounts`: the mounts of a process, container or mount namespace, as they are seen there.
//!
//! [`tables`] reads the mounts of mount namespaces from outside. [`tree`] lists those of one, with
//! their [`propagation`], [`compare`] those of two, [`watch`] follows those of one, and [`holders`]
//! finds what keeps a mount busy.

mod action;
mod compare;
mod holders;
mod options;
mod propagation;
mod tables;
mod tree;
mod watch;

pub use options::Options;

use crate::{
    answer::Answer,
    error::Error,
    exit::ExitStatus,
    query::{
        column::MountColumn,
        descriptions,
        system::{self, Procfs, System},
    },
};
use action::Action;

/// Runs the action that the options request.
pub(crate) fn run(options: Options) -> Result<ExitStatus, Error> {
    let (action, format, output) = options.action()?;
    let answer = match action {
        Action::Watch(watch) => {
            return system::show(&Procfs::Own, |system| watch.follow(system, format, &output));
        }
        Action::Columns => descriptions::answer::<MountColumn>(format),
        Action::Tree(tree) => show(|system| tree.answer(system, format)),
        Action::Compare(one, other) => show(|system| compare::answer(&one, &other, system, format)),
        Action::Why(path, target) => {
            show(|system| holders::answer(&path, target.as_deref(), system, format))
        }
    };
    output.print(answer?)
}

/// Answers from this system.
fn show(answer: impl FnOnce(&System) -> Result<Answer, Error>) -> Result<Answer, Error> {
    system::show(&Procfs::Own, answer)
}
