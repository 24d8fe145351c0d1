//! `nsx net`: the devices of all network namespaces, and which of them are connected.
//!
//! [`survey`] reads every network namespace from outside, through a netlink socket that is opened
//! in it. [`ends`] finds the other ends of devices, [`map`] lists them, and [`graph`] draws them.
//! [`openers`] finds the processes that have sockets open, and [`sockets`] lists the sockets.

mod action;
mod ends;
mod graph;
mod map;
mod openers;
mod options;
mod sockets;
mod survey;

pub use options::Options;

use crate::{
    answer::Answer,
    error::Error,
    exit::ExitStatus,
    query::{
        column::{LinkColumn, SocketColumn},
        descriptions,
        system::{self, Procfs, System},
    },
};
use action::Action;

/// Runs the action that the options request.
pub(crate) fn run(options: Options) -> Result<ExitStatus, Error> {
    let (action, format, output) = options.action()?;
    let answer = match action {
        Action::Columns { of_sockets: false } => descriptions::answer::<LinkColumn>(format),
        Action::Columns { of_sockets: true } => descriptions::answer::<SocketColumn>(format),
        Action::Graph(graph) => show(|system| graph.answer(system)),
        Action::Sockets(sockets) => show(|system| sockets.answer(system, format)),
        Action::Map(map) => show(|system| map.answer(system, format)),
    };
    output.print(answer?)
}

/// Answers from this system.
fn show(answer: impl FnOnce(&System) -> Result<Answer, Error>) -> Result<Answer, Error> {
    system::show(&Procfs::Own, answer)
}
