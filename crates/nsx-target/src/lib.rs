#![doc = include_str!("../README.md")]
//!
//! # The modules
//!
//! `grammar` reads words, and `find` and `patterns` find what they name. The records of engines are
//! read by `stores`, in directories that `files` walks without trust. Each record is the claim
//! (`claim`) of the least trusted user who could have written it (`writers`). `check` holds a record
//! against the kernel, and `belief` decides what a user's claim is believed about.

#![forbid(unsafe_code)]

mod absent;
mod addresses;
mod all;
mod belief;
mod budget;
pub mod cgroup;
mod cgroup_claim;
mod check;
mod claim;
mod configuration;
mod container;
mod engine;
pub mod enter;
mod error;
mod files;
mod find;
mod found;
mod glob;
mod grammar;
mod host;
mod id;
mod inventory;
mod link;
mod merge;
mod meta;
mod namespace;
pub mod near;
mod no_namespace;
pub mod oci;
mod patterns;
mod person;
mod scan;
mod served;
mod stores;
#[cfg(test)]
mod testing;
mod unread;
mod words;
mod writers;

pub use addresses::addresses;
pub use claim::Location;
pub use configuration::{Configuration, ConfigurationError};
pub use container::{Container, Owner, Pod, Sandbox, Stale, State, Unbelieved};
pub use engine::Engine;
pub use error::TargetError;
pub use found::{Found, Subject};
pub use grammar::{ParseTargetError, PodName, Target};
pub use host::Host;
pub use inventory::{Inventory, Origin};
pub use namespace::NETNS;
pub use no_namespace::NoNamespace;
pub use patterns::{Match, Pattern};
pub use person::Person;
pub use stores::lab::{Keeper, parse as keeper_of, record_of as lab_record};
pub use unread::{ReadError, Unread};

/// Parsers of the files of engines. They are public for the fuzz targets, which are a crate of their
/// own, and may change at any time.
#[doc(hidden)]
pub mod formats {
    pub use crate::stores::{
        containerd::parse as oci_bundle,
        docker::parse as docker_config,
        kubelet::parse as kubelet_log,
        lab::parse as lab,
        lxc::parse_sockets as unix_sockets,
        machine::{Machine, parse as machine},
        oci::OciState,
        podman::{parse as podman_containers, parse_crio as crio_state},
    };
}
