//! The mounts of an OCI configuration, and their options, as those of `mount(8)`.

use super::OciError;
use nsx_core::plan::{Contents, FileSystem, Mount};
use nsx_target::oci::{self as spec, Text};
use rustix::mount::MountFlags;
use std::path::Path;

/// What the mount at `place` of the list is to nsx: nothing where it is left out.
pub(super) fn translate(
    place: usize,
    mount: &spec::Mount,
    directory: &Path,
    left_out: &mut Vec<String>,
) -> Result<Vec<Mount>, OciError> {
    let kind = if mount.kind.is_empty() { "none".to_owned() } else { mount.kind.to_string() };
    let kind = kind.as_str();
    let options: Vec<_> = mount.options.iter().map(Text::to_string).collect();
    let binds = kind == "bind" || options.iter().any(|option| matches!(option.as_str(), "bind" | "rbind"));
    if !binds && !matches!(kind, "proc" | "tmpfs" | "sysfs" | "devpts" | "mqueue") {
        left_out.push(format!("mounts[{place}] ({kind})"));
        return Ok(Vec::new());
    }
    for (property, mappings) in [("uidMappings", &mount.uid_mappings), ("gidMappings", &mount.gid_mappings)] {
        left_out.extend((!mappings.is_empty()).then(|| format!("mounts[{place}].{property}")));
    }
    let mut flags = MountFlags::empty();
    let mut data = Vec::new();
    for (number, option) in options.iter().enumerate() {
        match flag(option) {
            Some((flag, on)) => flags.set(flag, on),
            None if is_default(option) => {}
            None if binds => left_out.push(format!("mounts[{place}].options[{number}] ({option})")),
            None => data.push(match option.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (option.clone(), None),
            }),
        }
    }
    given(&mount.destination, || format!("mounts[{place}].destination"))?;
    let at = Path::new("/").join(&*mount.destination);
    let contents = if binds {
        let source = &mount.source;
        given(source, || format!("mounts[{place}].source"))?;
        let recursive = options.iter().any(|option| option == "rbind");
        Contents::Bind { source: directory.join(&**source), recursive, flags }
    } else {
        Contents::New(FileSystem { kind: kind.to_owned(), options: data, flags })
    };
    // The specification has a runtime supply the devices, whatever the file says.
    let devices = kind == "tmpfs" && at == Path::new("/dev");
    let devices = devices.then(|| Mount { at: at.clone(), contents: Contents::Devices });
    Ok(std::iter::once(Mount { at, contents }).chain(devices).collect())
}

/// A path must not be empty.
pub(super) fn given(path: &Text, property: impl FnOnce() -> String) -> Result<(), OciError> {
    if path.is_empty() { Err(OciError::Missing(property())) } else { Ok(()) }
}

/// The flag that an option sets or clears.
fn flag(option: &str) -> Option<(MountFlags, bool)> {
    Some(match option {
        "ro" | "rro" => (MountFlags::RDONLY, true),
        "rw" => (MountFlags::RDONLY, false),
        "nosuid" => (MountFlags::NOSUID, true),
        "suid" => (MountFlags::NOSUID, false),
        "nodev" => (MountFlags::NODEV, true),
        "dev" => (MountFlags::NODEV, false),
        "noexec" => (MountFlags::NOEXEC, true),
        "exec" => (MountFlags::NOEXEC, false),
        "noatime" => (MountFlags::NOATIME, true),
        "strictatime" => (MountFlags::STRICTATIME, true),
        "nodiratime" => (MountFlags::NODIRATIME, true),
        _ => return None,
    })
}

/// Options that say what is so anyway: every mount is private, and a pseudo-terminal file system is always a new one.
fn is_default(option: &str) -> bool {
    matches!(option, "bind" | "rbind" | "defaults" | "private" | "rprivate" | "relatime" | "atime" | "newinstance")
}
