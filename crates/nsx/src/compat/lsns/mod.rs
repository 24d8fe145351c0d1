//! `lsns` as util-linux has it.
//!
//! Rows are made from the same census as those of `nsx ls`. Nothing else is looked up unless the
//! columns or the filter need it.

mod columns;
mod host;
mod json;
mod options;
mod output;
mod rows;
mod text;
mod wording;
mod words;

pub use words::{json as quoted, raw};

use super::{Complaint, Personality, print};
use crate::exit::ExitStatus;
use columns::Column;
use nsx_core::{proc::ProcRoot, trouble};
use options::{Action, Format, Options, Tree};
use rows::Maker;
use std::ffi::CStr;

const HELP: &str = include_str!("help.txt");

/// Runs the program.
pub(super) fn run(arguments: &[&CStr]) -> Result<ExitStatus, Complaint> {
    let status = options::read(arguments)?.answer(Personality::Lsns, HELP, lsns)?;
    match trouble::first() {
        // The output is incomplete.
        Some(errno) => Err(Complaint::because([b"failed to read all of it"], errno)),
        None => Ok(status),
    }
}

fn lsns(action: Action) -> Result<ExitStatus, Complaint> {
    match action {
        Action::Columns(format) => print(&output::columns(format)),
        Action::List(options) => print(&list(&options)?),
    }
}

fn list(options: &Options) -> Result<String, Complaint> {
    let filter = options.filter.as_ref().map(Result::as_ref).transpose();
    let filter = filter.map_err(wording::unknown_column)?;
    let proc =
        ProcRoot::system().map_err(|errno| Complaint::because([b"cannot open /proc"], errno))?;
    let mounts = host::mounts(&proc)?;
    let tree = tree(options);
    let census = rows::take_census(&proc, options)?;
    let maker = Maker::new(options, tree, filter, &proc, (&census, &mounts));
    let rows = match options.namespace {
        None => maker.namespaces(),
        Some(inode) => maker.processes(inode),
    }?;
    let drawn = match tree {
        Tree::None => None,
        Tree::Process => Some(Column::Command),
        Tree::Parent | Tree::Owner => Some(Column::Ns),
    };
    Ok(match options.format {
        Format::Json => output::document(&rows, options, drawn),
        // A list of processes has no tree of namespaces, but the column keeps its alignment.
        Format::Text | Format::Raw if matches!(options.tree, Some(Tree::Parent | Tree::Owner)) => {
            output::table(&rows, options, Some(Column::Ns))
        }
        Format::Text | Format::Raw => output::table(&rows, options, drawn),
    })
}

/// Returns the tree to show. By default it is a tree of processes, except with all columns and for
/// JSON, where namespaces would be children of others that they have nothing to do with. A list of
/// processes has no other tree.
fn tree(options: &Options) -> Tree {
    match (options.tree, options.namespace) {
        (None, None) if options.all || options.format == Format::Json => Tree::None,
        (None, _) => Tree::Process,
        (Some(Tree::Parent | Tree::Owner), Some(_)) => Tree::None,
        (Some(tree), _) => tree,
    }
}
