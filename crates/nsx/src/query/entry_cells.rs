//! Cells of a namespace that its entry in the census answers.

use super::cell::Cell;
use nsx_core::census::{Above, Entry, Holder, Viewer};

/// Returns the cell about the leader of a namespace in which no process was seen: nothing if the
/// namespace has no process, unknown if it may have one.
pub(super) fn no_leader(entry: &Entry) -> Cell {
    if entry.is_whole {
        Cell::Nothing
    } else {
        Cell::Unknown
    }
}

/// Returns the cell for a parent or an owner.
pub(super) fn above(above: Above) -> Cell {
    match above {
        Above::Is(ns) => Cell::Number(ns.inode),
        Above::Hidden => Cell::Hidden,
        Above::Nothing => Cell::Nothing,
    }
}

/// Returns the mount points in the caller's mount namespace at which the namespace is bound.
pub(super) fn bind_mounts(entry: &Entry) -> Vec<Vec<u8>> {
    let pins = entry.holders.iter().filter_map(|holder| match holder {
        Holder::Mount(pin) if pin.viewer == Viewer::Caller => Some(pin.mount.point.clone()),
        _ => None,
    });
    pins.collect()
}

/// Returns a file that leads to the namespace: of its leader, or of the first holder that has one.
pub(super) fn path(entry: &Entry) -> Cell {
    let kind = entry.ns.kind.name();
    if let Some(pid) = entry.leader {
        return Cell::text(format!("/proc/{pid}/ns/{kind}"));
    }
    let of_holder = |holder: &Holder| match holder {
        Holder::Thread { pid, tid } => {
            Some(Cell::text(format!("/proc/{pid}/task/{tid}/ns/{kind}")))
        }
        Holder::ForChildren { pid, tid } => Some(Cell::text(format!(
            "/proc/{pid}/task/{tid}/ns/{kind}_for_children"
        ))),
        Holder::Descriptor { pid, fd } => Some(Cell::text(format!("/proc/{pid}/fd/{fd}"))),
        Holder::Mount(pin) if pin.viewer == Viewer::Caller => {
            Some(Cell::Text(pin.mount.point.clone()))
        }
        Holder::Mount(_) | Holder::Socket { .. } | Holder::Child(_) | Holder::Owned(_) => None,
    };
    entry
        .holders
        .iter()
        .find_map(of_holder)
        .unwrap_or(Cell::Nothing)
}

/// A kind of holder: the test for it, and its name in the singular and in the plural.
type HolderKind = (fn(&Holder) -> bool, &'static str, &'static str);

const HOLDER_KINDS: [HolderKind; 7] = [
    (
        |it| matches!(it, Holder::Thread { .. }),
        "thread",
        "threads",
    ),
    (
        |it| matches!(it, Holder::ForChildren { .. }),
        "process for its children",
        "processes for their children",
    ),
    (
        |it| matches!(it, Holder::Descriptor { .. }),
        "descriptor",
        "descriptors",
    ),
    (|it| matches!(it, Holder::Mount(_)), "mount", "mounts"),
    (
        |it| matches!(it, Holder::Socket { .. }),
        "socket",
        "sockets",
    ),
    (|it| matches!(it, Holder::Child(_)), "child", "children"),
    (
        |it| matches!(it, Holder::Owned(_)),
        "owned namespace",
        "owned namespaces",
    ),
];

/// Returns the number of holders of each kind, in words.
pub(crate) fn holders(entry: &Entry) -> Cell {
    let mut counts = Vec::new();
    for (is_of_kind, one, many) in HOLDER_KINDS {
        match entry
            .holders
            .iter()
            .filter(|holder| is_of_kind(holder))
            .count()
        {
            0 => {}
            1 => counts.push(format!("1 {one}").into_bytes()),
            count => counts.push(format!("{count} {many}").into_bytes()),
        }
    }
    Cell::list(counts, entry.has_all_holders)
}
