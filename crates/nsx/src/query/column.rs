//! The columns that a list may have: what each is called, what it says and what finding it costs.
//! Those of namespaces are here, those of processes in [`super::process_column`].

use crate::table::Align;
use nsx_core::census::Sources;
use nsx_target::near;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Ns,
    Id64,
    Type,
    Nprocs,
    Seen,
    Nthreads,
    Pid,
    Ppid,
    User,
    Uid,
    Command,
    Path,
    Parent,
    Owner,
    OwnerUid,
    Nsfs,
    NetnsId,
    Holders,
    Container,
    Engine,
    Pod,
    Unit,
    Cgroup,
    NsPid,
    Age,
    UidMap,
    GidMap,
    Hostname,
    Nlinks,
    Nmounts,
}

/// The properties of a column: its name, alignment, meaning, cost and sources.
pub(crate) struct Spec<C = Column> {
    pub(super) column: C,
    /// The heading, and what options and filters call it. In JSON the same in small letters.
    pub(crate) name: &'static str,
    /// Numbers stand on the right.
    pub(crate) align: Align,
    /// The meaning of the column, in words.
    pub(crate) about: &'static str,
    /// The cost of finding the column's cells, beyond the pass over the processes.
    pub(crate) cost: &'static str,
    /// The sources that the census has to read for the column.
    pub(crate) sources: Sources,
}

const NOTHING: &str = "nothing";
const LEADER: &str = "a file for each row";
const OPEN: &str = "some ten calls for each namespace";
const RECORDS: &str = "a file for each row, the engines' records once";

/// The columns of one kind of list.
pub(crate) trait Columns: Copy + PartialEq + Sized + 'static {
    /// All, in the order in which they are told of.
    const SPECS: &'static [Spec<Self>];
    /// Those of a list where none are named.
    const USUAL: &'static [Self];
    /// The options that list them.
    const LISTED_BY: &'static str;

    /// Returns the properties of the column.
    fn spec(self) -> &'static Spec<Self>;

    /// All, in the order in which they are told of.
    fn all() -> impl Iterator<Item = Self> {
        Self::SPECS.iter().map(|spec| spec.column)
    }

    /// The one with this name, in letters of any size.
    fn named(name: &str) -> Option<Self> {
        Self::SPECS
            .iter()
            .find(|spec| spec.name.eq_ignore_ascii_case(name))
            .map(|spec| spec.column)
    }

    /// Its key in JSON.
    fn key(self) -> String {
        self.spec().name.to_ascii_lowercase()
    }
}

const fn spec(
    column: Column,
    name: &'static str,
    align: Align,
    sources: Sources,
    cost: &'static str,
    about: &'static str,
) -> Spec {
    Spec {
        column,
        name,
        align,
        about,
        cost,
        sources,
    }
}

const NONE: Sources = Sources::NONE;

/// All columns, in the order of [`Column`].
#[rustfmt::skip]
const SPECS: [Spec; 30] = [
    spec(Column::Ns, "NS", Align::Right, NONE, NOTHING, "inode number, as /proc/PID/ns shows it"),
    spec(Column::Id64, "ID64", Align::Right, Sources::RELATIONS, OPEN, "the id that is never used \
    again before the next boot (6.18)"),
    spec(Column::Type, "TYPE", Align::Left, NONE, NOTHING, "kind"),
    spec(Column::Nprocs, "NPROCS", Align::Right, NONE, NOTHING, "processes in it; `3+` if there \
    may be others, which you may not see"),
    spec(Column::Seen, "SEEN", Align::Right, NONE, NOTHING, "processes in it that were seen"),
    spec(Column::Nthreads, "NTHREADS", Align::Right, Sources::THREADS, "a call for each process, \
    eight for each further thread", "threads in it"),
    spec(Column::Pid, "PID", Align::Right, NONE, "a file for each process that shares it", "its \
    leader: PID 1 of a PID namespace, else the process in it that started first"),
    spec(Column::Ppid, "PPID", Align::Right, NONE, LEADER, "the leader's parent"),
    spec(Column::User, "USER", Align::Left, NONE, LEADER, "whose process the leader is"),
    spec(Column::Uid, "UID", Align::Right, NONE, LEADER, "the same as a number"),
    spec(Column::Command, "COMMAND", Align::Left, NONE, "two files for each row", "what the leader \
    runs"),
    spec(Column::Path, "PATH", Align::Left, NONE, NOTHING, "a file that leads to it"),
    spec(Column::Parent, "PARENT", Align::Right, Sources::RELATIONS, OPEN, "PID and user \
    namespaces: the one above"),
    spec(Column::Owner, "OWNER", Align::Right, Sources::RELATIONS, OPEN, "the user namespace that \
    owns it"),
    spec(Column::OwnerUid, "OWNERUID", Align::Right, Sources::RELATIONS, OPEN, "the user who \
    created that one, or this one if it is a user namespace"),
    spec(Column::Nsfs, "NSFS", Align::Left, Sources::PINS, "a file to read", "where it is bound to \
    a file in your mount namespace"),
    spec(Column::NetnsId, "NETNSID", Align::Right, NONE, "three calls for each row", "network \
    namespaces: their number in yours"),
    spec(Column::Holders, "HOLDERS", Align::Left, Sources::ALL, "a call for each descriptor of the \
    host", "what keeps it alive, beside the processes in it"),
    spec(Column::Container, "CONTAINER", Align::Left, NONE, RECORDS, "the leader's container: its \
    name, or the start of its id"),
    spec(Column::Engine, "ENGINE", Align::Left, NONE, RECORDS, "whose container that is"),
    spec(Column::Pod, "POD", Align::Left, NONE, RECORDS, "its place in Kubernetes"),
    spec(Column::Unit, "UNIT", Align::Left, NONE, LEADER, "the leader's systemd unit"),
    spec(Column::Cgroup, "CGROUP", Align::Left, NONE, LEADER, "the leader's cgroup"),
    spec(Column::NsPid, "NSPID", Align::Left, NONE, LEADER, "the leader's ids, from yours to its \
    own"),
    spec(Column::Age, "AGE", Align::Right, NONE, LEADER, "seconds since the leader started"),
    spec(Column::UidMap, "UIDMAP", Align::Left, NONE, LEADER, "user namespaces: first id inside, \
    outside, how many; `?` where nobody is in it"),
    spec(Column::GidMap, "GIDMAP", Align::Left, NONE, LEADER, "the same of groups"),
    spec(Column::Hostname, "HOSTNAME", Align::Left, NONE, "a process for each row", "UTS \
    namespaces: the host name"),
    spec(Column::Nlinks, "NLINKS", Align::Right, NONE, "a file for each row, a process where \
    nobody is in it", "network namespaces: how many devices"),
    spec(Column::Nmounts, "NMOUNTS", Align::Right, NONE, LEADER, "mount namespaces: how many \
    mounts the leader sees; all where there is none (6.12)"),
];

impl Columns for Column {
    const SPECS: &'static [Spec] = &SPECS;
    const USUAL: &'static [Self] = &USUAL;
    const LISTED_BY: &'static str = "--columns";

    fn spec(self) -> &'static Spec {
        &SPECS[self as usize]
    }
}

/// Those of a list of namespaces where none are named.
pub(crate) const USUAL: [Column; 6] = [
    Column::Ns,
    Column::Type,
    Column::Nprocs,
    Column::Pid,
    Column::User,
    Column::Command,
];

/// Reads the value of `--output`: names with commas between them, after a `+` beside the `usual`
/// ones. `all` is all. COMMAND, which has any length, stays behind those that are added.
///
/// # Errors
/// A description, in words, of what is wrong with the list.
pub(crate) fn parse_list<C: Columns>(list: &str, usual: &[C]) -> Result<Vec<C>, String> {
    let (mut columns, last, names) = match (list.strip_prefix('+'), usual.split_last()) {
        (Some(names), Some((last, before))) if last.spec().name == "COMMAND" => {
            (before.to_vec(), Some(*last), names)
        }
        (Some(names), _) => (usual.to_vec(), None, names),
        (None, _) => (Vec::new(), None, list),
    };
    for name in names.split(',') {
        match C::named(name) {
            Some(column) => columns.push(column),
            None if name.eq_ignore_ascii_case("all") => columns.extend(C::all()),
            None => {
                let near = near::nearest(name, C::all().map(|column| column.spec().name));
                let near = near
                    .first()
                    .map_or_else(String::new, |near| format!("did you mean {near}? "));
                return Err(format!(
                    "there is no column {name:?}; {near}{} lists those there are",
                    C::LISTED_BY
                ));
            }
        }
    }
    columns.extend(last);
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_column_is_said_something_of_in_its_place() {
        for (place, column) in Column::all().enumerate() {
            assert_eq!(column as usize, place);
            assert_eq!(Column::named(&column.key()), Some(column));
        }
    }

    #[test]
    fn a_list_names_them_or_adds_to_the_usual() {
        let parse_list = |list| parse_list(list, &USUAL);
        assert_eq!(parse_list("ns,Type"), Ok(vec![Column::Ns, Column::Type]));
        assert_eq!(
            parse_list("+OWNER").unwrap(),
            [&USUAL[..5], &[Column::Owner, Column::Command]].concat()
        );
        assert_eq!(parse_list("all").unwrap().len(), SPECS.len());
        assert!(parse_list("ns,\u{1b}").unwrap_err().contains("\"\\u{1b}\""));
        assert!(parse_list("").is_err());
    }
}
