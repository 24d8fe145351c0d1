//! The columns that a list of processes may have.

use super::column::{Columns, Spec};
use crate::table::Align;
use nsx_core::census::Sources;

/// A column of a list of processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProcessColumn {
    Pid,
    Chain,
    Ns,
    Ppid,
    User,
    Uid,
    Command,
    Container,
    Engine,
    Pod,
    Unit,
    Cgroup,
    Age,
}

const NOTHING: &str = "nothing";
const FILE: &str = "a file for each row";
const RECORDS: &str = "a file for each row, the engines' records once";

const fn spec(
    column: ProcessColumn,
    name: &'static str,
    align: Align,
    cost: &'static str,
    about: &'static str,
) -> Spec<ProcessColumn> {
    Spec {
        column,
        name,
        align,
        about,
        cost,
        sources: Sources::NONE,
    }
}

/// All columns, in the order of [`ProcessColumn`].
const SPECS: [Spec<ProcessColumn>; 13] = [
    spec(
        ProcessColumn::Pid,
        "PID",
        Align::Right,
        NOTHING,
        "its id here",
    ),
    spec(
        ProcessColumn::Chain,
        "CHAIN",
        Align::Left,
        NOTHING,
        "its ids, from yours to its own",
    ),
    spec(
        ProcessColumn::Ns,
        "NS",
        Align::Right,
        NOTHING,
        "inode number of the PID namespace that it is in",
    ),
    spec(
        ProcessColumn::Ppid,
        "PPID",
        Align::Right,
        NOTHING,
        "its parent",
    ),
    spec(
        ProcessColumn::User,
        "USER",
        Align::Left,
        NOTHING,
        "whose it is",
    ),
    spec(
        ProcessColumn::Uid,
        "UID",
        Align::Right,
        NOTHING,
        "the same as a number",
    ),
    spec(
        ProcessColumn::Command,
        "COMMAND",
        Align::Left,
        FILE,
        "what it runs",
    ),
    spec(
        ProcessColumn::Container,
        "CONTAINER",
        Align::Left,
        RECORDS,
        "its container: the name, or the start of the id",
    ),
    spec(
        ProcessColumn::Engine,
        "ENGINE",
        Align::Left,
        RECORDS,
        "whose container that is",
    ),
    spec(
        ProcessColumn::Pod,
        "POD",
        Align::Left,
        RECORDS,
        "its place in Kubernetes",
    ),
    spec(
        ProcessColumn::Unit,
        "UNIT",
        Align::Left,
        FILE,
        "its systemd unit",
    ),
    spec(
        ProcessColumn::Cgroup,
        "CGROUP",
        Align::Left,
        FILE,
        "its cgroup",
    ),
    spec(
        ProcessColumn::Age,
        "AGE",
        Align::Right,
        FILE,
        "seconds since it started",
    ),
];

impl Columns for ProcessColumn {
    const SPECS: &'static [Spec<Self>] = &SPECS;
    const USUAL: &'static [Self] = &[Self::Chain, Self::Ns, Self::User, Self::Command];
    const LISTED_BY: &'static str = "--pids --columns";

    fn spec(self) -> &'static Spec<Self> {
        &SPECS[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_column_is_said_something_of_in_its_place() {
        for (place, column) in ProcessColumn::all().enumerate() {
            assert_eq!(column as usize, place);
            assert_eq!(ProcessColumn::named(&column.key()), Some(column));
        }
    }
}
