//! `linux.namespaces`, and the properties that a namespace of a kind is for.

use super::{Bundle, Config, OciError, c_string};
use crate::text::escape;
use nsx_core::{
    idmap::{Extent, IdMap, RawExtent},
    ns::NsKind,
    plan::{Clock, ClockOffset, NamespaceFile, NamespaceFileError},
};
use nsx_target::oci::{self as spec, Text};
use std::{ffi::CString, os::unix::ffi::OsStrExt, path::Path};

impl Bundle {
    pub(super) fn set_namespaces(
        &mut self,
        config: &Config,
        directory: &Path,
    ) -> Result<(), OciError> {
        let linux = &config.linux;
        for namespace in &linux.namespaces {
            let kind = kind(namespace)?;
            if self.has(kind) {
                return Err(OciError::Twice(kind));
            }
            if namespace.path.is_empty() {
                self.request.kinds.insert(kind);
            } else {
                let file = open(&directory.join(&*namespace.path), kind)?;
                self.request.joins.push(file);
            }
        }
        self.set_id_maps(&linux.uid_mappings, &linux.gid_mappings)?;
        self.set_clocks(linux)?;
        self.request.hostname = self.uts_name("hostname", &config.hostname)?;
        self.request.domain_name = self.uts_name("domainname", &config.domainname)?;
        self.request.loopback = self.request.kinds.contains(NsKind::Net);
        Ok(())
    }

    fn set_id_maps(
        &mut self,
        users: &[spec::IdMapping],
        groups: &[spec::IdMapping],
    ) -> Result<(), OciError> {
        let request = &mut self.request;
        request.users = id_map("linux.uidMappings", users)?;
        request.groups = id_map("linux.gidMappings", groups)?;
        let maps = request.users.is_some() || request.groups.is_some();
        if maps && !request.kinds.contains(NsKind::User) {
            return Err(OciError::NeedsNamespace("an id mapping", NsKind::User));
        }
        Ok(())
    }

    fn set_clocks(&mut self, linux: &spec::Linux<spec::Seccomp>) -> Result<(), OciError> {
        for (name, offset) in &linux.time_offsets {
            let clock = match name.as_bytes() {
                b"monotonic" => Clock::Monotonic,
                b"boottime" => Clock::Boottime,
                _ => return Err(OciError::Clock(escape(name.as_bytes()))),
            };
            self.request.clocks.push(ClockOffset {
                clock,
                seconds: offset.seconds,
                nanoseconds: offset.nanoseconds,
            });
        }
        if !self.request.clocks.is_empty() && !self.request.kinds.contains(NsKind::Time) {
            return Err(OciError::NeedsNamespace("linux.timeOffsets", NsKind::Time));
        }
        Ok(())
    }

    fn uts_name(&self, property: &'static str, name: &Text) -> Result<Option<CString>, OciError> {
        if name.is_empty() {
            return Ok(None);
        }
        if !self.has(NsKind::Uts) {
            return Err(OciError::NeedsNamespace(property, NsKind::Uts));
        }
        c_string(name, property).map(Some)
    }
}

/// Returns the kind of a namespace. Two have another name in the specification than in the kernel.
fn kind(namespace: &spec::Namespace) -> Result<NsKind, OciError> {
    let name = match namespace.kind.as_bytes() {
        b"mount" => b"mnt",
        b"network" => b"net",
        b"mnt" | b"net" => &b""[..],
        name => name,
    };
    NsKind::from_name(name).ok_or_else(|| OciError::NoSuchKind(escape(namespace.kind.as_bytes())))
}

fn open(path: &Path, kind: NsKind) -> Result<NamespaceFile, OciError> {
    let shown = escape(path.as_os_str().as_bytes());
    NamespaceFile::open(path, kind).map_err(|error| match error {
        NamespaceFileError::Open(errno) => OciError::Namespace(shown, errno),
        NamespaceFileError::OtherKind(found) => OciError::WrongKind(shown, found, kind),
    })
}

fn id_map(property: &'static str, mappings: &[spec::IdMapping]) -> Result<Option<IdMap>, OciError> {
    if mappings.is_empty() {
        return Ok(None);
    }
    let extents = mappings.iter().map(|mapping| {
        Extent::new(RawExtent {
            inside: mapping.inside,
            outside: mapping.outside,
            count: mapping.count,
        })
    });
    let map = extents.collect::<Result<_, _>>().and_then(IdMap::new);
    map.map(Some)
        .map_err(|error| OciError::IdMap(property, error))
}
