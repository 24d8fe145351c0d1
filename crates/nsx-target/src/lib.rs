//! Names that people give a process, a container or a namespace, resolved to one that is pinned.
//!
//! All commands share one grammar, see [`Target`]. Resolving has two halves: [`Target::parse`]
//! reads the word and asks the system nothing; [`Target::find`] looks for the target on a [`Host`].
//! [`resolve`] does both for a process.
//!
//! Names are found with no daemon and no engine's program, from the records that engines keep on
//! disk (`stores`). Each record is somebody's word (`claim`): that of the least trusted of those
//! who could have written it (`writers`). No record is believed as it is: the process that the
//! record names is pinned, and then held against what the kernel says of the process (`check`). A
//! user's word holds for user namespaces that the user created, and for nothing else (`belief`).
//!
//! The way back, from a process to its container, pod and unit, is the [`Inventory`].

#![forbid(unsafe_code)]

mod absent;
mod belief;
pub mod cgroup;
mod check;
mod claim;
mod configuration;
mod container;
mod engine;
pub mod enter;
mod error;
mod files;
mod find;
mod glob;
mod grammar;
mod host;
mod inventory;
mod link;
mod merge;
mod namespace;
pub mod near;
pub mod oci;
mod patterns;
mod scan;
mod stores;
#[cfg(test)]
mod testing;
mod words;
mod writers;

pub use claim::Location;
pub use configuration::{Configuration, ConfigurationError};
pub use container::{Container, Owner, Pod, Sandbox, Stale, State, Unbelieved};
pub use engine::Engine;
pub use error::TargetError;
pub use files::ReadError;
pub use find::{Found, Subject};
pub use grammar::{ParseTargetError, PodName, Target};
pub use host::{Host, Person};
pub use inventory::{Inventory, Origin};
pub use link::NoNamespace;
pub use namespace::NETNS;
pub use patterns::{Match, Pattern};
pub use stores::Unread;
pub use words::addresses;

/// The parsers of what engines write, each for one file, for tests that feed them anything.
pub mod formats {
    pub use crate::stores::{
        containerd::parse as oci_bundle,
        docker::parse as docker_config,
        kubelet::parse as kubelet_log,
        lxc::parse_sockets as unix_sockets,
        machine::{Machine, parse as machine},
        oci::OciState,
        podman::{parse as podman_containers, parse_crio as crio_state},
    };
}
