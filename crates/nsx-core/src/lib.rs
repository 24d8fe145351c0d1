#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

pub mod accounts;
pub mod arguments;
pub mod attempt;
pub mod beneath;
pub mod bytes;
pub mod calls;
pub mod capability;
pub mod census;
pub mod cgroup;
mod delegate;
pub mod descriptor;
pub mod environment;
pub mod feature;
pub mod gained;
pub mod hash;
pub mod idmap;
pub mod layers;
pub mod memory;
pub mod message;
pub mod ns;
pub mod own_cgroup;
mod passing;
pub mod permission;
pub mod pid;
pub mod plan;
pub mod proc;
pub mod process;
pub mod pty;
pub mod refusal;
pub mod regex;
pub mod replacement;
pub mod run;
pub mod seccomp;
#[cfg(feature = "serde")]
mod serialize;
pub mod shell;
pub mod signal;
pub(crate) mod sys;
pub mod tracefs;
pub mod trouble;

/// The crate whose types stand in signatures here: errnos, capabilities, mount flags, resources.
pub use rustix;
