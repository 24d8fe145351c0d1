//! What the program sees of the caller's files: options, and the files that are a named network's own.

use clap::Args;
use nsx_core::{
    ns::{Namespace, NsId, NsSet},
    plan::{Contents, Mount, enter::View},
};
use rustix::{fs::CWD, mount::MountFlags};
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

/// Where `ip netns` keeps the files of a named network that go over those in /etc, see `ip-netns(8)`.
const NETNS_FILES: &str = "/etc/netns";

/// Where it keeps the named networks.
const NETNS: &str = "/run/netns";

#[derive(Args, Clone, Copy, Debug)]
pub(super) struct ViewOptions {
    /// Leave /proc, /sys and /etc as the caller sees them, though they tell of other namespaces than those joined
    #[arg(long)]
    no_fix: bool,
}

impl ViewOptions {
    /// What is put right for a program that keeps the caller's files in namespaces of these kinds, `network` among them
    /// where one is joined.
    pub(super) fn fixes(self, joined: NsSet, network: Option<NsId>) -> View {
        if self.no_fix {
            return View::default();
        }
        let binds = network.map(netns_binds).unwrap_or_default();
        View { binds, ..View::of(joined) }
    }
}

/// The files that belong over those in /etc, where the network has a name and there are any for it.
fn netns_binds(network: NsId) -> Vec<Mount> {
    let is_its_name = |name: &OsString| {
        Namespace::open(CWD, Path::new(NETNS).join(name)).is_ok_and(|namespace| namespace.id() == network)
    };
    let Some(name) = entries(Path::new(NETNS_FILES)).into_iter().find(is_its_name) else { return Vec::new() };
    let directory = Path::new(NETNS_FILES).join(name);
    let there = entries(&directory).into_iter().filter(|file| directory.join(file).exists());
    there.map(|file| bind(directory.join(&file), Path::new("/etc").join(file))).collect()
}

fn bind(source: PathBuf, at: PathBuf) -> Mount {
    Mount { at, contents: Contents::Bind { source, recursive: true, flags: MountFlags::empty() } }
}

/// The names in a directory, sorted; none where it is missing or may not be read.
fn entries(directory: &Path) -> Vec<OsString> {
    let mut names: Vec<_> =
        fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    names
}
