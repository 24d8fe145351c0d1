//! The texts about a step: the system call, the purpose, and what failed if the step did.

mod act;
mod call;
mod why;

pub(crate) use call::helper_arguments;

use super::{ABOVE_ROOT, Link, LinkKind, PlannedStep, Step};
use crate::cgroup;
use std::path::{Component, Path, PathBuf};

impl PlannedStep {
    /// Returns the system calls of steps that go together as one. A cgroup of version 1 is one in
    /// each of a dozen hierarchies.
    pub fn calls(together: &[Self]) -> String {
        let cgroup = |planned: &Self| match planned.step() {
            Step::JoinCgroup(cgroup) => Some(cgroup.path.clone()),
            _ => None,
        };
        match together.iter().map(cgroup).collect::<Option<Vec<_>>>() {
            Some(paths) if paths.len() > 1 => {
                join_cgroups(&paths.iter().map(PathBuf::as_path).collect::<Vec<_>>())
            }
            _ => together
                .iter()
                .map(|planned| planned.call())
                .collect::<Vec<_>>()
                .join(", "),
        }
    }

    /// Returns whether this step and another go together.
    pub fn goes_with(&self, other: &Self) -> bool {
        let is_alike = match (self.step(), other.step()) {
            (Step::JoinCgroup(one), Step::JoinCgroup(other)) => {
                one.path.file_name() == other.path.file_name()
            }
            _ => false,
        };
        is_alike && (self.actor, self.optional) == (other.actor, other.optional)
    }
}

fn join_cgroups(paths: &[&Path]) -> String {
    format!("write {} \"0\"", cgroup::together(paths))
}

/// Returns an absolute path as it is below a root directory.
pub(super) fn below(root: Option<&Path>, path: &Path) -> String {
    let root = root.filter(|root| *root != Path::new(ABOVE_ROOT));
    let outer = root.into_iter().flat_map(Path::components);
    let inner = path
        .components()
        .filter(|part| root.is_none() || *part != Component::RootDir);
    outer
        .chain(inner)
        .collect::<PathBuf>()
        .display()
        .to_string()
}

/// Numbers with a comma between them; `0` for none, as the call is told.
fn numbers(ids: &[u32]) -> String {
    if ids.is_empty() {
        "0".to_owned()
    } else {
        ids.iter()
            .map(u32::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// Names both ends of a link.
fn ends(link: &Link) -> String {
    match &link.kind {
        LinkKind::Veth { outside, .. } => format!("{outside} to {}", link.name),
        LinkKind::Cable { outside, to, .. } => {
            format!("{outside} in {} to {}", to.path.display(), link.name)
        }
        LinkKind::Upper { parent, .. } => format!("{} on {parent}", link.name),
        LinkKind::Moved { from, .. } => format!("{from} as {}", link.name),
    }
}
