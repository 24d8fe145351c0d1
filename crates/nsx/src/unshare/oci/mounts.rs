//! The mounts of a configuration, and the options of the specification and of `mount(8)`.
//!
//! They are made as runc makes them: by `mount(2)` with the flags, then the propagation, then the
//! flags of a bind mount, then the recursive attributes. What is to be read-only and still has to
//! be furnished is made so last.

use super::OciError;
use nsx_core::plan::{Change, Contents, FileSystem, Mount};
use nsx_target::oci::{self as spec, Text};
use rustix::mount::{
    MountAttrFlags as Attribute, MountFlags as Flag, MountPropagationFlags as Events,
};
use std::path::Path;

/// The effect of an option.
#[derive(Clone, Copy, Debug)]
enum Meaning {
    /// Sets a flag of `mount(2)`.
    Sets(Flag),
    /// Clears it.
    Clears(Flag),
    /// Sets an attribute of the mount and of all below it.
    SetsAll(Attribute),
    /// Clears it there.
    ClearsAll(Attribute),
    /// Sets the propagation, after those before it.
    Passes(Events),
    /// Binds the source, and with `true` what is mounted below it.
    Binds(bool),
    /// Changes the mount that is there.
    Remounts,
    /// Copies the files that a new file system covers.
    CopiesUp,
    /// Maps the ids of the files.
    MapsIds,
    /// Says what is so without it, or is for others than who mounts.
    Nothing,
}

use Meaning::{
    Binds, Clears, ClearsAll, CopiesUp, MapsIds, Nothing, Passes, Remounts, Sets, SetsAll,
};

const ACL: Flag = Flag::from_bits_retain(1 << 16);
const IVERSION: Flag = Flag::from_bits_retain(1 << 23);
const MAND: Flag = Flag::PERMIT_MANDATORY_FILE_LOCKING;
const REC: Events = Events::REC;
const UNPRIVILEGED: Flag = Flag::NOSUID.union(Flag::NODEV);

/// Every option that is not one of a file system.
const OPTIONS: [(&str, Meaning); 76] = [
    ("_netdev", Nothing),
    ("acl", Sets(ACL)),
    ("async", Clears(Flag::SYNCHRONOUS)),
    ("atime", Clears(Flag::NOATIME)),
    ("auto", Nothing),
    ("bind", Binds(false)),
    ("defaults", Nothing),
    ("dev", Clears(Flag::NODEV)),
    ("diratime", Clears(Flag::NODIRATIME)),
    ("dirsync", Sets(Flag::DIRSYNC)),
    ("exec", Clears(Flag::NOEXEC)),
    ("group", Sets(UNPRIVILEGED)),
    ("idmap", MapsIds),
    ("iversion", Sets(IVERSION)),
    ("lazytime", Sets(Flag::LAZYTIME)),
    ("loud", Clears(Flag::SILENT)),
    ("mand", Sets(MAND)),
    ("noacl", Clears(ACL)),
    ("noatime", Sets(Flag::NOATIME)),
    ("noauto", Nothing),
    ("nodev", Sets(Flag::NODEV)),
    ("nodiratime", Sets(Flag::NODIRATIME)),
    ("noexec", Sets(Flag::NOEXEC)),
    ("nofail", Nothing),
    ("nogroup", Nothing),
    ("noiversion", Clears(IVERSION)),
    ("nolazytime", Clears(Flag::LAZYTIME)),
    ("nomand", Clears(MAND)),
    ("noowner", Nothing),
    ("norelatime", Clears(Flag::RELATIME)),
    ("nostrictatime", Clears(Flag::STRICTATIME)),
    ("nosuid", Sets(Flag::NOSUID)),
    ("nosymfollow", Sets(Flag::NOSYMFOLLOW)),
    ("nouser", Nothing),
    ("nousers", Nothing),
    ("owner", Sets(UNPRIVILEGED)),
    ("private", Passes(Events::PRIVATE)),
    ("ratime", ClearsAll(Attribute::MOUNT_ATTR__ATIME)),
    ("rbind", Binds(true)),
    ("rdev", ClearsAll(Attribute::MOUNT_ATTR_NODEV)),
    ("rdiratime", ClearsAll(Attribute::MOUNT_ATTR_NODIRATIME)),
    ("relatime", Sets(Flag::RELATIME)),
    ("remount", Remounts),
    ("rexec", ClearsAll(Attribute::MOUNT_ATTR_NOEXEC)),
    ("ridmap", MapsIds),
    ("rnoatime", SetsAll(Attribute::MOUNT_ATTR_NOATIME)),
    ("rnodev", SetsAll(Attribute::MOUNT_ATTR_NODEV)),
    ("rnodiratime", SetsAll(Attribute::MOUNT_ATTR_NODIRATIME)),
    ("rnoexec", SetsAll(Attribute::MOUNT_ATTR_NOEXEC)),
    ("rnorelatime", Nothing),
    ("rnostrictatime", ClearsAll(Attribute::MOUNT_ATTR__ATIME)),
    ("rnosuid", SetsAll(Attribute::MOUNT_ATTR_NOSUID)),
    ("rnosymfollow", SetsAll(Attribute::MOUNT_ATTR_NOSYMFOLLOW)),
    ("ro", Sets(Flag::RDONLY)),
    ("rprivate", Passes(Events::PRIVATE.union(REC))),
    ("rrelatime", ClearsAll(Attribute::MOUNT_ATTR__ATIME)),
    ("rro", SetsAll(Attribute::MOUNT_ATTR_RDONLY)),
    ("rrw", ClearsAll(Attribute::MOUNT_ATTR_RDONLY)),
    ("rshared", Passes(Events::SHARED.union(REC))),
    ("rslave", Passes(Events::DOWNSTREAM.union(REC))),
    ("rstrictatime", SetsAll(Attribute::MOUNT_ATTR_STRICTATIME)),
    ("rsuid", ClearsAll(Attribute::MOUNT_ATTR_NOSUID)),
    ("rsymfollow", ClearsAll(Attribute::MOUNT_ATTR_NOSYMFOLLOW)),
    ("runbindable", Passes(Events::UNBINDABLE.union(REC))),
    ("rw", Clears(Flag::RDONLY)),
    ("shared", Passes(Events::SHARED)),
    ("silent", Sets(Flag::SILENT)),
    ("slave", Passes(Events::DOWNSTREAM)),
    ("strictatime", Sets(Flag::STRICTATIME)),
    ("suid", Clears(Flag::NOSUID)),
    ("symfollow", Clears(Flag::NOSYMFOLLOW)),
    ("sync", Sets(Flag::SYNCHRONOUS)),
    ("tmpcopyup", CopiesUp),
    ("unbindable", Passes(Events::UNBINDABLE)),
    ("user", Sets(UNPRIVILEGED.union(Flag::NOEXEC))),
    ("users", Sets(UNPRIVILEGED.union(Flag::NOEXEC))),
];

/// The options of a mount, together.
#[derive(Debug)]
struct Options {
    flags: Flag,
    set: Attribute,
    clear: Attribute,
    passes: Vec<Events>,
    /// With whether what is mounted below the source comes too.
    binds: Option<bool>,
    remounts: bool,
    copies_up: bool,
    maps_ids: bool,
    /// The options of the file system, as they are written.
    data: Vec<String>,
}

impl Options {
    fn parse(place: usize, options: &[Text]) -> Result<Self, OciError> {
        let mut all = Self {
            flags: Flag::empty(),
            set: Attribute::empty(),
            clear: Attribute::empty(),
            passes: Vec::new(),
            binds: None,
            remounts: false,
            copies_up: false,
            maps_ids: false,
            data: Vec::new(),
        };
        for (number, option) in options.iter().enumerate() {
            let option = option.to_str().ok_or(OciError::Option(place, number))?;
            let known = OPTIONS
                .iter()
                .find(|(name, _)| *name == option)
                .map(|(_, meaning)| *meaning);
            match known {
                Some(Sets(flag)) => all.flags |= flag,
                Some(Clears(flag)) => all.flags -= flag,
                Some(SetsAll(attribute)) => {
                    all.set |= attribute;
                    // One of several values, not a bit: the old value has to go.
                    if Attribute::MOUNT_ATTR__ATIME.contains(attribute) {
                        all.clear |= Attribute::MOUNT_ATTR__ATIME;
                    }
                }
                // The kernel sets after it has cleared, whatever comes first in the list.
                Some(ClearsAll(attribute)) => all.clear |= attribute,
                Some(Passes(events)) => all.passes.push(events),
                Some(Binds(recursive)) => all.binds = Some(recursive || all.binds == Some(true)),
                Some(Remounts) => all.remounts = true,
                Some(CopiesUp) => all.copies_up = true,
                Some(MapsIds) => all.maps_ids = true,
                Some(Nothing) => {}
                // For programs that read a table of mounts.
                None if option.starts_with("x-")
                    || option.starts_with("X-")
                    || option.starts_with("comment=") => {}
                None => all.data.push(option.to_owned()),
            }
        }
        Ok(all)
    }
}

/// Returns the mounts that the one at `place` of the list stands for: none if it is left out.
/// `last` gets what is done when all mounts are made.
pub(super) fn translate(
    place: usize,
    mount: &spec::Mount,
    directory: &Path,
    last: &mut Vec<Mount>,
    left_out: &mut Vec<String>,
) -> Result<Vec<Mount>, OciError> {
    let options = Options::parse(place, &mount.options)?;
    let kind = mount.kind.to_string();
    let binds = options.binds.or((kind == "bind").then_some(false));
    if binds.is_none() && matches!(kind.as_str(), "cgroup" | "cgroup2") {
        left_out.push(format!("mounts[{place}] ({kind})"));
        return Ok(Vec::new());
    }
    if options.maps_ids || !mount.uid_mappings.is_empty() || !mount.gid_mappings.is_empty() {
        return Err(OciError::IdMapped(place));
    }
    given(&mount.destination, || {
        format!("mounts[{place}].destination")
    })?;
    let at = Path::new("/").join(&*mount.destination);
    let mut made = Vec::new();
    let mut flags = options.flags;
    if let Some(recursive) = binds {
        given(&mount.source, || format!("mounts[{place}].source"))?;
        if !options.remounts {
            let source = directory.join(&*mount.source);
            made.push(Contents::Bind {
                source,
                recursive,
                flags: Flag::empty(),
            });
        }
        left_out.extend(
            options
                .data
                .iter()
                .map(|option| format!("mounts[{place}].options ({option})")),
        );
    } else {
        given(&mount.kind, || format!("mounts[{place}].type"))?;
        if kind == "tmpfs" || at == Path::new("/dev") {
            if flags.contains(Flag::RDONLY) {
                last.push(Mount {
                    at: at.clone(),
                    contents: Contents::Changed(Change::Flags(flags)),
                });
            }
            flags -= Flag::RDONLY;
        }
        let option = |text: &String| match text.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (text.clone(), None),
        };
        let copy_up = options.copies_up && kind == "tmpfs";
        if options.copies_up && !copy_up {
            left_out.push(format!("mounts[{place}].options (tmpcopyup)"));
        }
        let options_of_kind = options.data.iter().map(option).collect();
        let source = mount.source.to_os_string();
        let file_system = FileSystem {
            kind: kind.clone(),
            options: options_of_kind,
            flags,
            source,
            copy_up,
        };
        made.push(match options.remounts {
            true => Contents::Changed(Change::Remount(file_system)),
            false => Contents::New(file_system),
        });
    }
    made.extend(
        options
            .passes
            .iter()
            .map(|events| Contents::Changed(Change::Propagation(*events))),
    );
    if binds.is_some() && !flags.is_empty() {
        made.push(Contents::Changed(Change::Flags(flags)));
    }
    if !(options.set.is_empty() && options.clear.is_empty()) {
        made.push(Contents::Changed(Change::Attributes {
            set: options.set,
            clear: options.clear,
        }));
    }
    // The specification has a runtime supply the devices, whatever the file says.
    if binds.is_none() && at == Path::new("/dev") {
        made.push(Contents::Devices);
    }
    Ok(made
        .into_iter()
        .map(|contents| Mount {
            at: at.clone(),
            contents,
        })
        .collect())
}

/// Returns the devices for a file without a mount at /dev.
pub(super) fn devices(mounts: &[spec::Mount]) -> Option<Mount> {
    let at = Path::new("/dev");
    let is_there = mounts
        .iter()
        .any(|mount| Path::new("/").join(&*mount.destination) == at);
    (!is_there).then(|| Mount {
        at: at.to_owned(),
        contents: Contents::Devices,
    })
}

/// A path must not be empty.
pub(super) fn given(path: &Text, property: impl FnOnce() -> String) -> Result<(), OciError> {
    if path.is_empty() {
        Err(OciError::Missing(property()))
    } else {
        Ok(())
    }
}
