//! What people call a process, a container or a namespace, resolved to one that is pinned.
//!
//! One grammar for every command, see [`Target`]. Resolving has two halves: [`Target::parse`] reads the word and asks the
//! system nothing; [`Target::find`] looks for it on a [`Host`]. [`resolve`] does both for a process.
//!
//! Names are found with no daemon and no engine's program, from the records that engines keep on disk (`stores`). A record is
//! not believed: the process that it names is pinned, and then held against what the kernel says of it (`check`).
//!
//! The way back, from a process to its container, begins with [`cgroup`].

#![forbid(unsafe_code)]

pub mod cgroup;
mod check;
mod container;
mod engine;
mod error;
mod files;
mod find;
mod grammar;
mod host;
mod near;
mod stores;
#[cfg(test)]
mod testing;

pub use check::is_frozen;
pub use container::{Container, Pod, Sandbox, Stale, State};
pub use engine::Engine;
pub use error::TargetError;
pub use files::ReadError;
pub use find::{Found, Subject, find, resolve};
pub use grammar::{ParseTargetError, PodName, Target};
pub use host::{Host, Person};
pub use stores::Unread;

/// The parsers of what engines write, each for one file, for tests that feed them anything.
pub mod formats {
    pub use crate::stores::{docker::parse as docker_config, oci::OciState, podman::parse as podman_containers};
}
