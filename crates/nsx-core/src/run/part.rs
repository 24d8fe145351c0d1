//! The parts of what an outside leaves behind, and how each is undone.

use super::{mounts::mount_id, network, record_file, table, uplink};
use crate::{
    ns::Namespace,
    plan::{self, Addition, Bridge, LinkKind, Pin, Plan, Record, Step, Table, Uplink},
    proc::ProcRoot,
};
use rustix::{
    fs::{AtFlags, CWD},
    io::Errno,
    mount::UnmountFlags,
};
use std::path::Path;

/// The object that a part belongs to.
#[derive(Clone, Copy)]
pub(super) enum Whole<'a> {
    /// A file that keeps a namespace.
    Pin(&'a Pin),
    /// A bridge.
    Bridge(&'a Bridge),
    /// A link into another network namespace.
    Link(&'a plan::Link),
    /// A table of nftables.
    Table(&'a Table),
    /// A program that connects the new network namespace.
    Uplink(&'a Uplink),
    /// The record of a set.
    Record(&'a Record),
    /// Lines in the record of a set.
    Addition(&'a Addition),
}

impl<'a> Whole<'a> {
    /// Returns what the step leaves behind.
    pub(super) fn of(step: &'a Step) -> Option<Self> {
        match step {
            Step::Pin(pin) => Some(Self::Pin(pin)),
            Step::MakeBridge(bridge) => Some(Self::Bridge(bridge)),
            Step::MakeLink(link) => Some(Self::Link(link)),
            Step::MakeTable(table) => Some(Self::Table(table)),
            Step::StartUplink(uplink) => Some(Self::Uplink(uplink)),
            Step::WriteRecord(record) => Some(Self::Record(record)),
            Step::AddToRecord(addition) => Some(Self::Addition(addition)),
            _ => None,
        }
    }

    /// Returns whether it is taken away when the program has ended.
    pub(super) fn ends_with_program(self) -> bool {
        match self {
            Self::Bridge(bridge) => bridge.ends_with_ports,
            Self::Link(link) => link.ends_with_program,
            Self::Table(_) | Self::Uplink(_) => true,
            Self::Pin(_) | Self::Record(_) | Self::Addition(_) => false,
        }
    }
}

/// Returns whether nsx takes something away when the program of a plan has ended.
pub(super) fn ends_with_program(plan: &Plan) -> bool {
    let mut steps = plan.steps().iter();
    !plan.keeps()
        && steps.any(|planned| Whole::of(planned.step()).is_some_and(Whole::ends_with_program))
}

/// A part of what a step leaves behind. It is written down before it is made, so that another
/// process can undo it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The directory of `ip-netns(8)`, if there was none.
    Directory,
    /// The file, if there was none, or lines in it.
    File,
    /// A shared mount of that directory on itself. The number is the id of the mount that it was
    /// on.
    Shared(u32),
    /// A private mount of the directory on itself. The number is the id of the mount that the
    /// directory was on.
    Private(u32),
    /// The mount of the namespace. The number is the id of the mount that the file was on.
    Mount(u32),
    /// A link of the host, the number being the index of the link that had its name before, or 0.
    Link(u32),
    /// A link that ends with its end inside, the number being the index of the link inside that had
    /// its name before, or 0.
    Inside(u32),
    /// An interface of the host that is inside now.
    Moved,
    /// A table of the host.
    Table,
    /// A program that connects the new network namespace.
    Uplink,
}

impl Part {
    /// Undoes it. Nothing is left to tell of a failure to. `inside` is the network namespace that is
    /// connected, and `proc` the caller's procfs.
    pub(super) fn undo(
        self,
        whole: Whole<'_>,
        inside: Option<&Namespace>,
        proc: Option<&ProcRoot>,
    ) {
        let _ = match (self, whole) {
            (Self::Directory, Whole::Pin(pin)) => rustix::fs::rmdir(pin.directory()),
            (Self::File, Whole::Pin(pin)) => rustix::fs::unlinkat(CWD, &pin.at, AtFlags::empty()),
            (Self::File, Whole::Record(record)) => {
                rustix::fs::unlinkat(CWD, &record.path, AtFlags::empty())
            }
            (Self::File, Whole::Addition(addition)) => record_file::take_back(addition),
            // Not what others have mounted there since.
            (Self::Shared(_), Whole::Pin(pin)) => {
                rustix::mount::unmount(pin.directory(), UnmountFlags::NOFOLLOW)
            }
            (Self::Private(_), Whole::Pin(pin)) => unmount(pin.directory()),
            (Self::Mount(_), Whole::Pin(pin)) => unmount(&pin.at),
            (Self::Link(_), Whole::Bridge(bridge)) => network::remove_bridge(&bridge.name),
            (Self::Link(_), Whole::Link(link)) => network::remove(link),
            (Self::Inside(_), Whole::Link(link)) => inside.map_or(Ok(()), |inside| {
                network::remove_in(inside, &link.name).map(drop)
            }),
            (Self::Moved, Whole::Link(link)) => match (&link.kind, inside) {
                (LinkKind::Moved { from, is_up }, Some(inside)) => {
                    network::fetch(inside, &link.name, from, *is_up)
                }
                _ => Ok(()),
            },
            (Self::Table, Whole::Table(table)) => {
                table::remove(table);
                Ok(())
            }
            (Self::Directory, Whole::Uplink(uplink)) => uplink::remove_directory(uplink),
            (Self::Uplink, Whole::Uplink(_)) => {
                uplink::end_children(proc);
                Ok(())
            }
            _ => Ok(()),
        };
    }

    /// Returns whether the part was made, as far as can be seen (5.8): the process that wrote the
    /// part down was killed before or after making it. `inside` is as for [`Self::undo`].
    pub(super) fn is_there(self, whole: Whole<'_>, inside: Option<&Namespace>) -> bool {
        match (self, whole) {
            // To remove what is missing does no harm.
            (Self::Directory | Self::File, Whole::Pin(_))
            | (Self::File, Whole::Record(_) | Whole::Addition(_)) => true,
            (Self::Shared(before) | Self::Private(before), Whole::Pin(pin)) => {
                mount_id(pin.directory()) != before
            }
            (Self::Mount(before), Whole::Pin(pin)) => mount_id(&pin.at) != before,
            // What was not moved is not found inside, and what was not made is not removed.
            (Self::Moved, Whole::Link(_))
            | (Self::Table, Whole::Table(_))
            | (Self::Directory | Self::Uplink, Whole::Uplink(_)) => true,
            (Self::Link(_), Whole::Bridge(bridge)) if bridge.ends_with_ports => true,
            (Self::Link(before), Whole::Bridge(bridge)) => {
                network::index_of(&bridge.name).is_ok_and(|index| index != before)
            }
            (Self::Inside(before), Whole::Link(link)) => inside.is_some_and(|inside| {
                network::index_in(inside, &link.name).is_ok_and(|index| index != before)
            }),
            (Self::Link(before), Whole::Link(link)) => link
                .outside()
                .is_some_and(|name| network::index_of(name).is_ok_and(|index| index != before)),
            _ => false,
        }
    }
}

/// Unmounts what is newest at a path. What is not undone now stays for good, so it is tried again.
fn unmount(at: &Path) -> Result<(), Errno> {
    let unmount = || rustix::mount::unmount(at, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
    unmount().or_else(|_| unmount())
}
