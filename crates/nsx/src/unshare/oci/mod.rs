//! `--from-oci`: the request that the config.json of an OCI runtime bundle describes.
//!
//! The file is read twice: into the structures of `nsx_target::oci`, and as plain JSON, which shows
//! the properties that nsx does not carry out. Each of them is named. Hooks, cgroups and devices are
//! left to container runtimes.

mod error;
mod files;
mod left_out;
mod mounts;
mod namespaces;
mod process;
#[cfg(test)]
mod schema;
mod seccomp;
#[cfg(test)]
mod tests;

pub(crate) use error::OciError;

use crate::text::escape;
use nsx_core::{
    ns::NsKind,
    plan::{Caller, Mount, unshare::Request},
};
use nsx_target::oci as spec;
use serde_json::Value;
use std::{
    ffi::{CString, OsStr, OsString},
    io::{self, Read},
    os::unix::ffi::OsStrExt,
    path::Path,
};

type Config = spec::Config<spec::Seccomp>;

/// A bundle as nsx runs it.
#[derive(Debug)]
pub(super) struct Bundle {
    /// The request, except for the settings of other options about processes.
    pub(super) request: Request,
    /// The mounts that follow all others, because they hide or protect what is there by then.
    pub(super) last_mounts: Vec<Mount>,
    /// The paths of the properties that are left out.
    pub(super) left_out: Vec<String>,
}

/// Reads a bundle's configuration: its file, a directory with `config.json`, or `-` for standard
/// input and the current directory. `program` replaces the bundle's unless it is empty.
pub(super) fn read(
    file: &Path,
    program: Vec<OsString>,
    caller: &Caller,
) -> Result<Bundle, OciError> {
    let file = if file.is_dir() {
        file.join("config.json")
    } else {
        file.to_owned()
    };
    let (shown, text) = if file == Path::new("-") {
        ("standard input".to_owned(), read_input())
    } else {
        (escape(file.as_os_str().as_bytes()), std::fs::read(&file))
    };
    let text = text.map_err(|error| OciError::Read(shown.clone(), error))?;
    let (config, json) = parse(&text).map_err(|error| OciError::Json(shown, error))?;
    let directory = file.parent().unwrap_or(Path::new(""));
    let bundle = Bundle::new(&config, &json, directory, program)?;
    if !caller.is_privileged() && !bundle.has(NsKind::User) {
        return Err(OciError::NoUserNamespace);
    }
    Ok(bundle)
}

fn read_input() -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    io::stdin().lock().read_to_end(&mut text)?;
    Ok(text)
}

/// Returns the request of a configuration as Rust prints it, for tests; `None` if it is refused or
/// names files of namespaces.
pub fn requested(text: &[u8]) -> Option<String> {
    let (config, json) = parse(text).ok()?;
    let mut namespaces = config.linux.namespaces.iter();
    if namespaces.any(|namespace| !namespace.path.is_empty()) {
        return None;
    }
    let bundle = Bundle::new(&config, &json, Path::new("/b"), Vec::new()).ok()?;
    Some(format!("{bundle:?}"))
}

/// Reads the file both ways. Names of properties are only shown, so they may lose bytes that are
/// not UTF-8.
fn parse(text: &[u8]) -> Result<(Config, Value), serde_json::Error> {
    let json = serde_json::from_str(&String::from_utf8_lossy(text));
    Ok((Config::parse(text)?, json?))
}

impl Bundle {
    fn new(
        config: &Config,
        json: &Value,
        directory: &Path,
        program: Vec<OsString>,
    ) -> Result<Self, OciError> {
        let mut bundle = Self {
            request: Request::default(),
            last_mounts: Vec::new(),
            left_out: left_out::paths(json),
        };
        bundle.set_namespaces(config, directory)?;
        bundle.set_process(config, program)?;
        bundle.set_files(config, directory)?;
        Ok(bundle)
    }

    /// Returns whether the bundle joins an existing namespace of a kind.
    pub(super) fn joins(&self, kind: NsKind) -> bool {
        self.request.joins_kind(kind)
    }

    /// Returns whether the bundle creates or joins a namespace of a kind.
    pub(super) fn has(&self, kind: NsKind) -> bool {
        self.request.kinds.contains(kind) || self.joins(kind)
    }
}

fn c_string(text: &OsStr, property: &'static str) -> Result<CString, OciError> {
    CString::new(text.as_bytes()).map_err(|_| OciError::ZeroByte(property))
}
