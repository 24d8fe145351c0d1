//! What the program sees of the caller's files: options, and the files that are a named network's own.

use clap::Args;
use nsx_core::{
    ns::{Namespace, NsId, NsKind, NsSet},
    plan::{
        Caller, Contents, Mount, NamespaceFile, PlanError,
        enter::{Request, Target, View},
    },
};
use rustix::{fs::CWD, mount::MountFlags};
use std::{
    ffi::{CString, OsString},
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// Where `ip netns` keeps the files of a named network that go over those in /etc, see `ip-netns(8)`.
const NETNS_FILES: &str = "/etc/netns";

/// Where it keeps the named networks.
const NETNS: &str = "/run/netns";

/// The variable that says where a program of the caller's finds the target's files.
const TARGET_ROOT: &str = "NSX_TARGET_ROOT";

#[derive(Args, Clone, Copy, Debug)]
pub(super) struct ViewOptions {
    /// Run a program of the caller's beside the target: in its namespaces, but with the caller's files; $NSX_TARGET_ROOT
    /// leads to the target's
    #[arg(long, conflicts_with_all = ["mount", "all", "no_fix"])]
    host_tools: bool,
    /// Leave /proc, /sys and /etc as the caller sees them, though they tell of other namespaces than those joined
    #[arg(long)]
    no_fix: bool,
}

impl ViewOptions {
    /// Whether the program keeps the caller's files though no kind is named.
    pub(super) fn keeps_files(self) -> bool {
        self.host_tools
    }

    /// Which kinds are joined as far as the target differs in them, those that were `named` or all that there are.
    pub(super) fn kinds(self, named: Option<NsSet>, caller: &Caller) -> NsSet {
        match named {
            Some(named) => named,
            None if self.host_tools => {
                // Cgroups stay the caller's, and so do their paths. Whoever may do without the target's user namespace
                // keeps all rights.
                let kinds = caller.kinds.without(NsKind::Mnt).without(NsKind::Cgroup);
                if caller.is_privileged() { kinds.without(NsKind::User) } else { kinds }
            }
            None => caller.kinds,
        }
    }

    /// Puts right what the namespaces that are asked for make of the caller's files, where the program keeps those: the kinds
    /// that were `named`, if any were, are without the mount namespace, or the program is one of the host's tools. Those of
    /// no `target` come from files.
    ///
    /// # Errors
    /// [`PlanError`] where the target cannot be read.
    pub(super) fn apply(
        self,
        request: &mut Request,
        named: Option<NsSet>,
        target: Option<&Target<'_>>,
    ) -> Result<(), PlanError> {
        let keeps_files = self.host_tools || named.is_some_and(|named| !named.contains(NsKind::Mnt));
        if self.no_fix || !keeps_files {
            return Ok(());
        }
        let network = match (request.files.iter().find(|file| file.kind() == NsKind::Net), target) {
            (Some(file), _) => Some(file.ns.id()),
            (None, Some(target)) if request.kinds.contains(NsKind::Net) => Some(target.ns(NsKind::Net)?),
            _ => None,
        };
        let joined = request.files.iter().map(NamespaceFile::kind).chain(request.kinds.iter()).collect();
        let binds = network.map(netns_binds).unwrap_or_default();
        request.view = View { apart: self.host_tools, binds, ..View::of(joined) };
        if let Some(target) = target.filter(|_| self.host_tools) {
            let pid = if request.view.proc { target.innermost_pid()? } else { target.process.pid() };
            set(&mut request.environment, TARGET_ROOT, &format!("/proc/{pid}/root"));
        }
        Ok(())
    }
}

/// Sets a variable in an environment, none standing for the caller's own.
fn set(environment: &mut Option<Vec<CString>>, name: &str, value: &str) {
    let join = |(name, value): (OsString, OsString)| CString::new([name.as_bytes(), value.as_bytes()].join(&b'=')).ok();
    let variables = environment.get_or_insert_with(|| std::env::vars_os().filter_map(join).collect());
    let start = format!("{name}=");
    variables.retain(|variable| !variable.as_bytes().starts_with(start.as_bytes()));
    variables.extend(CString::new(start + value));
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
