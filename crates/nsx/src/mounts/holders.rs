//! Holders that keep a mount busy: mounts below it, processes that use it, and mounts of the same
//! file system in other mount namespaces.

use super::tables::{AllTables, MountTable};
use crate::{
    answer::{Answer, Format},
    error::Error,
    query::{cell::Cell, process::ProcessReader, system::System},
    table::{Align, Table},
    text,
};
use nsx_core::{
    ns::NsId,
    pid::Pid,
    proc::{MountEntry, decimal},
};
use rustix::{fd::AsRawFd, fs::OFlags};
use serde::Serialize;
use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

/// The JSON document.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    /// The device of the file system, MAJOR:MINOR.
    device: String,
    holders: &'a [Holder],
    /// The number of processes or mount namespaces that could not be read.
    unread: usize,
}

/// A holder of a mount or of its file system.
#[derive(Serialize)]
struct Holder {
    /// The kind: `mount`, `mount below` or `process`.
    holder: &'static str,
    /// The name of the mount namespace, or the id of the process.
    name: Cell,
    /// The mount point, or how the process uses the mount.
    at: Cell,
    command: Cell,
}

/// Shows what keeps the mount at a path busy. The path is as the target sees it, or the caller.
pub(super) fn answer(
    path: &OsStr,
    target: Option<&OsStr>,
    system: &System,
    format: Format,
) -> Result<Answer, Error> {
    let own = MountTable::read(target, system)?;
    // The last mount on a point is on top of the others.
    let wanted = own.mounts.iter().rev();
    let wanted = wanted
        .into_iter()
        .find(|entry| entry.mount.point == path.as_bytes())
        .ok_or_else(|| {
            let shown = text::shown(path);
            Error::Missing(format!("{shown} is not a mount point there"))
                .with_hints(["`nsx mounts` lists the mount points, each as a whole path"])
        })?;
    let all = AllTables::read(system)?;
    let mut holders = below(wanted, &own.mounts);
    holders.extend(processes(wanted, own.ns, &all, system));
    holders.extend(elsewhere(wanted, &own, &all));
    let device = wanted.mount.device;
    let found = !holders.is_empty();
    let answer = match format {
        Format::Text => Answer::table(table(&holders)),
        Format::Json => Answer::json(&Document {
            version: 1,
            device: format!("{}:{}", device.0, device.1),
            holders: &holders,
            unread: all.unread,
        })?,
        Format::JsonLines => Answer::json_lines(&holders)?,
    };
    Ok(answer.found(found).with_notes(all.note()))
}

/// Returns the mounts on top of the wanted mount or directly below it.
fn below(wanted: &MountEntry, mounts: &[MountEntry]) -> Vec<Holder> {
    let below = mounts
        .iter()
        .filter(|entry| entry.mount.parent == wanted.mount.id && entry.mount.id != wanted.mount.id);
    below
        .map(|entry| Holder {
            holder: "mount below",
            name: Cell::Nothing,
            at: Cell::Text(entry.mount.point.clone()),
            command: Cell::Nothing,
        })
        .collect()
}

/// Returns the processes of the same mount namespace that use the mount.
fn processes(wanted: &MountEntry, own: NsId, all: &AllTables, system: &System) -> Vec<Holder> {
    let mut reader = ProcessReader::new(&system.proc);
    let mut holders = Vec::new();
    for pid in all.census.processes_in(own) {
        let uses = uses(pid, wanted.mount.id, system);
        if !uses.is_empty() {
            holders.push(Holder {
                holder: "process",
                name: Cell::Number(pid.as_raw_pid().unsigned_abs().into()),
                at: Cell::List(uses),
                command: reader.read(pid).command_cell(),
            });
        }
    }
    holders
}

/// Returns how a process uses a mount, by the id of the mount. Only links of /proc are opened, with
/// O_PATH, so that no file system is asked.
fn uses(pid: Pid, mount: u64, system: &System) -> Vec<Vec<u8>> {
    let proc = &system.proc;
    let mut uses = Vec::new();
    for (link, words) in [
        ("cwd", "working directory"),
        ("root", "root directory"),
        ("exe", "program"),
    ] {
        let opened = proc.open_entry(pid, link, OFlags::PATH);
        let own = opened.ok().and_then(|opened| {
            let file = format!("fdinfo/{}", opened.as_raw_fd());
            mount_id(&proc.read_own(&file).ok()?)
        });
        if own == Some(mount) {
            uses.push(words.as_bytes().to_vec());
        }
    }
    let descriptors = descriptors(pid, system)
        .into_iter()
        .filter(|fd| proc.read_with(pid, &format!("fdinfo/{fd}"), mount_id) == Ok(Some(mount)));
    uses.extend(descriptors.map(|fd| format!("descriptor {fd}").into_bytes()));
    uses
}

/// Returns the descriptors of a process; an empty list if they cannot be listed.
fn descriptors(pid: Pid, system: &System) -> Vec<u64> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let Ok(opened) = system.proc.open_entry(pid, "fdinfo", flags) else {
        return Vec::new();
    };
    let Ok(entries) = rustix::fs::Dir::read_from(&opened) else {
        return Vec::new();
    };
    let entries = entries.filter_map(Result::ok);
    entries
        .filter_map(|entry| decimal(entry.file_name().to_bytes()))
        .collect()
}

/// Reads the id of the mount from a file of /proc/PID/fdinfo, see `proc_pid_fdinfo(5)`.
fn mount_id(text: &[u8]) -> Option<u64> {
    let mut lines = text.split(|byte| *byte == b'\n');
    let line = lines.find_map(|line| line.strip_prefix(b"mnt_id:"))?;
    decimal(line.trim_ascii())
}

/// Returns the other mounts of the same file system, in all mount namespaces.
fn elsewhere(wanted: &MountEntry, own: &MountTable, all: &AllTables) -> Vec<Holder> {
    let mut holders = Vec::new();
    for (name, table) in &all.tables {
        let same = table.mounts.iter().filter(|entry| {
            let is_it = table.ns == own.ns && entry.mount.id == wanted.mount.id;
            entry.mount.device == wanted.mount.device && !is_it
        });
        holders.extend(same.map(|entry| Holder {
            holder: "mount",
            name: Cell::Text(name.clone()),
            at: Cell::Text(entry.mount.point.clone()),
            command: Cell::Nothing,
        }));
    }
    holders
}

fn table(holders: &[Holder]) -> Table {
    let headings = ["HOLDER", "NAME", "AT", "COMMAND"].map(|heading| (heading, Align::Left));
    let mut table = Table::new(&headings);
    for holder in holders {
        table.row([
            holder.holder.to_owned(),
            holder.name.shown(),
            holder.at.shown(),
            holder.command.shown(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_of_a_descriptor_is_read() {
        assert_eq!(
            mount_id(b"pos:\t0\nflags:\t02\nmnt_id:\t29\nino:\t7\n"),
            Some(29)
        );
        assert_eq!(mount_id(b"pos:\t0\n"), None);
        assert_eq!(mount_id(b"mnt_id:\tx"), None);
    }
}
