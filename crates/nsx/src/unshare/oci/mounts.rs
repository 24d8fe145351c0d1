//! The mounts of a configuration, and the options of the specification and of `mount(8)`.
//!
//! They are made as runc makes them: by `mount(2)` with the flags, then the propagation, then the
//! flags of a bind mount, then the recursive attributes. What is to be read-only and still has to
//! be furnished is made so last.

use super::{Bundle, OciError};
use nsx_core::plan::{Change, Contents, FileSystem, Mount};
use nsx_target::oci::{self as spec, Text};
use rustix::mount::{
    MountAttrFlags as Attribute, MountFlags as Flag, MountPropagationFlags as Events,
};
use std::{os::unix::ffi::OsStrExt, path::Path};

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

/// The directory whose devices a runtime supplies.
const DEV: &str = "/dev";

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
    fn parse(index: usize, options: &[Text]) -> Result<Self, OciError> {
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
            let option = option.to_str().ok_or(OciError::Option(index, number))?;
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

impl Bundle {
    /// Adds the mounts that make up the entry with this index in the list.
    pub(super) fn add_mount(
        &mut self,
        index: usize,
        mount: &spec::Mount,
        directory: &Path,
    ) -> Result<(), OciError> {
        let options = Options::parse(index, &mount.options)?;
        let kind = mount.kind.to_string();
        let binds = options.binds.or((kind == "bind").then_some(false));
        if binds.is_none() && matches!(kind.as_str(), "cgroup" | "cgroup2") {
            self.left_out.push(format!("mounts[{index}] ({kind})"));
            return Ok(());
        }
        if options.maps_ids || !mount.uid_mappings.is_empty() || !mount.gid_mappings.is_empty() {
            return Err(OciError::IdMapped(index));
        }
        require(&mount.destination, || {
            format!("mounts[{index}].destination")
        })?;
        let at = Path::new("/").join(&*mount.destination);
        let mut contents = Vec::new();
        if let Some(recursive) = binds {
            require(&mount.source, || format!("mounts[{index}].source"))?;
            self.leave_options_out(index, &options.data);
            if !options.remounts {
                contents.push(Contents::Bind {
                    source: directory.join(&*mount.source),
                    recursive,
                    flags: Flag::empty(),
                });
            }
        } else {
            require(&mount.kind, || format!("mounts[{index}].type"))?;
            let file_system = self.file_system(index, mount, &at, &options);
            contents.push(if options.remounts {
                Contents::Changed(Change::Remount(file_system))
            } else {
                Contents::New(file_system)
            });
        }
        let passes = options.passes.iter().copied().map(Change::Propagation);
        contents.extend(passes.map(Contents::Changed));
        if binds.is_some() && !options.flags.is_empty() {
            contents.push(Contents::Changed(Change::Flags(options.flags)));
        }
        if !(options.set.is_empty() && options.clear.is_empty()) {
            contents.push(Contents::Changed(Change::Attributes {
                set: options.set,
                clear: options.clear,
            }));
        }
        // The specification makes the runtime supply the devices, whatever the file says.
        if binds.is_none() && at == Path::new(DEV) {
            contents.push(Contents::Devices);
        }
        let mounts = contents.into_iter().map(|contents| Mount {
            at: at.clone(),
            contents,
        });
        self.request.mounts.extend(mounts);
        Ok(())
    }

    /// Returns a new file system. A file system in which mount points or devices may have to be
    /// created becomes read-only last.
    fn file_system(
        &mut self,
        index: usize,
        mount: &spec::Mount,
        at: &Path,
        options: &Options,
    ) -> FileSystem {
        let is_tmpfs = mount.kind.as_bytes() == b"tmpfs";
        let mut flags = options.flags;
        if is_tmpfs || at == Path::new(DEV) {
            if flags.contains(Flag::RDONLY) {
                self.last_mounts.push(Mount {
                    at: at.to_owned(),
                    contents: Contents::Changed(Change::Flags(flags)),
                });
            }
            flags -= Flag::RDONLY;
        }
        if options.copies_up && !is_tmpfs {
            self.leave_options_out(index, &["tmpcopyup".to_owned()]);
        }
        FileSystem {
            kind: mount.kind.to_string(),
            options: options.data.iter().map(|text| split(text)).collect(),
            flags,
            source: mount.source.to_os_string(),
            copy_up: options.copies_up && is_tmpfs,
        }
    }

    fn leave_options_out(&mut self, index: usize, options: &[String]) {
        let paths = options
            .iter()
            .map(|option| format!("mounts[{index}].options ({option})"));
        self.left_out.extend(paths);
    }
}

/// Splits an option of a file system into its name and its value.
fn split(option: &str) -> (String, Option<String>) {
    match option.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (option.to_owned(), None),
    }
}

/// Returns the devices for a file without a mount at /dev.
pub(super) fn devices(mounts: &[spec::Mount]) -> Option<Mount> {
    let at = Path::new(DEV);
    let is_there = mounts
        .iter()
        .any(|mount| Path::new("/").join(&*mount.destination) == at);
    (!is_there).then(|| Mount {
        at: at.to_owned(),
        contents: Contents::Devices,
    })
}

/// Refuses an empty text, because the property is required.
pub(super) fn require(text: &Text, property: impl FnOnce() -> String) -> Result<(), OciError> {
    if text.is_empty() {
        Err(OciError::Missing(property()))
    } else {
        Ok(())
    }
}
